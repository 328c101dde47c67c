package node

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
)

// changing is a node whose configuration can be changed under it.
func changing(t testing.TB, text *string, o Options) *Node {
	o.Load = func() (*config.Config, error) {
		return config.Load(strings.NewReader(*text), "test.yaml", append(config.KindsOf(all.Sources()...), config.KindsOf(all.Sinks()...)...))
	}
	return openNode(t, *text, o)
}

func walks(dir, rest string) string {
	return fmt.Sprintf("node: {data: %q}\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {seed: 7}}}\n%s", dir, rest)
}

// TestAReloadBeforeTheStartChangesWhatIsStarted: SIGHUP can come at any moment.
func TestAReloadBeforeTheStartChangesWhatIsStarted(t *testing.T) {
	text := walks(t.TempDir(), "feeds: {old: {decimals: 2, every: 200ms, from: [s]}}\n")
	seen := newOutcomes()
	n := changing(t, &text, Options{OnRound: seen.add})
	text = strings.Replace(text, "old:", "new:", 1)
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop := run(t, n)
	seen.await(t, "an answer of the new feed", func(o Outcome) bool { return o.Answer != nil && o.Answer.Feed.Name == "new" })
	if len(n.observer.feeds.all()) != 1 || len(n.observer.pumps.all()) != 1 {
		t.Errorf("%d feeds and %d sources run, want one of each", len(n.observer.feeds.all()), len(n.observer.pumps.all()))
	}
	stop()
	if _, err := n.Reload(t.Context()); err != nil {
		t.Errorf("a reload after the end: %v", err)
	}
}

// TestAFeedRunsOnceHoweverReloadsAndTheStartMeet: two loops for one feed would sign against each other.
func TestAFeedRunsOnceHoweverReloadsAndTheStartMeet(t *testing.T) {
	text := walks(t.TempDir(), "feeds: {a: {decimals: 2, every: 200ms, from: [s]}}\n")
	n := changing(t, &text, Options{})
	text = walks(n.config().Node.Data, "  \nfeeds: {a: {decimals: 3, every: 200ms, from: [s]}, b: {decimals: 2, every: 200ms, from: [s]}}\n")
	reloaded := make(chan error, 1)
	go func() {
		var errs []error
		for range 100 {
			_, err := n.Reload(t.Context())
			errs = append(errs, err)
		}
		reloaded <- errors.Join(errs...)
	}()
	stop := run(t, n)
	if err := <-reloaded; err != nil {
		t.Fatal(err)
	}
	stop()
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if strings.Contains(string(stacks), "feed.(*Feed).Run") {
		t.Errorf("a feed still runs after the node has ended:\n%s", stacks)
	}
}

// TestAFeedWithOtherDecimalsIsAnotherFeed: an answer of before must not be read with the decimals of now.
func TestAFeedWithOtherDecimalsIsAnotherFeed(t *testing.T) {
	text := walks(t.TempDir(), "feeds: {f: {decimals: 2, every: 200ms, from: [s]}}\n")
	seen := newOutcomes()
	n := changing(t, &text, Options{OnRound: seen.add})
	run(t, n)
	seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })
	before := n.board.status(n.config().Feeds[0])
	text = strings.Replace(text, "decimals: 2", "decimals: 6", 1)
	text = strings.Replace(text, "every: 200ms", "every: 1h", 1) // no answer of the new feed meanwhile
	was := n.config().Feeds[0].Feed.ID()
	done, err := n.Reload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := []api.Renewed{{Name: "f", Was: was, Is: n.config().Feeds[0].Feed.ID(), What: "decimals 2 → 6"}}; !reflect.DeepEqual(done.Renewed, want) {
		t.Errorf("the reload says %+v, want %+v", done.Renewed, want)
	}
	after := n.board.status(n.config().Feeds[0])
	if before.Latest == nil || after.Latest != nil || after.Missed != nil || after.Quality != dodona.Bad {
		t.Errorf("before %+v, after %+v; want that the new feed has no answer", before.Latest, after)
	}
	if _, err := n.state.Latest(t.Context(), "f"); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("latest: %v, want %v", err, dodona.ErrNotFound)
	}
	list, err := n.state.Rounds(t.Context(), "f", before.Latest.Round, 1)
	if err != nil || len(list) != 1 || list[0].Text != before.Latest.Text {
		t.Errorf("the round of before is %+v, %v; want %s still", list, err, before.Latest.Text)
	}
	text = strings.Replace(text, "f: {", "g: {", 1)
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := n.state.Latest(t.Context(), "f"); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("latest of a feed that is gone: %v, want %v", err, dodona.ErrNotFound)
	}
}

