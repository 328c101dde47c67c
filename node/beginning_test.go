package node

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/journal"
)

// TestAStartOutlivesAJournalThatDoesNotAnswer: what asks it at the start asks again, and says so; meanwhile the API answers that the process lives
// and is not ready, and why.
func TestAStartOutlivesAJournalThatDoesNotAnswer(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes the time that a question has")
	}
	t.Parallel()
	const feeds = "feeds: {f: {decimals: 2, every: 1s, from: [s]}}\n"
	server := openNode(t, "journal: {listen: \"127.0.0.1:0\"}\n"+walks(t.TempDir(), feeds), Options{})
	relay := nettest.NewRelay(t, server.journal.Addr().String())
	seen, said, started := newOutcomes(), new(logtest.Text), make(chan string, 1)
	text := "journal: {url: \"nats://" + relay.Address + "\"}\n" + walks(t.TempDir(), feeds)
	n := openNode(t, text, Options{OnRound: seen.add, Log: slog.New(slog.NewTextHandler(said, nil)), Started: func(url string) { started <- url }})
	relay.Freeze()
	run(t, n)
	if status, body := get(t, n.URL()+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d %s", status, body)
	}
	if status, body := get(t, n.URL()+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(string(body), "the role serve has read the newest round and answer of 0 of 1 feed") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, body := get(t, n.URL()+"/v1/feeds/f/latest"); status != http.StatusServiceUnavailable || !strings.Contains(string(body), "starting") {
		t.Errorf("the latest answer: %d %s", status, body)
	}
	select {
	case url := <-started:
		t.Errorf("it says that it serves at %s before its roles have begun", url)
	default:
	}
	const waits = "the start waits for the journal"
	eventually(t, "a question of each role that nobody answered", func() (bool, string) { return said.Times(waits) == 2, said.String() })
	relay.Cut()
	seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })
	if url := <-started; url != n.URL() {
		t.Errorf("it says that it serves at %s", url)
	}
	for _, role := range []string{"validate", "serve"} {
		for _, what := range []string{waits, "the start goes on"} {
			if got := said.Times(what); got != 2 {
				t.Errorf("%q is said %d times, want once of each role", what, got)
			}
			if !strings.Contains(said.String(), "role="+role) {
				t.Errorf("the role %s is not told:\n%s", role, said)
			}
		}
	}
	if got := n.state.starts.problems(); len(got) > 0 {
		t.Errorf("it has started: %v", got)
	}
}

// TestAStartPassesOverWhatIsNoRecord: nobody will ever read it.
func TestAStartPassesOverWhatIsNoRecord(t *testing.T) {
	n := openNode(t, walks(t.TempDir(), "feeds: {a: {decimals: 2, every: 1h, from: [s]}, b: {decimals: 2, every: 1h, from: [s]}}\n"), Options{})
	var mu sync.Mutex
	asked := make(map[string]int)
	n.starts.each(t.Context(), "serve", "the newest answer", n.config().Feeds, func(f config.Feed) error {
		mu.Lock()
		defer mu.Unlock()
		asked[f.Feed.Name]++
		switch {
		case f.Feed.Name == "a":
			return fmt.Errorf("read last answer of a: %w", journal.ErrNoRecord)
		case asked["b"] < 3:
			return fmt.Errorf("read last answer of b: %w", dodona.ErrConflict)
		}
		return nil
	})
	if asked["a"] != 1 || asked["b"] != 3 {
		t.Errorf("asked %v times, want a once and b until it was answered", asked)
	}
}

// TestWhoWaitsToHearWhereToGoOnMovesWithTheOthers: of thousands of feeds that start on a slow machine, no one is taken for stuck while others hear.
func TestWhoWaitsToHearWhereToGoOnMovesWithTheOthers(t *testing.T) {
	began := time.Now().Add(-time.Hour)
	c := &computing{loop: new(feed.Feed), moved: began}
	if got := c.still(time.Time{}); got < time.Hour {
		t.Errorf("none has heard anything: still for %s, want an hour", got)
	}
	if got := c.still(time.Now()); got > time.Minute {
		t.Errorf("another one has heard: still for %s", got)
	}
	c.resumed()
	c.moved = began
	if got := c.still(time.Now()); got < time.Hour {
		t.Errorf("it has heard itself, and makes no round: still for %s, want an hour", got)
	}
}

// TestAStartIsHeardBeforeItsJournalIsThere: who asks is told that the process lives, that it is not ready, and what it waits for.
func TestAStartIsHeardBeforeItsJournalIsThere(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts nodes")
	}
	t.Parallel()
	const feeds = "feeds: {f: {decimals: 2, every: 1h, from: [s]}}\n"
	bus, listen := freeAddress(t), freeAddress(t)
	text := fmt.Sprintf("node: {data: %q}\njournal: {url: %q}\napi: {listen: %q}\nsources: {s: {sim: {seed: 7}}}\n", t.TempDir(), "nats://"+bus, listen) + feeds
	opened := make(chan *Node, 1)
	go func() {
		n, err := Open(t.Context(), Options{Config: load(t, text), Kinds: all.Sources(), Sinks: all.Sinks()})
		if err != nil {
			t.Errorf("open: %v", err)
		}
		opened <- n
	}()
	eventually(t, "it says what it waits for", func() (bool, string) {
		response, err := http.Get("http://" + listen + "/readyz")
		if err != nil {
			return false, err.Error()
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		return err == nil && response.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(body), "is it running, and is journal.url right"), string(body)
	})
	if status, body := get(t, "http://"+listen+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d %s", status, body)
	}
	openNode(t, fmt.Sprintf("journal: {listen: %q}\n", bus)+walks(t.TempDir(), feeds), Options{})
	n := <-opened
	if n == nil {
		return
	}
	run(t, n)
	eventually(t, "it is ready", func() (bool, string) {
		status, body := get(t, "http://"+listen+"/readyz")
		return status == http.StatusOK, string(body)
	})
}

// freeAddress returns where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
