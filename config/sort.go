package config

import (
	"iter"

	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// A sort is one of the maps of named units in a file.
type sort struct {
	key   string // of the map: "sources"
	one   string // what one is called
	parts int    // that a name may have

	read   func(l *loader, name string, at *strict.Span, n *strict.Node)
	schema func(s schemer, kinds Kinds) (object, error)
	units  func(c *Config) []named
	of     func(c *Changes) *Units
}

// sorts returns the sorts of units, in the order of the manual.
func sorts() []sort {
	return []sort{
		{"sources", "source", 1, (*loader).source, schemer.source, sourceUnits, func(c *Changes) *Units { return &c.Sources }},
		{"feeds", "feed", feed.MaxNameParts, (*loader).feed, schemer.feed, feedUnits, func(c *Changes) *Units { return &c.Feeds }},
		{"sinks", "sink", 1, (*loader).sink, schemer.sink, sinkUnits, func(c *Changes) *Units { return &c.Sinks }},
	}
}

// A named is a unit: its name, everything that makes it what it is, and how it stands in a file.
type named struct {
	name   string
	is     []any
	encode func(kinds Kinds) (*strict.Node, error)
}

// Units returns the changes of units by sort: "source", "feed", "sink".
func (c Changes) Units() iter.Seq2[string, Units] {
	return func(yield func(string, Units) bool) {
		for _, sort := range sorts() {
			if !yield(sort.one, *sort.of(&c)) {
				return
			}
		}
	}
}
