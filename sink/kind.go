// Package sink delivers answers to where they are wanted: what a kind of sink is, the [Loop] that reads the journal for
// one, tries again, gives up in the open and writes receipts, and the policy that says which answers go.
//
// Kinds live in the folders below, one each, and are values: sink/evm.Kind, sink/webhook.Kind.
package sink

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/kind"
	"github.com/dodona-oracle/dodona/telemetry"
)

// An Env is what a sink may use besides its settings. Node fills all of it; a nil function does nothing, a nil ledger is empty.
type Env struct {
	Sink    string        // the sink's name in the configuration
	Feeds   []dodona.Feed // whose answers it is given
	Policy  Policy
	Version string // of this program
	// Network is the id of the network that the node signs for; zero: not known.
	Network dodona.Digest
	// Known returns all feeds of the node, to name them by their ids.
	Known func() []dodona.Feed
	// AnchorEvery returns how long the node's windows of anchors are; 0 if that is not known.
	AnchorEvery func() time.Duration
	Now         func() time.Time
	Log         *slog.Logger
	Recorder    telemetry.Recorder
	Out         *Out // standard output of the process

	// Append journals records and returns once they are durable; it waits while the journal is full.
	Append func(ctx context.Context, recs ...dodona.Record) error
	// Ledger has the intents and receipts of this node, those of the sink under its name, and the answers.
	Ledger dodona.Ledger
	// Wallet opens a key. The zero Key is the node's own.
	Wallet func(keyfile.Key) (Wallet, error)
	Node   string // this node's name
	// Mark is how the trail of an observation names this node; empty: it leaves no trail.
	Mark string
	// Described are the points that a sink of points delivers, in the order of the configuration.
	Described []Described
	// Points returns the observations of a reading record that the policy names, by the rules of the running configuration, with device and
	// protocol. It is a function of the record; a sink of points is given them by the loop.
	Points func(ctx context.Context, rec dodona.Record) ([]ObservationEvent, error)
	// Holds tells how many records the sink has taken and delivers in its own time. The loop gives it.
	Holds func(records int)
	// Hold keeps something for this sink alone until it is released. While another sink of the node has it, Hold fails
	// and names that one.
	Hold func(what string) (release func(), err error)
}

// A Wallet signs transactions.
type Wallet interface {
	Address() dodona.Address
	SignTransaction(digest dodona.Digest) dodona.Signature
}

// A Kind is a way to deliver: a protocol with its settings. The zero Kind is not valid.
type Kind struct {
	base
	slot   bool
	points bool // it delivers points, unless the policy says otherwise
	// beside says why two sinks of the kind cannot both run.
	beside func(settings any, name string, other any) error
}

type base = kind.Kind[Env, dodona.Sink]

// NewStream returns a kind of sink that takes everything, in order: the loop applies the policy.
//
// S is a struct with yaml tags whose field comments become the manual. These methods of *S, if present, are used:
//
//	Default()       fills in the defaults before the configuration is read
//	Check() error   says what is wrong with the settings, without the network
//	CheckWith(p Policy, feeds []string) error   says what is wrong with them beside a policy and the feeds
//	CheckBeside(name string, other *S) error    says why a sink with them cannot run beside the named one
//
// Deliver returns a receipt for each record it is done with. If it returns an error, the records without a receipt
// are tried again, the first of them first; [dodona.Permanent] says that trying again will hardly help.
// A sink with a method Close is closed. One with a method Waits() string says by it what a delivery that does not end waits for, and what to
// do; it is asked while Deliver runs.
func NewStream[S any](name string, open func(context.Context, S, Env) (dodona.Sink, error)) Kind {
	return newKind(name, false, open)
}

// NewSlot returns a kind of sink whose place holds one answer of each feed, the newest: it applies the policy itself
// and writes receipts when it knows. Deliver returns no receipts; without an error it has taken over every record,
// durably. A sink with a method Run(ctx) error is run beside the loop. See [NewStream] for S.
func NewSlot[S any](name string, open func(context.Context, S, Env) (dodona.Sink, error)) Kind {
	return newKind(name, true, open)
}

func newKind[S any](name string, slot bool, open func(context.Context, S, Env) (dodona.Sink, error)) Kind {
	return Kind{
		base: kind.New("sink", name, open), slot: slot,
		beside: func(settings any, name string, other any) error {
			c, checks := settings.(interface {
				CheckBeside(name string, other *S) error
			})
			o, same := other.(*S)
			if !checks || !same {
				return nil
			}
			return c.CheckBeside(name, o)
		},
	}
}

// CheckWith says what is wrong with settings beside a policy and the names of the feeds.
func (k Kind) CheckWith(settings any, p Policy, feeds []string) error {
	if err := p.checkFor(k); err != nil {
		return err
	}
	if c, ok := settings.(interface {
		CheckWith(p Policy, feeds []string) error
	}); ok {
		return c.CheckWith(p, feeds)
	}
	return nil
}

// CheckBeside says why a sink with these settings cannot run beside another one of this kind, which has the given name.
func (k Kind) CheckBeside(settings any, name string, other any) error {
	return k.beside(settings, name, other)
}

// Policy returns what a sink of this kind does where the configuration says nothing.
func (k Kind) Policy() Choice {
	if k.slot {
		return Latest
	}
	return Every
}

// With returns a policy with the defaults of the kind.
func (k Kind) With(p Policy) Policy { return p.With(k) }

// Open opens a sink. It may be tried again after an error unless that is [dodona.IsPermanent].
func (k Kind) Open(ctx context.Context, settings any, env Env) (dodona.Sink, error) {
	return k.base.Open(ctx, settings, env.filled())
}

func (e Env) filled() Env {
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Recorder == nil {
		e.Recorder = telemetry.Nop
	}
	if e.Out == nil {
		e.Out = NewOut(nil)
	}
	if e.Version == "" {
		e.Version = "dev"
	}
	if e.Known == nil {
		e.Known = func() []dodona.Feed { return e.Feeds }
	}
	if e.AnchorEvery == nil {
		e.AnchorEvery = func() time.Duration { return 0 }
	}
	if e.Holds == nil {
		e.Holds = func(int) {}
	}
	if e.Append == nil {
		e.Append = func(context.Context, ...dodona.Record) error { return nil }
	}
	if e.Ledger == nil {
		e.Ledger = empty{}
	}
	if e.Points == nil {
		e.Points = func(context.Context, dodona.Record) ([]ObservationEvent, error) { return nil, nil }
	}
	if e.Hold == nil {
		e.Hold = func(string) (func(), error) { return func() {}, nil }
	}
	return e
}

// empty is a ledger without records.
type empty struct{}

func (empty) Last(context.Context, dodona.Topic, string) (dodona.Record, error) {
	return dodona.Record{}, dodona.ErrNotFound
}

func (empty) Scan(context.Context, dodona.Topic, string, func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return func(func(dodona.Record, error) bool) {}
}
