//go:build integration

package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/unit"
)

// TestServerLosesItsDiskWhileTheNodeRuns: killed, its store removed, and started again.
func TestServerLosesItsDiskWhileTheNodeRuns(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	limits := Limits{Bytes: 64 * unit.MiB}
	j := open(t, Config{Node: "gw-1", URL: s.url(), Raw: limits, Proof: limits})
	twelve(t, j)
	began := time.Now()
	s.kill(t)
	if err := os.RemoveAll(filepath.Join(s.dir, "store")); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	wantNewStreams(t, j, began)
}
