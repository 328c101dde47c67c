package module

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/module/native"
	"github.com/dodona-oracle/dodona/telemetry"
)

// ready waits until the traced compilation of a module has ended.
func ready(t testing.TB, m *Module) {
	t.Helper()
	m.traced.mu.Lock()
	ended := m.traced.ended
	m.traced.mu.Unlock()
	if ended == nil {
		t.Fatal("no event was due for tracing")
	}
	<-ended
}

func TestTracedEventsAnswerAsOthersDo(t *testing.T) {
	engines(t, func(t *testing.T, o Options) {
		var mu sync.Mutex
		var got [][]Span
		o.Sample = 0.25
		o.Spans = func(s []Span) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, s)
		}
		m := load(t, newTestEngine(t, o), guest(t, "point"))
		var outs []Outcome
		for i := range 24 {
			out, err := m.Run(t.Context(), reading(`{"value":21.5}`))
			if err != nil {
				t.Fatal(err)
			}
			outs = append(outs, out)
			if i == 3 {
				ready(t, m)
			}
		}
		for i, out := range outs {
			// Every fourth is due; at the first of them the compilation began.
			if want := i%4 == 3 && i > 3; (len(out.Spans) > 0) != want {
				t.Errorf("event %d has %d spans, is to be traced: %t", i, len(out.Spans), want)
			}
			out.Spans, out.Took = nil, 0
			first := outs[0]
			first.Spans, first.Took = nil, 0
			if diff := cmp.Diff(first, out, cmp.Comparer(func(a, b dodona.Decimal) bool { return a == b })); diff != "" {
				t.Errorf("event %d differs from the first one:\n%s", i, diff)
			}
		}
		if len(outs[0].Points) != 1 || outs[0].Fuel == 0 {
			t.Errorf("got %+v, want a point and fuel", outs[0])
		}
		if len(got) != 5 {
			t.Fatalf("Spans was called %d times, want 5", len(got))
		}
		var names []string
		for _, span := range got[0] {
			if span.Module != "point 1.2.3" || span.NS < 0 {
				t.Errorf("got span %+v", span)
			}
			names = append(names, span.Function)
		}
		want := append(slices.Repeat([]string{"at"}, 14), "sum", "dodona_run")
		if !slices.Equal(names, want) {
			t.Errorf("got spans of %q, want %q", names, want)
		}
	})
}

func TestTracedFailureHasSpansAndTheSameCause(t *testing.T) {
	m := load(t, newTestEngine(t, Options{Sample: 1}), guest(t, "trap"))
	_, plainErr := m.Run(t.Context(), reading(`{}`))
	ready(t, m)
	out, err := m.Run(t.Context(), reading(`{}`))
	if err == nil || plainErr == nil || err.Error() != plainErr.Error() {
		t.Errorf("got %v, want %v", err, plainErr)
	}
	if n := len(out.Spans); n == 0 || out.Spans[n-1].Function != "dodona_run" {
		t.Errorf("got %+v, want spans, dodona_run's last", out.Spans)
	}
}

func TestSpansBeyondTheLimitAreCounted(t *testing.T) {
	c := new(telemetrytest.Tally)
	m := load(t, newTestEngine(t, Options{Sample: 1, Recorder: c}), guest(t, "point"))
	body := strings.Repeat("x", 1000)
	if _, err := m.Run(t.Context(), reading(body)); err != nil {
		t.Fatal(err)
	}
	ready(t, m)
	out, err := m.Run(t.Context(), reading(body))
	if err != nil {
		t.Fatal(err)
	}
	// A thousand of at, and those of sum and dodona_run, of which the host's own call is always kept.
	if len(out.Spans) != maxSpans+1 || out.Spans[maxSpans].Function != "dodona_run" {
		t.Errorf("got %d spans, the last %+v; want %d and dodona_run", len(out.Spans), out.Spans[len(out.Spans)-1], maxSpans+1)
	}
	c.Want(t, "spans that are dropped", []telemetry.Counters{telemetry.ModuleSpans}, 1)
}

