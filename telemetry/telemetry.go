// Package telemetry is how stages count, time and trace what they do, without knowing who listens.
//
// Metrics are declared one a line, in a short file for each stage (source.go, journal.go, …): the name in Prometheus
// style with its unit, the label that tells its series apart, and the help that people read, from which
// docs/guide/metrics.md is made. Those of one series are a [Counter], [Gauge] or [Timer]; those with a label are
// [Counters], [Gauges] or [Timers], which give one for a value of the label and cannot be counted without it.
// Spans are in span.go. Adapters live below: telemetry/prom.
package telemetry

import (
	"context"
	"fmt"
	"time"
)

// A Recorder takes measurements. It must be safe for concurrent use and must not block.
type Recorder interface {
	Count(c Counter, n uint64)     // adds n
	Gauge(g Gauge, v int64)        // sets the level to v
	Time(t Timer, d time.Duration) // adds one duration

	// Forget leaves out what was measured under a value of a label, such as ("source", "kraken"), because nothing has that name any more, and
	// what comes late, until Know says that something has it again: that begins anew.
	Forget(label, value string)
	Know(label, value string)

	// Span begins to follow a passage of a seam. What the passage calls gets the context that Span returns; end is
	// called once, with the error of the passage or nil.
	Span(ctx context.Context, s Span) (inside context.Context, end func(error))
}

// A Metric is what is said about measurements of one name.
type Metric struct {
	Name  string // in Prometheus style, with the unit
	Label string // the name of its label, or "" if it has one series alone
	Help  string // for people, a sentence without its full stop
	Per   int64  // how many of what a gauge is set to make one of the unit in its name; 0 means 1
}

type (
	// A Counter only grows.
	Counter struct{ series }
	// A Gauge goes up and down.
	Gauge struct{ series }
	// A Timer collects durations.
	Timer struct{ series }
)

type (
	// Counters are a counter for each value of a label.
	Counters struct{ labelled }
	// Gauges are a gauge for each value of a label.
	Gauges struct{ labelled }
	// Timers are a timer for each value of a label.
	Timers struct{ labelled }
)

type labelled struct{ metric *Metric }

// Metric returns what is said about them. It is the same pointer as that of each of them.
func (l labelled) Metric() *Metric { return l.metric }

// A series is the measurements under one value of a metric's label.
type series struct {
	metric *Metric
	value  string
}

// Metric returns what the series is one of. It is the same pointer for all series of a metric.
func (s series) Metric() *Metric { return s.metric }

// Value returns the value of the metric's label; "" if it has none.
func (s series) Value() string { return s.value }

// String returns the name, and the label where there is one: dodona_sign_refused_total{reason="early"}.
func (s series) String() string {
	if s.metric.Label == "" {
		return s.metric.Name
	}
	return fmt.Sprintf("%s{%s=%q}", s.metric.Name, s.metric.Label, s.value)
}

// NewCounter declares a counter.
func NewCounter(name, help string) Counter {
	return Counter{series{&Metric{Name: name, Help: help}, ""}}
}

// NewGauge declares a gauge.
func NewGauge(name, help string) Gauge { return Gauge{series{&Metric{Name: name, Help: help}, ""}} }

// NewTimer declares a timer.
func NewTimer(name, help string) Timer { return Timer{series{&Metric{Name: name, Help: help}, ""}} }

// NewCounters declares counters by a label.
func NewCounters(name, label, help string) Counters {
	return Counters{labelled{&Metric{Name: name, Label: label, Help: help}}}
}

// NewGauges declares gauges by a label.
func NewGauges(name, label, help string) Gauges {
	return Gauges{labelled{&Metric{Name: name, Label: label, Help: help}}}
}

// In lets gauges be set in parts of the unit in their name, of which it takes per: 1000 for milliseconds under _seconds.
func (g Gauges) In(per int64) Gauges {
	g.metric.Per = per
	return g
}

// NewTimers declares timers by a label.
func NewTimers(name, label, help string) Timers {
	return Timers{labelled{&Metric{Name: name, Label: label, Help: help}}}
}

// Of returns the counter for a value of the label.
func (c Counters) Of(value string) Counter { return Counter{series{c.metric, value}} }

// Of returns the gauge for a value of the label.
func (g Gauges) Of(value string) Gauge { return Gauge{series{g.metric, value}} }

// Of returns the timer for a value of the label.
func (t Timers) Of(value string) Timer { return Timer{series{t.metric, value}} }

// Nop takes measurements and forgets them.
var Nop Recorder = nop{}

type nop struct{ NoSpans }

func (nop) Count(Counter, uint64)     {}
func (nop) Gauge(Gauge, int64)        {}
func (nop) Time(Timer, time.Duration) {}
func (nop) Forget(string, string)     {}
func (nop) Know(string, string)       {}

// Both returns a recorder that has two others take all measurements: one inside the other.
func Both(first, second Recorder) Recorder { return both{first, second} }

type both struct{ first, second Recorder }

func (b both) Count(c Counter, n uint64) {
	b.first.Count(c, n)
	b.second.Count(c, n)
}

func (b both) Gauge(g Gauge, v int64) {
	b.first.Gauge(g, v)
	b.second.Gauge(g, v)
}

func (b both) Time(t Timer, d time.Duration) {
	b.first.Time(t, d)
	b.second.Time(t, d)
}

func (b both) Forget(label, value string) {
	b.first.Forget(label, value)
	b.second.Forget(label, value)
}

func (b both) Know(label, value string) {
	b.first.Know(label, value)
	b.second.Know(label, value)
}

func (b both) Span(ctx context.Context, s Span) (context.Context, func(error)) {
	ctx, endFirst := b.first.Span(ctx, s)
	ctx, endSecond := b.second.Span(ctx, s)
	return ctx, func(err error) {
		endSecond(err)
		endFirst(err)
	}
}
