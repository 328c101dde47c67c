package sink_test

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
)

func TestDeviationAndHeartbeatDecideExactly(t *testing.T) {
	percent := func(s string) (p unit.Percent) {
		if err := p.UnmarshalText([]byte(s)); err != nil {
			t.Fatal(err)
		}
		return p
	}
	const at = dodona.Round(1795349070000)
	for name, c := range map[string]struct {
		policy     sink.Policy
		last, next int64
		after      time.Duration
		none, want bool
	}{
		"nothing is there":              {policy: sink.Policy{Deviation: percent("1%")}, none: true, next: 1, after: time.Second, want: true},
		"no policy":                     {last: 5, next: 5, after: time.Second, want: true},
		"an older round":                {last: 5, next: 50, after: -time.Second},
		"the same round":                {last: 5, next: 50},
		"just below":                    {policy: sink.Policy{Deviation: percent("0.5%")}, last: 100000, next: 100499, after: time.Second},
		"exactly":                       {policy: sink.Policy{Deviation: percent("0.5%")}, last: 100000, next: 100500, after: time.Second, want: true},
		"exactly, downwards":            {policy: sink.Policy{Deviation: percent("0.5%")}, last: 100000, next: 99500, after: time.Second, want: true},
		"of a negative value":           {policy: sink.Policy{Deviation: percent("10%")}, last: -100, next: -90, after: time.Second, want: true},
		"of a negative value, below":    {policy: sink.Policy{Deviation: percent("10%")}, last: -100, next: -91, after: time.Second},
		"from zero":                     {policy: sink.Policy{Deviation: percent("50%")}, last: 0, next: 1, after: time.Second, want: true},
		"from zero to zero":             {policy: sink.Policy{Deviation: percent("50%")}, last: 0, next: 0, after: time.Second},
		"before the heartbeat":          {policy: sink.Policy{Heartbeat: time.Hour}, last: 1, next: 9, after: time.Hour - time.Second},
		"at the heartbeat":              {policy: sink.Policy{Heartbeat: time.Hour}, last: 1, next: 1, after: time.Hour, want: true},
		"heartbeat without a deviation": {policy: sink.Policy{Heartbeat: time.Hour, Deviation: percent("1%")}, last: 100, next: 100, after: time.Hour, want: true},
		"deviation before a heartbeat":  {policy: sink.Policy{Heartbeat: time.Hour, Deviation: percent("1%")}, last: 100, next: 101, after: time.Second, want: true},
	} {
		last := &sink.Said{Round: at, Value: dodona.NewInt192(c.last)}
		if c.none {
			last = nil
		}
		next := sink.Said{Round: at + dodona.Round(c.after.Milliseconds()), Value: dodona.NewInt192(c.next)}
		if got := c.policy.Due(last, next); got != c.want {
			t.Errorf("%s: due %t, want %t", name, got, c.want)
		}
	}
}

func TestPoliciesThatContradictThemselvesAreRefused(t *testing.T) {
	for _, p := range []sink.Policy{
		{Policy: "newest"}, {Policy: sink.Every, Heartbeat: time.Hour}, {Heartbeat: -1}, {GiveUp: -1}, {GiveUp: 1e6},
	} {
		if p.Check() == nil {
			t.Errorf("%+v is taken", p)
		}
	}
}
