package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// simple is a transform that reads bodies as decimals: point id = source, or source.item.
type simple struct{}

func (simple) Apply(_ context.Context, c dodona.Call) (dodona.Result, error) {
	result := dodona.Result{Version: dodona.Keccak256([]byte("simple"))}
	for _, r := range c.Readings {
		p := dodona.Point{ID: r.Source, Time: r.Received}
		if r.Item != "" {
			p.ID += "." + r.Item
		}
		var err error
		if p.Value, err = dodona.ParseDecimal(string(r.Body)); err != nil {
			p.Quality, p.Reason = dodona.Bad, err.Error()
		}
		result.Points = append(result.Points, p)
	}
	return result, nil
}

// says returns an Ask whose sources answer at once with the time of the call.
func says(values map[string]string) func(context.Context, string, dodona.Round) ([]dodona.Reading, error) {
	return func(_ context.Context, source string, _ dodona.Round) ([]dodona.Reading, error) {
		if v, found := values[source]; found {
			return []dodona.Reading{{Source: source, Body: []byte(v), Received: time.Now()}}, nil
		}
		return nil, errors.New("connection refused")
	}
}

// always returns a Due by which one transform without rules makes the points of every round.
func always(t dodona.Transform) func(dodona.Round) (dodona.Transform, json.RawMessage) {
	return func(dodona.Round) (dodona.Transform, json.RawMessage) { return t, nil }
}

// newFeed returns a feed "x" over sources a, b and c, every 10 s with a deadline of 3 s.
func newFeed(t testing.TB, o Options, change func(*Settings)) *Feed {
	t.Helper()
	places := uint8(2)
	o.Feed.Name, o.Node = "x", "gw-7"
	o.Settings = Settings{Decimals: &places, From: []string{"a", "b", "c"}, Every: 10 * time.Second, Deadline: 3 * time.Second, Stale: time.Hour}
	if change != nil {
		change(&o.Settings)
	}
	if o.Due == nil {
		o.Due = always(simple{})
	}
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// line writes a bundle in one line.
func line(b dodona.Bundle) string {
	return summary(Outcome{Inputs: b.Inputs, Quality: b.Quality, Value: b.Value})
}

func roundNow() dodona.Round { return dodona.RoundAt(time.Now()) }

func TestNewSaysWhatIsMissing(t *testing.T) {
	ask := says(nil)
	for _, o := range []Options{
		{},
		{Feed: dodona.Feed{Name: "x"}, Ask: ask, Settings: Settings{From: []string{"a"}}},
		{Feed: dodona.Feed{Name: "x"}, Due: always(simple{}), Settings: Settings{From: []string{"a"}}},
		{Feed: dodona.Feed{Name: "x"}, Ask: ask, Due: always(simple{})},
		{Ask: ask, Due: always(simple{}), Settings: Settings{From: []string{"a"}}},
		{Feed: dodona.Feed{Name: "x", Kind: dodona.Number, Decimals: 8}, Ask: ask, Due: always(simple{}), Settings: Settings{From: []string{"a"}}},
	} {
		if f, err := New(o); err == nil {
			t.Errorf("%+v made %+v", o, f)
		}
	}
	s := Settings{From: []string{"a"}}
	if _, err := New(Options{Feed: s.Identity("x"), Ask: ask, Due: always(simple{}), Settings: s}); err != nil {
		t.Error(err)
	}
}

func TestSourcesAreAskedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ask := says(map[string]string{"a": "1", "b": "2", "c": "3"})
		f := newFeed(t, Options{Ask: func(ctx context.Context, source string, r dodona.Round) ([]dodona.Reading, error) {
			time.Sleep(2 * time.Second)
			return ask(ctx, source, r)
		}}, nil)
		started := time.Now()
		b := f.Answer(t.Context(), roundNow())
		if took := time.Since(started); took != 2*time.Second || line(b) != "used used used → 200 good" {
			t.Errorf("after %v: %s", took, line(b))
		}
	})
}

func TestHangingSourceIsLateAndAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		asked := map[string]int{}
		var mu sync.Mutex
		ask := says(map[string]string{"a": "1", "b": "2", "c": "3"})
		f := newFeed(t, Options{Ask: func(ctx context.Context, source string, r dodona.Round) ([]dodona.Reading, error) {
			mu.Lock()
			asked[source]++
			mu.Unlock()
			if source == "b" {
				<-release // deaf to ctx
			}
			return ask(ctx, source, r)
		}}, nil)
		started := time.Now()
		first := roundNow()
		b := f.Answer(t.Context(), first)
		if took := time.Since(started); took != 3*time.Second || line(b) != "used late used → 200 uncertain" || b.Inputs[1].Reason != "no answer within 3s" {
			t.Errorf("after %v: %s, %s", took, line(b), b.Inputs[1].Reason)
		}
		if b.TookMS != 3000 {
			t.Errorf("the bundle says it took %d ms, want 3000", b.TookMS)
		}
		started = time.Now()
		b = f.Answer(t.Context(), first+10_000)
		if took := time.Since(started); took != 0 || line(b) != "used late used → 200 uncertain" || b.Inputs[1].Reason != "still has not answered round "+first.String() {
			t.Errorf("after %v: %s, %s", took, line(b), b.Inputs[1].Reason)
		}
		if out := f.Status().Out; !slices.Equal(out, []string{"b"}) {
			t.Errorf("out are %v", out)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "[b]") {
			t.Errorf("Wait: %v", err)
		}
		close(release)
		synctest.Wait()
		if err := f.Wait(t.Context()); err != nil {
			t.Errorf("Wait: %v", err)
		}
		if b = f.Answer(t.Context(), first+20_000); line(b) != "used used used → 200 good" {
			t.Errorf("after the hang: %s", line(b))
		}
		if asked["a"] != 3 || asked["b"] != 2 {
			t.Errorf("asked %v", asked)
		}
	})
}

func TestDeadlineIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ask := says(map[string]string{"a": "1"})
		f := newFeed(t, Options{Ask: func(ctx context.Context, source string, r dodona.Round) ([]dodona.Reading, error) {
			if source == "b" {
				<-ctx.Done()
				return nil, fmt.Errorf("GET example.com: %w", ctx.Err())
			}
			if source == "c" {
				panic("index out of range")
			}
			return ask(ctx, source, r)
		}}, nil)
		b := f.Answer(t.Context(), roundNow())
		if line(b) != "used late failed → missed bad" || b.Inputs[1].Reason != "no answer within 3s" || b.Inputs[2].Reason != "panic: index out of range" {
			t.Errorf("got %s: %s", line(b), b.Missed)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if b := f.Answer(ctx, roundNow()); b.Value != nil || !strings.Contains(b.Missed, "the node stopped") {
			t.Errorf("stopped: %s", b.Missed)
		}
		synctest.Wait()
	})
}

// slow is an error that takes ten seconds to say.
type slow struct{}

func (slow) Error() string { time.Sleep(10 * time.Second); return "slow" }

func TestWhatIsThereCountsThoughTheDeadlineHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ask := says(map[string]string{"b": "2", "c": "3"})
		f := newFeed(t, Options{Ask: func(ctx context.Context, source string, r dodona.Round) ([]dodona.Reading, error) {
			if source == "a" {
				return nil, slow{} // b and c answer while the round listens to it
			}
			time.Sleep(time.Second)
			return ask(ctx, source, r)
		}}, nil)
		if b := f.Answer(t.Context(), roundNow()); line(b) != "failed used used → 250 uncertain" || b.Inputs[0].Reason != "slow" {
			t.Errorf("%s, %s", line(b), b.Inputs[0].Reason)
		}
	})
}

