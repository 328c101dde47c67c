package node

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

func smallNode(t *testing.T) *Node {
	return openNode(t, fmt.Sprintf(`
sources: {a: {sim: {every: 1s, decimals: 2}, value: ""}}
feeds: {x: {decimals: 2, every: 1s, from: [a]}}
node: {data: %q}
journal: {raw: {bytes: 1MiB}, proof: {bytes: 1MiB}}
api: {listen: 127.0.0.1:0}
`, t.TempDir()), Options{})
}

// events returns the bodies of the events of a key.
func eventsOf(t *testing.T, n *Node, key string) (list []string) {
	t.Helper()
	for rec, err := range n.journal.Scan(t.Context(), dodona.TopicEvent, key, nil) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(rec.Body))
	}
	return list
}

func TestReadingsThatTheJournalCanNeverTakeAreTold(t *testing.T) {
	n := smallNode(t)
	large := dodona.Batch{Readings: []dodona.Reading{{Source: "a", Body: make([]byte, 500_000)}}}
	for range 3 {
		if err := n.observer.intake.keepBatch(t.Context(), "a", large); !dodona.IsPermanent(err) {
			t.Fatalf("a batch of 500 kB: %v, want a permanent refusal", err)
		}
	}
	if list := eventsOf(t, n, "dropped"); len(list) == 0 || len(list) > 2 || !strings.Contains(list[0], `"of":"a"`) {
		t.Errorf("events %q, want one for the hour", list)
	}
	if err := n.observer.intake.keepBatch(t.Context(), "a", dodona.Batch{Readings: []dodona.Reading{{Source: "a", Body: []byte("1")}}}); err != nil {
		t.Errorf("the next batch: %v", err)
	}
}

// A round whose record is too large is missed, with that as its reason; those beside it are kept and signed.
func TestRoundThatTheJournalCanNeverTakeIsMissed(t *testing.T) {
	n := smallNode(t)
	f, _ := n.config().Feed("x")
	now := dodona.RoundAt(time.Now())
	bundles := make([]dodona.Bundle, 3)
	for i := range bundles {
		value := dodona.NewInt192(int64(i))
		bundles[i] = dodona.Bundle{Feed: f.Feed, Round: now - dodona.Round(len(bundles)-i), Node: n.config().Node.Name, Rules: json.RawMessage(`{}`), Value: &value}
	}
	bundles[1].Transcript = make([]byte, 1<<20)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := n.observer.rounds.keep(ctx, f.Settings.Every, bundles, 0); err != nil {
		t.Fatal(err)
	}
	for i, b := range bundles {
		kept, err := find[dodona.Bundle](ctx, n.state.shown, dodona.TopicRound, "x", b.Round)
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		_, err = find[dodona.Observation](ctx, n.state.shown, dodona.TopicObservation, "x", b.Round)
		if missed := kept.Value == nil && strings.Contains(kept.Missed, "more than the journal takes"); missed != (i == 1) || (err != nil) != (i == 1) {
			t.Errorf("round %d: value %v, missed %q, observation: %v; want the second alone to be missed", i, kept.Value, kept.Missed, err)
		}
	}
	if list := eventsOf(t, n, "dropped"); len(list) != 1 {
		t.Errorf("events %q, want one", list)
	}
}

// What runs beside an answer costs it nothing: a round whose shadow is too large is kept without, and signed.
func TestAShadowThatTheJournalCanNeverTakeCostsNoRound(t *testing.T) {
	n := smallNode(t)
	f, _ := n.config().Feed("x")
	value := dodona.NewInt192(7)
	b := dodona.Bundle{
		Feed: f.Feed, Round: dodona.RoundAt(time.Now()) - 1, Node: n.config().Node.Name, Rules: json.RawMessage(`{}`), Value: &value,
		Shadow: &dodona.Shadow{Rules: json.RawMessage(`{}`), Transcript: make([]byte, 1<<20)},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := n.observer.rounds.keep(ctx, f.Settings.Every, []dodona.Bundle{b}, 0); err != nil {
		t.Fatal(err)
	}
	kept, err := find[dodona.Bundle](ctx, n.state.shown, dodona.TopicRound, "x", b.Round)
	if err != nil || kept.Value == nil || kept.Shadow != nil {
		t.Errorf("kept %+v, %v; want the value alone", kept, err)
	}
	if _, err := find[dodona.Observation](ctx, n.state.shown, dodona.TopicObservation, "x", b.Round); err != nil {
		t.Errorf("its observation: %v", err)
	}
	if list := eventsOf(t, n, "dropped"); len(list) != 1 || !strings.Contains(list[0], `"what":"shadow"`) {
		t.Errorf("events %q, want one of a shadow", list)
	}
}

// What the journal cannot take at once is taken in halves: a slice is never done again for ever.
func TestSliceThatTheJournalCanNeverTakeIsSplit(t *testing.T) {
	n := smallNode(t)
	const many = 1500 // rejections in one append, of which the journal takes 1,000
	recs := make([]dodona.Record, many)
	for i := range recs {
		recs[i] = dodona.Record{Topic: dodona.TopicObservation, Key: "x", ID: fmt.Sprint(i + 1), Node: "gw", Body: []byte("{}"), Appended: time.Now()}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := n.attester.attestAll(ctx, recs); err != nil {
		t.Fatal(err)
	}
	if list := eventsOf(t, n, "dropped"); len(list) != 0 {
		t.Errorf("%q were dropped, want none", list)
	}
	if got := len(eventsOf(t, n, "rejected")); got == 0 {
		t.Error("nothing was rejected")
	}
}
