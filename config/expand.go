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
	root, err := c.Tree(kinds)
	if err != nil {
		return nil, err
	}
	return root.YAML(), nil
}

// Tree returns what [Config.Expand] writes.
func (c *Config) Tree(kinds Kinds) (*strict.Node, error) {
	standard := defaults()
	root, err := strict.Encode(reflect.ValueOf(c).Elem(), reflect.ValueOf(standard))
	if err != nil {
		return nil, fmt.Errorf("expand configuration: %w", err)
	}
	for _, sort := range sorts() {
		units := &strict.Node{Kind: strict.Mapping}
		for _, u := range sort.units(c) {
			n, err := u.encode(kinds)
			if err != nil {
				return nil, fmt.Errorf("expand %s %q: %w", sort.one, u.name, err)
			}
			units.Entries = append(units.Entries, strict.Entry{Key: u.name, Value: n})
		}
		if len(units.Entries) > 0 {
			root.Entries = append(root.Entries, strict.Entry{Key: sort.key, Value: units})
		}
	}
	return root, nil
}

func (s Source) encode(kinds Kinds) (*strict.Node, error) {
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
		if !reflect.ValueOf(rule).IsZero() || len(s.Decoded) > 0 {
			out.Entries = append(out.Entries, strict.Entry{Key: "value", Value: n})
		}
	}
	if s.Device != "" {
		device, err := strict.Encode(reflect.ValueOf(s.Device), reflect.ValueOf(""))
		if err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, strict.Entry{Key: "device", Value: device})
	}
	if len(points.Entries) > 0 {
		out.Entries = append(out.Entries, strict.Entry{Key: "points", Value: points})
	}
	return out, nil
}

func encodeRule(r extract.Rule) (*strict.Node, error) {
	return strict.Encode(reflect.ValueOf(r), reflect.Zero(ruleType))
}

func (f Feed) encode(Kinds) (*strict.Node, error) {
	return strict.Encode(reflect.ValueOf(f.Settings), reflect.ValueOf(feed.Settings{}.WithDefaults()))
}
