package node

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// measured returns what /metrics says.
func measured(n *Node) string {
	w := httptest.NewRecorder()
	n.metrics.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// TestWhatAReloadRemovesIsMeasuredNoMore: else its last trouble would be told until the next start.
func TestWhatAReloadRemovesIsMeasuredNoMore(t *testing.T) {
	t.Parallel()
	const gone = "sinks: {out: {webhook: {url: \"http://127.0.0.1:1/\"}}}\n"
	text := walks(t.TempDir(), "feeds: {f: {decimals: 2, every: 200ms, from: [s]}, gone.f: {decimals: 2, every: 200ms, from: [gone]}}\n")
	text = strings.Replace(text, "sources: {", "sources: {gone: {http: {url: \"http://127.0.0.1:1/\"}}, ", 1) + gone
	seen := newOutcomes()
	n := changing(t, &text, Options{OnRound: seen.add})
	run(t, n)
	seen.await(t, "a round without an answer", func(o Outcome) bool { return o.Bundle != nil && o.Bundle.Feed.Name == "gone.f" })
	eventually(t, "a failure of the sink", func() (bool, string) { return n.metrics.Total(telemetry.SinkFailures) > 0, "" })
	names := []string{`source="gone"`, `feed="gone.f"`, `sink="out"`}
	for _, name := range names {
		if !strings.Contains(measured(n), name) {
			t.Errorf("nothing is measured of %s", name)
		}
	}
	whole := text
	text = strings.NewReplacer(gone, "", "gone: {http: {url: \"http://127.0.0.1:1/\"}}, ", "", ", gone.f: {decimals: 2, every: 200ms, from: [gone]}", "").Replace(text)
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(measured(n), "\n") {
		for _, name := range names {
			if strings.Contains(line, name) {
				t.Errorf("still measured: %s", line)
			}
		}
	}
	if !strings.Contains(measured(n), `feed="f"`) {
		t.Error("what was kept is forgotten too")
	}
	text = whole
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		eventually(t, "a measurement of "+name+", which is back", func() (bool, string) { return strings.Contains(measured(n), name), "" })
	}
}

// TestWhatWaitsForASinkIsCountedOnce, whether the sink has taken it or not.
func TestWhatWaitsForASinkIsCountedOnce(t *testing.T) {
	t.Parallel()
	text := walks(t.TempDir(), "feeds: {f: {decimals: 2, every: 100ms, from: [s]}}\nsinks: {out: {webhook: {url: \"http://127.0.0.1:1/\"}}}\n")
	n := openNode(t, text, Options{})
	run(t, n)
	const most = 12 // more than the first slice, which comes before the second answer is there
	eventually(t, "twelve that wait", func() (bool, string) {
		return len(n.state.Status().Sinks) == 1 && n.state.Status().Sinks[0].Waiting >= most, ""
	})
	before := n.metricsAttested() // which counts an answer a moment after it is there
	s := n.state.Status().Sinks[0]
	kept := 0 // after it: no answer that waits is missing
	for _, err := range n.journal.Scan(t.Context(), dodona.TopicData, "f", nil) {
		if err != nil {
			t.Fatal(err)
		}
		kept++
	}
	if s.Delivered != 0 || int(s.Waiting) > kept || uint64(s.Waiting)+most < before {
		t.Errorf("%d wait, %d delivered, of %d to %d answers", s.Waiting, s.Delivered, before, kept)
	}
	eventually(t, "a measurement of it", func() (bool, string) {
		return strings.Contains(measured(n), `dodona_journal_waiting{reader="sink-out"} `), ""
	})
}
