package module_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// attackNames are the modules in the folder.
func attackNames(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/attacks/*.wasm")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d attacks: %v", len(files), err)
	}
	for _, f := range files {
		if _, err := os.Stat(strings.TrimSuffix(f, ".wasm") + ".wat"); err != nil {
			t.Errorf("%s has no text beside it", f)
		}
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".wasm"))
	}
	return names
}

// TestAModuleIsNotEnteredTwice lets the host call the module again from within a host call: recursion between host and
// guest ends a Go process, and nothing can recover from that.
func TestAModuleIsNotEnteredTwice(t *testing.T) {
	for _, instances := range []int{1, 3} {
		e := newEngine(t, nil)
		n := honest(t, e)
		var m *module.Module
		var inner []error
		s := attackSpec("reentry", attackBytes(t, "reentry"))
		everything(&s)
		s.Instances = instances
		s.Host.Get = func(ctx context.Context, _ string, _ int) (int, []byte, error) {
			_, err := m.Run(ctx, attackEvent("{}"))
			inner = append(inner, err)
			return 0, nil, err
		}
		var err error
		if m, err = e.Load(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		if _, err = m.Run(context.Background(), attackEvent("{}")); err == nil {
			t.Error("the outer event answered although its fetch failed")
		}
		var failed *module.Error
		if len(inner) != 1 || !errors.As(inner[0], &failed) || failed.Cause != module.CauseBusy {
			t.Errorf("%d instances: the inner events ended with %v; want one with cause busy", instances, inner)
		}
		n.same(t)
	}
}

// TestABuggyHostFunctionEndsItsEventAlone panics in a function of the host (chainlink-common 2300).
func TestABuggyHostFunctionEndsItsEventAlone(t *testing.T) {
	e := newEngine(t, nil)
	n := honest(t, e)
	s := attackSpec("reentry", attackBytes(t, "reentry"))
	everything(&s)
	broken := true
	s.Host.Get = func(context.Context, string, int) (int, []byte, error) {
		if broken {
			panic("a bug of the host")
		}
		return 200, []byte("ok"), nil
	}
	m, err := e.Load(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	var failed *module.Error
	if _, err := m.Run(context.Background(), attackEvent("{}")); !errors.As(err, &failed) || failed.Cause != module.CauseHost {
		t.Errorf("the event ended with %v; want cause host", err)
	}
	n.same(t)
	broken = false
	if _, err := m.Run(context.Background(), attackEvent("{}")); err != nil {
		t.Errorf("the module does not recover: %v", err)
	}
}

// TestAnEndedContextEndsAGuest cancels the call while the guest is in a loop: the cause is the machine's, and no answer.
func TestAnEndedContextEndsAGuest(t *testing.T) {
	e := newEngine(t, nil)
	n := honest(t, e)
	s := attackSpec("loop", attackBytes(t, "loop"))
	s.Limits.Fuel = manifest.MaxFuel
	m, err := e.Load(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	var o module.Outcome
	for wait := 20 * time.Millisecond; o.Fuel == 0; wait *= 2 { // until the machine lets the guest begin before the context ends
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		o, err = m.Run(ctx, attackEvent("{}"))
		cancel()
	}
	var failed *module.Error
	if !errors.As(err, &failed) || failed.Cause != module.CauseDeadline || len(o.Points) > 0 {
		t.Errorf("the event ended with %v, %d points; want cause deadline and none", err, len(o.Points))
	}
	if o.Fuel >= manifest.MaxFuel {
		t.Errorf("the guest had used %d fuel: it was not in its loop", o.Fuel)
	}
	n.same(t)
}

// TestBallastHoldsNobodyUp lets four modules take all they are allowed for as long as an honest one has rounds, ten a
// second: none is a second late, with which a feed with an interval of a second would miss a round, and none differs by a
// point or an instruction. Milliseconds are usual; the second is for machines that are busy otherwise.
func TestBallastHoldsNobodyUp(t *testing.T) {
	e := newEngine(t, nil)
	n := honest(t, e)
	var wait sync.WaitGroup
	stop := make(chan struct{})
	events := make([]atomic.Int64, 4)
	for i := range events {
		s := attackSpec("ballast", attackBytes(t, "ballast"))
		everything(&s)
		m, err := e.Load(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		first, err := m.Run(context.Background(), attackEvent("{}"))
		if err != nil {
			t.Fatal("ballast fails, so it takes less than it might:", err)
		}
		if first.Fuel < 7_000_000 || first.PeakBytes != 16<<16 || len(first.Points) != 1024 || len(first.Output) != 4096 {
			t.Fatalf("ballast takes %d fuel, %d bytes, %d points: not all it is allowed", first.Fuel, first.PeakBytes, len(first.Points))
		}
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				o, err := m.Run(context.Background(), attackEvent("{}"))
				if err != nil || o.Fuel != first.Fuel {
					t.Errorf("ballast: fuel %d after %d, %v", o.Fuel, first.Fuel, err)
					return
				}
				events[i].Add(1)
			}
		})
	}
	fewest := func() int64 {
		least := events[0].Load()
		for i := range events {
			least = min(least, events[i].Load())
		}
		return least
	}
	// Thirty rounds, and more until each ballast has had ten events; a minute is the end.
	late := n.rounds(t, 100*time.Millisecond, func(done int) bool { return done < 30 || fewest() < 10 && done < 600 })
	close(stop)
	wait.Wait()
	if fewest() < 10 {
		t.Errorf("one ballast ran %d events: it proves nothing", fewest())
	}
	if late > time.Second && !racing { // make test runs it once more, without the race detector and other packages beside it
		t.Errorf("an answer was %v late beside ballast, want at most a second", late)
	}
	t.Logf("no answer was more than %v late, beside at least %d events of each ballast", late, fewest())
}

// rounds asks the honest module on a schedule while more, and returns how long after its round the latest answer came.
func (n *neighbour) rounds(t *testing.T, interval time.Duration, more func(done int) bool) (late time.Duration) {
	t.Helper()
	round := time.Now()
	for done := 0; more(done); done++ {
		<-time.After(time.Until(round))
		n.same(t)
		late = max(late, time.Since(round))
		round = round.Add(interval)
	}
	return late
}

// TestAttacksAtOnceLeaveANeighbourAlone runs all attacks that load at the same time, on two instances each, by as many
// callers (w3bstream-devnet 575, seda-chain 297), while the honest module has its rounds.
func TestAttacksAtOnceLeaveANeighbourAlone(t *testing.T) {
	for _, interpreter := range []bool{false, true} {
		t.Run(map[bool]string{false: "compiler", true: "interpreter"}[interpreter], func(t *testing.T) {
			e := newEngine(t, func(o *module.Options) { o.Interpreter, o.Memory = interpreter, 256<<20 })
			n := honest(t, e)
			var wait sync.WaitGroup
			var again []func()
			stop := make(chan struct{})
			for _, a := range attacks {
				if a.refused != nil {
					continue
				}
				s := attackSpec(a.name, attackBytes(t, a.name))
				s.Instances = 2
				if a.spec != nil {
					a.spec(&s)
				}
				m, err := e.Load(context.Background(), s)
				if err != nil {
					t.Fatalf("%s: %v", a.name, err)
				}
				again = append(again, func() { a.again(t, m, stop) })
			}
			for _, event := range again {
				wait.Go(event)
				wait.Go(event)
			}
			// Some eighty goroutines want a processor, so this is not about schedules. TestBallastHoldsNobodyUp is. With the
			// race detector the interpreter is so slow that nothing can be said of time.
			rounds := 20
			if racing {
				rounds = 5
			}
			late := n.rounds(t, 50*time.Millisecond, func(done int) bool { return done < rounds })
			close(stop)
			wait.Wait()
			if late > 5*time.Second && !racing {
				t.Errorf("an answer was %v late beside the attacks, want at most five seconds", late)
			}
			t.Logf("no answer was more than %v late", late)
		})
	}
}

// again runs events of an attack that is loaded already, at least one and until stop. Each must end as the others do.
func (a attack) again(t *testing.T, m *module.Module, stop <-chan struct{}) {
	for fuel := uint64(0); ; {
		ev := attackEvent(`{"value":21.5}`)
		if a.event != nil {
			a.event(&ev)
		}
		o, err := m.Run(context.Background(), ev)
		var failed *module.Error
		if errors.As(err, &failed) && failed.Cause != a.cause || (err == nil) != (a.cause == "") {
			t.Errorf("%s: it ended with %v, want cause %q", a.name, err, a.cause)
		}
		if fuel == 0 {
			fuel = o.Fuel
		}
		if o.Fuel != fuel {
			t.Errorf("%s: it used %d fuel, and %d before", a.name, o.Fuel, fuel)
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}
