package source

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A Config says which source to pump and what to do with what it brings. Name and Kind are required.
type Config struct {
	Name     string
	Kind     Kind
	Settings any // from Kind.Settings

	// Every, if not zero, overrules the settings' own pace.
	Every time.Duration

	// Append makes a batch durable before its readings reach a feed and before it is acknowledged; nil keeps
	// nothing. It is called again with the same batch until it succeeds, so it should be idempotent; unless its error is
	// [dodona.IsPermanent]: then the batch is dropped, counted and not acknowledged.
	Append func(ctx context.Context, b dodona.Batch) error

	// Cursor returns that of the last batch that Append kept; nil if there is none, as [dodona.ErrNotFound] is.
	// It is asked before every open.
	Cursor func(ctx context.Context) ([]byte, error)

	// Recent returns what was journaled of the source lately, oldest first: a pushed source answers with it until something new
	// comes. It is asked once, before the first open; nil: nothing is known.
	Recent func(ctx context.Context) ([]dodona.Reading, error)

	// Before is what the pump before this one leaves, if it asked the same peer: every is kept to all the same.
	Before Remains

	// Lost is told, now and then, how many readings were dropped since it was told last, and why the last ones were. It may block: it
	// is called by one goroutine, which Run waits for; nil: nobody wants to know.
	Lost func(ctx context.Context, n uint64, cause string)

	// Takers are who takes every reading of a pushed source; see [Pump.Serve].
	Takers []*Taker

	// Turn is which of those that ask the same peer a polled source is; see [Pump.SetTurn].
	Turn Turn

	Data     string             // the node's data folder, below which kinds have one each; empty: none
	Node     string             // this node's name, for peers that want to know
	Mark     string             // see [Env]
	Own      func(string) bool  // see [Env]; nil: nothing is
	Trial    bool               // see [Env]
	Version  string             // of this program, for peers that want to know
	Hold     int                // readings of a pushed source kept for Since; 0: only the latest of each item
	Backoff  backoff.Backoff    // zero: from 250 ms up to 30 s, or up to Every if that is longer
	Grace    time.Duration      // how long a call may go on after its context ended; 0: 2 s
	Recorder telemetry.Recorder // nil: nobody listens
	Log      *slog.Logger       // nil: nobody reads
	Now      func() time.Time   // nil: time.Now
	Rand     backoff.Rand       // nil: math/rand/v2
}

const defaultGrace = 2 * time.Second

// A Pump is the only caller of a source: it opens it, asks it, journals what it brings, and never gives up.
//
// Whatever the source does - fail, hang, panic, lie about its state - the pump stays able to answer and to stop.
// All methods are safe for concurrent use.
type Pump struct {
	cfg    Config
	pace   Pace
	pushed bool
	wake   chan struct{} // there is something to do for Run
	look   chan struct{} // there is something to watch for watch
	lost   chan struct{} // there is something to tell for tellLost

	mu        sync.Mutex
	status    Status
	permanent bool                    // the last failure will hardly mend by itself
	failure   error                   // the last one
	waiting   []*ask                  // asks without an answer yet
	want      *dodona.Round           // an instant that was asked for and has no readings yet
	limited   bool                    // an exchange is put off by the rate of its peer
	freed     time.Time               // when that was over
	doing     *dodona.Round           // the instant of the exchange that is under way
	asking    *dodona.Round           // the one that it was asked for, which is before that of a late try
	held      []dodona.Reading        // of the last exchange, for asks near heldFor
	heldFor   *dodona.Round           //
	latest    latest                  // of a pushed source
	turn      Turn                    // of a polled one
	observed  dodona.Source           // that is open, for those who ask it whether it has more
	idle      time.Time               // since when a pushed source is open and had nothing to say; zero if it said anything
	watched   watched                 //
	cancel    context.CancelCauseFunc // ends the call that is under way; nil if none is
	restart   bool                    // close and open again
	wasted    uint64                  // what was dropped when a reading came last
	untold    uint64                  // readings that were dropped since Lost was told
	dropCause string                  // why readings were last dropped, until [Pump.lastDrop] has looked through it
	appending bool                    // the journal has the batch and has not answered yet
	stopped   bool
	useless   string // why nothing of what came is of use; empty while something is

	// Only Run touches these.
	source  dodona.Source
	pending *dodona.Batch // observed, not yet appended
	begun   time.Time     // when the last exchange began; others read it with mu
	primed  bool          // Recent was asked
}

