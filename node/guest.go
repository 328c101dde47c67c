package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/patience"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/program"
)

// A guest is the module of one feed. Everything but making it belongs to the one goroutine that makes the feed's rounds.
type guest struct {
	m       *modules
	feed    string
	look    func(context.Context) (manifest.Found, error) // finds the release that the feed names
	program *program.Program
	found   manifest.Found
	route   httpc.Route // to what it may fetch
	spec    module.Spec

	err   error             // why the module does not run
	runs  dodona.Transform  // nil while it does not
	ready chan func()       // what a later attempt came to
	state map[string][]byte // that the module kept after the last journaled round
}

// newGuest finds a feed's module and decides what it may reach. It does not run anything yet. A module that must not run
// gives a guest all the same: its rounds are missed with the reason.
func (m *modules) newGuest(ctx context.Context, c *config.Config, f config.Feed) (*guest, error) {
	g := &guest{m: m, feed: f.Feed.Name, route: c.Modules.Route()}
	g.look = func(ctx context.Context) (manifest.Found, error) { return m.look(ctx, c, f) }
	rules := g.choose(ctx, *f.Settings.Module)
	all := rulesOf(c, f)
	all.Module = &rules
	var err error
	g.program, err = program.New(all, m.decoders)
	return g, err
}

// choose finds the release that a feed names, and returns what the feed's rules say of it.
func (g *guest) choose(ctx context.Context, s feed.Module) module.Rules {
	rules := module.Rules{Module: dodona.Module{Name: s.Name, Version: s.Version}, Params: s.Params}
	if g.found, g.err = g.look(ctx); g.err != nil {
		return rules
	}
	g.found.Wasm = nil // read again for each attempt: many feeds whose module does not run would keep as many files in memory
	allowed := s.Allow.Capabilities()
	granted := g.found.Manifest.Capabilities.Intersect(allowed)
	if g.found.Manifest.Format == 0 { // nobody says what it asks for
		granted = allowed
	} else if missing := g.found.Manifest.Capabilities.Missing(allowed); len(missing) > 0 {
		g.err = fmt.Errorf("module %s %s asks for what module.allow does not grant: %s", s.Name, s.Version, strings.Join(missing, "; "))
	}
	rules.Module.Digest, rules.Limits, rules.Capabilities = g.found.Manifest.Module, g.found.Manifest.Limits, granted
	g.spec = module.Spec{
		Name: s.Name, Version: s.Version, Limits: g.found.Manifest.Limits, Capabilities: granted,
		Params: s.Params, Dir: s.Allow.Files, Host: g.host(),
	}
	return rules
}

// host returns the world as the module may see it.
func (g *guest) host() abi.Host {
	return abi.Host{
		Number:  extract.Number,
		Reading: g.m.intake.lastReading,
		Route:   g.route,
		State:   func(dodona.FeedID) map[string][]byte { return g.state },
		Log: func(label string, level slog.Level, text string) {
			g.m.log.Log(context.Background(), level, text, "module", label, "feed", g.feed)
		},
	}
}

// unread reports whether a release could not be read, which may pass: a share that is not there, or not yet. What was read and is wrong
// is for a person to mend.
func unread(err error) bool {
	errno := syscall.Errno(0)
	return errors.As(err, &errno)
}

// untilRead returns a context that ends with ctx, and before that once a release can be read that could not. Stop ends who looks
// for it, and waits.
func (g *guest) untilRead(ctx context.Context) (until context.Context, stop func()) {
	err := g.err
	if !unread(err) {
		return ctx, func() {}
	}
	until, cancel := context.WithCancel(ctx)
	watch := start(until, func(ctx context.Context) {
		defer cancel()
		for attempt := 1; unread(err); attempt++ {
			wait := loadedAgain.Next(attempt, nil)
			g.m.log.Error("a module cannot be read; the rounds of its feed are missed until it can", "feed", g.feed, "error", err, "tried again in", quantity.Roughly(wait))
			if !backoff.Wait(ctx, wait) {
				return
			}
			_, err = g.look(ctx)
		}
	})
	return until, watch.stop
}

// load makes the module ready to run, and keeps its bytes for replays. What goes wrong is told, and then the reason why the feed's rounds are
// missed. What is wrong with the machine and not with the module is tried again.
func (g *guest) load(ctx context.Context) (unload func()) {
	loaded, err := (*module.Module)(nil), g.err
	if err == nil {
		g.m.note(g.feed, standing{loading: true})
		loaded, err = g.start(ctx)
	}
	if ctx.Err() != nil {
		if loaded != nil {
			_ = loaded.Close(context.WithoutCancel(ctx)) // nothing ran
		}
		g.err = ctx.Err()
		g.m.note(g.feed, standing{})
		return func() {}
	}
	g.m.note(g.feed, standing{loaded: loaded, err: err})
	if err == nil {
		g.run(loaded)
		return func() { g.close(ctx, loaded) }
	}
	if unread(g.err) {
		return func() { g.m.note(g.feed, standing{}) } // told by who tries again
	}
	if g.err != nil || !module.Local(err) {
		g.err = err
		g.m.log.Error("a module does not run; the rounds of its feed are missed until a reload or a restart finds it well",
			"feed", g.feed, "error", err)
		return func() { g.m.note(g.feed, standing{}) }
	}
	g.err, g.ready = err, make(chan func(), 1)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan *module.Module, 1)
	go func() { ended <- g.again(ctx, err) }()
	return func() {
		cancel()
		if loaded := <-ended; loaded != nil {
			g.close(ctx, loaded)
		}
		g.m.note(g.feed, standing{})
	}
}

