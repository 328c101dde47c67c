package trial

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/program"
)

// MaxInput bounds one file of input.
const MaxInput = 16 << 20

// Own is what the kinds of sources make points of themselves.
type Own struct {
	Sources  map[string]program.Decoded // by name
	Decoders program.Decoders
}

// Event makes an event of readings, as a node does of a feed's round: the points that the feed asks for are made as the
// kinds of their sources do, or taken from the readings by rules. Without rules they are all that a kind makes of its
// source, and of another source's reading the only number.
func Event(ctx context.Context, round dodona.Round, readings []dodona.Reading, from map[string]extract.Rule, own Own) (module.Event, error) {
	if len(from) == 0 {
		from = own.all(readings)
	}
	rules := extract.Rules{}
	for _, id := range slices.Sorted(maps.Keys(from)) {
		source, point := dodona.SplitPointID(id)
		decoded, decodes := own.Sources[source]
		switch _, found := decoded.Rules[point]; {
		case !decodes || !reflect.ValueOf(from[id]).IsZero():
			if rules[source] == nil {
				rules[source] = map[string]extract.Rule{}
			}
			rules[source][point] = from[id]
		case !found:
			return module.Event{}, fmt.Errorf("from: source %q makes no point %q; there are %s", source, id, strict.ListOf(pointsOf(source, decoded)))
		}
	}
	made, err := program.New(program.Rules{From: slices.Sorted(maps.Keys(from)), Extract: rules, Decoded: own.Sources}, own.Decoders)
	if err != nil {
		return module.Event{}, err
	}
	return made.Event(ctx, dodona.Call{Round: round, Readings: feed.Tidy(readings)})
}

// all are the points that there are without rules.
func (o Own) all(readings []dodona.Reading) map[string]extract.Rule {
	from := map[string]extract.Rule{}
	for _, r := range readings {
		ids := []string{r.Source}
		if decoded, decodes := o.Sources[r.Source]; decodes {
			ids = pointsOf(r.Source, decoded)
		}
		for _, id := range ids {
			from[id] = extract.Rule{}
		}
	}
	return from
}

// pointsOf returns the ids of the points that a source's kind makes, sorted.
func pointsOf(source string, d program.Decoded) (ids []string) {
	for _, point := range slices.Sorted(maps.Keys(d.Rules)) {
		ids = append(ids, dodona.PointID(source, point))
	}
	return ids
}

// ContentType guesses the media type of a file by its name; empty if it does not say.
func ContentType(file string) string {
	switch {
	case strings.HasSuffix(file, ".json"):
		return "application/json"
	case strings.HasSuffix(file, ".txt"):
		return "text/plain; charset=utf-8"
	}
	return ""
}
