package program

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
)

// A Made is a point with when the reading that it is made of arrived.
type Made struct {
	dodona.Point
	Received time.Time
	Body     []byte // of that reading; nil where the kind of the source made the point, of one or of several
}

// Each returns the points that one exchange brought, in the order of its readings: what is delivered of points as they come, where a feed
// combines those of a round. The module of a feed has no part in it.
//
// A reading that does not have a point at all says nothing of it: one line of a log speaks of this, the next one of that. Where no reading of
// the exchange has it, each says why in a bad point, unless the source is pushed: then another message may have it.
//
// It is a function of its arguments, but for ctx, whose end alone fails it.
func (p *Program) Each(ctx context.Context, readings []dodona.Reading, pushed bool) ([]Made, error) {
	of := p.innermost()
	if of == nil {
		return nil, nil
	}
	var all, silent []Made
	had := map[string]bool{}
	for _, r := range readings {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("make points: %w", err)
		}
		for _, t := range of.extraction.Take(r) {
			made := Made{t.Point, r.Received, r.Body}
			if t.Has {
				had[t.Point.ID] = true
				all = append(all, made)
			} else if !pushed {
				silent = append(silent, made)
			}
		}
	}
	silent = slices.DeleteFunc(silent, func(m Made) bool { return had[m.ID] })
	decoded, err := of.each(ctx, readings, pushed)
	return slices.Concat(all, silent, decoded), err
}

// each returns the points that the kinds of sources make of an exchange themselves, in the order of arrival. Of a pushed
// source that are those of which something is said.
func (n *inner) each(ctx context.Context, readings []dodona.Reading, pushed bool) (list []Made, err error) {
	if len(n.decoders) == 0 {
		return nil, nil
	}
	sorted := slices.Clone(readings)
	dodona.SortReadings(sorted)
	points, err := n.decode(ctx, dodona.Call{Readings: sorted})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(points, func(a, b dodona.Point) int { return strings.Compare(a.ID, b.ID) })
	for _, p := range points {
		if pushed && p.Quality == dodona.Bad && !slices.ContainsFunc(readings, func(r dodona.Reading) bool { return n.speaks(r, p.ID) }) {
			continue
		}
		list = append(list, Made{Point: p, Received: arrival(p, readings)})
	}
	slices.SortStableFunc(list, func(a, b Made) int { return a.Received.Compare(b.Received) })
	return list, nil
}

// speaks reports whether a reading says something of a point that its source's kind decodes, be it that there is no value. A feed looks for
// the latest reading that has a value (Has); what is delivered as it comes has to tell a message that names the value and has none from one
// that is of other things.
func (n *inner) speaks(r dodona.Reading, id string) bool {
	source, point := dodona.SplitPointID(id)
	if r.Source != source {
		return false
	}
	told, tells := n.decoders[source].(interface {
		Speaks(r dodona.Reading, point string) bool
	})
	if tells {
		return told.Speaks(r, point)
	}
	return n.mayDecode(r, id)
}

// arrival returns when the reading of a decoded point arrived: the one that is as old as the point, or else the last.
func arrival(p dodona.Point, readings []dodona.Reading) (at time.Time) {
	source, _ := dodona.SplitPointID(p.ID)
	for _, r := range readings {
		if r.Source != source {
			continue
		}
		at = r.Received
		if !p.Time.IsZero() && (p.Time.Equal(r.SourceTime) || p.Time.Equal(r.Received)) {
			return at
		}
	}
	return at
}
