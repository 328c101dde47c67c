package snmp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// A rule is what a point is, in numbers: it goes into the rules of feeds, and a replay decodes by it.
type rule struct {
	OID          string         `json:"oid"`
	Key          string         `json:"key,omitempty"`   // the column that says which row
	Is           string         `json:"is,omitempty"`    // what stands in it
	As           As             `json:"as,omitempty"`    //
	Since        string         `json:"since,omitempty"` // what changes when the counter begins anew, or its column
	Notification string         `json:"notification,omitempty"`
	From         string         `json:"from,omitempty"`
	Scale        dodona.Decimal `json:"scale,omitzero"`
	Offset       dodona.Decimal `json:"offset,omitzero"`
	Unit         string         `json:"unit,omitempty"`
	Decimals     uint8          `json:"decimals,omitempty"` // of a rate
}

// A decoder makes points of varbinds.
type decoder map[string]rule

func newDecoder(rules map[string]rule) (dodona.Transform, error) {
	for _, point := range slices.Sorted(maps.Keys(rules)) {
		r := rules[point]
		for _, oid := range []string{r.OID, r.Key, r.Since, r.Notification} {
			if oid == "" && r.OID != "" {
				continue
			}
			if _, err := parseOID(oid); err != nil {
				return nil, fmt.Errorf("oids.%s: %q: %w", point, oid, err)
			}
		}
		if r.Decimals > dodona.MaxScale {
			return nil, fmt.Errorf("oids.%s.decimals: %d: want at most %d", point, r.Decimals, dodona.MaxScale)
		}
	}
	return decoder(rules), nil
}

// Apply returns the points of what was read last, and one for each notification that has them.
func (d decoder) Apply(_ context.Context, c dodona.Call) (r dodona.Result, err error) {
	read := sort(c.Readings)
	for _, point := range slices.Sorted(maps.Keys(d)) {
		rule := d[point]
		if read.polled {
			r.Points = append(r.Points, rule.point(point, read))
			continue
		}
		for _, n := range read.notifications {
			if p, has := rule.told(point, n); has {
				r.Points = append(r.Points, p)
			}
		}
	}
	return r, nil
}

// Has reports whether a point is made of a reading: of its own variable, of those that tell its row and whether its counter went on, or of a
// notification that the rule takes.
func (d decoder) Has(r dodona.Reading, point string) bool {
	rule, known := d[point]
	if !known {
		return false
	}
	if strings.Contains(r.Item, "/") {
		_, has := rule.told(point, r)
		return has
	}
	oid := strings.TrimSuffix(r.Item, ofBefore)
	counts := rule.As == asDelta || rule.As == asRate
	if counts && oid == sysUpTime {
		return true
	}
	if rule.Key == "" {
		return oid == rule.OID || counts && oid == rule.Since && oid != ""
	}
	for _, column := range []string{rule.Key, rule.OID, rule.Since} {
		if _, is := below(column, oid); is && column != "" {
			return true
		}
	}
	return false
}

// A sample is what was read of one variable.
type sample struct {
	reading dodona.Reading
	varbind varbind
	err     error // why there is no varbind
}

// A harvest is what readings hold.
type harvest struct {
	polled        bool
	last          map[string]sample // by OID
	before        map[string]sample // of the exchange before, where it is kept
	notifications []dodona.Reading
}

// ofBefore ends the item of a reading that an exchange brings of the exchange before it: a counter needs both, and a replay has this one alone.
const ofBefore = " before"

// sort tells what was read from what was told.
func sort(readings []dodona.Reading) harvest {
	h := harvest{last: map[string]sample{}, before: map[string]sample{}}
	for _, r := range readings { // those of one item in the order of their arrival
		if strings.Contains(r.Item, "/") {
			h.notifications = append(h.notifications, r)
			continue
		}
		h.polled = true
		if oid, before := strings.CutSuffix(r.Item, ofBefore); before {
			r.Item = oid
			h.before[oid] = sampleOf(r)
			continue
		}
		h.last[r.Item] = sampleOf(r)
	}
	return h
}

var errNoList = errors.New("the reading is no list of varbinds")

