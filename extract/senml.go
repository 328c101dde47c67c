package extract

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// The bounds of a SenML pack.
const (
	maxRecordName = 1024 // bytes, with the base name
	maxRecords    = 16_384
	maxRecordUnit = 32 // bytes
)

func checkRecordName(name string) error {
	switch {
	case len(name) > maxRecordName:
		return fmt.Errorf("a name of %d bytes, at most %d are read", len(name), maxRecordName)
	case !utf8.ValidString(name):
		return errors.New("is not UTF-8")
	}
	return nil
}

// senmlVersion is the version of SenML that RFC 8428 describes, and that a pack has that names none.
const senmlVersion = 10

// relative is below what a time is relative to when the pack came (RFC 8428 §4.5.3).
var relative = constant("268435456") // 2^28

// labels are the names of the fields that are integers in CBOR (RFC 8428 §6).
var labels = map[string]string{
	"-1": "bver", "-2": "bn", "-3": "bt", "-4": "bu", "-5": "bv", "-6": "bs",
	"0": "n", "1": "u", "2": "v", "3": "vs", "4": "vb", "5": "s", "6": "t", "7": "ut", "8": "vd",
}

// fieldShapes are what stands at the fields of a record.
var fieldShapes = map[string]shape{
	"bver": number, "bn": text, "bt": number, "bu": text, "bv": number, "bs": number,
	"n": text, "u": text, "v": number, "vs": text, "vb": boolean, "s": number, "t": number, "ut": number, "vd": text,
}

// A record is one of a SenML pack as its fields stand.
type record map[string]target

// A resolved is a record with what the base fields before it and in it say.
type resolved struct {
	record
	name, unit string
	base       dodona.Decimal // added to its value
	time       dodona.Decimal // in seconds, relative or since 1970
}

// fromPack takes the record of a plan from a SenML pack.
func (t *taken) fromPack(p plan, r dodona.Reading) error {
	body, isCBOR, err := packOf(r)
	if err != nil {
		t.empty = true
		return err
	}
	records, err := recordsOf(body, isCBOR)
	if err != nil {
		t.empty = true
		return err
	}
	all, err := resolve(records)
	if err != nil {
		return err
	}
	one, at, err := newest(all, p.rule.SenML, readingTime(r))
	if err != nil {
		t.elsewhere = errors.Is(err, errNoRecord)
		return err
	}
	return t.fromRecord(p, one, at)
}

// fromRecord takes value, time and unit of a record.
func (t *taken) fromRecord(p plan, one resolved, at time.Time) error {
	value, err := one.value()
	if err != nil {
		return err
	}
	if t.point.Value, err = p.scalar(value); err != nil {
		return err
	}
	t.point.Time = at
	converted := p.rule.Scale != dodona.Decimal{} || p.rule.Offset != dodona.Decimal{}
	switch {
	case converted || one.unit == "" || one.unit == p.rule.Unit:
	case len(one.unit) > maxRecordUnit || !plain.Is(one.unit):
		return fmt.Errorf("the record has the unit %s, which is none", printable(one.unit))
	case p.rule.Unit == "":
		t.point.Unit = one.unit
	default:
		return fmt.Errorf("the record is in %s, and the rule says %s; scale and offset convert", printable(one.unit), p.rule.Unit)
	}
	return nil
}

// packOf returns a SenML pack in JSON, and whether its fields are named as in CBOR. A pack in CBOR is an array, whose first byte no text
// in UTF-8 begins with.
func packOf(r dodona.Reading) (body []byte, isCBOR bool, err error) {
	const selfDescribed = "\xd9\xd9\xf7" // RFC 8949 §3.4.6
	first := strings.TrimPrefix(string(r.Body[:min(len(r.Body), len(selfDescribed)+1)]), selfDescribed)
	if first != "" && first[0]>>5 == cborArray {
		body, err = fromCBOR(r.Body)
		return body, true, err
	}
	body, err = documentOf(r)
	return body, false, err
}

// recordsOf returns the records of a pack.
func recordsOf(body []byte, isCBOR bool) (records []record, err error) {
	var first error
	wrong := func(format string, args ...any) {
		if first == nil {
			first = fmt.Errorf("the document is no SenML pack: "+format, args...)
		}
	}
	err = walk(body, true, func(v visit) {
		switch len(v.path) {
		case 0:
			if v.shape != array {
				wrong("it is %s, want an array of records", v.shape)
			}
		case 1:
			if v.shape != object {
				wrong("%s stands at %s, want a record", v.shape, placeOf(v.path))
				return
			}
			if len(records) == maxRecords {
				wrong("it has more than %d records", maxRecords)
				return
			}
			records = append(records, record{})
		case 2:
			if first != nil || !v.path[0].array || len(records) == 0 {
				return
			}
			name := string(v.path[1].key)
			if label, known := labels[name]; known && isCBOR {
				name = label
			}
			if _, again := records[len(records)-1][name]; again {
				wrong("it is ambiguous: it has %s twice", placeOf(v.path))
				return
			}
			if want, known := fieldShapes[name]; known && v.shape != want {
				wrong("%s stands at %s, want %s", v.shape, placeOf(v.path), want)
			}
			if _, known := fieldShapes[name]; !known && strings.HasSuffix(name, "_") {
				wrong("%s must be understood, and is not", placeOf(v.path))
			}
			if _, known := fieldShapes[name]; known {
				records[len(records)-1][name] = target{shape: v.shape, text: string(v.text), place: pointerOf(v.path)}
			}
		}
	})
	if err == nil {
		err = first
	}
	return records, err
}

