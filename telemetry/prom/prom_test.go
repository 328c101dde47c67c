package prom

import (
	"bytes"
	"fmt"
	"math"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/telemetry"
)

func scrape(t *testing.T, r *Recorder) (string, map[string]*dto.MetricFamily) {
	t.Helper()
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text := w.Body.String()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("Prometheus's own parser refuses the output: %v\n%s", err, text)
	}
	return text, families
}

// labelOf returns what a label's value is; "" if a series has no such label, or another one.
func labelOf(m *dto.Metric, name string) string {
	if labels := m.GetLabel(); len(labels) == 1 && labels[0].GetName() == name {
		return labels[0].GetValue()
	}
	return ""
}

var (
	readings = telemetry.NewCounters("dodona_readings_total", "source", `Readings: one line \ not`+"\ntwo, \"quoted\"")
	flushes  = telemetry.NewCounter("dodona_flushes_total", "Flushes")
	backlog  = telemetry.NewGauge("dodona_backlog", "Backlog")
	queues   = telemetry.NewGauges("dodona_queue", "sink", "Queue")
	signing  = telemetry.NewTimer("dodona_sign_seconds", "Signing")
	asking   = telemetry.NewTimers("dodona_ask_seconds", "source", "Asking")
)

// TestWhatIsForgottenIsMeasuredNoMore: no alert rings for a source that was removed.
func TestWhatIsForgottenIsMeasuredNoMore(t *testing.T) {
	r := New()
	for _, name := range []string{"kraken", "binance"} {
		r.Count(readings.Of(name), 3)
		r.Gauge(queues.Of(name), 3)
		r.Time(asking.Of(name), time.Second)
	}
	r.Count(flushes, 1)
	r.Forget("source", "kraken")
	r.Forget("sink", "binance")
	_, families := scrape(t, r)
	for metric, label := range map[string]string{"dodona_readings_total": "binance", "dodona_ask_seconds": "binance", "dodona_queue": "kraken"} {
		if list := families[metric].GetMetric(); len(list) != 1 || labelOf(list[0], "source")+labelOf(list[0], "sink") != label {
			t.Errorf("%s: %v, want that of %s alone", metric, list, label)
		}
	}
	r.Forget("source", "binance")
	r.Forget("source", "binance")
	for _, late := range []string{"kraken", "binance"} { // from who had not heard of it yet
		r.Count(readings.Of(late), 5)
		r.Time(asking.Of(late), time.Second)
	}
	if text, _ := scrape(t, r); strings.Contains(text, "binance") || strings.Contains(text, `source="kraken"`) {
		t.Errorf("what came late is shown:\n%s", text)
	}
	r.Know("source", "kraken")
	r.Count(readings.Of("kraken"), 2)
	text, families := scrape(t, r)
	if list := families["dodona_readings_total"].GetMetric(); len(list) != 1 || list[0].GetCounter().GetValue() != 2 {
		t.Errorf("measured again: %v", list)
	}
	if !strings.Contains(text, "dodona_flushes_total 1\n") || strings.Contains(text, "binance") {
		t.Errorf("left:\n%s", text)
	}
}

func TestPrometheusReadsWhatWasRecorded(t *testing.T) {
	r := New()
	r.Count(readings.Of("kraken"), 3)
	r.Count(readings.Of("kraken"), 4)
	r.Count(readings.Of("quo\"te\\slash\nline\xff"), 1)
	r.Count(flushes, 1<<40)
	r.Gauge(backlog, -5)
	r.Time(asking.Of("kraken"), time.Second)
	for _, d := range []time.Duration{-time.Second, 0, 100 * time.Microsecond, 100*time.Microsecond + 1, 3 * time.Second, time.Hour} {
		r.Time(signing, d)
	}
	_, families := scrape(t, r)
	if got := r.Total(readings); got != 8 {
		t.Errorf("total: got %d, want 8", got)
	}
	if got := r.Total(telemetry.NewCounters("dodona_unheard_of_total", "source", "Nothing")); got != 0 {
		t.Errorf("total of nothing: got %d, want 0", got)
	}

	family := families["dodona_readings_total"]
	if family.GetType() != dto.MetricType_COUNTER || family.GetHelp() != readings.Metric().Help {
		t.Errorf("got %v with the help %q, want a counter with %q", family.GetType(), family.GetHelp(), readings.Metric().Help)
	}
	got := map[string]float64{}
	for _, m := range family.GetMetric() {
		got[labelOf(m, "source")] = m.GetCounter().GetValue()
	}
	for label, want := range map[string]float64{"kraken": 7, "quo\"te\\slash\nline�": 1} {
		if got[label] != want {
			t.Errorf("counter under %q: got %v, want %v", label, got[label], want)
		}
	}
	if m := families["dodona_flushes_total"].GetMetric()[0]; m.GetCounter().GetValue() != 1<<40 || len(m.GetLabel()) != 0 {
		t.Errorf("counter without a label: got %v", m)
	}
	if v := families["dodona_backlog"].GetMetric()[0].GetGauge().GetValue(); v != -5 {
		t.Errorf("gauge: got %v, want -5", v)
	}
	if m := families["dodona_ask_seconds"].GetMetric()[0]; labelOf(m, "source") != "kraken" || m.GetHistogram().GetSampleSum() != 1 {
		t.Errorf("histogram with a label: got %v", m)
	}
	h := families["dodona_sign_seconds"].GetMetric()[0].GetHistogram()
	if h.GetSampleCount() != 6 || h.GetSampleSum() != 3603.000200001 {
		t.Errorf("histogram: got %d samples, sum %v; want 6, 3603.000200001", h.GetSampleCount(), h.GetSampleSum())
	}
	for _, b := range h.GetBucket() {
		want := map[float64]uint64{0.0001: 3, 0.00025: 4, 2.5: 4, 5: 5, 60: 5}
		if n, listed := want[b.GetUpperBound()]; listed && b.GetCumulativeCount() != n {
			t.Errorf("bucket %v: got %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), n)
		}
	}
}

func TestLabelsAreBoundedAndTheRestIsCounted(t *testing.T) {
	r := New()
	for i := range MaxLabels + 50 {
		r.Count(readings.Of(fmt.Sprintf("peer-%d", i)), 1)
		r.Time(asking.Of(strings.Repeat("long", 100)+fmt.Sprint(i)), time.Second)
	}
	_, families := scrape(t, r)
	series := families["dodona_readings_total"].GetMetric()
	if len(series) != MaxLabels+1 {
		t.Errorf("series: got %d, want %d and one for the rest", len(series), MaxLabels)
	}
	for _, m := range series {
		if labelOf(m, "source") == overflowLabel && m.GetCounter().GetValue() != 50 {
			t.Errorf("overflow: got %v, want 50", m.GetCounter().GetValue())
		}
	}
	if v := families[telemetry.MetricsOverflow.Metric().Name].GetMetric()[0].GetCounter().GetValue(); v != 50 {
		t.Errorf("%s: got %v, want 50", telemetry.MetricsOverflow, v)
	}
	if n := len(families["dodona_ask_seconds"].GetMetric()); n != 1 {
		t.Errorf("labels that differ beyond %d bytes: got %d series, want 1", maxLabelBytes, n)
	}
}

func TestRecordingAndReadingAtOnceLoseNothing(t *testing.T) {
	r := New()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				r.Count(readings.Of(fmt.Sprint(i%7)), 1)
				r.Time(signing, time.Duration(i))
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			r.write(&bytes.Buffer{})
		}
	})
	wg.Wait()
	_, families := scrape(t, r)
	total := 0.0
	for _, m := range families["dodona_readings_total"].GetMetric() {
		total += m.GetCounter().GetValue()
	}
	if total != 4000 {
		t.Errorf("counted %v, want 4000", total)
	}
}

