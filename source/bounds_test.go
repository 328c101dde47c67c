package source

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// These tests stand at the bounds of what the pump and its watchdog decide.

func TestWhatIsDoubledGoesOnInStepsOfItsCeiling(t *testing.T) {
	const most = 10 * time.Minute
	for times, want := range []time.Duration{3, 6, 12, 22, 32, 42} { // minutes
		if got := doubled(3*time.Minute, times, most); got != want*time.Minute {
			t.Errorf("3m doubled %d times is %v, want %v", times, got, want*time.Minute)
		}
	}
	for times, want := range []time.Duration{5, 10, 20, 30} { // reaches the ceiling itself
		if got := doubled(5*time.Minute, times, most); got != want*time.Minute {
			t.Errorf("5m doubled %d times is %v, want %v", times, got, want*time.Minute)
		}
	}
	if got := doubled(time.Hour, 2, most); got != 80*time.Minute {
		t.Errorf("what begins above its ceiling is %v after 2, want 1h20m", got)
	}
}

func TestDropsAreLoggedAtPowersOfTwo(t *testing.T) {
	for n, want := range map[uint64]uint64{0: 1, 1: 2, 2: 4, 3: 4, 4: 8, 7: 8, 1023: 1024, 1024: 2048, 1<<63 - 1: 1 << 63, 1 << 63: 1 << 63, 1<<64 - 1: 1 << 63} {
		if got := nextPowerOfTwo(n); got != want {
			t.Errorf("after %d comes %d, want %d", n, got, want)
		}
	}
}

func TestADropIsLoggedThatReachesAPowerOfTwo(t *testing.T) {
	for _, c := range []struct {
		drops []uint64
		want  string // the totals that are told
	}{
		{[]uint64{1, 1, 1, 1, 1, 1, 1, 1, 1}, "1 2 4 8"}, {[]uint64{3, 1, 3, 1}, "3 4 8"}, {[]uint64{1000, 23, 1, 1}, "1000 1024"},
	} {
		var log strings.Builder
		p := polled()
		p.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		for _, n := range c.drops {
			p.dropped(n, "too long")
		}
		var told []string
		for _, line := range strings.Split(log.String(), "\n") {
			if _, after, found := strings.Cut(line, "boiler: dropped "); found {
				told = append(told, strings.Fields(after)[0])
			}
		}
		if got := strings.Join(told, " "); got != c.want {
			t.Errorf("drops of %v: told at %s, want %s", c.drops, got, c.want)
		}
	}
}

// polled is a pump that is asked every second and does nothing.
func polled() *Pump {
	return NewPump(Config{Name: "boiler", Every: time.Second, Settings: &struct{}{}, Kind: NewPolled("idle",
		func(context.Context, struct{}, Env) (dodona.Source, error) { return nil, errors.New("never opened") })})
}

func TestAnAskIsHopelessThatEndsWhenTheNextTryBegins(t *testing.T) {
	try := time.Unix(1795349070, 0)
	for _, c := range []struct {
		name string
		a    ask
		next time.Time
		want bool
	}{
		{"before the next try", ask{limited: true, deadline: try.Add(-1)}, try, true},
		{"with the next try", ask{limited: true, deadline: try}, try, true},
		{"after the next try", ask{limited: true, deadline: try.Add(1)}, try, false},
		{"never", ask{}, try, false},
		{"while nothing failed", ask{limited: true, deadline: try.Add(-1)}, time.Time{}, false},
	} {
		p := polled()
		p.status.NextTry, p.status.LastError = c.next, "no route"
		err := p.hopeless(&c.a)
		if (err != nil) != c.want || (err != nil && !strings.HasPrefix(err.Error(), "no route; ")) {
			t.Errorf("an ask that ends %s: got %v, hopeless is %t", c.name, err, c.want)
		}
	}
}

func TestOnlySoManyAsksWait(t *testing.T) {
	p := polled()
	for range 1024 {
		a := &ask{round: 1000, reply: make(chan answer, 1)}
		if p.join(a); len(a.reply) != 0 {
			t.Fatalf("refused with %d waiting: %v", len(p.waiting), (<-a.reply).err)
		}
	}
	a := &ask{round: 1000, reply: make(chan answer, 1)}
	p.join(a)
	if len(p.waiting) != 1024 || len(a.reply) != 1 {
		t.Fatalf("%d wait, %d answers; want 1024 and a refusal", len(p.waiting), len(a.reply))
	}
	if err := (<-a.reply).err; err == nil || err.Error() != "1024 questions wait for this source already" {
		t.Errorf("refused with %v", err)
	}
}