// TestOnlyWhoMissedTheDeadlineIsLate: what a source said for itself is why it failed, whenever it said it.
func TestOnlyWhoMissedTheDeadlineIsLate(t *testing.T) {
	open, over, stopped := t.Context(), ended(t, context.DeadlineExceeded), ended(t, context.Canceled)
	late := Absence{dodona.InputLate, "no answer within 3s"}
	stop := Absence{dodona.InputFailed, "the node stopped before it answered"}
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		want Absence
	}{
		{"its own limit, in time", open, fmt.Errorf("GET: %w", context.DeadlineExceeded), Absence{dodona.InputFailed, "GET: context deadline exceeded"}},
		{"cancelled by itself, in time", open, context.Canceled, Absence{dodona.InputFailed, "context canceled"}},
		{"the deadline", over, fmt.Errorf("GET: %w", context.DeadlineExceeded), late},
		{"the deadline, told as an end", over, fmt.Errorf("GET: %w", context.Canceled), late},
		{"another failure at the deadline", over, errors.New("connection refused"), Absence{dodona.InputFailed, "connection refused"}},
		{"the node stops", stopped, context.Canceled, stop},
		{"the node stops at the deadline", stopped, context.DeadlineExceeded, stop},
		{"another failure as the node stops", stopped, errors.New("connection refused"), Absence{dodona.InputFailed, "connection refused"}},
	} {
		f := newFeed(t, Options{Ask: says(nil)}, nil)
		m := Material{Absent: map[string]Absence{}}
		f.take(c.ctx, &m, delivery{source: "a", err: c.err})
		if got := m.Absent["a"]; got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// ended returns a context that has ended with err.
func ended(t *testing.T, err error) context.Context {
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	if err == context.Canceled {
		ctx, cancel = context.WithCancel(t.Context())
	}
	cancel()
	if ctx.Err() != err {
		t.Fatalf("the context ended with %v, want %v", ctx.Err(), err)
	}
	return ctx
}

func TestMissedRoundHasEveryReason(t *testing.T) {
	f := newFeed(t, Options{Ask: func(context.Context, string, dodona.Round) ([]dodona.Reading, error) {
		return nil, nil
	}}, nil)
	b := f.Answer(t.Context(), roundNow())
	if line(b) != "failed failed failed → missed bad" || b.Missed != "need 2 values, 0 remain: all failed: has no reading yet" {
		t.Errorf("got %s: %s", line(b), b.Missed)
	}
	if b.Origin.Rules.IsZero() || b.Node != "gw-7" || len(b.Rules) == 0 {
		t.Errorf("got %+v", b)
	}
}

func TestReadingsOfOthersAreNotTaken(t *testing.T) {
	f := newFeed(t, Options{Ask: func(_ context.Context, source string, _ dodona.Round) ([]dodona.Reading, error) {
		if source != "a" { // newer ones, which would count if they were taken
			return []dodona.Reading{{Source: "a", Body: []byte("9"), Received: time.Now().Add(time.Second)}}, nil
		}
		return []dodona.Reading{{Source: "a", Body: []byte("5"), Received: time.Now()}}, nil
	}}, func(s *Settings) { s.Need = 1 })
	if b := f.Answer(t.Context(), roundNow()); line(b) != "used failed failed → 500 uncertain" {
		t.Errorf("got %s", line(b))
	}
}

type panicking struct{ err error }

func (p panicking) Apply(context.Context, dodona.Call) (dodona.Result, error) {
	if p.err != nil {
		return dodona.Result{}, p.err
	}
	panic("index out of range")
}

func TestFailingTransformIsAMissedRound(t *testing.T) {
	for transform, want := range map[panicking]string{
		{}:                          "transform readings: panic: index out of range",
		{errors.New("out of fuel")}: "transform readings: out of fuel",
	} {
		f := newFeed(t, Options{Due: always(transform), Ask: says(map[string]string{"a": "1", "b": "2", "c": "3"})}, nil)
		b := f.Answer(t.Context(), roundNow())
		if b.Value != nil || b.Missed != want || b.Quality != dodona.Bad || len(b.Inputs) != 3 || len(b.Inputs[0].Readings) != 1 {
			t.Errorf("got %+v, want missed: %s", b, want)
		}
		if why := TransformError(b); why != strings.TrimPrefix(want, "transform readings: ") {
			t.Errorf("of %q the transform says %q", want, why)
		}
	}
	late := Compute(t.Context(), document(t, 1, nil), fixed{}, Material{Round: instant})
	if why := TransformError(late); late.Missed == "" || why != "" {
		t.Errorf("of a round that was missed because %q the transform says %q", late.Missed, why)
	}
}

func TestARoundKeepsTheNewestOfTooMany(t *testing.T) {
	var many []dodona.Reading
	const most = 4096
	for i := range most + 10 {
		many = append(many, dodona.Reading{Source: "a", Item: "x", Body: []byte("1"), Received: instant.Time().Add(time.Duration(i) * time.Millisecond)})
	}
	c := new(telemetrytest.Tally)
	f := newFeed(t, Options{Recorder: c, Ask: func(context.Context, string, dodona.Round) ([]dodona.Reading, error) { return many, nil }},
		func(s *Settings) { s.From, s.Take, s.Combine = []string{"a"}, TakeAll, CombineMax })
	for _, dropped := range []int{10, 0} {
		many = many[:most+dropped]
		b := f.Answer(t.Context(), instant)
		got := b.Inputs[0].Readings
		if len(got) != most || !got[0].Received.Equal(many[dropped].Received) || c.Counts()[telemetry.FeedDropped.Of("x")] != 10 {
			t.Errorf("of %d it kept %d from %v, counted %v", len(many), len(got), got[0].Received, c.Counts())
		}
	}
}

func TestRoundsReplayFromTheirRecords(t *testing.T) {
	secret := func(_ dodona.FeedID, r dodona.Round, i int) dodona.Digest {
		return dodona.Keccak256([]byte(fmt.Sprint("secret", r, i)))
	}
	var delivered []dodona.Reading
	f := newFeed(t, Options{Salt: secret, Ask: func(_ context.Context, source string, _ dodona.Round) ([]dodona.Reading, error) {
		if source == "c" {
			return nil, errors.New("off")
		}
		// Twice the same reading, and the order of arrival is not that of the sort.
		r := dodona.Reading{Source: source, Item: "", Body: []byte("7.5"), Received: time.Now().Add(-time.Second), Detail: "GET"}
		return []dodona.Reading{r, r}, nil
	}}, func(s *Settings) { s.Take = TakeAll })
	f.o.Ask = recording(f.o.Ask, &delivered)
	r := roundNow()
	b := f.Answer(t.Context(), r)
	if line(b) != "used used failed → 750 uncertain" || len(b.Inputs[0].Readings) != 1 {
		t.Fatalf("got %s (%s)", line(b), b.Missed)
	}
	// Through JSON, as the journal and a file keep them.
	var stored dodona.Bundle
	var readings []dodona.Reading
	roundTrip(t, b, &stored)
	slices.Reverse(delivered)
	roundTrip(t, delivered, &readings)
	again, err := replay(t.Context(), stored.Rules, simple{}, Material{
		Round: stored.Round, Node: stored.Node, Readings: readings, Absent: Absences(stored.Inputs),
		Salt: func(i int) dodona.Digest { return secret(stored.Feed.ID(), stored.Round, i) },
	})
	if err != nil {
		t.Fatal(err)
	}
	again.TookMS = b.TookMS // the one thing that a replay does not repeat
	if got, want := text(t, again), text(t, b); got != want {
		t.Errorf("replayed\n%s\nwas\n%s", got, want)
	}
	if again.Origin.Digest() != b.Origin.Digest() || b.Origin.ReadingsRoot.IsZero() {
		t.Errorf("origin %v became %v", b.Origin, again.Origin)
	}
	other, err := replay(t.Context(), stored.Rules, simple{}, Material{Round: r, Readings: readings[:1], Absent: Absences(stored.Inputs)})
	if err != nil || other.Origin.ReadingsRoot == b.Origin.ReadingsRoot {
		t.Errorf("other readings and salts have the same root (%v)", err)
	}
	if _, err := replay(t.Context(), json.RawMessage(`{}`), simple{}, Material{}); err == nil {
		t.Error("no rules gave no error")
	}
}

func recording(ask func(context.Context, string, dodona.Round) ([]dodona.Reading, error), to *[]dodona.Reading) func(context.Context, string, dodona.Round) ([]dodona.Reading, error) {
	var mu sync.Mutex
	return func(ctx context.Context, source string, r dodona.Round) ([]dodona.Reading, error) {
		readings, err := ask(ctx, source, r)
		mu.Lock()
		defer mu.Unlock()
		*to = append(*to, readings...)
		return readings, err
	}
}

func roundTrip(t testing.TB, from, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text(t, from)), to); err != nil {
		t.Fatal(err)
	}
}

