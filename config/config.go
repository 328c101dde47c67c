// Package config reads the one file that describes a node: strict YAML, every mistake told at once with its line,
// defaults filled in, secrets never printed.
//
// [Load] is the way in. Kinds of sources come in as values, so that this package knows none of them.
package config

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/module"
)

//go:generate go run ../internal/fielddoc/generate -root ..

// A Kind is what the configuration needs of every kind, of sources and of sinks.
type Kind interface {
	// Name is the kind's key in a source, such as "http".
	Name() string
	// Settings returns a pointer to a fresh struct of settings with their defaults. Its fields have yaml tags. Those of a source may
	// have a method Complete, which fills in the defaults that follow from other settings.
	Settings() any
	// Check says what is wrong with settings that Settings returned and the file filled, without the network.
	// Several mistakes are joined with errors.Join. A message that begins with the name of a setting
	// ("every: want …", "url: …") is shown at that setting.
	Check(settings any) error
}

// A SourceKind is a kind of source as the configuration needs it; source.Kind is one.
type SourceKind interface {
	Kind
	// Decodes reports whether the kind may make points of its readings itself.
	Decodes() bool
	// Rules returns what the readings of a source with such settings mean, by point, without addresses and secrets; none
	// if the points are the file's to say.
	Rules(settings any) (map[string]json.RawMessage, error)
	// Decode says what is wrong with such rules, if it cannot make points by them.
	Decode(rules map[string]json.RawMessage) (dodona.Transform, error)
}

// Kinds are the kinds of sources and sinks that a build knows.
type Kinds []Kind

// KindsOf makes Kinds of a slice of one concrete type.
func KindsOf[K Kind](list ...K) Kinds {
	kinds := make(Kinds, len(list))
	for i, k := range list {
		kinds[i] = k
	}
	return kinds
}

func (k Kinds) find(name string) Kind {
	for _, kind := range k {
		if kind.Name() == name {
			return kind
		}
	}
	return nil
}

func (k Kinds) names() (out []string) {
	for _, kind := range k {
		out = append(out, kind.Name())
	}
	return out
}

// A Config is a whole configuration with every default filled in.
// Paths in it are as they stand in the file: relative ones start at the working directory.
type Config struct {
	// Node is this process: its name, its folder, its key.
	Node Node `yaml:"node"`
	// Network is the network whose answers this node signs.
	Network Network `yaml:"network"`
	// Roles are what this process does. More than one process needs journal.listen or journal.url. Default: all of them.
	Roles []Role `yaml:"roles"`
	// Journal is where everything is remembered.
	Journal journal.Settings `yaml:"journal"`
	// Anchor is how answers are committed to, so that each can be proved for years.
	Anchor anchor.Settings `yaml:"anchor"`
	// Modules are where the Wasm modules that feeds name come from, and what they may take together.
	Modules module.Settings `yaml:"modules"`
	// API is where answers can be asked for.
	API api.Settings `yaml:"api"`
	// Log is what the node says on standard error.
	Log Log `yaml:"log"`

	Sources  []Source         `yaml:"-"` // in the order of the file
	Sinks    []Sink           `yaml:"-"` // in the order of the file
	Feeds    []Feed           `yaml:"-"` // in the order of the file
	Warnings []strict.Mistake `yaml:"-"` // what works, but deserves a second look
	Name     string           `yaml:"-"` // of the file, as Load was told
	SHA256   string           `yaml:"-"` // of its bytes, in hex digits
	TwoLine  bool             `yaml:"-"` // it was the two-line form
}

// Role is one thing a process does. What that is stands in a file of package node, named as the role.
type Role string

// The roles.
const (
	Observe  Role = "observe"  // ask sources, sign observations
	Validate Role = "validate" // check observations, write attestations
	Anchor   Role = "anchor"   // commit windows of answers and gaps to Merkle roots
	Deliver  Role = "deliver"  // give answers to sinks
	Serve    Role = "serve"    // the API and the page
)

var allRoles = []Role{Observe, Validate, Anchor, Deliver, Serve}

// Words returns the roles.
func (Role) Words() (words []string) {
	for _, r := range allRoles {
		words = append(words, string(r))
	}
	return words
}

// Has reports whether the process has the role.
func (c *Config) Has(r Role) bool { return slices.Contains(c.Roles, r) }

// A Source is one source with its kind's settings.
type Source struct {
	Name     string
	Kind     string
	Settings any                     // a pointer to the kind's settings
	Every    time.Duration           // the setting "every" of kinds that have one; 0 if there is none
	Rules    map[string]extract.Rule // by point; the point of a source with one is ""

	// Decoded are the points that the kind makes itself, as its settings say, but for those that have a rule: what each means
	// stands in the rules of the feeds that ask for it.
	Decoded map[string]json.RawMessage

	Device  string            // whose points these are, as the file says; empty: the source's name. See DeviceOf
	Devices map[string]string // by point, of a kind whose source has several
}

// Points returns the ids of the source's points, sorted: "kraken", or "boiler.pressure" and "boiler.temperature".
func (s Source) Points() (ids []string) {
	for point := range s.Rules {
		ids = append(ids, dodona.PointID(s.Name, point))
	}
	for point := range s.Decoded {
		ids = append(ids, dodona.PointID(s.Name, point))
	}
	slices.Sort(ids)
	return ids
}

// unitOf returns the unit that the file or the kind gives a point, or "" if neither says one.
func (s Source) unitOf(point string) string {
	if rule, found := s.Rules[point]; found {
		return rule.Unit
	}
	var decoded struct {
		Unit string `json:"unit"` // kinds that make points themselves call it so
	}
	if json.Unmarshal(s.Decoded[point], &decoded) != nil {
		return "" // the kind calls something else so, and says what is wrong with it when it reads
	}
	return decoded.Unit
}

// A Feed is one feed: its identity and how its answer is found.
type Feed struct {
	Feed     dodona.Feed
	Settings feed.Settings
}

// Rules returns the extraction rules of all sources.
func (c *Config) Rules() extract.Rules {
	rules := make(extract.Rules, len(c.Sources))
	for _, s := range c.Sources {
		rules[s.Name] = s.Rules
	}
	return rules
}

// Source returns the source of that name.
func (c *Config) Source(name string) (Source, bool) {
	i := slices.IndexFunc(c.Sources, func(s Source) bool { return s.Name == name })
	if i < 0 {
		return Source{}, false
	}
	return c.Sources[i], true
}

// Feed returns the feed of that name.
func (c *Config) Feed(name string) (Feed, bool) {
	i := slices.IndexFunc(c.Feeds, func(f Feed) bool { return f.Feed.Name == name })
	if i < 0 {
		return Feed{}, false
	}
	return c.Feeds[i], true
}
