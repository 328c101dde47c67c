package sink_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
	"github.com/dodona-oracle/dodona/telemetry"
)

// settings say what is wrong with them beside others.
type settings struct{ wrong string }

func (s *settings) CheckWith(p sink.Policy, feeds []string) error {
	return errors.New(s.wrong + " with " + string(p.Policy) + " of " + feeds[0])
}

func (s *settings) CheckBeside(name string, other *settings) error {
	return errors.New(s.wrong + " beside " + name + " with " + other.wrong)
}

func TestAKindAsksItsSettings(t *testing.T) {
	open := func(context.Context, settings, sink.Env) (dodona.Sink, error) { return &taken{}, nil }
	plain := sink.NewStream("plain", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { return &taken{}, nil })
	for _, c := range []struct {
		kind   sink.Kind
		policy sink.Choice
	}{{sink.NewStream("k", open), sink.Every}, {sink.NewSlot("k", open), sink.Latest}} {
		if got := c.kind.Policy(); got != c.policy || c.kind.Name() != "k" {
			t.Errorf("%s: policy %s, want %s", c.kind.Name(), got, c.policy)
		}
		one, two := &settings{"one"}, &settings{"two"}
		if err := c.kind.CheckWith(one, sink.Policy{Policy: sink.Latest}, []string{"f"}); err == nil || err.Error() != "one with latest of f" {
			t.Errorf("beside a policy: %v", err)
		}
		if err := c.kind.CheckBeside(one, "b", two); err == nil || err.Error() != "one beside b with two" {
			t.Errorf("beside another: %v", err)
		}
		if err := c.kind.CheckBeside(one, "b", &struct{}{}); err != nil {
			t.Errorf("beside one of another kind: %v", err)
		}
	}
	if err := errors.Join(plain.CheckWith(&struct{}{}, sink.Policy{}, nil), plain.CheckBeside(&struct{}{}, "b", &struct{}{})); err != nil {
		t.Errorf("settings without checks: %v", err)
	}
}

func TestAnEmptyEnvDoesNothing(t *testing.T) {
	var env sink.Env
	kind := sink.NewStream("k", func(_ context.Context, _ struct{}, e sink.Env) (dodona.Sink, error) { env = e; return &taken{}, nil })
	if _, err := kind.Open(t.Context(), struct{}{}, sink.Env{Feeds: []dodona.Feed{asked}}); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(env.Now()); d < 0 || d > time.Minute {
		t.Errorf("its clock is off by %s", d)
	}
	if env.Log.Enabled(t.Context(), slog.LevelError) || env.Recorder != telemetry.Nop || env.Out.Write(t.Context(), "s", dodona.Record{}, []byte("x")) != nil || env.Version != "dev" {
		t.Errorf("it is given %+v", env)
	}
	if known := env.Known(); len(known) != 1 || known[0].Name != "f" || env.AnchorEvery() != 0 {
		t.Errorf("it knows %+v and windows of %s", known, env.AnchorEvery())
	}
	if err := env.Append(t.Context(), dodona.Record{}); err != nil {
		t.Error(err)
	}
	if _, err := env.Ledger.Last(t.Context(), dodona.TopicData, "f"); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("the newest answer: %v, want that there is none", err)
	}
	for rec, err := range env.Ledger.Scan(t.Context(), dodona.TopicData, "f", nil) {
		t.Errorf("it has the record %+v, %v", rec, err)
	}
	release, err := env.Hold("it")
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestAnEnvIsGivenAsItIs(t *testing.T) {
	var env sink.Env
	kind := sink.NewStream("k", func(_ context.Context, _ struct{}, e sink.Env) (dodona.Sink, error) { env = e; return &taken{}, nil })
	journal, out, log, recorder := sinktest.NewJournal(), sink.NewOut(os.Stderr), slog.New(slog.NewTextHandler(io.Discard, nil)), new(telemetrytest.Tally)
	wrong := errors.New("given")
	_, err := kind.Open(t.Context(), struct{}{}, sink.Env{
		Version: "v1", Now: func() time.Time { return time.Unix(1, 0) }, Log: log, Recorder: recorder, Out: out, Ledger: journal,
		Known: func() []dodona.Feed { return []dodona.Feed{asked, asked} }, AnchorEvery: func() time.Duration { return time.Hour },
		Append: func(context.Context, ...dodona.Record) error { return wrong }, Hold: func(string) (func(), error) { return nil, wrong },
	})
	if err != nil {
		t.Fatal(err)
	}
	if env.Version != "v1" || !env.Now().Equal(time.Unix(1, 0)) || env.Log != log || env.Recorder != recorder || env.Out != out || env.Ledger != journal ||
		len(env.Known()) != 2 || env.AnchorEvery() != time.Hour || env.Append(t.Context()) != wrong {
		t.Errorf("it is given %+v", env)
	}
	if _, err := env.Hold("it"); err != wrong {
		t.Errorf("held: %v", err)
	}
}

// TestALoopTellsItsClockAndItsLog: what a loop is not given, it has.
func TestALoopTellsItsClockAndItsLog(t *testing.T) {
	var env sink.Env
	kind := sink.NewSlot("k", func(_ context.Context, _ struct{}, e sink.Env) (dodona.Sink, error) {
		env = e
		return nil, errors.New("no")
	})
	var lines lines
	log := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelError}))
	now := func() time.Time { return time.Unix(2, 0) }
	for _, given := range []bool{false, true} {
		c := sink.Config{Name: "s", Kind: kind, Settings: struct{}{}, Policy: sink.Policy{Feeds: []string{"f"}}}
		if given {
			c.Now, c.Log, c.Recorder = now, log, new(telemetrytest.Tally)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		loop := sink.New(c)
		if err := loop.Run(ctx); err != nil {
			t.Fatal(err)
		}
		env.Log.Error("it")
		if got := env.Now().Equal(now()); got != given || (env.Recorder == telemetry.Nop) == given || slices.Contains(lines, "sink=s") != given {
			t.Errorf("given %t: %+v, lines %q", given, env, lines)
		}
		if s := loop.Status(); s.Policy != sink.Latest || !slices.Equal(s.Feeds, []string{"f"}) || env.Policy.Policy != sink.Latest || env.Policy.GiveUp != 5 {
			t.Errorf("given %t: %+v", given, s)
		}
	}
}

// lines are the words of a log.
type lines []string

func (l *lines) Write(p []byte) (int, error) {
	*l = append(*l, strings.Fields(string(p))...)
	return len(p), nil
}