// TestAnOldAnswerIsNotGood: when nothing follows, because the disk is full say, a value must look stale.
func TestAnOldAnswerIsNotGood(t *testing.T) {
	text := walks(t.TempDir(), "feeds: {f: {decimals: 2, every: 200ms, from: [s]}}\n")
	seen := newOutcomes()
	n := openNode(t, text, Options{OnRound: seen.add})
	stop := run(t, n)
	seen.await(t, "an answer and its bundle", func(o Outcome) bool { return o.Answer != nil && o.Bundle != nil })
	stop()
	f := n.config().Feeds[0]
	n.board.now = func() time.Time { return time.Now().Add(time.Minute) }
	if s := n.board.status(f); s.Quality != dodona.Uncertain || !strings.Contains(s.Reason, " old") || s.StaleMS != stale(f.Settings.Every).Milliseconds() {
		t.Errorf("after a minute the feed is %s (%s), want uncertain and the age", s.Quality, s.Reason)
	}
}

// TestAReloadAppliesMemoryAndLogLevel without a restart.
func TestAReloadAppliesMemoryAndLogLevel(t *testing.T) {
	text := walks(t.TempDir(), "feeds: {f: {decimals: 2, every: 1h, from: [s]}}\n")
	var told []*config.Config
	n := changing(t, &text, Options{Live: func(c *config.Config) { told = append(told, c) }})
	want := *n.config()
	want.Node.Memory, want.Log.Level = 200<<20, "debug"
	text = strings.Replace(text, "node: {", "log: {level: debug}\nnode: {memory: 200MiB, ", 1)
	reloaded, err := n.Reload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !reflect.DeepEqual(told[0].Node, want.Node) || told[0].Log != want.Log {
		t.Errorf("told %d times, %+v; want %+v and %+v", len(told), told, want.Node, want.Log)
	}
	if !slices.Equal(reloaded.Settings, []string{"log.level", "node.memory"}) {
		t.Errorf("settings %v, want log.level and node.memory", reloaded.Settings)
	}
}

// TestAReloadThatNeedsARestartChangesNothing: a feed with a module would be started on the folder of modules as it was.
func TestAReloadThatNeedsARestartChangesNothing(t *testing.T) {
	text := walks(t.TempDir(), "feeds: {f: {decimals: 2, every: 1h, from: [s]}}\n")
	live := 0
	n := changing(t, &text, Options{Live: func(*config.Config) { live++ }})
	before := n.config()
	text = strings.Replace(text, "node: {", "node: {memory: 200MiB, name: other, ", 1)
	text = strings.Replace(text, "api: {", "log: {level: debug, format: json}\nanchor: {every: 20m}\nmodules: {unsigned: true}\nnetwork: {name: other}\nroles: [observe]\napi: {tokens: [{file: t}], ", 1)
	text = strings.Replace(text, "feeds: {", "feeds: {g: {decimals: 2, every: 1h, from: [s]}, ", 1) + "journal: {durability: strict}\n"
	_, err := n.Reload(t.Context())
	needs := (*api.NeedsRestart)(nil)
	if !errors.As(err, &needs) {
		t.Fatalf("got %v, want that a restart is needed", err)
	}
	if n.config() != before || live != 0 {
		t.Errorf("something was changed: %+v, told %d times", n.config(), live)
	}
	want := []string{
		"anchor.every", "api.tokens", "journal.durability", "log.format", "modules.unsigned", "network.name", "node.name", "roles",
	}
	if !slices.Equal(needs.Settings, want) {
		t.Errorf("a restart is needed for %v, want %v", needs.Settings, want)
	}
}

// TestAStopMeetsAskingFeeds: feeds ask for their sources by name while they are being stopped.
func TestAStopMeetsAskingFeeds(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	var feeds strings.Builder
	for i := range 10 {
		fmt.Fprintf(&feeds, "  f%d: {decimals: 2, every: 250ms, from: [s]}\n", i)
	}
	text := walks(t.TempDir(), "feeds:\n"+feeds.String())
	for range 3 {
		seen := newOutcomes()
		n := openNode(t, text, Options{OnRound: seen.add})
		stop := run(t, n)
		seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })
		stop() // which waits
	}
}
