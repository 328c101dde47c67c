package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// Expand writes the configuration in its long form, in YAML, with every default. Loaded again it gives an equal
// configuration with the same ids, unless a secret stood in clear: that is written as •••, which Load refuses.
//
// Kinds are those the configuration was loaded with; their defaults say which empty settings need not be written.
func (c *Config) Expand(kinds Kinds) ([]byte, error) {
	standard := defaults()
	root, err := strict.Encode(reflect.ValueOf(c).Elem(), reflect.ValueOf(standard))
	if err != nil {
		return nil, fmt.Errorf("expand configuration: %w", err)
	}
	sources, feeds, sinks := &strict.Node{Kind: strict.Mapping}, &strict.Node{Kind: strict.Mapping}, &strict.Node{Kind: strict.Mapping}
	for _, s := range c.Sources {
		n, err := encodeSource(s, kinds)
		if err != nil {
			return nil, fmt.Errorf("expand source %q: %w", s.Name, err)
		}
		sources.Entries = append(sources.Entries, strict.Entry{Key: s.Name, Value: n})
	}
	for _, f := range c.Feeds {
		n, err := encodeFeed(f)
		if err != nil {
			return nil, fmt.Errorf("expand feed %q: %w", f.Feed.Name, err)
		}
		feeds.Entries = append(feeds.Entries, strict.Entry{Key: f.Feed.Name, Value: n})
	}
	for _, s := range c.Sinks {
		n, err := encodeSink(s, kinds)
		if err != nil {
			return nil, fmt.Errorf("expand sink %q: %w", s.Name, err)
		}
		sinks.Entries = append(sinks.Entries, strict.Entry{Key: s.Name, Value: n})
	}
	for _, units := range []strict.Entry{{Key: "sources", Value: sources}, {Key: "feeds", Value: feeds}, {Key: "sinks", Value: sinks}} {
		if len(units.Value.Entries) > 0 {
			root.Entries = append(root.Entries, units)
		}
	}
	return root.YAML(), nil
}

func encodeSource(s Source, kinds Kinds) (*strict.Node, error) {
	out := &strict.Node{Kind: strict.Mapping}
	kind := kinds.sources().find(s.Kind)
	if kind == nil {
		return nil, fmt.Errorf("kind %q is not among the given ones", s.Kind)
	}
	settings, err := strict.Encode(reflect.ValueOf(s.Settings), reflect.ValueOf(kind.Settings()))
	if err != nil {
		return nil, err
	}
	out.Entries = append(out.Entries, strict.Entry{Key: s.Kind, Value: settings})
	points := &strict.Node{Kind: strict.Mapping}
	for _, point := range slices.Sorted(maps.Keys(s.Rules)) {
		rule := s.Rules[point]
		n, err := encodeRule(rule)
		if err != nil {
			return nil, err
		}
		if point != "" {
			points.Entries = append(points.Entries, strict.Entry{Key: point, Value: n})
			continue
		}
		if !reflect.ValueOf(rule).IsZero() {
			out.Entries = append(out.Entries, strict.Entry{Key: "value", Value: n})
		}
	}
	if len(points.Entries) > 0 {
		out.Entries = append(out.Entries, strict.Entry{Key: "points", Value: points})
	}
	return out, nil
}

func encodeRule(r extract.Rule) (*strict.Node, error) {
	return strict.Encode(reflect.ValueOf(r), reflect.Zero(ruleType))
}

func encodeFeed(f Feed) (*strict.Node, error) {
	return strict.Encode(reflect.ValueOf(f.Settings), reflect.ValueOf(feed.Settings{}.WithDefaults()))
}
