package node

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/source"
)

// peers counts how often a source is asked for its peer.
var peers atomic.Int64

type ofOnePeer struct{}

func (*ofOnePeer) Default()     {}
func (*ofOnePeer) Check() error { return nil }
func (*ofOnePeer) Peer() string { peers.Add(1); return "there" }

// TestTurnsAreFoundOnceForAllSources: a start, or a reload, with thousands of sources looks at each of them once, and not at all of them for each.
func TestTurnsAreFoundOnceForAllSources(t *testing.T) {
	const many = 60
	kinds := append(all.Sources(), source.NewPolled("peered", func(context.Context, ofOnePeer, source.Env) (dodona.Source, error) {
		return nil, dodona.ErrNotFound
	}))
	var text strings.Builder
	fmt.Fprintf(&text, "node: {data: %q}\napi: {listen: \"127.0.0.1:0\"}\nfeeds: {f: {from: [s0], every: 1h}}\nsources:\n", filepath.Join(t.TempDir(), "data"))
	for i := range many {
		fmt.Fprintf(&text, "  s%d: {peered: {}, value: /t}\n", i)
	}
	c, err := config.Load(strings.NewReader(text.String()), "test.yaml", append(config.KindsOf(kinds...), config.KindsOf(all.Sinks()...)...))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), Options{Config: c, Kinds: kinds, Sinks: all.Sinks()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	stop := run(t, n)
	stop()
	if started, asked := len(n.observer.pumps.all()), peers.Load(); started != many || asked != many {
		t.Errorf("%d sources were started, and asked for their peer %d times; want each once", started, asked)
	}
}

// crowded has sources of one peer, which answers one after another.
func crowded(t *testing.T, takes time.Duration) func(names ...string) string {
	t.Helper()
	var one sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		one.Lock()
		defer one.Unlock()
		time.Sleep(takes)
		fmt.Fprint(w, "1")
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	return func(names ...string) string {
		var text strings.Builder
		fmt.Fprintf(&text, "node: {data: %q}\napi: {listen: \"127.0.0.1:0\"}\nfeeds: {f: {decimals: 0, every: 1s, need: 1, from: [%s]}}\nsources:\n", filepath.Join(dir, "data"), strings.Join(names, ", "))
		for _, name := range names {
			fmt.Fprintf(&text, "  %s: {http: {url: %q}, value: \"\"}\n", name, server.URL)
		}
		return text.String()
	}
}

// TestAReloadThatAddsSourcesGivesTheOthersTheirTurns: those that run on ask the same peer as those that now stand beside them.
func TestAReloadThatAddsSourcesGivesTheOthersTheirTurns(t *testing.T) {
	text := crowded(t, 0)
	n := openNode(t, text("z"), Options{Load: func() (*config.Config, error) {
		return config.Load(strings.NewReader(text("a", "b", "c", "d", "e", "z")), "test.yaml", append(config.KindsOf(all.Sources()...), config.KindsOf(all.Sinks()...)...))
	}})
	defer run(t, n)()
	if done, err := n.Reload(t.Context()); err != nil || len(done.Started) != 5 {
		t.Fatalf("reload: %+v, %v", done, err)
	}
	for name, pump := range n.observer.pumps.all() {
		if got := pump.Crowd(0); !strings.HasPrefix(got, "6 sources ask its peer") {
			t.Errorf("%s: %q, want six of one peer", name, got)
		}
	}
}

// TestARoundSaysThatAPeerIsAskedForTooMuch: beside how long it waited, with what to write.
func TestARoundSaysThatAPeerIsAskedForTooMuch(t *testing.T) {
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprint("s", i))
	}
	seen := newOutcomes()
	n := openNode(t, crowded(t, 60*time.Millisecond)(names...), Options{OnRound: seen.add})
	defer run(t, n)()
	seen.await(t, "a round that says so", func(o Outcome) bool {
		return o.Bundle != nil && slices.ContainsFunc(o.Bundle.Inputs, func(in dodona.Input) bool {
			return in.Status == dodona.InputLate && strings.HasPrefix(in.Reason, "no answer within 500ms: 20 sources ask its peer") && strings.Contains(in.Reason, "raise deadline")
		})
	})
}
