package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/dodona-oracle/dodona/verify"
)

func load(t testing.TB, text string) *config.Config {
	t.Helper()
	c, err := config.Load(strings.NewReader(text), "test.yaml", append(config.KindsOf(all.Sources()...), config.KindsOf(all.Sinks()...)...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// openNode opens a node that does not run; it is closed at the end of the test unless Run has done so.
func openNode(t testing.TB, text string, o Options) *Node {
	t.Helper()
	o.Config, o.Kinds, o.Sinks = load(t, text), all.Sources(), all.Sinks()
	n, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	return n
}

// metricsAttested counts the rounds that the validator has attested.
func (n *Node) metricsAttested() uint64 { return n.metrics.Total(telemetry.QuorumAttested) }

// outcomes collects rounds as they end.
type outcomes struct {
	mu   sync.Mutex
	list []Outcome
	more chan struct{}
}

func newOutcomes() *outcomes { return &outcomes{more: make(chan struct{}, 1)} }

func (o *outcomes) add(out Outcome) {
	o.mu.Lock()
	o.list = append(o.list, out)
	o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default:
	}
}

// all returns the outcomes up to now.
func (o *outcomes) all() []Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.list)
}

// await returns the first outcome that satisfies f.
func (o *outcomes) await(t testing.TB, what string, f func(Outcome) bool) Outcome {
	t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		o.mu.Lock()
		for _, out := range o.list {
			if f(out) {
				o.mu.Unlock()
				return out
			}
		}
		o.mu.Unlock()
		select {
		case <-o.more:
		case <-limit:
			o.mu.Lock()
			defer o.mu.Unlock()
			var last string
			if n := len(o.list); n > 0 && o.list[n-1].Bundle != nil {
				last = fmt.Sprintf("%s: %s", o.list[n-1].Bundle.Feed.Name, o.list[n-1].Bundle.Missed)
			}
			t.Fatalf("no round in two minutes with %s; %d rounds, the last %s", what, len(o.list), last)
		}
	}
}

// run runs a node until the test ends.
func run(t testing.TB, n *Node) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	awaitState(n)
	return stop
}

