package node

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/patience"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/quorum"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/source"
)

// until runs as a unit and says when it has ended.
func until(ended *int) func(context.Context) {
	return func(ctx context.Context) {
		<-ctx.Done()
		*ended++
	}
}

// TestAUnitThatWasStoppedIsNotInItsFleet: neither its status nor a second stop finds it, and its name is free.
func TestAUnitThatWasStoppedIsNotInItsFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, ended := newFleet[string](), make([]int, 3)
		f.start(t.Context(), "a", "first", until(&ended[0]))
		f.start(t.Context(), "b", "other", until(&ended[1]))
		f.stop("a", "unknown")
		if _, found := f.get("a"); found || len(f.all()) != 1 || f.all()["b"] != "other" || ended[0] != 1 || ended[1] != 0 {
			t.Errorf("after the stop: %v; ended %v", f.all(), ended)
		}
		f.start(t.Context(), "a", "second", until(&ended[2]))
		if is, found := f.get("a"); !found || is != "second" {
			t.Errorf("started again: %q, %t", is, found)
		}
		f.wait()
		if len(f.all()) != 2 || !slices.Equal(ended, []int{1, 1, 1}) {
			t.Errorf("at the end: %v; ended %v", f.all(), ended)
		}
	})
}

// quiet are the basics of a role that follows one configuration.
func quiet(c *config.Config) basics {
	return basics{log: slog.New(slog.DiscardHandler), now: time.Now, config: func() *config.Config { return c }}
}

// TestARoleIsNotBegunAgainByWhatItBeganWith: a reload that comes as the node starts finds that its configuration runs already.
func TestARoleIsNotBegunAgainByWhatItBeganWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := new(config.Config), new(config.Config)
		ctx, cancel := context.WithCancel(t.Context())
		sinks, sources, feeds := 0, 0, 0
		d := &deliverer{basics: quiet(first), desk: newDesk(), sinks: newFleet[*sink.Loop]()}
		d.sinks.start(t.Context(), "x", nil, until(&sinks))
		pumps := newFleet[*source.Pump]()
		o := &observer{basics: quiet(first), desk: newDesk(), pumps: pumps, feeds: newFleet[*computing](), takes: newTakes(pumps), askers: newFleet[asking]()}
		o.pumps.start(t.Context(), "x", nil, until(&sources))
		o.feeds.start(t.Context(), "x", nil, until(&feeds))
		roles := make(chan error, 2)
		go func() { roles <- d.deliver(ctx) }()
		go func() { roles <- o.observe(ctx) }()
		synctest.Wait()
		units := config.Units{Changed: []string{"x"}}
		changes := config.Changes{Sources: units, Feeds: units, Sinks: units}
		for _, c := range []struct {
			next    *config.Config
			stopped int
		}{{first, 0}, {second, 1}, {second, 1}} {
			if err := errors.Join(d.follow(c.next, changes), o.follow(c.next, changes)); err != nil {
				t.Fatal(err)
			}
			if sinks != c.stopped || sources != c.stopped || feeds != c.stopped {
				t.Errorf("%d sinks, %d sources and %d feeds were stopped, want %d of each", sinks, sources, feeds, c.stopped)
			}
		}
		cancel()
		if err := errors.Join(<-roles, <-roles); err != nil {
			t.Error(err)
		}
	})
}

// TestWhatOneReloadBroughtIsBelievedAfterTheNext: its observations may still wait to be read.
func TestWhatOneReloadBroughtIsBelievedAfterTheNext(t *testing.T) {
	with := func(name string) *config.Config {
		f := dodona.Feed{Name: name, Kind: dodona.Number}
		return &config.Config{Feeds: []config.Feed{{Feed: f, Settings: feed.Settings{Every: time.Second}}}}
	}
	member := dodona.Address{1}
	q := dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{member}}
	e := &events{basics: quiet(with("first"))}
	a, err := newAttester(e, voice{
		identity: identity{network: dodona.Network{Name: "n", First: q.Digest()}, quorum: q}, scheme: dodona.ECDSA(nil),
		recover: func(dodona.Digest, dodona.Signature) (dodona.Address, error) { return member, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"second", "third"} {
		if err := a.learn(with(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"first", "second", "third", "fourth"} {
		f := dodona.Feed{Name: name, Kind: dodona.Number}
		rec := observationRecord(t, dodona.Observation{Feed: f.ID(), Name: name, Round: 1795349070000, Signer: member})
		want := quorum.Counts{Observations: 1, Attested: 1}
		if name == "fourth" {
			want = quorum.Counts{Observations: 1, Rejected: 1}
		}
		if got := a.validator.Step(time.Now(), []dodona.Record{rec}).Counts(); got != want {
			t.Errorf("an observation of the %s feed: %s, want %s", name, got, want)
		}
	}
}

// hung has something under way that hangs until it is released.
func hung(turns *patience.Turns, name string) (release func()) {
	held := make(chan struct{})
	go func() {
		_, _ = patience.Await(context.Background(), turns, patience.Task[int]{Name: name, Do: func() (int, error) {
			<-held
			return 0, nil
		}})
	}()
	synctest.Wait()
	return func() { close(held) }
}

// TestAnEndWaitsFourSecondsForWhatHangs, for looks and for loads together, and not at all for nothing.
func TestAnEndWaitsFourSecondsForWhatHangs(t *testing.T) {
	for _, c := range []struct {
		look, load bool
		want       time.Duration
	}{{false, false, 0}, {true, false, 4 * time.Second}, {false, true, 4 * time.Second}, {true, true, 4 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			m := &modules{basics: quiet(new(config.Config))}
			if c.look {
				defer hung(&m.looks, "a")()
			}
			if c.load {
				defer hung(&m.loads, "b")()
			}
			began := time.Now()
			if err := m.close(context.Background()); err != nil || time.Since(began) != c.want {
				t.Errorf("looks hang %t, loads hang %t: it ended after %s, %v; want %s", c.look, c.load, time.Since(began), err, c.want)
			}
		})
	}
}

// TestALookThatHangsForGoodIsPassed: a share that is mounted anew answers, and who looked at the old one never hears of it.
func TestALookThatHangsForGoodIsPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(config.Config)
		c.Modules.Dir = t.TempDir()
		m := &modules{basics: quiet(c), known: make(map[string]standing)}
		defer hung(&m.looks, "counter 1.0.0 in "+c.Modules.Dir+" for feed f")()
		began := time.Now()
		_, err := m.look(t.Context(), c, config.Feed{
			Feed: dodona.Feed{Name: "f"}, Settings: feed.Settings{Module: &feed.Module{Name: "counter", Version: "1.0.0"}},
		})
		if took := time.Since(began); !errors.Is(err, fs.ErrNotExist) || took != time.Minute {
			t.Errorf("%v after %s, want what is there now after a minute", err, took)
		}
	})
}

