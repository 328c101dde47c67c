package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
)

// Expand writes the configuration in its long form, in YAML, with every default. Loaded again it gives an equal
// configuration with the same ids, unless a secret stood in clear: that is written as •••, which Load refuses.
//
// Kinds are those the configuration was loaded with; their defaults say which empty settings need not be written.
func (c *Config) Expand(kinds Kinds) ([]byte, error) {
	standard := defaults()
	root, err := encode(reflect.ValueOf(c).Elem(), reflect.ValueOf(standard))
	if err != nil {
		return nil, fmt.Errorf("expand configuration: %w", err)
	}
	sources, feeds, sinks := &node{kind: mapping}, &node{kind: mapping}, &node{kind: mapping}
	for _, s := range c.Sources {
		n, err := encodeSource(s, kinds)
		if err != nil {
			return nil, fmt.Errorf("expand source %q: %w", s.Name, err)
		}
		sources.entries = append(sources.entries, entry{key: s.Name, value: n})
	}
	for _, f := range c.Feeds {
		n, err := encodeFeed(f)
		if err != nil {
			return nil, fmt.Errorf("expand feed %q: %w", f.Feed.Name, err)
		}
		feeds.entries = append(feeds.entries, entry{key: f.Feed.Name, value: n})
	}
	for _, s := range c.Sinks {
		n, err := encodeSink(s, kinds)
		if err != nil {
			return nil, fmt.Errorf("expand sink %q: %w", s.Name, err)
		}
		sinks.entries = append(sinks.entries, entry{key: s.Name, value: n})
	}
	for _, units := range []entry{{key: "sources", value: sources}, {key: "feeds", value: feeds}, {key: "sinks", value: sinks}} {
		if len(units.value.entries) > 0 {
			root.entries = append(root.entries, units)
		}
	}
	return root.yaml(), nil
}

func encodeSource(s Source, kinds Kinds) (*node, error) {
	out := &node{kind: mapping}
	kind := kinds.sources().find(s.Kind)
	if kind == nil {
		return nil, fmt.Errorf("kind %q is not among the given ones", s.Kind)
	}
	settings, err := encode(reflect.ValueOf(s.Settings), reflect.ValueOf(kind.Settings()))
	if err != nil {
		return nil, err
	}
	out.entries = append(out.entries, entry{key: s.Kind, value: settings})
	points := &node{kind: mapping}
	for _, point := range slices.Sorted(maps.Keys(s.Rules)) {
		rule := s.Rules[point]
		n, err := encodeRule(rule)
		if err != nil {
			return nil, err
		}
		if point != "" {
			points.entries = append(points.entries, entry{key: point, value: n})
			continue
		}
		if !reflect.ValueOf(rule).IsZero() {
			out.entries = append(out.entries, entry{key: "value", value: n})
		}
	}
	if len(points.entries) > 0 {
		out.entries = append(out.entries, entry{key: "points", value: points})
	}
	return out, nil
}

func encodeRule(r extract.Rule) (*node, error) {
	return encode(reflect.ValueOf(r), reflect.Zero(ruleType))
}

func encodeFeed(f Feed) (*node, error) {
	return encode(reflect.ValueOf(f.Settings), reflect.ValueOf(feed.Settings{}.WithDefaults()))
}
