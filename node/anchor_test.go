package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/sign"
	"github.com/dodona-oracle/dodona/verify"
)

// fetch returns status and body of a path of the node's API.
func fetch(t *testing.T, n *Node, path string) (int, []byte) {
	t.Helper()
	return get(t, n.URL()+path)
}

func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

// awaitProof asks for the proof of a round until it is there. It must not be there before it is due, and until then the
// node must say when it will be; a machine that is too slow to ask so early does not see that.
func awaitProof(t *testing.T, n *Node, feed string, round dodona.Round) (body []byte) {
	t.Helper()
	path := fmt.Sprintf("/v1/feeds/%s/rounds/%d/proof", feed, round)
	due, early := anchor.Due(round, n.config().Anchor.Every, grids(n.config())), 0
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		status, body := fetch(t, n, path)
		if status == http.StatusOK {
			if time.Now().Before(due) {
				t.Errorf("%s: the proof is there before its window is due, at %s", path, due)
			}
			t.Logf("%s: asked %d times before it was there", path, early)
			return body
		}
		var p struct {
			Type string
			Due  time.Time
		}
		if err := json.Unmarshal(body, &p); err != nil || status != http.StatusNotFound || !strings.HasSuffix(p.Type, "#problem-not-anchored") || p.Due.IsZero() {
			t.Fatalf("%s: %d %s", path, status, body)
		}
		early++
	}
	t.Fatalf("%s: no proof in a minute", path)
	return nil
}

func TestAnswersAndGapsAreProvedWithoutTheNode(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	t.Parallel()
	good := quote(t, `{"price": "43218.55"}`)
	text := fmt.Sprintf(`node: {name: gw, data: %q}
api: {listen: "127.0.0.1:0"}
anchor: {every: 1s}
sources:
  good: {http: {url: %q, every: 0s}, value: /price}
  gone: {http: {url: "http://127.0.0.1:9", every: 0s}, value: /price}
feeds:
  a: {unit: USD, decimals: 2, every: 200ms, from: [good]}
  b: {unit: USD, decimals: 2, every: 500ms, from: [gone]}
`, t.TempDir(), good)
	seen := newOutcomes()
	n := openNode(t, text, Options{OnRound: seen.add})
	stop := run(t, n)
	answered := seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })
	body := awaitProof(t, n, "a", answered.Round)
	id := n.Network().ID()
	v := verify.Document(body, verify.Expect{NetworkID: &id})
	if !v.Valid || v.Round != answered.Round || v.Commitment == nil {
		t.Fatalf("%s\n%s", v, body)
	}
	missed := seen.await(t, "a missed round", func(o Outcome) bool {
		return o.Answer == nil && o.Bundle.Feed.Name == "b" && o.Round > answered.Round+1500
	})
	gap := awaitProof(t, n, "b", missed.Round)
	v = verify.Document(gap, verify.Expect{NetworkID: &id})
	if !v.Valid || v.Commitment.Kind != dodona.LeafGap || v.Commitment.First > missed.Round || v.Commitment.Last < missed.Round {
		t.Fatalf("%s\n%s", v, gap)
	}
	status, story := fetch(t, n, fmt.Sprintf("/v1/feeds/a/rounds/%d/explain", answered.Round))
	var told explain.Story
	if err := json.Unmarshal(story, &told); err != nil || status != 200 || told.Anchoring == nil || len(told.Broken) > 0 ||
		!strings.HasPrefix(told.Anchored, "window ") {
		t.Fatalf("%d %v %s", status, err, story)
	}
	stop()
	checkSeries(t, text, 2)
}

