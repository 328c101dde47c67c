// Package source brings readings in: what a kind of source is, and the [Pump] that owns the clock, the back-off
// and the failures of one, so that a kind has to know nothing but its protocol.
//
// Kinds live in the folders below, one each, and are values: source/http.Kind, source/file.Kind.
package source

import (
	"context"
	"log/slog"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/kind"
)

// An Env is what a source may use besides its settings. The pump fills all of it.
type Env struct {
	Source  string                       // the source's name in the configuration
	Node    string                       // this node's name; empty in tests
	Mark    string                       // by which this node marks what its sinks deliver; empty: none
	Trial   bool                         // the source is tried by hand: beside it a node may run that has the same one open
	Cursor  []byte                       // of the last batch that was journaled; nil if there is none
	Version string                       // of this program, for peers that want to know
	Now     func() time.Time             // this node's clock
	Log     *slog.Logger                 //
	Dropped func(n uint64, cause string) // counts readings given up and shows why; may be called at any time
	Folder  string                       // where sources of this kind keep what outlives them, below the node's data folder; they make it. Empty: nowhere

	// Own reports whether a sink of this node publishes as that edge node of Sparkplug, GROUP/EDGE.
	Own func(edge string) bool
	// Again waits until one more request of the same exchange may go to the peer, as far as its rate says.
	Again func(ctx context.Context) error
}

// A Pace says how fast a source goes. Zero fields mean what they say of themselves.
type Pace struct {
	Every  time.Duration // at most one exchange in this time; 0: one for each instant that a feed asks for
	Expect time.Duration // how often data should come; 0: Every, or the pace of the feeds that ask, or (pushed) unknown
	Limit  time.Duration // the longest that one exchange may take by its own settings; 0: unknown
	Of     string        // what comes, as messages call one: "new line"; empty: data
}

// A Kind is a way to observe: a protocol with its settings. The zero Kind is not valid.
type Kind struct {
	base
	pushed   bool
	decoding *decoding // nil: the configuration says what readings mean
	scanning *scanning // nil: it cannot look what a device has
	trusting *trusting // nil: nobody accepts certificates
}

type base = kind.Kind[Env, dodona.Source]

// NewPolled returns a kind whose Observe makes one exchange a call, when a feed asks.
//
// S is a struct with yaml tags whose field comments become the manual. These methods of *S, if present, are used:
//
//	Default()       fills in the defaults before the configuration is read
//	Check() error   says what is wrong with the settings, without the network
//	Pace() Pace     says how fast the source goes
//	Pushed() bool   overrules the constructor, for kinds that can be both
//	Asks() string   says what the source asks, so that a change of other settings does not ask it again too soon
//	Devices() map[string]string   names the device of each point whose device is not the source's own, by point as in [Decoding]'s rules
//	Rate() unit.Rate  says how often its peer may be asked, by all that ask it
//	Peer() string   names whom the source asks, without a secret; many that ask one peer do so one after another
//
// A source of a pushed kind may have Drained() bool, which says whether it looked for more after what Observe returned last, and found
// nothing: who tries a source by hand need not wait whether more comes.
//
// The open function should not wait for its peer where Observe can find out as well.
func NewPolled[S any](name string, open func(context.Context, S, Env) (dodona.Source, error)) Kind {
	return Kind{base: kind.New("source", name, open)}
}

// NewPushed returns a kind whose Observe waits for its peer to say something. See [NewPolled] for S.
func NewPushed[S any](name string, open func(context.Context, S, Env) (dodona.Source, error)) Kind {
	return Kind{base: kind.New("source", name, open), pushed: true}
}

// Pace returns how fast a source with these settings goes.
func (k Kind) Pace(settings any) Pace {
	if p, ok := settings.(interface{ Pace() Pace }); ok {
		return p.Pace()
	}
	return Pace{}
}

// Asks returns what a source with these settings asks, as far as its kind says. It may hold secrets.
func (k Kind) Asks(settings any) string {
	if p, ok := settings.(interface{ Asks() string }); ok {
		return p.Asks()
	}
	return ""
}

// Peer names whom a source with these settings asks, as far as its kind says.
func (k Kind) Peer(settings any) string {
	if p, ok := settings.(interface{ Peer() string }); ok {
		return p.Peer()
	}
	return ""
}

// Pushed reports whether a source with these settings waits for its peer rather than being asked.
func (k Kind) Pushed(settings any) bool {
	if p, ok := settings.(interface{ Pushed() bool }); ok {
		return p.Pushed()
	}
	return k.pushed
}

// Open opens a source. It may be tried again after an error unless that is [dodona.IsPermanent].
func (k Kind) Open(ctx context.Context, settings any, env Env) (dodona.Source, error) {
	return k.base.Open(ctx, settings, env.filled())
}

func (e Env) filled() Env {
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Dropped == nil {
		e.Dropped = func(uint64, string) {}
	}
	if e.Own == nil {
		e.Own = func(string) bool { return false }
	}
	if e.Again == nil {
		e.Again = context.Context.Err
	}
	if e.Version == "" {
		e.Version = "dev"
	}
	return e
}
