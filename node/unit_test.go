package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/sign"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/dodona-oracle/dodona/telemetry/prom"
)

// TestARefusalSaysWhatToDo: two processes with one key log a refusal every other round, and each must say why.
func TestARefusalSaysWhatToDo(t *testing.T) {
	for want, err := range map[string]error{
		"another process signs with this key": &sign.ClaimError{Err: fmt.Errorf("digest %w", dodona.ErrConflict)},
		"compare the clock of this node":      &sign.ClaimError{Err: fmt.Errorf("%w: %w", sign.ErrBefore, sign.ErrClock)},
		"later rounds are signed again":       &sign.ClaimError{Err: sign.ErrBefore},
		"this is a bug":                       &sign.ClaimError{Err: sign.ErrMalformed},
	} {
		if !refused(err) {
			t.Errorf("%v is no refusal", err)
		}
		if got := whatToDo(err); !strings.Contains(got, want) {
			t.Errorf("%v: do %q, want %q", err, got, want)
		}
	}
}

// TestALossKeepsANodeFromBeingReadyForADay, from when it was found, which is told; it stays among those that are known.
func TestALossKeepsANodeFromBeingReadyForADay(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	found := func(ago ...time.Duration) (list []journal.Loss) {
		for _, d := range ago {
			list = append(list, journal.Loss{From: 3, To: 5, Found: now.Add(-d)})
		}
		return list
	}
	for name, c := range map[string]struct {
		losses []journal.Loss
		lost   uint64
		left   time.Duration
	}{
		"none":                            {nil, 0, 0},
		"a moment ago":                    {found(time.Second), 3, lossCounts - time.Second},
		"nearly a day ago":                {found(lossCounts - 1), 3, 1},
		"a day ago":                       {found(lossCounts), 3, 0},
		"several":                         {found(99*lossCounts, time.Hour, 2*time.Hour), 9, lossCounts - time.Hour},
		"before the clock stepped back":   {found(-time.Minute), 3, lossCounts + time.Minute},
		"by a clock that was years ahead": {found(-999 * lossCounts), 3, 0},
		"by a clock that was not set yet": {[]journal.Loss{{From: 3, To: 5, Found: time.Unix(20, 0), Before: now.Add(-time.Hour)}}, 3, lossCounts - time.Hour},
	} {
		var want time.Time
		if c.left > 0 {
			want = now.Add(c.left)
		}
		if lost, until := lossesAt(c.losses, now); lost != c.lost || !until.Equal(want) {
			t.Errorf("%s: %d lost, not ready until %s; want %d, %s", name, lost, until, c.lost, want)
		}
	}
}

// TestWhoeverIsNamedTakesWhatIsMeasured: /metrics shows it all the same.
func TestWhoeverIsNamedTakesWhatIsMeasured(t *testing.T) {
	seen, other := newOutcomes(), prom.New()
	n := openNode(t, walks(t.TempDir(), "feeds: {x: {decimals: 2, every: 200ms, from: [s]}}\n"), Options{OnRound: seen.add, Recorder: other})
	stop := run(t, n)
	first := seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })
	seen.await(t, "an answer after it, by which it is counted", func(o Outcome) bool { return o.Answer != nil && o.Round > first.Round })
	stop()
	if got, want := other.Total(telemetry.QuorumAttested), n.metricsAttested(); got == 0 || got != want {
		t.Errorf("it was told of %d attested rounds, want the %d of /metrics", got, want)
	}
}

// TestEveryRoleThatAConfigurationNamesIsDone: the names are the configuration's, and what they do is joined here.
func TestEveryRoleThatAConfigurationNamesIsDone(t *testing.T) {
	n := openNode(t, walks(t.TempDir(), "feeds: {x: {decimals: 2, from: [s]}}\n"), Options{})
	var done []string
	for _, r := range n.roles {
		done = append(done, string(r.name))
	}
	named := config.Role("").Words()
	slices.Sort(done)
	slices.Sort(named)
	if !slices.Equal(done, named) {
		t.Errorf("a process does %q, and a configuration names %q", done, named)
	}
}