// resolve returns the records with what base fields say (RFC 8428 §4.6).
func resolve(records []record) ([]resolved, error) {
	var name, unit string
	var base, since dodona.Decimal
	all := make([]resolved, 0, len(records))
	for _, r := range records {
		if err := r.checkVersion(); err != nil {
			return nil, err
		}
		if bn, given := r["bn"]; given {
			name = bn.text
		}
		if bu, given := r["bu"]; given {
			unit = bu.text
		}
		for _, of := range []struct {
			field string
			into  *dodona.Decimal
		}{{"bv", &base}, {"bt", &since}} {
			if _, given := r[of.field]; !given {
				continue
			}
			var err error
			if *of.into, err = r.decimal(of.field); err != nil {
				return nil, err
			}
		}
		one := resolved{record: r, name: name + r["n"].text, unit: cmp.Or(r["u"].text, unit), base: base}
		if len(one.name) > maxRecordName {
			return nil, fmt.Errorf("the document is no SenML pack: a record has a name of %d bytes, at most %d are read", len(one.name), maxRecordName)
		}
		at, err := r.decimal("t")
		if err == nil {
			one.time, err = at.Add(since)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (r record) checkVersion() error {
	version, given := r["bver"]
	if !given {
		return nil
	}
	n, err := r.decimal("bver")
	if err != nil {
		return err
	}
	if n.Cmp(dodona.NewInt192(senmlVersion).Decimal(0)) > 0 {
		return fmt.Errorf("the SenML pack is of version %s, and %d is known", version.text, senmlVersion)
	}
	return nil
}

// decimal returns the number of a field; 0 if it is not there.
func (r record) decimal(field string) (dodona.Decimal, error) {
	at, given := r[field]
	if !given {
		return dodona.Decimal{}, nil
	}
	d, err := dodona.ParseDecimal(at.text)
	if err != nil {
		return d, fmt.Errorf("read the number at %s of the SenML pack: %w", printable(at.place), err)
	}
	return d, nil
}

// errNoRecord: the pack has no record with that name.
var errNoRecord = errors.New("no record of the SenML pack has the name")

// newest returns the record with a name that was measured last, and when. Relative times are from came.
func newest(all []resolved, name string, came time.Time) (one resolved, at time.Time, err error) {
	twice, found := false, false
	for _, r := range all {
		if r.name != name || !r.measures() {
			continue
		}
		measured, err := r.instant(came)
		switch {
		case err != nil:
			return r, at, err
		case found && measured.Before(at):
			continue
		}
		twice = found && measured.Equal(at)
		one, at, found = r, measured, true
	}
	switch {
	case !found:
		return one, at, fmt.Errorf("%w %s; %s", errNoRecord, printable(name), namesOf(all))
	case twice:
		return one, at, fmt.Errorf("several records of the SenML pack have the name %s and the time %s", printable(name), at.Format(time.RFC3339Nano))
	}
	return one, at, nil
}

// namesOf says which names the records of a pack have.
func namesOf(all []resolved) string {
	var names []string
	for _, r := range all {
		if name := printable(r.name); r.measures() && !slices.Contains(names, name) && len(names) <= maxListed {
			names = append(names, name)
		}
	}
	more := ""
	if len(names) > maxListed {
		names, more = names[:maxListed], " and more"
	}
	if len(names) == 0 {
		return "it has no record with a value"
	}
	return "it has " + strings.Join(names, ", ") + more
}

// measures reports whether a record says more than what others begin from.
func (r resolved) measures() bool {
	for _, field := range []string{"v", "vs", "vb", "vd", "s"} {
		if _, given := r.record[field]; given {
			return true
		}
	}
	return false
}

// value returns the one value of a record.
func (r resolved) value() (t target, err error) {
	var given []string
	for _, field := range []string{"v", "vs", "vb", "vd"} {
		if _, found := r.record[field]; found {
			given = append(given, field)
		}
	}
	switch {
	case len(given) > 1:
		return t, fmt.Errorf("the record %s has %s; it may have one value", printable(r.name), strings.Join(given, " and "))
	case len(given) == 0:
		return t, fmt.Errorf("the record %s has a sum and no value", printable(r.name))
	case given[0] == "vd":
		return t, fmt.Errorf("the record %s has data (vd), which is no number", printable(r.name))
	}
	t = r.record[given[0]]
	if given[0] != "v" || r.base.Sign() == 0 {
		return t, nil
	}
	v, err := r.decimal("v")
	if err == nil {
		v, err = v.Add(r.base)
	}
	if err != nil {
		return t, err
	}
	t.text = v.String()
	return t, nil
}

// instant returns when a record was measured.
func (r resolved) instant(came time.Time) (time.Time, error) {
	if r.time.Cmp(relative) >= 0 {
		at, err := milliseconds(r.time)
		if err != nil {
			return came, fmt.Errorf("read the time of the record %s: %w", printable(r.name), err)
		}
		return checkInstant(at, r.time.String())
	}
	if r.time.Sign() == 0 {
		return came, nil
	}
	since, err := milliseconds(r.time)
	if err != nil {
		return came, fmt.Errorf("read the time of the record %s: %w", printable(r.name), err)
	}
	if since < -maxInstant {
		return checkInstant(-1, r.time.String()+" s from when it came")
	}
	return checkInstant(came.UnixMilli()+since, r.time.String()+" s from when it came")
}

// milliseconds returns seconds in whole milliseconds, halves to the even one.
func milliseconds(seconds dodona.Decimal) (int64, error) {
	ms, err := seconds.Mul(constant("1e3"))
	if err != nil {
		return 0, err
	}
	whole, err := ms.Rescale(0)
	if err != nil {
		return 0, err
	}
	n, fits := whole.Int64()
	if !fits {
		return 0, dodona.ErrRange
	}
	return n, nil
}
