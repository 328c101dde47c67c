package evm

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

// TestWhatIsHeardAheadOfTheClockIsHeardNow: else a least tip would be paid, and a laggard waited for, until the clock is there.
func TestWhatIsHeardAheadOfTheClockIsHeardNow(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	late := p.now.Add(24 * time.Hour)
	p.leastTipAt, p.behindAt, p.belowAt, p.heard.of["f"], p.open[0].lostAt, p.trouble["rpc"] = late, late, late, &hearing{since: late}, late, trouble{"slow", late}
	p.setClocks(p.now)
	for what, at := range map[string]time.Time{
		"a least tip": p.leastTipAt, "a nonce behind": p.behindAt, "a lower block": p.belowAt, "a hearing": p.heard.of["f"].since,
		"a lost transaction": p.open[0].lostAt, "a trouble": p.trouble["rpc"].Since,
	} {
		if at != p.now {
			t.Errorf("%s is of %s from now", what, at.Sub(p.now))
		}
	}
}

// TestAPauseThatBeganAheadOfTheClockIsNoLongerThanItsReason.
func TestAPauseThatBeganAheadOfTheClockIsNoLongerThanItsReason(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*play, *Intent)
		want time.Duration
	}{
		"none":      {func(*play, *Intent) {}, 0},
		"a refusal": {func(_ *play, i *Intent) { i.Refusals = 1 }, refusedMost},
		"a revert":  {func(_ *play, i *Intent) { i.Reverts, i.Refusals = 1, 1 }, retryMost},
		"its turn": {func(p *play, _ *Intent) {
			p.wait = func(string, dodona.Round) time.Duration { return 30 * time.Second }
		}, 30 * time.Second},
	} {
		p := newPlay(sink.Every)
		p.offer(t, 1000)
		i := p.open[0]
		c.set(p, i)
		for _, ahead := range []time.Duration{c.want / 2, c.want, c.want + 1, 24 * time.Hour} {
			i.NotUntil = p.now.Add(ahead)
			p.setClocks(p.now)
			if got := i.NotUntil.Sub(p.now); got != min(ahead, c.want) {
				t.Errorf("%s, %s ahead: it waits for %s, want %s", name, ahead, got, min(ahead, c.want))
			}
		}
	}
}
