package node

import (
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
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

// TestNoFeedIsNamedWhileTheJournalWaits: a restart mends no disk that is full and brings no server back. Once it is well, the feed is named.
func TestNoFeedIsNamedWhileTheJournalWaits(t *testing.T) {
	const feeds = "feeds: {f: {decimals: 2, every: 1s, from: [s]}}\n"
	server := openNode(t, "journal: {listen: \"127.0.0.1:0\"}\n"+walks(t.TempDir(), feeds), Options{})
	n := openNode(t, "journal: {url: \"nats://"+server.journal.Addr().String()+"\"}\n"+walks(t.TempDir(), feeds), Options{})
	f := &computing{loop: new(feed.Feed), moved: time.Now().Add(-time.Hour)}
	n.observer.feeds.members["f"] = member[*computing]{is: f}
	if got := n.Stalled(); len(got) != 1 {
		t.Errorf("with a journal that is well: %q, want f", got)
	}
	if err := server.journal.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a journal whose server is away", func() (bool, string) {
		s := n.state.journalStatus(time.Now())
		return s.Quality == dodona.Bad, s.Message
	})
	if got := n.Stalled(); got != nil {
		t.Errorf("with one that is not: %q, want none", got)
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