// quote serves a body, or a status alone.
func quote(t testing.TB, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// three is a configuration with two honest sources and one that lies by a factor of ten.
func three(t testing.TB, dir string) string {
	return fmt.Sprintf(`
node: {name: gw-1, data: %q}
network: {name: test}
api: {listen: "127.0.0.1:0"}
sources:
  a: {http: {url: %q}, value: /price}
  b: {http: {url: %q}, value: /bitcoin/usd}
  liar: {http: {url: %q}, value: /price}
feeds:
  btc.usd: {unit: USD, decimals: 8, every: 200ms, from: [a, b, liar], need: 2, outliers: 10%%}
`, dir, quote(t, `{"price":"43218.55"}`), quote(t, `{"bitcoin":{"usd":43218.45}}`), quote(t, `{"price":"432185.5"}`))
}

func TestAnAnswerIsSignedKeptVerifiedExplainedAndReplayed(t *testing.T) {
	seen := newOutcomes()
	n := openNode(t, three(t, t.TempDir()), Options{OnRound: seen.add})
	run(t, n)
	out := seen.await(t, "an answer and a word of every source", func(o Outcome) bool {
		return o.Answer != nil && o.Bundle != nil && !slices.ContainsFunc(o.Bundle.Inputs, func(in dodona.Input) bool { return in.Value == nil })
	})

	raw, _ := json.Marshal(out.Answer)
	id := n.Network().ID()
	verdict := verify.Answer(raw, verify.Expect{NetworkID: &id, Members: []dodona.Address{n.Address()}})
	if !verdict.Valid || verdict.Answer != "43,218.50000000 USD" {
		t.Errorf("verdict %+v, want 43,218.50000000 USD, the mean of the two honest ones", verdict)
	}
	for _, in := range out.Bundle.Inputs {
		if want := map[string]dodona.InputStatus{"a": "used", "b": "used", "liar": "outlier"}[in.Source]; in.Status != want {
			t.Errorf("source %s is %s (%s), want %s", in.Source, in.Status, in.Reason, want)
		}
	}
	story, err := explain.Round(t.Context(), n.journal, "btc.usd", out.Round, explain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var tree strings.Builder
	if err := story.Text(&tree, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"43,218.50000000 USD", "attested 1 of 1", "liar", "outlier"} {
		if !strings.Contains(tree.String(), want) {
			t.Errorf("the story does not say %q:\n%s", want, tree.String())
		}
	}
	bundle, err := explain.Export(t.Context(), n.journal, n.id.salt, "btc.usd", out.Round)
	if err != nil {
		t.Fatal(err)
	}
	replayed, err := explain.Replay(t.Context(), bundle, nil, nil)
	if err != nil || !replayed.Same {
		t.Errorf("replay: %+v, %v", replayed, err)
	}
}

func TestARestartGoesOnAboveTheLastRound(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	dir := t.TempDir()
	text := three(t, dir)
	var last dodona.Round
	for range 3 {
		seen := newOutcomes()
		n := openNode(t, text, Options{OnRound: seen.add})
		stop := run(t, n)
		out := seen.await(t, "an answer above the last run's", func(o Outcome) bool { return o.Answer != nil && o.Round > last })
		last = out.Round
		stop()
	}
	auditNode(t, text)
}

// auditNode opens the journal of a stopped node and checks that no subject has two digests for a round and that rounds rise.
func auditNode(t testing.TB, text string) (answers map[string]map[dodona.Round]dodona.Answer) {
	t.Helper()
	n := openNode(t, text, Options{})
	defer n.close()
	answers = make(map[string]map[dodona.Round]dodona.Answer)
	for _, f := range n.config().Feeds {
		for _, kind := range []string{"observation", "report"} {
			auditClaims(t, n, kind+"."+f.Feed.Name+"."+strings.TrimPrefix(n.Address().String(), "0x"))
		}
		last := dodona.Round(0)
		answers[f.Feed.Name] = make(map[dodona.Round]dodona.Answer)
		for rec, err := range n.journal.Scan(t.Context(), dodona.TopicData, f.Feed.Name, nil) {
			if err != nil {
				t.Fatal(err)
			}
			if verdict := verify.Answer(rec.Body, verify.Expect{}); !verdict.Valid {
				t.Errorf("%s round %s: %s", f.Feed.Name, rec.ID, verdict)
			}
			var a dodona.Answer
			_ = json.Unmarshal(rec.Body, &a) // verified above
			if r := a.Attestation.Report.Round; r <= last {
				t.Errorf("%s: attested round %d after %d", f.Feed.Name, r, last)
			}
			last = a.Attestation.Report.Round
			answers[f.Feed.Name][last] = a
		}
	}
	return answers
}

func auditClaims(t testing.TB, n *Node, key string) {
	t.Helper()
	last := dodona.Round(0)
	for rec, err := range n.journal.Scan(t.Context(), dodona.TopicClaim, key, nil) {
		if errors.Is(err, dodona.ErrNotFound) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var c dodona.Claim
		if err := json.Unmarshal(rec.Body, &c); err != nil {
			t.Fatal(err)
		}
		if c.Round <= last {
			t.Errorf("%s: claimed round %d after round %d", key, c.Round, last)
		}
		last = c.Round
	}
}

func TestReloadKeepsWhatIsEqual(t *testing.T) {
	dir := t.TempDir()
	text := three(t, dir)
	next := text
	seen := newOutcomes()
	n := openNode(t, text, Options{OnRound: seen.add, Load: func() (*config.Config, error) {
		return config.Load(strings.NewReader(next), "test.yaml", append(config.KindsOf(all.Sources()...), config.KindsOf(all.Sinks()...)...))
	}})
	run(t, n)
	seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })
	pump, _ := n.observer.pumps.get("a")

	next = "feeds: {"
	if _, err := n.Reload(t.Context()); err == nil {
		t.Error("a broken file was taken")
	}
	next = strings.Replace(text, "need: 2", "need: 1", 1) + "  walk: {every: 300ms, decimals: 2, from: [sim]}\n"
	next = strings.Replace(next, "feeds:", "  sim: {sim: {seed: 7}}\nfeeds:", 1)
	done, err := n.Reload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(done.Started, done.Stopped, done.Replaced, done.Kept) != "[source sim feed walk] [] [feed btc.usd] 3" {
		t.Errorf("reloaded %+v", done)
	}
	if again, _ := n.observer.pumps.get("a"); again != pump {
		t.Error("source a was replaced although nothing of it changed")
	}
	seen.await(t, "an answer of the new feed", func(o Outcome) bool { return o.Answer != nil && o.Answer.Feed.Name == "walk" })
	next = strings.Replace(next, "listen: \"127.0.0.1:0\"", "listen: \"127.0.0.1:1\"", 1)
	next = strings.Replace(next, "  walk:", "  other: {every: 300ms, decimals: 2, from: [sim]}\n  walk:", 1)
	needs := (*api.NeedsRestart)(nil)
	if done, err = n.Reload(t.Context()); !errors.As(err, &needs) || !slices.Equal(needs.Settings, []string{"api.listen"}) {
		t.Errorf("a new listener: %+v, %v; want that api.listen needs a restart", done, err)
	}
	if _, found := n.observer.feeds.get("other"); found {
		t.Error("a feed was started on half of a configuration that needs a restart")
	}
}

