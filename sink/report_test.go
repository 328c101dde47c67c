package sink_test

import (
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
)

func TestAnswersAreHeldBackByDeadbandsOfSinksAndFeeds(t *testing.T) {
	band := func(text string) (d unit.Deadband) {
		if err := d.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	byFeed := func(r sink.Report) sink.Policy { return sink.Policy{}.Under(map[string]sink.Report{"f": r}) }
	const at = dodona.Round(1795349070000)
	for name, c := range map[string]struct {
		policy     sink.Policy
		last, next int64 // with two decimals
		after      time.Duration
		want       string // why it is held; empty: it goes
	}{
		"amount, below":              {policy: sink.Policy{Deadband: band("0.5")}, last: 2150, next: 2199, want: "21.99 Cel differs from 21.50 Cel"},
		"amount, exactly":            {policy: sink.Policy{Deadband: band("0.5")}, last: 2150, next: 2200},
		"share, below":               {policy: sink.Policy{Deadband: band("2%")}, last: 10000, next: 10199, want: "by less than deadband (2%)"},
		"share, exactly":             {policy: sink.Policy{Deadband: band("2%")}, last: 10000, next: 10200},
		"no change":                  {policy: sink.Policy{OnChange: true}, last: 5, next: 5, want: "nothing changed"},
		"a change":                   {policy: sink.Policy{OnChange: true}, last: 5, next: 6},
		"heartbeat of a deadband":    {policy: sink.Policy{Deadband: band("1"), Heartbeat: time.Hour}, last: 5, next: 6, after: time.Hour},
		"before it":                  {policy: sink.Policy{Deadband: band("1"), Heartbeat: time.Hour}, last: 5, next: 6, want: "heartbeat (1h) has not passed"},
		"of another feed":            {policy: sink.Policy{Deadbands: map[string]unit.Deadband{"g": band("9")}}, last: 5, next: 6},
		"of this feed":               {policy: sink.Policy{Deadband: band("0"), Deadbands: map[string]unit.Deadband{"f": band("9")}}, last: 5, next: 6, want: "deadband (9)"},
		"of the feed itself":         {policy: byFeed(sink.Report{Deadband: band("0.5")}), last: 2150, next: 2199, want: "less than deadband (0.5)"},
		"of the feed, exactly":       {policy: byFeed(sink.Report{Deadband: band("0.5")}), last: 2150, next: 2200},
		"a sink of its own mind":     {policy: sink.Policy{OnChange: true}.Under(map[string]sink.Report{"f": {Deadband: band("9")}}), last: 5, next: 6},
		"a sink that sends all":      {policy: sink.Policy{Policy: sink.Every}.Under(map[string]sink.Report{"f": {OnChange: true}}), last: 5, next: 5},
		"a feed that says nothing":   {policy: sink.Policy{}.Under(map[string]sink.Report{"g": {OnChange: true}}), last: 5, next: 5},
		"heartbeat of the feed only": {policy: byFeed(sink.Report{Heartbeat: time.Hour}), last: 5, next: 6, want: "is younger than heartbeat (1h)"},
	} {
		last := sink.Said{Round: at, Value: dodona.NewInt192(c.last), Decimals: 2, Unit: "Cel"}
		next := sink.Said{Round: at + dodona.Round(max(c.after, time.Second).Milliseconds()), Value: dodona.NewInt192(c.next), Decimals: 2, Unit: "Cel"}
		why := c.policy.Held("f", last, next)
		if !strings.Contains(why, c.want) || (why == "") != (c.want == "") || c.policy.Due("f", &last, next) != (c.want == "") {
			t.Errorf("%s: held because %q, want %q", name, why, c.want)
		}
	}
}
