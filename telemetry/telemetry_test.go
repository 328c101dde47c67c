package telemetry

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// seam is what every seam of the pipeline does with a recorder.
func seam(ctx context.Context, r Recorder, source string) (err error) {
	ctx, end := r.Span(ctx, Exchange(source))
	defer func() { end(err) }()
	r.Count(SourceReadings.Of(source), 1)
	return ctx.Err()
}

func TestNobodyListeningCostsNothing(t *testing.T) {
	source := fmt.Sprint("kraken", 2)
	if n := testing.AllocsPerRun(100, func() {
		if err := seam(t.Context(), Nop, source); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("allocations: got %v, want 0", n)
	}
}

func BenchmarkSpanOfNobody(b *testing.B) {
	b.ReportAllocs()
	source := fmt.Sprint("kraken", 2)
	for b.Loop() {
		_ = seam(b.Context(), Nop, source)
	}
}

func TestOneMetricIsOnePointer(t *testing.T) {
	a, b := SourceReadings.Of("a"), SourceReadings.Of("b")
	if a == b || a.Metric() != b.Metric() || a.Metric() != SourceReadings.Metric() || a != SourceReadings.Of("a") {
		t.Errorf("got %v and %v of %v, want two series of one metric", a, b, SourceReadings.Metric())
	}
	if got := fmt.Sprint(a, SignClaims); got != `dodona_source_readings_total{source="a"} dodona_sign_claims_total` {
		t.Errorf("got %s", got)
	}
}

// A tracer is a recorder that follows spans.
type tracer struct {
	Recorder
	told []string
}

type parent struct{}

func (t *tracer) Span(ctx context.Context, s Span) (context.Context, func(error)) {
	within, _ := ctx.Value(parent{}).(string)
	return context.WithValue(ctx, parent{}, s.Name), func(err error) {
		t.told = append(t.told, fmt.Sprintf("%s %s=%s in %q: %v", s.Name, s.Label, s.Value, within, err))
	}
}

func TestTheContextCarriesTheSpan(t *testing.T) {
	r := &tracer{Recorder: Nop}
	ctx, end := r.Span(t.Context(), Compute("btc"))
	_, inner := r.Span(ctx, Transform("btc"))
	inner(errors.New("no such pointer"))
	end(nil)
	r.Time(FeedAnswer.Of("btc"), time.Second)
	if got, want := fmt.Sprint(r.told), `[transform feed=btc in "compute": no such pointer compute feed=btc in "": <nil>]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A counting recorder adds up what it is told.
type counting struct {
	NoSpans
	sum map[Counter]uint64
	set map[Gauge]int64
	not string // what was to be forgotten last
	new string // what was to be known last
	all time.Duration
}

func (c *counting) Count(of Counter, n uint64)       { c.sum[of] += n }
func (c *counting) Gauge(of Gauge, v int64)          { c.set[of] = v }
func (c *counting) Time(_ Timer, took time.Duration) { c.all += took }
func (c *counting) Forget(label, value string)       { c.not = label + "=" + value }
func (c *counting) Know(label, value string)         { c.new = label + "=" + value }

func TestBothTakeEveryMeasurement(t *testing.T) {
	a, b := &counting{sum: map[Counter]uint64{}, set: map[Gauge]int64{}}, &counting{sum: map[Counter]uint64{}, set: map[Gauge]int64{}}
	r := Both(a, b)
	r.Count(SignClaims, 2)
	r.Count(SignClaims, 3)
	r.Gauge(SinkQueue.Of("s"), 7)
	r.Time(SignTime, time.Second)
	r.Forget("sink", "s")
	r.Know("sink", "t")
	for _, c := range []*counting{a, b} {
		if c.sum[SignClaims] != 5 || c.set[SinkQueue.Of("s")] != 7 || c.all != time.Second || c.not != "sink=s" || c.new != "sink=t" {
			t.Errorf("one was told %+v", c)
		}
	}
	outer, inner := &tracer{Recorder: Nop}, &tracer{Recorder: Nop}
	_, end := Both(outer, inner).Span(t.Context(), Compute("btc"))
	end(errors.New("no"))
	if got, want := fmt.Sprint(inner.told, outer.told), `[compute feed=btc in "compute": no] [compute feed=btc in "": no]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
