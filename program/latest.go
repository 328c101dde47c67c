package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
)

// The versions of the document of programs that take the latest reading for each point: in the first one that is what came last, whenever it was
// measured.
const (
	byArrival = 1
	byTime    = 2
)

// maxAhead is how far the clock of a device may be ahead of this node's: what it said of a later time says nothing of what it measures next.
const maxAhead = time.Minute

// latestDocument is the canonical form of the rules of a feed that takes the latest and asks for several points of one
// source. Where each source has one point the readings of a round are those that have it, and there is nothing to choose.
type latestDocument struct {
	Format int             `json:"latest"`
	Of     json.RawMessage `json:"of"`
}

// A latest makes each point of the latest reading that has it, of each item: lines of one log may speak of different things.
type latest struct {
	of      *inner
	format  int
	json    json.RawMessage
	version dodona.Digest
}

func makeLatest(of *inner, format int) (*latest, error) {
	raw, err := json.Marshal(latestDocument{format, of.json})
	if err != nil {
		return nil, fmt.Errorf("write rules of the latest points: %w", err)
	}
	return &latest{of, format, raw, dodona.Keccak256(raw)}, nil
}

// parseLatest reads the canonical JSON of a latest; nil if raw is something else.
func parseLatest(raw json.RawMessage, decoders Decoders) (*latest, error) {
	var doc struct {
		Format *int            `json:"latest"`
		Of     json.RawMessage `json:"of"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil || doc.Format == nil {
		return nil, nil
	}
	if *doc.Format != byArrival && *doc.Format != byTime {
		return nil, fmt.Errorf("read rules of the latest points: format %d, this build knows %d and %d", *doc.Format, byArrival, byTime)
	}
	of, err := parseInner(doc.Of, decoders)
	if err != nil {
		return nil, err
	}
	made, err := makeLatest(of, *doc.Format)
	if err == nil && !bytes.Equal(made.json, raw) {
		err = errors.New("read rules of the latest points: not in the canonical form")
	}
	return made, err
}

// Apply returns one point for every rule and item whose readings have it, made of the latest that does; where none has it,
// what the latest of each item says instead. They are sorted by id and then in the order of the readings.
func (l *latest) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	result := dodona.Result{Version: l.version}
	speaks := l.speakers(c.Readings)
	for i, r := range c.Readings {
		alone := c
		alone.Readings = []dodona.Reading{r}
		made, err := l.of.extraction.Apply(ctx, alone)
		if err != nil {
			return dodona.Result{}, err
		}
		result.Points = append(result.Points, slices.DeleteFunc(made.Points, func(p dodona.Point) bool { return !speaks[p.ID][i] })...)
	}
	decoded, err := l.of.decode(ctx, c)
	if err != nil {
		return dodona.Result{}, err
	}
	result.Points = append(result.Points, decoded...)
	slices.SortStableFunc(result.Points, func(a, b dodona.Point) int { return strings.Compare(a.ID, b.ID) })
	return result, nil
}

// May reports whether a reading may have the point called id, by its item alone.
func (l *latest) May(r dodona.Reading, id string) bool { return l.of.May(r, id) }

// speakers returns which readings, by their indices, speak for a point.
func (l *latest) speakers(readings []dodona.Reading) map[string]map[int]bool {
	speakers := map[string]map[int]bool{}
	for _, id := range l.of.extraction.Points() {
		source, _ := dodona.SplitPointID(id)
		having, all := map[string]int{}, map[string]int{} // by item
		for i, r := range readings {
			if r.Source != source {
				continue
			}
			all[r.Item] = i // readings of an item are sorted by time of arrival
			if !l.of.extraction.Has(r, id) {
				continue
			}
			before, known := having[r.Item]
			if known && l.format == byTime && isOlder(readings[before], l.of.extraction.Time(readings[before], id), l.of.extraction.Time(r, id)) {
				continue
			}
			having[r.Item] = i
		}
		if len(having) == 0 {
			having = all
		}
		speakers[id] = map[int]bool{}
		for _, i := range having {
			speakers[id][i] = true
		}
	}
	return speakers
}

// Has reports whether a reading has the point called id, as far as the rules tell. A module that is given a source without
// rules reads it itself: then every reading has it.
func (p *Program) Has(r dodona.Reading, id string) bool {
	source, _ := dodona.SplitPointID(id)
	if r.Source != source {
		return false
	}
	of := p.innermost()
	if of == nil {
		return true
	}
	rule, ruled := of.extraction.Rule(id)
	if !ruled {
		return of.mayDecode(r, id)
	}
	if p.ask != nil && !rule.Finds() && rule.Item == "" {
		return true
	}
	return of.extraction.Has(r, id)
}

// Older reports whether a reading was measured before another one that came before it, by what both say of the point called id: a gateway that sends
// what it kept through an outage says the newest first. One whose clock was ahead when it said so is not believed.
func (p *Program) Older(before, now dodona.Reading, id string) bool {
	of := p.innermost()
	return of != nil && isOlder(before, of.time(before, id), of.time(now, id))
}

func isOlder(before dodona.Reading, was, is time.Time) bool {
	says := was.Unix() > 0 && is.Unix() > 0 // 1970 is said of what nobody knows the time of, and by clocks that were never set
	return says && is.Before(was) && !was.After(before.Received.Add(maxAhead))
}

// Item returns the one item whose readings may have the point called id; empty if there may be more.
func (p *Program) Item(id string) string {
	if of := p.innermost(); of != nil {
		rule, _ := of.extraction.Rule(id)
		return rule.Item
	}
	return ""
}

// Needed returns those readings that the points may come from: a feed of one register has not its whole device as evidence.
func (p *Program) Needed(readings []dodona.Reading) (needed []dodona.Reading) {
	for _, r := range readings {
		if slices.ContainsFunc(p.from, func(id string) bool { return p.may(r, id) }) {
			needed = append(needed, r)
		}
	}
	return needed
}

// may reports whether a reading may have the point called id, by its item alone.
func (p *Program) may(r dodona.Reading, id string) bool {
	if of := p.innermost(); of != nil {
		return of.May(r, id)
	}
	source, _ := dodona.SplitPointID(id)
	return r.Source == source
}

func (p *Program) innermost() *inner {
	switch of := p.inner.(type) {
	case *latest:
		return of.of
	case *inner:
		return of
	}
	return nil
}

// Overlooking returns the program as releases ran it that took the only number of a document by a rule without a pointer, whatever
// stood beside it ([extract.Extraction.Overlooking]).
func (p *Program) Overlooking() *Program {
	of := p.innermost()
	if of == nil {
		return p
	}
	was, before := *p, *of
	before.extraction = of.extraction.Overlooking()
	was.inner = &before
	if chosen, is := p.inner.(*latest); is {
		was.inner = &latest{&before, chosen.format, chosen.json, chosen.version}
	}
	return &was
}