func sampleOf(r dodona.Reading) sample {
	s := sample{reading: r}
	if r.Quality == dodona.Bad && len(r.Body) == 0 {
		s.err = errors.New(cmp.Or(r.Detail, "the source says that its reading is bad"))
		return s
	}
	all, err := parseVarbinds(r.Body)
	switch {
	case err != nil:
		s.err = errNoList
	case len(all) != 1 || all[0].name != r.Item:
		s.err = fmt.Errorf("the reading is not of %s", plain.Line(r.Item, 100))
	default:
		s.varbind = all[0]
	}
	return s
}

// point makes a point of what was read.
func (r rule) point(id string, h harvest) dodona.Point {
	p := dodona.Point{ID: id, Unit: r.Unit}
	oid, err := r.instance(h)
	if err != nil {
		return r.bad(p, h, err)
	}
	s, found := h.last[oid]
	if !found {
		return r.bad(p, h, fmt.Errorf("%s was not read", oid))
	}
	p.Time = s.reading.Received
	if s.err != nil {
		return r.bad(p, h, s.err)
	}
	if r.As == asDelta || r.As == asRate {
		p.Value, p.Quality, p.Reason, err = r.change(oid, h)
	} else {
		p.Value, err = s.varbind.number()
	}
	return r.finish(p, err)
}

// finish applies scale and offset.
func (r rule) finish(p dodona.Point, err error) dodona.Point {
	if err == nil && r.Scale.Sign() != 0 {
		p.Value, err = p.Value.Mul(r.Scale)
	}
	if err == nil {
		p.Value, err = p.Value.Add(r.Offset)
	}
	if err != nil {
		p.Value, p.Quality, p.Reason = dodona.Decimal{}, dodona.Bad, err.Error()
	}
	return p
}

// bad says why there is no value; its time is that of the newest reading.
func (r rule) bad(p dodona.Point, h harvest, why error) dodona.Point {
	if p.Time.IsZero() {
		for _, s := range h.last {
			if s.reading.Received.After(p.Time) {
				p.Time = s.reading.Received
			}
		}
	}
	p.Quality, p.Reason = dodona.Bad, why.Error()
	return p
}

// instance returns the OID of the rule's value: of its row, where it names one.
func (r rule) instance(h harvest) (string, error) {
	if r.Key == "" {
		return r.OID, nil
	}
	var index string
	for _, oid := range slices.Sorted(maps.Keys(h.last)) {
		i, is := below(r.Key, oid)
		if !is || h.last[oid].err != nil || !h.last[oid].varbind.says(r.Is) {
			continue
		}
		if index != "" {
			return "", fmt.Errorf("several rows say %s at %s", plain.Quote(r.Is, 60), r.Key)
		}
		index = i
	}
	if index == "" {
		return "", fmt.Errorf("no row says %s at %s", plain.Quote(r.Is, 60), r.Key)
	}
	return r.OID + "." + index, nil
}

// says reports whether a value is a text, or a number written out.
func (v varbind) says(text string) bool {
	switch v.tag {
	case tagOctets:
		return strings.TrimRight(string(v.value), "\x00") == text
	case tagOID:
		oid, err := oidOf(v.value)
		return err == nil && oid == text
	case tagIPAddress:
		return ipText(v.value) == text
	}
	n, err := v.number()
	return err == nil && n.String() == text
}

// ipText writes an IpAddress.
func ipText(b []byte) string {
	if len(b) != 4 {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3])
}

// told makes a point of a notification, if it has it.
func (r rule) told(id string, n dodona.Reading) (p dodona.Point, has bool) {
	from, notification, _ := strings.Cut(n.Item, "/")
	if r.From != "" && r.From != from || r.Notification != "" && r.Notification != notification {
		return p, false
	}
	p = dodona.Point{ID: id, Unit: r.Unit, Time: n.Received}
	all, err := parseVarbinds(n.Body)
	if err != nil {
		p.Quality, p.Reason = dodona.Bad, errNoList.Error()
		return p, true
	}
	for _, v := range all {
		if _, is := below(r.OID, v.name); is || v.name == r.OID {
			if r.Key != "" && !keyed(all, r, v.name) {
				continue
			}
			p.Value, err = v.number()
			return r.finish(p, err), true
		}
	}
	return p, false
}

// keyed reports whether a notification says of the row of a value what the rule wants.
func keyed(all []varbind, r rule, name string) bool {
	index, is := below(r.OID, name)
	if !is {
		return false
	}
	for _, v := range all {
		if v.name == r.Key+"."+index {
			return v.says(r.Is)
		}
	}
	return false
}