func text(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestEachReadingHasItsOwnSalt(t *testing.T) {
	at := instant.Time()
	readings := []dodona.Reading{{Source: "a", Body: []byte("1"), Received: at}, {Source: "b", Body: []byte("2"), Received: at}}
	salt := func(i int) dodona.Digest { return dodona.Digest{byte(i + 1)} }
	b := Compute(t.Context(), document(t, 2, nil), simple{}, Material{Round: instant, Readings: readings, Salt: salt})
	if want := dodona.Root(readings[0].Leaf(salt(0)), readings[1].Leaf(salt(1))); b.Origin.ReadingsRoot != want {
		t.Errorf("the root is %s, want %s", b.Origin.ReadingsRoot, want)
	}
}

func TestSaltsAreNotInTheBundle(t *testing.T) {
	salt := dodona.Keccak256([]byte("salt"))
	f := newFeed(t, Options{Salt: func(dodona.FeedID, dodona.Round, int) dodona.Digest { return salt }, Ask: says(map[string]string{"a": "1", "b": "2", "c": "3"})}, nil)
	if b := f.Answer(t.Context(), roundNow()); strings.Contains(text(t, b), salt.String()[2:]) || b.Inputs[0].Readings[0].Salt != nil {
		t.Errorf("the bundle has the salt: %s", text(t, b))
	}
}

func TestInputsAreCounted(t *testing.T) {
	c := new(telemetrytest.Tally)
	f := newFeed(t, Options{Recorder: c, Ask: says(map[string]string{"a": "1", "b": "x"})}, nil)
	f.Answer(t.Context(), roundNow())
	want := map[telemetry.Counter]uint64{telemetry.FeedBad.Of("x"): 1, telemetry.FeedFailed.Of("x"): 1}
	if got := c.Counts(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatBecomesOfRoundsIsCounted(t *testing.T) {
	c := new(telemetrytest.Tally)
	f := newFeed(t, Options{Recorder: c, Ask: func(context.Context, string, dodona.Round) ([]dodona.Reading, error) { panic("broken") }}, nil)
	f.Answer(t.Context(), roundNow())
	value := dodona.NewInt192(7)
	f.made(dodona.Bundle{Value: &value, Quality: dodona.Good}, 1)
	f.made(dodona.Bundle{Value: &value, Quality: dodona.Uncertain}, 1)
	f.made(dodona.Bundle{Missed: "no"}, 5)
	want := map[telemetry.Counter]uint64{
		telemetry.FeedPanics.Of("x"): 3, telemetry.FeedFailed.Of("x"): 3, // of three sources
		telemetry.FeedAnswered.Of("x"): 2, telemetry.FeedUncertain.Of("x"): 1, telemetry.FeedMissed.Of("x"): 5,
	}
	if got := c.Counts(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if s := f.Status(); s.Answered != 2 || s.Missed != 5 || s.Reason != "no" {
		t.Errorf("got %+v", s)
	}
}

// TestMissedRoundsInARowAreMeasured: an alert goes by them, and those that passed unasked are none.
func TestMissedRoundsInARowAreMeasured(t *testing.T) {
	c, answers := new(telemetrytest.Tally), map[string]string{}
	f := newFeed(t, Options{Recorder: c, Ask: func(ctx context.Context, s string, r dodona.Round) ([]dodona.Reading, error) {
		return says(answers)(ctx, s, r)
	}}, nil)
	f.Answer(t.Context(), roundNow())
	f.Answer(t.Context(), roundNow())
	f.made(dodona.Bundle{Missed: "the node was not running"}, 5)
	answers = map[string]string{"a": "1", "b": "1", "c": "1"}
	f.Answer(t.Context(), roundNow())
	if got := c.Levels(telemetry.FeedInARow.Of("x")); !slices.Equal(got, []int64{1, 2, 0}) {
		t.Errorf("got %v, want 1, 2, 0", got)
	}
}

// replay computes a round again from rules as they are kept.
func replay(ctx context.Context, rules json.RawMessage, t dodona.Transform, m Material) (dodona.Bundle, error) {
	doc, err := ParseDocument(rules)
	if err != nil {
		return dodona.Bundle{}, err
	}
	return Compute(ctx, doc, t, m), nil
}
