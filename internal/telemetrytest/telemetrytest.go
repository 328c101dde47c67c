// Package telemetrytest keeps what the subject of a test measures.
package telemetrytest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/telemetry"
)

// A Tally is a telemetry.Recorder that keeps all that it is told. Its zero value was told nothing.
type Tally struct {
	mu       sync.Mutex
	counts   map[telemetry.Counter]uint64
	levels   map[telemetry.Gauge][]int64
	times    map[telemetry.Timer][]time.Duration
	passages []Passage
}

// A Passage is what a span followed.
type Passage struct {
	Span telemetry.Span
	Over bool
	Err  error // that it ended with
}

// String says how it ended: "deliver s: busy".
func (p Passage) String() string {
	if !p.Over {
		return fmt.Sprintf("%s %s: not over", p.Span.Name, p.Span.Value)
	}
	return fmt.Sprintf("%s %s: %v", p.Span.Name, p.Span.Value, p.Err)
}

// Count adds n.
func (t *Tally) Count(c telemetry.Counter, n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = make(map[telemetry.Counter]uint64)
	}
	t.counts[c] += n
}

// Gauge adds v to the levels of g.
func (t *Tally) Gauge(g telemetry.Gauge, v int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.levels == nil {
		t.levels = make(map[telemetry.Gauge][]int64)
	}
	t.levels[g] = append(t.levels[g], v)
}

// Forget leaves out what was told under a value of a label.
func (t *Tally) Forget(label, value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.counts, func(c telemetry.Counter, _ uint64) bool { return c.Metric().Label == label && c.Value() == value })
	maps.DeleteFunc(t.levels, func(g telemetry.Gauge, _ []int64) bool { return g.Metric().Label == label && g.Value() == value })
	maps.DeleteFunc(t.times, func(of telemetry.Timer, _ []time.Duration) bool {
		return of.Metric().Label == label && of.Value() == value
	})
}

// Know says nothing new to a tally: it counts what comes late too.
func (t *Tally) Know(string, string) {}

// Time adds took to the durations of of.
func (t *Tally) Time(of telemetry.Timer, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.times == nil {
		t.times = make(map[telemetry.Timer][]time.Duration)
	}
	t.times[of] = append(t.times[of], took)
}

// Span begins a passage.
func (t *Tally) Span(ctx context.Context, s telemetry.Span) (inside context.Context, end func(error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.passages)
	t.passages = append(t.passages, Passage{Span: s})
	return ctx, func(err error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.passages[n].Over, t.passages[n].Err = true, err
	}
}

// Counts returns what was counted.
func (t *Tally) Counts() map[telemetry.Counter]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}

// Levels returns the levels that a gauge was set to, one after the other.
func (t *Tally) Levels(of telemetry.Gauge) []int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.levels[of])
}

// Times returns the durations of a timer, one after the other.
func (t *Tally) Times(of telemetry.Timer) []time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.times[of])
}

// Passages returns what was followed, in the order in which it began.
func (t *Tally) Passages() []Passage {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.passages)
}

// Want compares what was counted of some metrics, of each under all values of its label, with so many.
func (t *Tally) Want(tb testing.TB, what string, of []telemetry.Counters, want ...uint64) {
	tb.Helper()
	got := make([]uint64, len(of))
	for c, n := range t.Counts() {
		for i, metric := range of {
			if c.Metric() == metric.Metric() {
				got[i] += n
			}
		}
	}
	if slices.Equal(got, want) {
		return
	}
	var names []string
	for _, metric := range of {
		names = append(names, metric.Metric().Name)
	}
	tb.Errorf("%s: counted of %s: %d, want %d", what, names, got, want)
}