// TestAReadThatHangsForGoodIsPassed too, and a feed that ends meanwhile keeps no later load of its module waiting.
func TestAReadThatHangsForGoodIsPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &modules{basics: quiet(new(config.Config)), engine: new(module.Engine), making: make(chan struct{}, 1)}
		g := &guest{m: m, feed: "f", found: manifest.Found{File: filepath.Join(t.TempDir(), "counter-1.0.0.wasm")}}
		defer hung(&m.looks, g.found.File+" for feed f")()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if _, err := g.start(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want that it was given up", err)
		}
		if left := m.loads.Wait(t.Context()); len(left) > 0 || time.Since(began) != 30*time.Second {
			t.Errorf("%q is under way after %s", left, time.Since(began))
		}
		if _, err := g.start(t.Context()); !errors.Is(err, fs.ErrNotExist) || time.Since(began) != time.Minute {
			t.Errorf("%v after %s, want what is there now after a minute", err, time.Since(began))
		}
	})
}

// TestALookThatWasGivenUpSaysNothing: its feed has ended, and no status tells of a module that nobody wants.
func TestALookThatWasGivenUpSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(config.Config)
		m := &modules{basics: quiet(c), known: make(map[string]standing)}
		defer hung(&m.looks, "counter 1.0.0 in  for feed f")()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		stands := func() standing {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.known["f"]
		}
		looked := make(chan error, 1)
		go func() {
			_, err := m.look(ctx, c, config.Feed{
				Feed: dodona.Feed{Name: "f"}, Settings: feed.Settings{Module: &feed.Module{Name: "counter", Version: "1.0.0"}},
			})
			looked <- err
		}()
		synctest.Wait()
		if s := stands(); !s.loading || s.err != nil {
			t.Errorf("as it begins: %+v", s)
		}
		time.Sleep(patience.SlowAfter)
		synctest.Wait()
		if s := stands(); !s.loading || s.err == nil {
			t.Errorf("as it takes long: %+v", s)
		}
		if err := <-looked; !errors.Is(err, context.DeadlineExceeded) || len(m.known) != 0 {
			t.Errorf("at the end: %v, known %+v", err, m.known)
		}
	})
}

// TestAReleaseIsLookedForUntilItCanBeRead, however often that fails; who stops it waits for the look that is under way.
func TestAReleaseIsLookedForUntilItCanBeRead(t *testing.T) {
	gone := &fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}
	for _, c := range []struct {
		name string
		err  error
		then []error // what the looks find
		ends bool    // by itself
	}{
		{"nothing is wrong", nil, nil, false},
		{"it is wrong", errors.New("it is not signed"), nil, false},
		{"it comes", gone, []error{gone, gone, gone, nil}, true},
		{"it comes and is wrong", gone, []error{gone, errors.New("it is not signed")}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			g, looks := &guest{m: &modules{basics: quiet(new(config.Config))}, err: c.err}, 0
			g.look = func(context.Context) (manifest.Found, error) {
				looks++
				return manifest.Found{}, c.then[looks-1]
			}
			until, stop := g.untilRead(t.Context())
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			if ended := until.Err() != nil; ended != c.ends || looks != len(c.then) {
				t.Errorf("%s: ended %t after %d looks, want %t after %d", c.name, ended, looks, c.ends, len(c.then))
			}
			stop()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		g, over := &guest{m: &modules{basics: quiet(new(config.Config))}, err: gone}, false
		g.look = func(ctx context.Context) (manifest.Found, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			over = true
			return manifest.Found{}, gone
		}
		_, stop := g.untilRead(t.Context())
		time.Sleep(time.Hour)
		if stop(); !over {
			t.Error("a look goes on after the stop")
		}
	})
}

// observed returns the record of an observation that was taken at once.
func observationRecord(t *testing.T, o dodona.Observation) dodona.Record {
	t.Helper()
	body, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return dodona.Record{Topic: dodona.TopicObservation, Key: o.Name, ID: o.Round.ID(), Body: body, Appended: o.Round.Time()}
}
