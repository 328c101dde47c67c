package node

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

func TestASinkWaitsForWhatItsOwnReaderHasNotRead(t *testing.T) {
	readers := []api.ReaderStatus{
		{Name: "sink-main", Node: "gw-2", Configured: true, Backlog: 1000},
		{Name: "sink-other", Node: "gw-7", Own: true, Configured: true, Backlog: 5},
		{Name: "points-main", Node: "gw-7", Own: true, Backlog: 700}, // of a policy before
		{Name: "sink-main", Node: "gw-7", Own: true, Configured: true, Backlog: 83},
	}
	if got := toRead("main", readers); got != 83 {
		t.Errorf("got %d records to read, want 83", got)
	}
	if got := toRead("unknown", readers); got != 0 {
		t.Errorf("got %d records to read of a sink without a reader, want 0", got)
	}
}

// TestASinkWaitsForItsOwnFeedsAlone: whoever looks at a sink that is behind sees how much it has yet to deliver, and not what others are given.
func TestASinkWaitsForItsOwnFeedsAlone(t *testing.T) {
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(peer.Close)
	n := openNode(t, walks(t.TempDir(), fmt.Sprintf(`feeds: {slow: {decimals: 2, every: 1s, from: [s]}, quick: {decimals: 2, every: 100ms, from: [s]}}
sinks: {hook: {webhook: {url: %q}, feeds: [slow]}}
`, peer.URL)), Options{})
	run(t, n)
	answers := func(feed string) (count int) {
		for _, err := range n.journal.Scan(t.Context(), dodona.TopicData, feed, nil) {
			if err == nil {
				count++
			}
		}
		return count
	}
	s := n.state
	eventually(t, "several answers wait for a peer that takes none", func() (bool, string) {
		before := answers("slow")
		got := s.Status().Sinks
		after := answers("slow")
		if len(got) != 1 {
			return false, fmt.Sprintf("there are %d sinks", len(got))
		}
		k := got[0]
		if k.Delivered > 0 {
			t.Fatalf("it has delivered %+v", k)
		}
		owed := k.Waiting + int(k.Skipped) // what was attested before it began was not meant for it
		if k.Queue > 0 && owed > after {
			t.Fatalf("%d records wait, where its feed has %d answers and the other one %d", owed, after, answers("quick"))
		}
		return before >= 3 && k.Queue > 0 && owed >= before, fmt.Sprintf("%d of %d wait: %+v", owed, before, k)
	})
}
