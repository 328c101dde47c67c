package sink_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
)

func percent(t *testing.T, s string) (p unit.Percent) {
	t.Helper()
	if err := p.UnmarshalText([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDeviationAndHeartbeatDecideExactly(t *testing.T) {
	const at = dodona.Round(1795349070000)
	for name, c := range map[string]struct {
		policy     sink.Policy
		last, next int64
		after      time.Duration
		none, want bool
	}{
		"nothing is there":              {policy: sink.Policy{Deviation: percent(t, "1%")}, none: true, next: 1, after: time.Second, want: true},
		"no policy":                     {last: 5, next: 5, after: time.Second, want: true},
		"not due without a heartbeat":   {policy: sink.Policy{Deviation: percent(t, "1%")}, last: 5, next: 5, after: 1000 * time.Hour},
		"a deviation without one":       {policy: sink.Policy{Heartbeat: time.Hour}, last: 5, next: 50, after: time.Second},
		"an older round":                {last: 5, next: 50, after: -time.Second},
		"the same round":                {last: 5, next: 50},
		"just below":                    {policy: sink.Policy{Deviation: percent(t, "0.5%")}, last: 100000, next: 100499, after: time.Second},
		"exactly":                       {policy: sink.Policy{Deviation: percent(t, "0.5%")}, last: 100000, next: 100500, after: time.Second, want: true},
		"exactly, downwards":            {policy: sink.Policy{Deviation: percent(t, "0.5%")}, last: 100000, next: 99500, after: time.Second, want: true},
		"of a negative value":           {policy: sink.Policy{Deviation: percent(t, "10%")}, last: -100, next: -90, after: time.Second, want: true},
		"of a negative value, below":    {policy: sink.Policy{Deviation: percent(t, "10%")}, last: -100, next: -91, after: time.Second},
		"from zero":                     {policy: sink.Policy{Deviation: percent(t, "50%")}, last: 0, next: 1, after: time.Second, want: true},
		"from zero to zero":             {policy: sink.Policy{Deviation: percent(t, "50%")}, last: 0, next: 0, after: time.Second},
		"before the heartbeat":          {policy: sink.Policy{Heartbeat: time.Hour}, last: 1, next: 9, after: time.Hour - time.Second},
		"at the heartbeat":              {policy: sink.Policy{Heartbeat: time.Hour}, last: 1, next: 1, after: time.Hour, want: true},
		"heartbeat without a deviation": {policy: sink.Policy{Heartbeat: time.Hour, Deviation: percent(t, "1%")}, last: 100, next: 100, after: time.Hour, want: true},
		"deviation before a heartbeat":  {policy: sink.Policy{Heartbeat: time.Hour, Deviation: percent(t, "1%")}, last: 100, next: 101, after: time.Second, want: true},
	} {
		last := &sink.Said{Round: at, Value: dodona.NewInt192(c.last)}
		if c.none {
			last = nil
		}
		next := sink.Said{Round: at + dodona.Round(c.after.Milliseconds()), Value: dodona.NewInt192(c.next)}
		if got := c.policy.Due("f", last, next); got != c.want {
			t.Errorf("%s: due %t, want %t", name, got, c.want)
		}
	}
}

func TestRoundZeroIsNoAnswer(t *testing.T) {
	p := sink.Policy{Deviation: percent(t, "1%")}
	if !p.Due("f", &sink.Said{Round: 0}, sink.Said{Round: 5}) {
		t.Error("after round 0 an answer is not due")
	}
	if p.Due("f", &sink.Said{Round: 1}, sink.Said{Round: 5}) {
		t.Error("after round 1 an answer that says the same is due")
	}
}

func TestPoliciesThatContradictThemselvesAreRefused(t *testing.T) {
	share := percent(t, "1%")
	for _, c := range []struct {
		policy sink.Policy
		want   string // "": it is taken
	}{
		{sink.Policy{}, ""},
		{sink.Policy{Policy: "newest"}, `policy: "newest": want latest or every`},
		{sink.Policy{Policy: sink.Latest, Heartbeat: time.Hour, Deviation: share}, ""},
		{sink.Policy{Policy: sink.Every}, ""},
		{sink.Policy{Policy: sink.Every, Heartbeat: 1}, "policy: every delivers all answers"},
		{sink.Policy{Policy: sink.Every, Deviation: share}, "policy: every delivers all answers"},
		{sink.Policy{Heartbeat: -1}, "heartbeat: want a duration above zero"},
		{sink.Policy{Policy: sink.Every, Heartbeat: -1}, "heartbeat: want a duration above zero"},
		{sink.Policy{GiveUp: -1}, "give_up: -1: want 1 to 1000"},
		{sink.Policy{GiveUp: 1}, ""},
		{sink.Policy{GiveUp: 1000}, ""},
		{sink.Policy{GiveUp: 1001}, "give_up: 1001: want 1 to 1000"},
	} {
		err := c.policy.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.policy, err, c.want)
		}
	}
}

func TestAPolicyHasTheDefaultsOfItsKind(t *testing.T) {
	open := func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { return &taken{}, nil }
	stream, slot := sink.NewStream("stream", open), sink.NewSlot("slot", open)
	for _, c := range []struct {
		policy sink.Policy
		kind   sink.Kind
		want   sink.Choice
		giveUp int
	}{
		{sink.Policy{}, stream, sink.Every, 5},
		{sink.Policy{}, slot, sink.Latest, 5},
		{sink.Policy{Heartbeat: 1}, stream, sink.Latest, 5},
		{sink.Policy{Deviation: percent(t, "1%")}, stream, sink.Latest, 5},
		{sink.Policy{Policy: sink.Latest, GiveUp: 1}, stream, sink.Latest, 1},
		{sink.Policy{Policy: sink.Every}, slot, sink.Every, 5},
	} {
		if got := c.policy.With(c.kind); got.Policy != c.want || got.GiveUp != c.giveUp {
			t.Errorf("%+v: %+v, want %s and %d", c.policy, got, c.want, c.giveUp)
		}
	}
}
