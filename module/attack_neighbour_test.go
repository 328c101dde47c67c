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
			var none map[string]int
			none["panic"]++
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
	s.Limits.Fuel = 1_000_000_000
	m, err := e.Load(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var failed *module.Error
	if _, err := m.Run(ctx, attackEvent("{}")); !errors.As(err, &failed) || failed.Cause != module.CauseDeadline {
		t.Errorf("the event ended with %v; want cause deadline", err)
	}
	n.same(t)
}

// TestBallastHoldsNobodyUp lets four modules take all they are allowed for as long as an honest one has rounds, ten a
// second: none takes as long as a second, in which a feed with an interval of a second would miss the next one, and none
// differs by a point or an instruction. Milliseconds are usual; the second is for machines that are busy otherwise.
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
	rounds := time.NewTicker(100 * time.Millisecond)
	defer rounds.Stop()
	slowest, begun, done := time.Duration(0), time.Now(), 0
	for ; (done < 30 || fewest() < 10) && time.Since(begun) < time.Minute; done++ {
		<-rounds.C
		start := time.Now()
		n.same(t)
		slowest = max(slowest, time.Since(start))
	}
	close(stop)
	wait.Wait()
	if fewest() < 10 {
		t.Errorf("one ballast ran %d events in %v: it proves nothing", fewest(), time.Since(begun))
	}
	if slowest > time.Second {
		t.Errorf("the slowest of %d rounds took %v beside ballast, want at most a second", done, slowest)
	}
	t.Logf("%d rounds, the slowest in %v, beside at least %d events of each ballast", done, slowest, fewest())
}
