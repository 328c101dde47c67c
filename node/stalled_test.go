package node

import (
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/feed"
)

// TestAFeedWhoseRoundsStandIsNamed: once more rounds passed than a slow disk explains.
func TestAFeedWhoseRoundsStandIsNamed(t *testing.T) {
	text := walks(t.TempDir(), "feeds: {slow: {decimals: 2, every: 1h, from: [s]}, fast: {decimals: 2, every: 200ms, from: [s]}}\n")
	seen := newOutcomes()
	n := openNode(t, text, Options{OnRound: seen.add})
	defer run(t, n)()
	seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })
	slow, _ := n.observer.feeds.get("slow")
	for still, want := range map[time.Duration][]string{
		0: nil, 2*time.Hour + 59*time.Minute: nil, 3*time.Hour + time.Second: {"slow for 3h0m1s"},
	} {
		slow.mu.Lock()
		slow.moved = time.Now().Add(-still)
		slow.mu.Unlock()
		if got := n.Stalled(); !slices.Equal(got, want) {
			t.Errorf("after %s without a round: got %q, want %q", still, got, want)
		}
	}
	slow.move()
	if got := n.Stalled(); got != nil {
		t.Errorf("after a round: got %q", got)
	}
}

// TestAMinuteIsGrantedToEveryFeed, however often it makes rounds.
func TestAMinuteIsGrantedToEveryFeed(t *testing.T) {
	n := openNode(t, walks(t.TempDir(), "feeds: {f: {decimals: 2, every: 1s, from: [s]}}\n"), Options{})
	still := func(d time.Duration) *computing { // of a feed that does not run, and whose rounds do not move therefore
		f := &computing{loop: new(feed.Feed)}
		f.moved = time.Now().Add(-d)
		return f
	}
	for d, want := range map[time.Duration]int{50 * time.Second: 0, 62 * time.Second: 1} {
		n.observer.feeds.members["f"] = member[*computing]{is: still(d)}
		if got := n.Stalled(); len(got) != want {
			t.Errorf("after %s: %q, want %d", d, got, want)
		}
	}
}