// run takes a loaded module.
func (g *guest) run(loaded *module.Module) { g.runs = g.program.Running(loaded) }

// close ends a module whose feed has ended, so that nothing is waited for, but for a disk that does not answer who compiles it for tracing. The
// next load of the feed begins after it.
func (g *guest) close(ctx context.Context, loaded *module.Module) {
	g.m.note(g.feed, standing{})
	ctx = context.WithoutCancel(ctx)
	until, cancel := context.WithTimeout(ctx, endsWithin)
	defer cancel()
	_, err := patience.Await(until, &g.m.loads, patience.Task[struct{}]{Name: g.feed, Do: func() (struct{}, error) {
		err := loaded.Close(ctx)
		if err != nil {
			g.m.log.Error("close module", "feed", g.feed, "error", err)
		}
		return struct{}{}, err
	}})
	if errors.Is(err, context.DeadlineExceeded) {
		g.m.log.Warn("a module that is not used any more has not ended; it keeps its memory until then", "feed", g.feed, "module", g.spec.Name, "version", g.spec.Version, "after", endsWithin)
	}
}

// again tries to load the module until it is loaded, is found to be wrong itself, or ctx ends. The feed takes what came of it from g.ready.
func (g *guest) again(ctx context.Context, err error) *module.Module {
	log := g.m.log.With("feed", g.feed)
	for attempt := 1; module.Local(err); attempt++ {
		wait := loadedAgain.Next(attempt, nil)/2 + loadedAgain.Ceiling(attempt)/2 // those that failed together do not try again together
		log.Error("a module does not run; the rounds of its feed are missed until it does", "error", err, "tried again in", quantity.Roughly(wait))
		if !backoff.Wait(ctx, wait) {
			return nil
		}
		g.m.note(g.feed, standing{loading: true, err: err})
		var loaded *module.Module
		loaded, err = g.start(ctx)
		g.m.note(g.feed, standing{loaded: loaded, err: err}) // at once: the feed's next round may be far away
		if err == nil {
			log.Info("a module runs now", "module", g.spec.Name, "version", g.spec.Version, "attempt", attempt+1)
			g.ready <- func() { g.run(loaded) }
			return loaded
		}
		if ctx.Err() != nil {
			return nil
		}
	}
	log.Error("a module does not run; the rounds of its feed are missed until a reload or a restart finds it well", "error", err)
	g.ready <- func() { g.err = err }
	return nil
}

// loadedAgain paces the attempts: a machine out of memory is soon well, and one that is too slow takes half a minute of CPU for each.
var loadedAgain = backoff.Backoff{Min: 2 * time.Second, Max: 10 * time.Minute}

// start loads the module, once the load before it of the same feed has ended: two would take twice the memory. When ctx ends it waits no longer, for a disk may let it wait
// for ever; what is loaded after that is closed.
func (g *guest) start(ctx context.Context) (*module.Module, error) {
	return patience.Await(ctx, &g.m.loads, patience.Task[*module.Module]{
		Name: g.feed,
		Do:   func() (*module.Module, error) { return g.open(ctx) },
		Slow: func() {
			g.m.log.Warn("a module is still being loaded; its feed makes no rounds until then", "feed", g.feed, "module", g.spec.Name, "version", g.spec.Version, "after", patience.SlowAfter)
		},
		Late: func(loaded *module.Module) { _ = loaded.Close(context.WithoutCancel(ctx)) }, // nothing ran
	})
}

func (g *guest) open(ctx context.Context) (*module.Module, error) {
	engine, err := g.m.opened(ctx)
	if err != nil {
		return nil, err
	}
	spec := g.spec
	if spec.Wasm, err = g.read(ctx); err != nil {
		return nil, err
	}
	loaded, err := engine.Load(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := g.m.journal.KeepModule(ctx, loaded.Digest(), spec.Wasm); err != nil {
		g.m.log.Warn("a module's bytes are not kept in the journal; its rounds can be replayed only with the file", "feed", g.feed, "error", err)
	}
	if !g.found.Signed {
		g.m.log.Warn("an unsigned module runs; sign it before it counts", "feed", g.feed, "module", g.spec.Name, "version", g.spec.Version)
	}
	return loaded, nil
}

// read reads the release again, for as long as ctx lasts: what holds the file may never answer, and is then asked anew, as by a look.
func (g *guest) read(ctx context.Context) ([]byte, error) {
	return patience.Await(ctx, &g.m.looks, patience.Task[[]byte]{
		Name: fmt.Sprintf("%s for feed %s", g.found.File, g.feed), Do: g.found.Read, Beside: asksAnew,
	})
}

// Apply runs the module. While it does not run, the error is why, and what the module knew is kept.
func (g *guest) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	select {
	case take := <-g.ready:
		take()
	default:
	}
	if g.runs == nil {
		return dodona.Result{State: g.state}, g.err
	}
	return g.runs.Apply(ctx, c)
}

// restore takes what the module kept after the last journaled round. A feed without a module has nothing to take.
func (g *guest) restore(last *dodona.Bundle) {
	if g != nil {
		g.state = last.State
	}
}
