package trial

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/program"
)

// MaxInput bounds one file of input.
const MaxInput = 16 << 20

// Event makes an event of readings, as a node does of a feed's round: the points that the feed asks for are taken
// from them by rules. Without rules they are the only number of every source's reading.
func Event(ctx context.Context, round dodona.Round, readings []dodona.Reading, from map[string]extract.Rule) (module.Event, error) {
	if len(from) == 0 {
		from = map[string]extract.Rule{}
		for _, r := range readings {
			from[r.Source] = extract.Rule{}
		}
	}
	rules := extract.Rules{}
	for id, rule := range from {
		source, point := dodona.SplitPointID(id)
		if rules[source] == nil {
			rules[source] = map[string]extract.Rule{}
		}
		rules[source][point] = rule
	}
	made, err := program.New(program.Rules{From: slices.Sorted(maps.Keys(from)), Extract: rules}, nil)
	if err != nil {
		return module.Event{}, err
	}
	return made.Event(ctx, dodona.Call{Round: round, Readings: feed.Tidy(readings)})
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