func TestTheKeyIsKeptAcrossStartsAndFoundNowhereElse(t *testing.T) {
	dir := t.TempDir()
	text := fmt.Sprintf("node: {data: %q}\nroles: [observe]\nsources: {s: {sim: {seed: 1}}}\nfeeds: {f: {from: [s]}}\n", dir)
	first := openNode(t, text, Options{})
	address := first.Address()
	if _, err := Open(t.Context(), Options{Config: load(t, text), Kinds: all.Sources()}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second process on the same folder: %v, want an error that names the folder", err)
	}
	first.close()
	again := openNode(t, text, Options{})
	if got := again.Address(); got != address {
		t.Errorf("the key changed from %s to %s", address, got)
	}
	again.close()
	if err := os.Remove(keyfile.Own(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Config: load(t, text), Kinds: all.Sources()}); err == nil || !strings.Contains(err.Error(), "restore it") {
		t.Errorf("a lost key: %v, want a refusal rather than another network", err)
	}
}

// TestARoleThatBreaksIsTheNodesEnd: whatever its error wraps, such as the end of a time limit of its own.
func TestARoleThatBreaksIsTheNodesEnd(t *testing.T) {
	for _, cause := range []error{errors.New("broken"), context.DeadlineExceeded, context.Canceled} {
		n := openNode(t, fmt.Sprintf("node: {data: %q}\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {seed: 1}}}\nfeeds: {f: {every: 1h, from: [s]}}\n", t.TempDir()), Options{})
		n.roles = append(n.roles, role{name: "broken", run: func(context.Context) error { return fmt.Errorf("read the last record: %w", cause) }})
		if err := n.Run(t.Context()); !errors.Is(err, cause) || !strings.Contains(fmt.Sprint(err), "broken: read the last record") {
			t.Errorf("a role ended with %v, the node with %v", cause, err)
		}
	}
}

// awaitState waits until a node that runs shows what it knows; one that ends shows nothing.
func awaitState(n *Node) {
	for n.door != nil {
		answer, err := http.Get(n.URL() + "/v1/sources")
		if err != nil {
			return
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusServiceUnavailable {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
