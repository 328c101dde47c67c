// Package config reads the one file that describes a node: strict YAML, every mistake told at once with its line,
// defaults filled in, secrets never printed.
//
// [Load] is the way in. Kinds of sources come in as values, so that this package knows none of them.
package config

import (
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/unit"
)

//go:generate go run ../internal/fielddoc/generate -root ..

// A Kind is a kind of source as the configuration needs it; source.Kind is one.
type Kind interface {
	// Name is the kind's key in a source, such as "http".
	Name() string
	// Settings returns a pointer to a fresh struct of settings with their defaults. Its fields have yaml tags.
	Settings() any
	// Check says what is wrong with settings that Settings returned and the file filled, without the network.
	// Several mistakes are joined with errors.Join. A message that begins with the name of a setting
	// ("every: want …", "url: …") is shown at that setting.
	Check(settings any) error
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
	// Roles are what this process does: observe (ask sources and sign), validate (check and attest), anchor (commit
	// windows to Merkle roots), deliver (to sinks), serve (the API).
	// More than one process needs journal.listen or journal.url. Default: all of them.
	Roles []Role `yaml:"roles"`
	// Journal is where everything is remembered.
	Journal Journal `yaml:"journal"`
	// Anchor is how answers are committed to, so that each can be proved for years.
	Anchor Anchor `yaml:"anchor"`
	// Modules are where the Wasm modules that feeds name come from, and what they may take together.
	Modules Modules `yaml:"modules"`
	// API is where answers can be asked for.
	API API `yaml:"api"`
	// Log is what the node says on standard error.
	Log Log `yaml:"log"`

	Sources  []Source         `yaml:"-"` // in the order of the file
	Sinks    []Sink           `yaml:"-"` // in the order of the file
	Feeds    []Feed           `yaml:"-"` // in the order of the file
	Warnings []strict.Mistake `yaml:"-"` // what works, but deserves a second look
	Name     string           `yaml:"-"` // of the file, as Load was told
	TwoLine  bool             `yaml:"-"` // it was the two-line form
}

// Node is this process.
type Node struct {
	// Name is the name of this node in subjects and records: a to z, digits and hyphens. Give every node of a
	// journal its own. Default: node.
	Name string `yaml:"name"`
	// Data is the folder of the journal and of the key. One process owns it at a time. Default: ./data.
	Data string `yaml:"data"`
	// Memory is how much memory the process should live in; the garbage collector works harder near it, and readings
	// are taken in no faster than a 64th of it a second, after a burst of an eighth. It is a goal, not a wall.
	// A reload changes the former; the pace of readings changes with a restart. Default: 128MiB.
	Memory unit.Size `yaml:"memory"`
	// Key is the key this node signs with. Default: keys/node.json in the data folder, made at the first start.
	Key keyfile.Key `yaml:"key"`
}

// Network is the network whose answers a node signs.
type Network struct {
	// Name is the name of the network. Together with the first quorum it makes the network id that is signed.
	// Default: local.
	Name string `yaml:"name"`
	// Quorum is whose signatures count. Default: this node's own key, 1 of 1.
	Quorum *Quorum `yaml:"quorum,omitempty"`
}

// Quorum is whose signatures count and how many are enough.
type Quorum struct {
	// K is how many signatures are enough: at least ⌊(n+f)/2⌋+1 of n members, of whom f = ⌊(n−1)/3⌋ may lie.
	// Default: the least that is allowed.
	K int `yaml:"k"`
	// Members are the addresses of the members, 0x and 40 hex digits each. Required.
	Members []dodona.Address `yaml:"members"`
}

// Role is one thing a process does.
type Role string

// The roles.
const (
	Observe  Role = "observe"  // ask sources, sign observations
	Validate Role = "validate" // check observations, write attestations
	Commit   Role = "anchor"   // commit windows of answers and gaps to Merkle roots
	Deliver  Role = "deliver"  // give answers to sinks
	Serve    Role = "serve"    // the API and the page
)

var allRoles = []Role{Observe, Validate, Commit, Deliver, Serve}

// Has reports whether the process has the role.
func (c *Config) Has(r Role) bool { return slices.Contains(c.Roles, r) }

// Anchor is how answers are committed to.
type Anchor struct {
	// Every is the distance between anchors, in whole seconds, 1s to 24h. Anchors lie on its multiples since 1970. Each is
	// one signed Merkle root over every answer and every gap since the one before; sinks can carry it to a chain.
	// A change counts after a restart; windows go on where the last one ended. Default: 10m.
	Every time.Duration `yaml:"every"`
}

