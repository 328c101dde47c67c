package module

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/telemetry"
)

// newTestEngine returns an engine that is closed with the test and leaves nothing behind.
func newTestEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	e, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Errorf("close engine: %v", err)
		}
		left, err := filepath.Glob(filepath.Join(os.TempDir(), "dodona-*"))
		if err != nil || len(left) > 0 {
			t.Errorf("after Close there is still %q (%v)", left, err)
		}
	})
	return e
}

// inChild are the options with which this test's binary compiles as a child.
func inChild(t testing.TB, o Options) Options {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.Worker = []string{program, workerCommand}
	return o
}

// guest returns a module of testdata/engine.
func guest(t testing.TB, name string) Spec {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "engine", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Name: name, Version: "1.2.3", Wasm: b}
}

func load(t testing.TB, e *Engine, s Spec) *Module {
	t.Helper()
	m, err := e.Load(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// reading is an event with one reading.
func reading(body string) Event {
	at := time.Unix(1_750_000_000, 0).UTC()
	return Event{Feed: dodona.FeedID{1}, Readings: []dodona.Reading{{Source: "source", ContentType: "application/json", Body: []byte(body), Received: at}}}
}

// engines are the ways in which guests run on this machine.
func engines(t *testing.T, test func(t *testing.T, o Options)) {
	t.Run("compiled", func(t *testing.T) { test(t, Options{}) })
	t.Run("compiled in a child", func(t *testing.T) { test(t, inChild(t, Options{})) })
	t.Run("interpreted", func(t *testing.T) { test(t, Options{Interpreter: true}) })
	t.Run("interpreted after a child", func(t *testing.T) { test(t, inChild(t, Options{Interpreter: true})) })
}

func TestEventsFindNothingThatEventsLeave(t *testing.T) {
	engines(t, func(t *testing.T, o Options) {
		e := newTestEngine(t, o)
		for _, name := range []string{"count", "count-large"} {
			m := load(t, e, guest(t, name))
			var fuel uint64
			for i := range 20 {
				out, err := m.Run(t.Context(), reading(`{}`))
				if err != nil {
					t.Fatalf("%s, event %d: %v", name, i, err)
				}
				if fuel == 0 {
					fuel = out.Fuel
				}
				if out.Fuel != fuel || fuel == 0 {
					t.Errorf("%s, event %d: used %d fuel, the first one %d", name, i, out.Fuel, fuel)
				}
			}
			if got := m.Status(); got.Instances != 1 || got.Events != 20 || len(got.Failed) > 0 {
				t.Errorf("%s: got %+v, want 20 events on one instance", name, got)
			}
		}
	})
}

func TestInstancesMadeLaterAreInTheSameState(t *testing.T) {
	engines(t, func(t *testing.T, o Options) {
		e := newTestEngine(t, o)
		for _, name := range []string{"count", "count-large"} {
			s := guest(t, name)
			s.Instances = 3
			m := load(t, e, s)
			var taken []*instance
			for range 3 {
				in, failed := m.plain.take(t.Context())
				if failed != nil {
					t.Fatal(failed)
				}
				taken = append(taken, in)
			}
			for i, in := range taken {
				if _, failed := in.answer(t.Context(), reading(`{}`)); failed != nil {
					t.Errorf("%s, instance %d: %v", name, i, failed)
				}
				m.giveBack(t.Context(), in, nil)
				m.plain.free()
			}
		}
	})
}

func TestFailuresNameTheirCauseAndCostTheInstance(t *testing.T) {
	for _, test := range []struct {
		guest  string
		limits manifest.Limits
		cause  Cause
		words  []string
	}{
		{"spin", manifest.Limits{Fuel: 1_500_000}, CauseFuel, []string{"in spin", "1500000 units of fuel", "limits.fuel"}},
		{"trap", manifest.Limits{}, CauseTrap, []string{"in dive", "unreachable"}},
		{"deep", manifest.Limits{}, CauseDepth, []string{"in deeper", "limits.depth"}},
		{"deep-stripped", manifest.Limits{}, CauseDepth, []string{"in function 0", "limits.depth"}},
	} {
		t.Run(test.guest, func(t *testing.T) {
			engines(t, func(t *testing.T, o Options) {
				m := load(t, newTestEngine(t, o), withLimits(guest(t, test.guest), test.limits))
				var last Outcome
				for i := range 3 {
					out, err := m.Run(t.Context(), reading(`{}`))
					var failed *Error
					if !errors.As(err, &failed) || failed.Cause != test.cause {
						t.Fatalf("event %d: got %v, want cause %s", i, err, test.cause)
					}
					for _, word := range append(test.words, test.guest+" 1.2.3") {
						if !strings.Contains(err.Error(), word) {
							t.Errorf("event %d: %q does not say %q", i, err, word)
						}
					}
					if i > 0 && out.Fuel != last.Fuel {
						t.Errorf("event %d used %d fuel, the one before %d", i, out.Fuel, last.Fuel)
					}
					last = out
				}
				if got := m.Status(); got.Instances != 0 || got.Failed[test.cause] != 3 || got.LastError == "" {
					t.Errorf("got %+v, want no instance and three failures", got)
				}
			})
		})
	}
}

func withLimits(s Spec, l manifest.Limits) Spec {
	s.Limits = l
	return s
}

func TestGuestThatGrowsGetsNewInstances(t *testing.T) {
	e := newTestEngine(t, Options{})
	m := load(t, e, guest(t, "grow"))
	for i := range 5 {
		out, err := m.Run(t.Context(), reading(`{}`))
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if want := int64(5 * pageBytes); out.PeakBytes != want { // one, three of the warm-up, one more
			t.Errorf("event %d: its memory has %d bytes, want %d", i, out.PeakBytes, want)
		}
		if got := m.Status().Instances; got != 0 {
			t.Errorf("event %d: %d instances are left, want 0", i, got)
		}
	}
}

func TestStartFunctionThatNeverEndsIsAnErrorOfLoad(t *testing.T) {
	e := newTestEngine(t, Options{})
	_, err := e.Load(t.Context(), guest(t, "start"))
	var failed *Error
	if !errors.As(err, &failed) || failed.Cause != CauseFuel || !strings.Contains(err.Error(), "could not be initialised") {
		t.Fatalf("got %v, want cause fuel and when", err)
	}
	if got := e.admitted.promised; got != 0 {
		t.Errorf("%d bytes are still promised", got)
	}
	if got := len(e.modules); got != 0 {
		t.Errorf("the engine has %d modules", got)
	}
}

func TestContextEndsGuestBetweenSlices(t *testing.T) {
	e := newTestEngine(t, Options{})
	m := load(t, e, withLimits(guest(t, "spin"), manifest.Limits{Fuel: 5_000_000}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out, err := m.Run(ctx, reading(`{}`))
	var failed *Error
	if !errors.As(err, &failed) || failed.Cause != CauseDeadline {
		t.Fatalf("got %v, want cause deadline", err)
	}
	if out.Fuel > 2*slice {
		t.Errorf("it was stopped after %d fuel, want at most two slices", out.Fuel)
	}
	if out, _ = m.Run(t.Context(), reading(`{}`)); out.Fuel != 5_000_000 {
		t.Errorf("the next event used %d fuel, want all 5,000,000", out.Fuel)
	}
}

func TestEngineRefusesMoreMemoryThanItHas(t *testing.T) {
	e := newTestEngine(t, Options{Memory: 10 << 20})
	s := guest(t, "count-large") // of 1 MiB
	s.Instances = 8
	m := load(t, e, s)
	s.Instances = 3
	_, err := e.Load(t.Context(), s)
	if !errors.Is(err, ErrMemory) {
		t.Fatalf("got %v, want ErrMemory", err)
	}
	for _, word := range []string{"count-large 1.2.3", "3 instances may take", "3 MiB of memory", "16 pages", "30 KiB of stack", "10 KiB each at depth 512", "10 MiB", "8.3 MiB are promised", "limits.pages", "limits.depth", "raise `modules.memory`"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	load(t, e, s)
}

func TestBusyModuleWaitsForTheContext(t *testing.T) {
	e := newTestEngine(t, Options{})
	m := load(t, e, guest(t, "count"))
	in, failed := m.plain.take(t.Context())
	if failed != nil {
		t.Fatal(failed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan error)
	go func() {
		_, err := m.Run(ctx, reading(`{}`))
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("answered without an instance: %v", err)
	default:
	}
	cancel()
	var busy *Error
	if err := <-answered; !errors.As(err, &busy) || busy.Cause != CauseBusy {
		t.Errorf("got %v, want cause busy", err)
	}
	go func() {
		_, err := m.Run(t.Context(), reading(`{}`))
		answered <- err
	}()
	m.giveBack(t.Context(), in, nil)
	m.plain.free()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestRunWithinACallIsRefused(t *testing.T) {
	e := newTestEngine(t, Options{})
	a, b := load(t, e, guest(t, "count")), load(t, e, guest(t, "fibonacci"))
	in, failed := a.plain.take(t.Context())
	if failed != nil {
		t.Fatal(failed)
	}
	defer a.plain.free()
	defer a.plain.put(in)
	in.ctx.Context = t.Context()
	for _, m := range []*Module{a, b} {
		for name, ctx := range map[string]context.Context{"call": &in.ctx, "derived": context.WithValue(&in.ctx, t, 1)} {
			_, err := m.Run(ctx, reading(`{}`))
			var busy *Error
			if !errors.As(err, &busy) || busy.Cause != CauseBusy || !strings.Contains(err.Error(), "within a call") {
				t.Errorf("%s, %s: got %v, want cause busy", m.label, name, err)
			}
		}
	}
}

func TestConcurrentEventsGetRightAnswers(t *testing.T) {
	e := newTestEngine(t, Options{Sample: 0.1})
	for _, name := range []string{"count", "count-large", "fibonacci"} {
		s := guest(t, name)
		s.Instances = 4
		m := load(t, e, s)
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 200 {
					if _, err := m.Run(t.Context(), reading(`{}`)); err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
				}
			})
		}
		wg.Wait()
		if got := m.Status(); got.Events != 16*200 || got.Instances > 5 {
			t.Errorf("%s: got %+v, want 3,200 events on at most five instances", name, got)
		}
	}
}

func TestClosedModuleAndEngineRefuse(t *testing.T) {
	e := newTestEngine(t, Options{})
	m := load(t, e, guest(t, "count"))
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Errorf("second Close: %v", err)
	}
	var busy *Error
	if _, err := m.Run(t.Context(), reading(`{}`)); !errors.As(err, &busy) || busy.Cause != CauseBusy {
		t.Errorf("got %v, want cause busy", err)
	}
	if got := m.Status().Instances; got != 0 {
		t.Errorf("%d instances are left", got)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), guest(t, "count")); err == nil {
		t.Error("a closed engine loaded a module")
	}
}

func TestCloseWaitsForEventsUntilItsContextEnds(t *testing.T) {
	e := newTestEngine(t, Options{})
	m := load(t, e, guest(t, "count"))
	in, failed := m.plain.take(t.Context())
	if failed != nil {
		t.Fatal(failed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	m.giveBack(t.Context(), in, nil)
	m.plain.free()
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	for name, o := range map[string]Options{
		"no key":     {Dir: t.TempDir()},
		"short key":  {Dir: t.TempDir(), Key: bytes.Repeat([]byte{1}, 31)},
		"share 1.5":  {Sample: 1.5},
		"share -0.1": {Sample: -0.1},
	} {
		if _, err := New(t.Context(), o); err == nil {
			t.Errorf("%s: New succeeded", name)
		}
	}
}

// fates are the counters of what became of native code: compiled, found in the cache, and of the cache rejected.
var fates = []telemetry.Counters{telemetry.ModuleCompiled, telemetry.ModuleCached, telemetry.ModuleRejected}

// TestModulesAreCheckedOneAfterTheOther: who waits for another one waits no longer than for itself, and takes nothing.
func TestModulesAreCheckedOneAfterTheOther(t *testing.T) {
	e := newTestEngine(t, Options{})
	e.rewrites <- struct{}{} // another module is being checked
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := e.Load(ctx, guest(t, "count")); !errors.Is(err, context.DeadlineExceeded) || !Local(err) {
		t.Errorf("got %v, want that nobody waits for it", err)
	}
	if promised := e.admitted.promised; promised != 0 {
		t.Errorf("%d bytes are promised", promised)
	}
	<-e.rewrites
	load(t, e, guest(t, "count"))
}