// checkSeries opens the node's journal again and checks every anchor as another member would.
func checkSeries(t *testing.T, text string, least int) {
	t.Helper()
	n := openNode(t, text, Options{})
	var last dodona.Anchor
	count := 0
	for rec, err := range n.journal.Scan(t.Context(), dodona.TopicAnchor, anchor.KeySeries, nil) {
		if err != nil {
			t.Fatal(err)
		}
		a, err := decodeRecord[dodona.Anchored](rec)
		if err != nil {
			t.Fatal(err)
		}
		leaves, err := anchor.Leaves(t.Context(), n.journal, a.Anchor)
		if err != nil {
			t.Fatal(err)
		}
		known := func(l dodona.Leaf) bool {
			for _, f := range n.config().Feeds {
				if f.Feed.ID() == l.Feed {
					answer, _, err := n.state.answerOf(t.Context(), f.Feed.Name, l.Round)
					want := dodona.Leaf{}
					if err == nil {
						want = answer.Attestation.Leaf()
						want.Kind = l.Kind
					}
					return want == l
				}
			}
			return false
		}
		err = anchor.Check(a.Anchor, last, n.Network().ID(), leaves, anchor.Rules{
			Every: n.config().Anchor.Every, Grids: grids(n.config()), OffGrid: true, Attested: known,
		})
		if err != nil {
			t.Fatalf("anchor %s: %v", rec.ID, err)
		}
		last = a.Anchor
		count++
	}
	if count < least {
		t.Fatalf("%d anchors, want at least %d", count, least)
	}
}

func TestProofOfNothingIsNotFound(t *testing.T) {
	n := openNode(t, fmt.Sprintf("node: {name: gw, data: %q}\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {}}}\nfeeds: {a: {every: 1s, from: [s]}}\n", t.TempDir()), Options{})
	_, err := n.state.Proof(context.Background(), "a", 1000)
	if none := (*api.NotAnchored)(nil); !errors.Is(err, dodona.ErrNotFound) || errors.As(err, &none) {
		t.Fatalf("got %v, want not found", err)
	}
}

// TestAWindowThatAnotherNetworkSealedIsSaidToBe, with whose it is: the records of its anchor are all there.
func TestAWindowThatAnotherNetworkSealedIsSaidToBe(t *testing.T) {
	seen := newOutcomes()
	n := openNode(t, fmt.Sprintf("node: {name: gw, data: %q}\nroles: [observe, validate, deliver, serve]\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {}}}\nfeeds: {a: {every: 200ms, from: [s]}}\n", t.TempDir()), Options{OnRound: seen.add})
	run(t, n)
	answered := seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })
	key, err := sign.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	quorum := dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{key.Address()}}
	other := dodona.Network{Name: "plant", First: quorum.Digest()}
	to := answered.Round + 60_000
	body, err := json.Marshal(dodona.Anchored{Network: other, Quorum: quorum, Anchor: dodona.Anchor{From: answered.Round - 60_000, To: to, Count: 3}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.journal.Append(t.Context(), dodona.Record{Topic: dodona.TopicAnchor, Key: anchor.KeySeries, ID: to.ID(), Body: body}); err != nil {
		t.Fatal(err)
	}
	_, err = n.state.Proof(t.Context(), "a", answered.Round)
	none := (*api.NotAnchored)(nil)
	if !errors.As(err, &none) || !strings.Contains(none.Reason, "was sealed by network \"plant\" "+other.ID().String()+", key "+key.Address().String()) || !none.Due.IsZero() {
		t.Errorf("got %v", err)
	}
}

// TestTheFirstWindowIsDueOnceThereIsAnAnswer: nothing was sealed yet, and it is known when something will be.
func TestTheFirstWindowIsDueOnceThereIsAnAnswer(t *testing.T) {
	began := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	r := &anchorer{series: &anchor.Series{Config: anchor.Config{Every: 10 * time.Minute}}, standing: api.AnchorStatus{Checked: began}}
	r.config = func() *config.Config { return &config.Config{} }
	if s := r.status(began.Add(time.Minute), 0); !s.Next.IsZero() {
		t.Errorf("without an answer a window is due at %v", s.Next)
	}
	grace := anchor.Grace(nil)
	for after, want := range map[time.Duration]time.Duration{time.Minute: 10 * time.Minute, 10*time.Minute + grace/2: 10 * time.Minute, 11*time.Minute + grace: 20 * time.Minute} {
		if s := r.status(began.Add(after), dodona.RoundAt(began)); !s.Next.Equal(began.Add(want + grace)) {
			t.Errorf("after %v the window is due at %v, want %v", after, s.Next, began.Add(want+grace))
		}
	}
}