func TestAGaugeIsShownInItsUnit(t *testing.T) {
	for _, c := range []struct {
		set, per int64
		want     string
	}{
		{1796019250250, 1e3, "1796019250.25"},
		{1796019250000, 1e3, "1796019250"},
		{-1, 1e3, "-0.001"},
		{-2500, 1e3, "-2.5"},
		{1, 1e9, "0.000000001"},
		{math.MaxInt64, 1e9, "9223372036.854775807"},
		{math.MinInt64, 1e9, "-9223372036.854775808"},
		{0, 1e3, "0"},
		{-7, 1, "-7"},
	} {
		r := New()
		r.Gauge(telemetry.NewGauges("dodona_g", "feed", "g").In(c.per).Of("f"), c.set)
		if text, _ := scrape(t, r); !strings.Contains(text, "dodona_g{feed=\"f\"} "+c.want+"\n") {
			t.Errorf("%d of %d: want %s in\n%s", c.set, c.per, c.want, text)
		}
	}
}

func TestProcessMetricsAreThere(t *testing.T) {
	r := New()
	r.Version = "v1.2.3-\"x\""
	begun := time.Now()
	for time.Since(begun) < 50*time.Millisecond { // work, so that some is counted
	}
	runtime.GC() // what is live is known after a collection
	_, families := scrape(t, r)
	for _, name := range []string{
		"go_goroutines", "go_memstats_heap_alloc_bytes", "go_gc_heap_live_bytes", "go_info", "process_resident_memory_bytes", "process_virtual_memory_bytes",
		"process_open_fds", "process_max_fds",
	} {
		if len(families[name].GetMetric()) == 0 {
			t.Fatalf("%s is missing", name)
		}
		if value := families[name].GetMetric()[0].GetGauge().GetValue(); value <= 0 {
			t.Errorf("%s: %v", name, value)
		}
	}
	if got := labelOf(families["dodona_build_info"].GetMetric()[0], "version"); got != r.Version {
		t.Errorf("the version is %q, want %q", got, r.Version)
	}
	start := families["process_start_time_seconds"].GetMetric()[0].GetGauge().GetValue()
	if age := float64(time.Now().Unix()) - start; age < -2 || age > 3600 {
		t.Errorf("the process began %v s ago", age)
	}
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	want := time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
	if got := families["process_cpu_seconds_total"].GetMetric()[0].GetCounter().GetValue(); got > want+0.1 || got < want-1 {
		t.Errorf("it worked for %v s, the kernel says %v", got, want)
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	var r telemetry.Recorder = New()
	name := fmt.Sprint("kraken", 2)
	record := func() {
		r.Count(readings.Of(name), 1)
		r.Gauge(queues.Of(name), 1)
		r.Time(asking.Of(name), time.Millisecond)
	}
	record()
	if n := testing.AllocsPerRun(100, record); n != 0 {
		t.Errorf("allocations: got %v, want 0", n)
	}
}

func FuzzOutputAlwaysParses(f *testing.F) {
	f.Add("Readings of a source", "kraken", int64(1))
	f.Add("two\nlines \\n \xff", "a\"b\\c\n\x00\xff", int64(-1))
	f.Add("", "", int64(0))
	fuzztest.Run(f, func(t *testing.T, help, label string, v int64) {
		r := New()
		r.Count(telemetry.NewCounters("dodona_c_total", "label", help).Of(label), uint64(v))
		r.Gauge(telemetry.NewGauges("dodona_g", "label", help).Of(label), v)
		r.Time(telemetry.NewTimers("dodona_t_seconds", "label", help).Of(label), time.Duration(v))
		r.Gauge(telemetry.NewGauge("dodona_alone", help), v)
		scrape(t, r)
	})
}
