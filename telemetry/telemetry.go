// Package telemetry is how stages count and time what they do, without knowing who listens.
//
// Names are typed constants, one short file a stage (source.go, journal.go, …), in Prometheus style with their
// unit in the name. Adapters live below: telemetry/prom.
package telemetry

import "time"

// A Counter only grows. The label is the source, feed, topic or sink it counts for; empty if there is one.
type Counter string

// A Gauge goes up and down.
type Gauge string

// A Timer collects durations.
type Timer string

// A Recorder takes measurements. It must be safe for concurrent use and must not block.
type Recorder interface {
	Count(c Counter, label string, n uint64)     // adds n
	Gauge(g Gauge, label string, v int64)        // sets the level to v
	Time(t Timer, label string, d time.Duration) // adds one duration
}

// Nop takes measurements and forgets them.
var Nop Recorder = nop{}

type nop struct{}

func (nop) Count(Counter, string, uint64)     {}
func (nop) Gauge(Gauge, string, int64)        {}
func (nop) Time(Timer, string, time.Duration) {}
