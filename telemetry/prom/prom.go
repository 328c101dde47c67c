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
// under the label "overflow", and in [Overflow].
const MaxLabels = 200

// Overflow counts the measurements that went to the label "overflow" or, for a name that already means another
// kind of metric, nowhere.
const Overflow telemetry.Counter = "dodona_metrics_overflow_total"

const (
	overflowLabel = "overflow"
	maxLabelBytes = 128
)

// A Recorder keeps measurements in memory and serves them. It is safe for concurrent use, never blocks on a
// reader, and takes memory for at most MaxLabels series a metric. Make it with [New].
type Recorder struct {
	mu      sync.RWMutex
	metrics map[string]*metric
	lost    atomic.Uint64
}

var _ telemetry.Recorder = (*Recorder)(nil)

// New returns a recorder without measurements.
func New() *Recorder { return &Recorder{metrics: make(map[string]*metric)} }

// Count adds n to a counter.
func (r *Recorder) Count(c telemetry.Counter, label string, n uint64) {
	if s := r.series(string(c), counter, label); s != nil {
		s.value.Add(int64(n))
	}
}

// Total returns the sum of a counter over its labels.
func (r *Recorder) Total(c telemetry.Counter) (sum uint64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if m := r.metrics[string(c)]; m != nil {
		for _, s := range m.series {
			sum += uint64(s.value.Load())
		}
	}
	return sum
}

// Gauge sets a gauge.
func (r *Recorder) Gauge(g telemetry.Gauge, label string, v int64) {
	if s := r.series(string(g), gauge, label); s != nil {
		s.value.Store(v)
	}
}

// Time adds a duration to a histogram. A negative one, from a clock that stepped, counts as 0.
func (r *Recorder) Time(t telemetry.Timer, label string, d time.Duration) {
	s := r.series(string(t), timer, label)
	if s == nil {
		return
	}
	d = max(d, 0)
	s.value.Add(int64(d))
	at, _ := slices.BinarySearch(bounds, d) // the first bound that is not below d
	s.buckets[at].Add(1)
}

// kind is the TYPE of a metric.
type kind string

const (
	counter kind = "counter"
	gauge   kind = "gauge"
	timer   kind = "histogram"
)

type metric struct {
	name   string // as it is printed
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

// series finds or makes the series for a label; nil if the name is taken by another kind.
func (r *Recorder) series(name string, k kind, label string) *series {
	r.mu.RLock()
	m := r.metrics[name]
	var s *series
	if m != nil && m.kind == k {
		s = m.series[label]
	}
	r.mu.RUnlock()
	if s != nil {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m = r.metrics[name]; m == nil {
		printed := metricName(name)
		if m = r.metrics[printed]; m == nil {
			m = &metric{name: printed, kind: k, series: make(map[string]*series)}
			r.metrics[printed] = m
		}
		r.metrics[name] = m // the same one under both names
	}
	if m.kind != k {
		r.lost.Add(1)
		return nil
	}
	return m.labelled(label, &r.lost)
}

// labelled finds or makes a series; the recorder's lock is held.
func (m *metric) labelled(label string, lost *atomic.Uint64) *series {
	label = labelText(label)
	if s := m.series[label]; s != nil {
		return s
	}
	if len(m.series) >= MaxLabels {
		lost.Add(1)
		if s := m.series[overflowLabel]; s != nil {
			return s
		}
		label = overflowLabel
	}
	s := &series{}
	if m.kind == timer {
		s.buckets = make([]atomic.Uint64, len(bounds)+1)
	}
	m.series[label] = s
	return s
}

// labelText keeps a label short and valid, whatever a peer put into it.
func labelText(label string) string {
	if len(label) > maxLabelBytes {
		label = label[:maxLabelBytes]
	}
	return strings.ToValidUTF8(label, "�")
}

// prefix begins every name, so that a scrape of many programs keeps them apart.
const prefix = "dodona_"

// metricName adds the prefix where it is missing and replaces what a Prometheus name may not hold.
func metricName(name string) string {
	clean := []byte(prefix + strings.TrimPrefix(name, prefix))
	for i, c := range clean {
		letter := c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
		if !letter && (c < '0' || c > '9') {
			clean[i] = '_'
		}
	}
	return string(clean)
}

// ServeHTTP answers with every metric.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	r.write(&b)
	writeProcess(&b)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // the peer went away; there is nobody to tell
}
