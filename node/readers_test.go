package node

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/quorum"
	"github.com/dodona-oracle/dodona/telemetry"
)

// readersOf returns the readers of a node by their names.
func readersOf(n *Node) map[string]api.ReaderStatus {
	list := make(map[string]api.ReaderStatus)
	for _, r := range n.state.Status().Journal.Readers {
		list[r.Name] = r
	}
	return list
}

// awaitReaders waits until the readers are as wanted.
func awaitReaders(t *testing.T, n *Node, what string, wanted func(map[string]api.ReaderStatus) bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !wanted(readersOf(n)); backoff.Wait(t.Context(), 20*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: the readers are %+v", what, readersOf(n))
		}
	}
}

// TestARemovedSinkIsAnOrphanThatCanComeBack by reloads, and goes at once where no grace is given.
func TestARemovedSinkIsAnOrphanThatCanComeBack(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	dir := t.TempDir()
	const rest = "feeds: {f: {decimals: 2, every: 200ms, from: [s]}}\n"
	with, without := walks(dir, rest+"sinks: {out: {stdout: {}}}\n"), walks(dir, rest)
	text := with
	n := changing(t, &text, Options{Out: io.Discard})
	stop := run(t, n)
	configured := func(r map[string]api.ReaderStatus) bool {
		_, validates := r["validate"]
		return validates && r["sink-out"].Configured && r["sink-out"].Until.IsZero()
	}
	awaitReaders(t, n, "at first", configured)
	text = without
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitReaders(t, n, "without the sink", func(r map[string]api.ReaderStatus) bool {
		out := r["sink-out"]
		return out.Own && !out.Configured && time.Until(out.Until) > 71*time.Hour && r["validate"].Configured
	})
	text = with
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitReaders(t, n, "with the sink again", configured)
	stop()

	text = strings.Replace(without, "sources:", "journal: {readers: {grace: 0s}}\nsources:", 1)
	n = changing(t, &text, Options{})
	run(t, n)
	awaitReaders(t, n, "without the sink and without a grace", func(r map[string]api.ReaderStatus) bool {
		_, there := r["sink-out"]
		return !there && r["validate"].Configured
	})
}

// TestTwoNetworksShareAServer: nodes with equal names of nodes, feeds and sources, and keys of their own.
func TestTwoNetworksShareAServer(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	seen := []*outcomes{newOutcomes(), newOutcomes()}
	const rest = "feeds: {f: {decimals: 2, every: 200ms, from: [s]}}\n"
	a := openNode(t, "journal: {listen: \"127.0.0.1:0\"}\n"+walks(t.TempDir(), rest), Options{OnRound: seen[0].add})
	run(t, a)
	url := "nats://" + a.journal.Addr().String()
	b := openNode(t, "journal: {url: \""+url+"\"}\n"+walks(t.TempDir(), rest), Options{OnRound: seen[1].add})
	run(t, b)
	for i, n := range []*Node{a, b} {
		for range 5 {
			seen[i].await(t, "an answer", func(o Outcome) bool {
				if o.Answer != nil && o.Answer.Network.ID() != n.Network().ID() {
					t.Fatalf("node %d has an answer of the network %s", i, o.Answer.Network.ID())
				}
				return o.Answer != nil
			})
		}
		if rejected := n.metrics.Total(telemetry.QuorumRejected); rejected != 0 {
			t.Errorf("node %d rejected %d observations", i, rejected)
		}
	}
}

// TestValidatorsShareNoReader: each has its own, so each sees every observation, whoever else validates in the network.
func TestValidatorsShareNoReader(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	text := func(name, rest string) string {
		return fmt.Sprintf("node: {name: %s, data: %q, key: {hex: %q}}\n", name, t.TempDir(), strings.Repeat("46", 32)) +
			"sources: {s: {sim: {seed: 7}}}\nfeeds: {f: {decimals: 2, every: 200ms, from: [s]}}\n" + rest
	}
	field := openNode(t, text("field", "roles: [observe, validate]\njournal: {listen: \"127.0.0.1:0\"}\n"), Options{})
	run(t, field)
	url := "nats://" + field.journal.Addr().String()
	seen := newOutcomes()
	office := openNode(t, text("office", "roles: [validate, serve]\napi: {listen: \"127.0.0.1:0\"}\njournal: {url: \""+url+"\"}\n"), Options{OnRound: seen.add})
	run(t, office)
	seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })
	validators := func() (nodes []string) {
		for _, r := range office.state.Status().Journal.Readers {
			if r.Name == readValidate {
				nodes = append(nodes, r.Node)
			}
		}
		slices.Sort(nodes)
		return nodes
	}
	want := []string{"field", "office"}
	for begun := time.Now(); !slices.Equal(validators(), want); backoff.Wait(t.Context(), 20*time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatalf("the validators are of %v, want %v", validators(), want)
		}
	}
}

// TestAValidatorRemembersASlice: what it is given again after an error, it must recognise whole.
func TestAValidatorRemembersASlice(t *testing.T) {
	if quorum.Window < journal.MaxSlice {
		t.Errorf("a validator remembers %d rounds of a feed, and a slice may have %d", quorum.Window, journal.MaxSlice)
	}
}
