package node

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/api"
)

// health asks a node that runs for its readiness and its status, which must agree.
func health(t *testing.T, n *Node) (code int, s api.Status) {
	t.Helper()
	get := func(path string) (int, []byte) {
		answer, err := http.Get(n.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, body
	}
	_, body := get("/v1/status")
	if err := json.Unmarshal(body, &s); err != nil {
		t.Fatal(err)
	}
	code, body = get("/readyz")
	var ready struct {
		Ready bool      `json:"ready"`
		Level api.Level `json:"level"`
	}
	if err := json.Unmarshal(body, &ready); err != nil {
		t.Fatal(err)
	}
	if ready.Ready != (code == http.StatusOK) || ready.Ready != (ready.Level != api.LevelFailing) || (s.Level == "") {
		t.Fatalf("/readyz is %d %s, the status %s", code, body, s.Level)
	}
	return code, s
}

func problemOf(s api.Status, part string) string {
	for _, p := range s.Problems {
		if p.Part == part {
			return p.Message
		}
	}
	return ""
}

// becomes waits until a node that runs is at a level with problems of these parts, each holding a word.
func becomes(t *testing.T, n *Node, code int, level api.Level, problems map[string]string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d, %s with %q", code, level, problems), func() (bool, string) {
		got, s := health(t, n)
		fits := got == code && s.Level == level && s.Ready == (code == 200)
		for part, word := range problems {
			fits = fits && strings.Contains(problemOf(s, part), word) && problemOf(s, part) != ""
		}
		return fits, fmt.Sprintf("%d %s %q %+v", got, s.Level, s.Headline, s.Problems)
	})
}

func TestANodeNoneOfWhoseFeedsAnswersIsNotReady(t *testing.T) {
	t.Parallel()
	n := openNode(t, fmt.Sprintf(`
node: {name: gw, data: %q, key: {hex: "0000000000000000000000000000000000000000000000000000000000000001"}}
network: {name: plant}
api: {listen: "127.0.0.1:0"}
sources:
  page: {http: {url: %q, every: 100ms}, value: /price}
  dead: {http: {url: "http://127.0.0.1:9", every: 100ms}}
feeds:
  a: {decimals: 2, every: 200ms, from: [page]}
  b: {decimals: 2, every: 200ms, from: [dead]}
`, t.TempDir(), quote(t, "<html>")), Options{})
	defer run(t, n)()
	becomes(t, n, http.StatusServiceUnavailable, api.LevelFailing, map[string]string{
		"feeds": "none of 2 feeds answers", "feed a": "not JSON", "feed b": "refused", "source page": "delivers, but nothing usable", "source dead": "refused",
	})
}

func TestASinkThatCannotDeliverDegradesANode(t *testing.T) {
	t.Parallel()
	refuses := httptest.NewServer(http.NotFoundHandler())
	defer refuses.Close()
	dir := t.TempDir()
	writeFile(t, dir, "short", []byte("short\n"))
	n := openNode(t, fmt.Sprintf(`
node: {name: gw, data: %q, key: {hex: "0000000000000000000000000000000000000000000000000000000000000001"}}
network: {name: plant}
api: {listen: "127.0.0.1:0"}
sources: {s: {http: {url: %q, every: 100ms}}}
feeds: {a: {decimals: 2, every: 200ms, from: [s]}}
sinks:
  hook: {webhook: {url: %[3]q}, feeds: [a]}
  secret: {webhook: {url: %[3]q, secret: {file: %[4]q}}, feeds: [a]}
  chain: {evm: {rpc: ["http://127.0.0.1:9"], contract: "0x0000000000000000000000000000000000000001"}, feeds: [a]}
`, t.TempDir(), quote(t, "7"), refuses.URL, dir+"/short"), Options{})
	defer run(t, n)()
	becomes(t, n, http.StatusOK, api.LevelDegraded, map[string]string{"sink hook": "404", "sink secret": "secret", "sink chain": "refused"})
	eventually(t, "told since when the oldest record waits", func() (bool, string) {
		_, s := health(t, n)
		i := slices.IndexFunc(s.Sinks, func(k api.SinkStatus) bool { return k.Name == "hook" })
		return i >= 0 && !s.Sinks[i].Oldest.IsZero() && !s.Sinks[i].Oldest.After(s.Now), fmt.Sprintf("%+v", s.Sinks)
	})
}

func TestAModuleThatMayNotRunDegradesANode(t *testing.T) {
	t.Parallel()
	n := openNode(t, counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, unsigned: true}", t.TempDir()), allowed), Options{})
	defer run(t, n)()
	becomes(t, n, http.StatusOK, api.LevelDegraded, map[string]string{"module counter of feed counted": "does not run", "feed counted": "counter"})
}

// TestASourceOfAModuleIsJudgedByWhatTheModuleIsGiven: what it makes of that says nothing of the source.
func TestASourceOfAModuleIsJudgedByWhatTheModuleIsGiven(t *testing.T) {
	t.Parallel()
	modules := t.TempDir()
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	text := counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, unsigned: true}", modules), allowed)
	text = strings.Replace(text, "sources:\n", fmt.Sprintf("sources:\n  page: {http: {url: %q}, value: /price}\n", quote(t, "<html>")), 1)
	text = strings.Replace(text, "from: [a]", "from: [a, page]", 1)
	n := openNode(t, text, Options{})
	defer run(t, n)()
	becomes(t, n, http.StatusOK, api.LevelDegraded, map[string]string{"source page": "delivers, but nothing usable: the document is not JSON"})
}

func TestANodeSaysHowFarItsAnchorsAre(t *testing.T) {
	t.Parallel()
	n := openNode(t, walks(t.TempDir(), "anchor: {every: 1s}\nfeeds: {w: {decimals: 2, every: 200ms, from: [s]}}\n"), Options{})
	defer run(t, n)()
	eventually(t, "anchored", func() (bool, string) {
		s := n.state.Status()
		a := s.Anchors
		return a != nil && a.To > a.From && a.From > 0 && a.Leaves > 0 && !a.Behind && a.EveryMS == 1000, fmt.Sprintf("%+v", a)
	})
	if a := n.anchorer.status(n.now().Add(10*behindAfter), 0); a == nil || !a.Behind {
		t.Errorf("anchors that stand for %s are %+v", 10*behindAfter, a)
	}
}