// Journal is where everything is remembered.
type Journal struct {
	// Durability is when a record counts as kept: batch (synced to disk in groups, at most 250 ms together) or
	// strict (each on its own). Claims are always synced before a signature leaves. Default: batch.
	Durability string `yaml:"durability"`
	// URL is a NATS server with JetStream to use instead of the embedded journal, such as nats://10.0.0.2:4222.
	// Several are separated by commas. Default: the embedded journal.
	URL string `yaml:"url,omitempty"`
	// Listen is a loopback address at which the embedded journal serves other processes of this machine, such as
	// 127.0.0.1:4222. Default: no port is opened.
	Listen string `yaml:"listen,omitempty"`
	// Raw limits readings and rounds: large, and kept briefly. Default: 256MiB and 7d.
	Raw Limits `yaml:"raw"`
	// Proof limits observations, claims, attestations and events: small, and kept long. Default: 256MiB and 365d.
	Proof Limits `yaml:"proof"`
	// Readers are what follows the records: validator, sinks, the API. Default: they stay 3d.
	Readers Readers `yaml:"readers"`
}

// Readers are what follows the records of a journal. Records stay until every one has finished them.
type Readers struct {
	// Grace is how long a reader of this node stays that nothing configures any more, such as that of a removed sink, so
	// that it can come back to where it stood. If its stream has no room without it, it goes at once. 0s: always at once. Default: 3d.
	Grace time.Duration `yaml:"grace"`
}

// Limits say how much of a stream is kept. Whichever is reached first drops the oldest records, and counts them.
type Limits struct {
	// Bytes is how much disk the records may take. Default: 256MiB.
	Bytes unit.Size `yaml:"bytes"`
	// Age is how long records are kept. Default: 7d for raw, 365d for proof.
	Age time.Duration `yaml:"age"`
}

// Modules are where the Wasm modules that feeds name come from, and what they may take together.
type Modules struct {
	// Dir is the folder of the modules: NAME-VERSION.wasm, and NAME-VERSION.json, its signed manifest.
	// Default: modules in the data folder.
	Dir string `yaml:"dir,omitempty"`
	// Trust is the file that says whose signatures on modules count; `dodona module trust` makes one.
	// Default: none, and no module is taken unless unsigned is true.
	Trust string `yaml:"trust,omitempty"`
	// Unsigned takes modules that nobody vouches for, for trying things out: the node warns. Default: false.
	Unsigned bool `yaml:"unsigned"`
	// Memory is how much memory all instances of all modules may take together at their largest, with the stack that the
	// depth of their calls allows and the code that runs; a module that does not fit is not started. Default: an eighth of
	// node.memory.
	Memory unit.Size `yaml:"memory,omitempty"`
	// Trace is the share of events whose functions are timed one by one, 0% to 100%. Default: 1%.
	Trace feed.Percent `yaml:"trace"`
}

// API is where answers can be asked for.
type API struct {
	// Listen is the address of the API and of the page. Beyond loopback it needs tokens. Default: 127.0.0.1:8080.
	Listen string `yaml:"listen"`
	// Tokens are the bearer tokens that are let in. Default: none, and everybody on this machine is let in.
	Tokens []secret.String `yaml:"tokens,omitempty"`
}

// Log is what the node says on standard error.
type Log struct {
	// Level is the least important line that is written: debug, info, warn or error. Default: info.
	Level string `yaml:"level"`
	// Format is text (for people) or json. Default: text.
	Format string `yaml:"format"`
}

// A Source is one source with its kind's settings.
type Source struct {
	Name     string
	Kind     string
	Settings any                     // a pointer to the kind's settings
	Every    time.Duration           // the setting "every" of kinds that have one; 0 if there is none
	Rules    map[string]extract.Rule // by point; the point of a source with one is ""
}

// Points returns the ids of the source's points, sorted: "kraken", or "boiler.pressure" and "boiler.temperature".
func (s Source) Points() (ids []string) {
	for point := range s.Rules {
		ids = append(ids, dodona.PointID(s.Name, point))
	}
	slices.Sort(ids)
	return ids
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

// defaults returns what an empty file means.
func defaults() Config {
	return Config{
		Node:    Node{Name: "node", Data: "./data", Memory: 128 * unit.MiB},
		Network: Network{Name: "local"},
		Roles:   slices.Clone(allRoles),
		Journal: Journal{
			Durability: "batch",
			Raw:        Limits{Bytes: 256 * unit.MiB, Age: 7 * 24 * time.Hour},
			Proof:      Limits{Bytes: 256 * unit.MiB, Age: 365 * 24 * time.Hour},
			Readers:    Readers{Grace: 3 * 24 * time.Hour},
		},
		Anchor:  Anchor{Every: 10 * time.Minute},
		Modules: Modules{Trace: onePercent()},
		API:     API{Listen: "127.0.0.1:8080"},
		Log:     Log{Level: "info", Format: "text"},
	}
}

func onePercent() feed.Percent {
	p, err := feed.ParsePercent("1%")
	if err != nil {
		panic("config: the default of modules.trace is no percentage")
	}
	return p
}
