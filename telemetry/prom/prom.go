// Package prom serves what a node measures in the text format of Prometheus (exposition format 0.0.4).
//
// It is written out here because the client library costs 2.8 MB on ARMv7 and the format is three kinds of lines.
package prom

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dodona-oracle/dodona/telemetry"
)

// MaxLabels is how many labels a metric keeps apart; measurements under further ones are counted together
// under the label "overflow", and in [telemetry.MetricsOverflow].
const MaxLabels = 200

const (
	maxForgotten  = 1000 // names that are remembered as such; of more, what comes late is measured again
	overflowLabel = "overflow"
	maxLabelBytes = 128
)

// A Recorder keeps measurements in memory and serves them. It is safe for concurrent use, never blocks on a
// reader, and takes memory for at most MaxLabels series a metric. It follows no spans. Make it with [New].
type Recorder struct {
	telemetry.NoSpans
	Version string // of the program, for dodona_build_info; empty: it is not shown

	mu        sync.RWMutex
	families  map[*telemetry.Metric]*family
	forgotten map[name]bool // what is measured of them came late
	lost      atomic.Uint64
}

var _ telemetry.Recorder = (*Recorder)(nil)

// A name is a value of a label.
type name struct{ label, value string }

// New returns a recorder without measurements.
func New() *Recorder {
	return &Recorder{families: make(map[*telemetry.Metric]*family), forgotten: make(map[name]bool)}
}

// Count adds n to a counter.
func (r *Recorder) Count(c telemetry.Counter, n uint64) {
	r.series(c.Metric(), counter, c.Value()).value.Add(int64(n))
}

// Total returns the sum of counters over their labels.
func (r *Recorder) Total(c telemetry.Counters) (sum uint64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if f := r.families[c.Metric()]; f != nil {
		for _, s := range f.series {
			sum += uint64(s.value.Load())
		}
	}
	return sum
}

// Gauge sets a gauge.
func (r *Recorder) Gauge(g telemetry.Gauge, v int64) {
	r.series(g.Metric(), gauge, g.Value()).value.Store(v)
}

// Time adds a duration to a histogram. A negative one, from a clock that stepped, counts as 0.
func (r *Recorder) Time(t telemetry.Timer, d time.Duration) {
	s := r.series(t.Metric(), timer, t.Value())
	d = max(d, 0)
	s.value.Add(int64(d))
	at, _ := slices.BinarySearch(bounds, d) // the first bound that is not below d
	s.buckets[at].Add(1)
}

// Forget leaves out the series of a label's value until it is known again.
func (r *Recorder) Forget(label, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.forgotten) < maxForgotten {
		r.forgotten[name{label, labelText(value)}] = true
	}
	for m, f := range r.families {
		if m.Label == label {
			delete(f.series, labelText(value))
		}
	}
}

// Know measures under a label's value again.
func (r *Recorder) Know(label, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.forgotten, name{label, labelText(value)})
}

// kind is the TYPE of a metric.
type kind string

const (
	counter kind = "counter"
	gauge   kind = "gauge"
	timer   kind = "histogram"
)

// A family is what was measured of one metric.
type family struct {
	*telemetry.Metric
	kind   kind
	series map[string]*series
}

// A series is one label's measurements. Value is a counter's count (as uint64), a gauge's level,
// or the sum of a timer's durations in nanoseconds.
type series struct {
	value   atomic.Int64
	buckets []atomic.Uint64 // of a timer: one for each bound and one beyond; not cumulative
}

// bounds are the upper bounds of a timer's buckets.
var bounds = []time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
}

// series finds or makes the series for a label. That of one that is forgotten is shown to nobody.
func (r *Recorder) series(m *telemetry.Metric, k kind, label string) *series {
	r.mu.RLock()
	var s *series
	if f := r.families[m]; f != nil {
		s = f.series[label]
	}
	r.mu.RUnlock()
	if s != nil {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.families[m]
	if f == nil {
		f = &family{m, k, make(map[string]*series)}
		r.families[m] = f
	}
	if r.forgotten[name{m.Label, labelText(label)}] {
		return f.made()
	}
	return f.labelled(label, &r.lost)
}

// labelled finds or makes a series; the recorder's lock is held.
func (f *family) labelled(label string, lost *atomic.Uint64) *series {
	label = labelText(label)
	if s := f.series[label]; s != nil {
		return s
	}
	if len(f.series) >= MaxLabels {
		lost.Add(1)
		if s := f.series[overflowLabel]; s != nil {
			return s
		}
		label = overflowLabel
	}
	s := f.made()
	f.series[label] = s
	return s
}

// made returns a series without measurements.
func (f *family) made() *series {
	s := &series{}
	if f.kind == timer {
		s.buckets = make([]atomic.Uint64, len(bounds)+1)
	}
	return s
}

// labelText keeps a label short and valid, whatever a peer put into it.
func labelText(label string) string {
	if len(label) > maxLabelBytes {
		label = label[:maxLabelBytes]
	}
	return strings.ToValidUTF8(label, "�")
}

// ServeHTTP answers with every metric.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	r.write(&b)
	writeProcess(&b, r.Version)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // the peer went away; there is nobody to tell
}