func TestTracingThatIsNotAdmittedIsOffWithOneLine(t *testing.T) {
	var text bytes.Buffer
	e := newTestEngine(t, Options{Sample: 1, Memory: 18 * pageBytes, Log: slog.New(slog.NewTextHandler(&text, nil))})
	m := load(t, e, guest(t, "count-large"))
	for i := range 10 {
		out, err := m.Run(t.Context(), reading(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Spans) > 0 {
			t.Errorf("event %d was traced", i)
		}
		ready(t, m)
	}
	if got := strings.Count(text.String(), "\n"); got != 1 || !strings.Contains(text.String(), "not enough memory for modules") {
		t.Errorf("got log\n%swant one line that says why", text.String())
	}
}

func TestCloseEndsTracedCompilation(t *testing.T) {
	e := newTestEngine(t, inChild(t, Options{Sample: 1}))
	m := load(t, e, guest(t, "point"))
	if _, err := m.Run(t.Context(), reading(`{}`)); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := e.admitted.promised; got != 0 {
		t.Errorf("%d bytes are still promised", got)
	}
}

// crowded returns an engine that has memory for two modules, or for one that is traced and not quite half of another, with the traced one.
func crowded(t *testing.T, o Options) (*Engine, *Module) {
	t.Helper()
	o.Sample = 1
	roomy := newTestEngine(t, o)
	m := load(t, roomy, guest(t, "count"))
	answers(t, m)
	ready(t, m)
	o.Memory = roomy.admitted.promised + (m.need(1).memory()+m.need(1).stacks())/2
	e := newTestEngine(t, o)
	m = load(t, e, guest(t, "count"))
	answers(t, m)
	ready(t, m)
	if out, err := m.Run(t.Context(), reading(`{}`)); err != nil || len(out.Spans) == 0 {
		t.Fatalf("the first module is not traced (%v): the test shows nothing", err)
	}
	return e, m
}

func TestTracingYieldsToAModule(t *testing.T) {
	engines(t, func(t *testing.T, o Options) {
		var text bytes.Buffer
		o.Log = slog.New(slog.NewTextHandler(&text, nil))
		e, first := crowded(t, o)
		second := load(t, e, guest(t, "count"))
		for range 3 {
			if out, err := first.Run(t.Context(), reading(`{}`)); err != nil || len(out.Spans) > 0 {
				t.Errorf("got %d spans (%v), want an answer that is not traced", len(out.Spans), err)
			}
			answers(t, second)
		}
		ready(t, second) // it is not admitted to tracing, and says so
		if got := text.String(); strings.Count(got, "\n") != 2 || strings.Count(got, "no longer traced") != 1 {
			t.Errorf("got log\n%swant one line that says that tracing has yielded, and one that says that there is no memory for that of the other", got)
		}
		for _, m := range []*Module{first, second} {
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if got := e.admitted; got.promised != 0 || got.tracing != 0 {
			t.Errorf("%d bytes are still promised, %d of them to tracing", got.promised, got.tracing)
		}
	})
}

func TestTracingYieldsWhenItsEventHasEnded(t *testing.T) {
	e, first := crowded(t, Options{})
	pool := first.traced.pool
	<-pool.tokens // as an event does
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := e.Load(ctx, guest(t, "count")); !errors.Is(err, ErrMemory) {
		t.Errorf("while an event is traced: got %v, want ErrMemory", err)
	}
	var loading sync.WaitGroup
	loading.Go(func() {
		if _, err := e.Load(t.Context(), guest(t, "count")); err != nil {
			t.Errorf("after the event: %v", err)
		}
	})
	pool.free()
	loading.Wait()
}

// TestTracingDoesNotYieldToALoadThatHasEnded: nor does the compilation for it, which would be over for good.
func TestTracingDoesNotYieldToALoadThatHasEnded(t *testing.T) {
	e, first := crowded(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if _, err := e.Load(ctx, guest(t, "count")); err == nil {
			t.Error("a load that had ended before was done")
		}
	}
	if out, err := first.Run(t.Context(), reading(`{}`)); err != nil || len(out.Spans) == 0 {
		t.Errorf("got %d spans (%v), want an answer that is traced", len(out.Spans), err)
	}

	var text bytes.Buffer
	e = newTestEngine(t, Options{Memory: e.o.Memory, Sample: 1, Log: slog.New(slog.NewTextHandler(&text, nil))})
	first = load(t, e, guest(t, "count"))
	compiled := compiling(t, e) // another module
	answers(t, first)
	for has := false; !has; runtime.Gosched() {
		e.admitted.mu.Lock()
		has = e.admitted.tracing > 0
		e.admitted.mu.Unlock()
	}
	for range 20 {
		if _, err := e.Load(ctx, guest(t, "count")); err == nil {
			t.Error("a load that had ended before was done")
		}
	}
	compiled()
	ready(t, first)
	if out, err := first.Run(t.Context(), reading(`{}`)); err != nil || len(out.Spans) == 0 {
		t.Errorf("after it was compiled: got %d spans (%v), want an answer that is traced; log\n%s", len(out.Spans), err, text.String())
	}
}

// compiling compiles a module for as long as it is let, so that no other one is compiled.
func compiling(t *testing.T, e *Engine) (end func()) {
	t.Helper()
	code, err := e.native.Find(native.Guest{Name: "another"})
	if err != nil {
		t.Fatal(err)
	}
	by := slow{begun: make(chan struct{}), end: make(chan struct{})}
	var loading sync.WaitGroup
	loading.Go(func() {
		if err := code.Load(t.Context(), native.Rewritten{}, by); !errors.Is(err, errEnded) {
			t.Error(err)
		}
	})
	<-by.begun
	return func() {
		close(by.end)
		loading.Wait()
	}
}

// A slow loader loads until it is told to end, and then nothing.
type slow struct{ begun, end chan struct{} }

var errEnded = errors.New("it was told to end")

func (slow) Keep(context.Context, int64) error { return nil }
func (slow) Forget()                           {}
func (s slow) Load(context.Context) error {
	close(s.begun)
	<-s.end
	return errEnded
}

func TestTracingDoesNotYieldInVain(t *testing.T) {
	e, first := crowded(t, Options{})
	s := guest(t, "count")
	s.Instances = 2
	if _, err := e.Load(t.Context(), s); !errors.Is(err, ErrMemory) {
		t.Errorf("got %v, want ErrMemory", err)
	}
	if out, err := first.Run(t.Context(), reading(`{}`)); err != nil || len(out.Spans) == 0 {
		t.Errorf("got %d spans (%v), want an answer that is traced", len(out.Spans), err)
	}
}