// NewPump returns a pump that does nothing until Run is called.
func NewPump(cfg Config) *Pump {
	if cfg.Recorder == nil {
		cfg.Recorder = telemetry.Nop
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Grace = cmp.Or(cfg.Grace, defaultGrace)
	pace := cfg.Kind.Pace(cfg.Settings)
	pace.Every = cmp.Or(cfg.Every, pace.Every)
	p := &Pump{
		cfg:    cfg,
		pace:   pace,
		pushed: cfg.Kind.Pushed(cfg.Settings),
		wake:   make(chan struct{}, 1),
		look:   make(chan struct{}, 1),
		lost:   make(chan struct{}, 1),
		turn:   cfg.Turn,
		begun:  cfg.Before.asked,
		held:   cfg.Before.held, heldFor: cfg.Before.heldFor,
	}
	if !p.pushed {
		p.pace.Expect = cmp.Or(pace.Expect, pace.Every)
	}
	if p.cfg.Backoff.Max == 0 {
		p.cfg.Backoff.Max = max(backoff.DefaultMax, p.pace.Every)
	}
	p.latest.hold = cfg.Hold
	p.latest.serve(cfg.Takers)
	p.status = Status{Name: cfg.Name, Kind: cfg.Kind.Name(), State: Starting, Expected: p.pace.Expect}
	return p
}

// Run pumps until ctx ends, and returns nil then, at most a few times Config.Grace later even if the source hangs.
// It must be called once. Batches that were observed and not yet journaled are not acknowledged.
func (p *Pump) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { p.watch(ctx) })
	beside.Go(func() { p.tellLost(ctx) })
	defer func() {
		cancel()
		beside.Wait()
		p.close()
		p.stop()
	}()
	p.begin()
	p.cfg.Recorder.Gauge(telemetry.SourceUp.Of(p.cfg.Name), 0) // until data comes
	p.rest(ctx)
	for ctx.Err() == nil {
		if err := p.step(ctx); err != nil && ctx.Err() == nil {
			p.pause(ctx, p.failed(err))
		}
	}
	return nil
}

// step does the one thing that is next.
func (p *Pump) step(ctx context.Context) error {
	switch {
	case p.pending != nil: // first, because closing the source would lose its acknowledgement
		return p.keep(ctx)
	case p.takeRestart():
		p.close()
		return nil
	case p.source == nil:
		return p.open(ctx)
	case !p.pushed && !p.awaitDemand(ctx):
		return nil
	}
	return p.observe(ctx)
}

// Pushed reports whether the source speaks by itself; else it is asked.
func (p *Pump) Pushed() bool { return p.pushed }

// Status returns how the source is doing.
func (p *Pump) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastDrop()
	s := p.status
	if s.State == OK && p.useless != "" {
		s.State, s.LastError = Unusable, "delivers, but nothing usable: "+p.useless
	}
	if s.State == Stale && s.Attempt == 0 {
		s.LastError = p.silence()
	}
	if waste := p.waste(); waste != "" && s.LastError == "" && s.State == Starting {
		s.LastError = "nothing usable has come; " + waste
	}
	return s
}

// Judge tells the pump what those who ask it make of what it brings: why nothing of it is of use, or "" if something is.
func (p *Pump) Judge(useless string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.useless == useless || p.stopped {
		return
	}
	was := p.useless
	p.useless = useless
	switch {
	case was == "":
		p.cfg.Log.Warn(p.cfg.Name+": delivers, but nothing usable: "+useless, "source", p.cfg.Name)
	case useless == "":
		p.cfg.Log.Info(p.cfg.Name+": what it delivers can be used again", "source", p.cfg.Name)
	}
	if p.status.State == OK {
		p.cfg.Recorder.Gauge(telemetry.SourceUp.Of(p.cfg.Name), p.up())
	}
}

// up is 1 while what comes can be used. The caller holds mu.
func (p *Pump) up() int64 {
	if p.useless != "" {
		return 0
	}
	return 1
}

// awaitDemand waits until a polled source is asked for something. It returns false if there is something
// else to do first.
func (p *Pump) awaitDemand(ctx context.Context) bool {
	for {
		p.mu.Lock()
		wanted, restart := p.want != nil, p.restart
		p.mu.Unlock()
		if wanted || restart {
			return wanted && !restart
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
			return false
		}
	}
}

// pause waits before the next try.
func (p *Pump) pause(ctx context.Context, d time.Duration) {
	backoff.Wait(ctx, d)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.NextTry = time.Time{}
}

func (p *Pump) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pushed {
		p.watched.since = p.cfg.Now()
	}
}

// stop answers whoever still waits.
func (p *Pump) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	p.status.State, p.status.NextTry = Stopped, time.Time{}
	for _, a := range p.waiting {
		a.reply <- answer{err: ErrStopped}
	}
	p.waiting = nil
	p.cfg.Recorder.Gauge(telemetry.SourceUp.Of(p.cfg.Name), 0)
}

func (p *Pump) takeRestart() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	restart := p.restart
	p.restart = false
	if restart && p.source != nil {
		p.status.Restarts++
		p.cfg.Recorder.Count(telemetry.SourceRestarts.Of(p.cfg.Name), 1)
	}
	return restart && p.source != nil
}

// poke tells the receiver that something changed; one unread poke is enough.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
