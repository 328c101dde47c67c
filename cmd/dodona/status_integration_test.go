//go:build integration

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/tmuxtest"
)

// TestAWatchedStatusFitsTheTerminalWhateverBecomesOfIt: of the window, and of the node.
func TestAWatchedStatusFitsTheTerminalWhateverBecomesOfIt(t *testing.T) {
	t.Parallel()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	night := aBadNight()
	var gone atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"/v1/status": night.status, "/v1/feeds": api.FeedPage{Feeds: night.feeds}, "/v1/sources": api.SourcePage{Sources: night.sources},
		}[r.URL.Path])
	}))
	defer server.Close()
	night.from = "asked at " + server.URL + " (--api)"
	term := tmuxtest.Start(t, 140, 50, []string{"NO_COLOR=1"}, program, "status", "--watch", "--api", server.URL)
	for _, columns := range []int{140, 60, 100, 80, 60} {
		term.Resize(columns, 50)
		want := night.lines(columns, 50, false, false)
		term.Await("as wide as the window:\n"+strings.Join(want, "\n"), func(lines []string) bool { return slices.Equal(lines, want) })
	}
	term.Resize(80, 6)
	term.Await("cut at the end of a low window", func(lines []string) bool {
		return len(lines) == 6 && strings.HasPrefix(lines[0], "degraded: 1 of 2") && strings.Contains(lines[5], "more lines")
	})
	term.Resize(100, 50)
	gone.Store(true)
	term.Await("told that nobody answers, over what was last seen", func(lines []string) bool {
		return len(lines) > 3 && strings.HasPrefix(lines[0], "no answer: ") && slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "degraded: 1 of 2") })
	})
	gone.Store(false)
	term.Await("as before", func(lines []string) bool { return slices.Equal(lines, night.lines(100, 50, false, false)) })
	term.Press("C-c")
	term.Await("what was there before", func(lines []string) bool { return slices.Equal(lines, []string{"exit 0"}) })
}

// TestAWatchWithoutATerminalPrintsOneLookAfterAnother without an escape.
func TestAWatchWithoutATerminalPrintsOneLookAfterAnother(t *testing.T) {
	t.Parallel()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	term := tmuxtest.Start(t, 200, 50, nil, "sh", "-c", `"$1" status --watch --api http://127.0.0.1:1 2>&1 | cat -v`, "sh", program)
	term.Await("two looks", func(lines []string) bool { return strings.Count(strings.Join(lines, "\n"), "connection refused") >= 2 })
	if all := strings.Join(term.All(), "\n"); strings.Contains(all, "^[") || term.Alternate() {
		t.Errorf("a pipe gets %q", all)
	}
}
