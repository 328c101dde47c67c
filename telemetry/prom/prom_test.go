package prom

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

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

func labelOf(m *dto.Metric) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == "name" {
			return l.GetValue()
		}
	}
	return ""
}

func TestPrometheusReadsWhatWasRecorded(t *testing.T) {
	r := New()
	r.Count("dodona_source_readings_total", "kraken", 3)
	r.Count("dodona_source_readings_total", "kraken", 4)
	r.Count("dodona_source_readings_total", "quo\"te\\slash\nline\xff", 1)
	r.Count("dodona_flushes_total", "", 1<<40)
	r.Gauge("dodona_backlog", "", -5)
	for _, d := range []time.Duration{-time.Second, 0, 100 * time.Microsecond, 100*time.Microsecond + 1, 3 * time.Second, time.Hour} {
		r.Time("dodona_sign_seconds", "report", d)
	}
	_, families := scrape(t, r)
	if got := r.Total("dodona_source_readings_total"); got != 8 {
		t.Errorf("total: got %d, want 8", got)
	}
	if got := r.Total("dodona_unheard_of_total"); got != 0 {
		t.Errorf("total of nothing: got %d, want 0", got)
	}

	readings := families["dodona_source_readings_total"]
	if readings.GetType() != dto.MetricType_COUNTER {
		t.Errorf("type: got %v, want counter", readings.GetType())
	}
	got := map[string]float64{}
	for _, m := range readings.GetMetric() {
		got[labelOf(m)] = m.GetCounter().GetValue()
	}
	for label, want := range map[string]float64{"kraken": 7, "quo\"te\\slash\nline�": 1} {
		if got[label] != want {
			t.Errorf("counter under %q: got %v, want %v", label, got[label], want)
		}
	}
	if v := families["dodona_backlog"].GetMetric()[0].GetGauge().GetValue(); v != -5 {
		t.Errorf("gauge: got %v, want -5", v)
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
		r.Count("dodona_x_total", fmt.Sprintf("peer-%d", i), 1)
		r.Time("dodona_y_seconds", strings.Repeat("long", 100)+fmt.Sprint(i), time.Second)
	}
	_, families := scrape(t, r)
	series := families["dodona_x_total"].GetMetric()
	if len(series) != MaxLabels+1 {
		t.Errorf("series: got %d, want %d and one for the rest", len(series), MaxLabels)
	}
	for _, m := range series {
		if labelOf(m) == overflowLabel && m.GetCounter().GetValue() != 50 {
			t.Errorf("overflow: got %v, want 50", m.GetCounter().GetValue())
		}
	}
	if v := families[string(Overflow)].GetMetric()[0].GetCounter().GetValue(); v != 50 {
		t.Errorf("%s: got %v, want 50", Overflow, v)
	}
	if n := len(families["dodona_y_seconds"].GetMetric()); n != 1 {
		t.Errorf("labels that differ beyond %d bytes: got %d series, want 1", maxLabelBytes, n)
	}
}

func TestOneNameIsOneKind(t *testing.T) {
	r := New()
	r.Count("dodona_thing", "", 1)
	r.Gauge("dodona_thing", "", 7)
	r.Count("dodona-thing", "", 1) // prints as the first
	text, _ := scrape(t, r)
	if n := strings.Count(text, "# TYPE dodona_thing "); n != 1 {
		t.Errorf("families named dodona_thing: got %d, want 1\n%s", n, text)
	}
}

func TestRecordingAndReadingAtOnceLoseNothing(t *testing.T) {
	r := New()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				r.Count("dodona_x_total", fmt.Sprint(i%7), 1)
				r.Time("dodona_y_seconds", "", time.Duration(i))
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
	for _, m := range families["dodona_x_total"].GetMetric() {
		total += m.GetCounter().GetValue()
	}
	if total != 4000 {
		t.Errorf("counted %v, want 4000", total)
	}
}

func TestProcessMetricsAreThere(t *testing.T) {
	_, families := scrape(t, New())
	for _, name := range []string{"go_goroutines", "go_memstats_heap_alloc_bytes", "go_info"} {
		if families[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	r := New()
	record := func() {
		r.Count("dodona_x_total", "kraken", 1)
		r.Gauge("dodona_g", "kraken", 1)
		r.Time("dodona_y_seconds", "kraken", time.Millisecond)
	}
	record()
	if n := testing.AllocsPerRun(100, record); n != 0 {
		t.Errorf("allocations: got %v, want 0", n)
	}
}

func FuzzOutputAlwaysParses(f *testing.F) {
	f.Add("dodona_x_total", "kraken", int64(1))
	f.Add("0bad name\n", "a\"b\\c\n\x00\xff", int64(-1))
	f.Add("", "", int64(0))
	f.Fuzz(func(t *testing.T, name, label string, v int64) {
		r := New()
		r.Count(telemetry.Counter("c"+name), label, uint64(v))
		r.Gauge(telemetry.Gauge(name), label, v)
		r.Time(telemetry.Timer("t"+name), label, time.Duration(v))
		scrape(t, r)
	})
}
