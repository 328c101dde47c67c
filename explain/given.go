package explain

import (
	"context"
	"slices"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/program"
)

// given fills in what a module was given: the points that its rules take from the readings. A round keeps only what the
// module made of them, so they are taken again, as far as the bytes are kept and this build reads them.
func (t *teller) given(ctx context.Context, b dodona.Bundle, found map[dodona.Digest]kept) {
	if !slices.ContainsFunc(t.Inputs, func(in Input) bool { return in.Status == dodona.InputGiven }) {
		return
	}
	doc, err := feed.ParseDocument(b.Rules)
	if err != nil {
		return // replay says what is wrong with them
	}
	made, err := program.Parse(doc.From, compact(doc.Extraction), t.decoders)
	if err != nil {
		return
	}
	readings := make([]dodona.Reading, 0, len(found))
	for _, k := range found {
		readings = append(readings, k.reading)
	}
	dodona.SortReadings(readings)
	event, err := made.Event(ctx, dodona.Call{Feed: b.Feed.ID(), Round: b.Round, Readings: readings})
	if err != nil {
		return
	}
	for _, p := range event.Points {
		i := slices.IndexFunc(t.Inputs, func(in Input) bool { return in.Status == dodona.InputGiven && in.Point == p.ID })
		if i < 0 {
			continue
		}
		in := &t.Inputs[i] // of several points of one id the last one stands: the newest reading
		in.Unit, in.Quality, in.Time, in.Reason = p.Unit, &p.Quality, p.Time, p.Reason
		if in.Value = &p.Value; p.Quality == dodona.Bad {
			in.Value = nil
		}
	}
}
