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

	"github.com/dodona-oracle/dodona/internal/racetest"
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

// A ballast is a module that takes all it is allowed, in every event.
type ballast struct {
	*module.Module
	first  module.Outcome
	events atomic.Int64
	gate   *gate // its fetches wait here; nil: they do not
}

// A gate holds an event in the middle of a fetch, with its memory and its instance.
type gate struct{ held, open chan struct{} }

func newBallast(t *testing.T, e *module.Engine) *ballast {
	t.Helper()
	b := &ballast{}
	s := attackSpec("ballast", attackBytes(t, "ballast"))
	everything(&s)
	get := s.Host.Get
	s.Host.Get = func(ctx context.Context, url string, limit int) (int, []byte, error) {
		if g := b.gate; g != nil {
			select {
			case g.held <- struct{}{}:
			case <-g.open:
			}
			<-g.open
		}
		return get(ctx, url, limit)
	}
	var err error
	if b.Module, err = e.Load(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	if b.first, err = b.Run(context.Background(), attackEvent("{}")); err != nil {
		t.Fatal("ballast fails, so it takes less than it might:", err)
	}
	if f := b.first; f.Fuel < 7_000_000 || f.PeakBytes != 16<<16 || len(f.Points) != 1024 || len(f.Output) != 4096 {
		t.Fatalf("ballast takes %d fuel, %d bytes, %d points: not all it is allowed", f.Fuel, f.PeakBytes, len(f.Points))
	}
	return b
}

// event fails the test unless the event goes as the first one did.
func (b *ballast) event(t *testing.T) bool {
	o, err := b.Run(context.Background(), attackEvent("{}"))
	if err != nil || o.Fuel != b.first.Fuel {
		t.Errorf("ballast: fuel %d after %d, %v", o.Fuel, b.first.Fuel, err)
		return false
	}
	b.events.Add(1)
	return true
}

// TestBallastHoldsNobodyUp lets four modules take all they are allowed, and an honest one has its rounds: all of them while
// the others are held in the middle of an event, and while they have one event after the other. None differs by a point
// or an instruction, and few events of ballast end while one answer is awaited, however slow the machine is.
func TestBallastHoldsNobodyUp(t *testing.T) {
	e := newEngine(t, nil)
	n := honest(t, e)
	ballasts := make([]*ballast, 4)
	held := &gate{held: make(chan struct{}), open: make(chan struct{})}
	var wait sync.WaitGroup
	for i := range ballasts {
		b := newBallast(t, e)
		ballasts[i] = b
		b.gate = held
		wait.Go(func() { b.event(t) })
	}
	for range ballasts {
		<-held.held
	}
	for range 30 {
		n.same(t)
	}
	all := func() (sum, fewest int64) {
		fewest = ballasts[0].events.Load()
		for _, b := range ballasts {
			sum, fewest = sum+b.events.Load(), min(fewest, b.events.Load())
		}
		return sum, fewest
	}
	if ended, _ := all(); ended != 0 {
		t.Errorf("%d events of ballast ended while they were held", ended)
	}
	close(held.open)
	wait.Wait()

	stop := make(chan struct{})
	for _, b := range ballasts {
		wait.Go(func() {
			for more := true; more; {
				select {
				case <-stop:
					return
				default:
				}
				more = b.event(t)
			}
		})
	}
	ahead := int64(0) // events of ballast that ended while one answer was awaited, at most
	for done := 0; ; done++ {
		before, fewest := all()
		if done >= 30 && fewest > 10 || t.Failed() {
			break
		}
		n.same(t)
		after, _ := all()
		ahead = max(ahead, after-before)
	}
	close(stop)
	wait.Wait()
	if ahead > 100 { // one of each is usual
		t.Errorf("%d events of ballast ended while one answer was awaited, want at most 100", ahead)
	}
	sum, fewest := all()
	t.Logf("at most %d events of ballast ended while one answer was awaited, of %d; the slowest ballast had %d", ahead, sum, fewest)
}

// TestAttacksAtOnceLeaveANeighbourAlone runs all attacks that load at the same time, on two instances each, by as many
// callers (w3bstream-devnet 575, seda-chain 297), while the honest module has its rounds.
func TestAttacksAtOnceLeaveANeighbourAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, interpreter := range []bool{false, true} {
		if interpreter && racetest.On {
			continue // the goroutines are the same, and it takes minutes
		}
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
			// Some eighty goroutines want a processor, so this is not about schedules. TestBallastHoldsNobodyUp is.
			rounds := 20
			if racetest.On {
				rounds = 5
			}
			for range rounds {
				n.same(t)
			}
			close(stop)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				wait.Wait()
			}()
			for last := false; !last; { // and more until each attack has had an event
				n.same(t)
				select {
				case <-ended:
					last = true
				default:
				}
			}
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
