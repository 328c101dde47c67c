package node

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/journal"
)

func TestAJournalSaysHowFarBackItsSizeReaches(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	ages := map[string]time.Duration{"RAW": 168 * time.Hour, "PROOF": 8760 * time.Hour}
	of := func(name string, since time.Duration, bytes uint64) journal.StreamStatus {
		return journal.StreamStatus{Name: name, Oldest: now.Add(-since), Bytes: bytes, Limit: 256 << 20}
	}
	for name, c := range map[string]struct {
		streams []journal.StreamStatus
		want    string
	}{
		"its size ends first":  {[]journal.StreamStatus{of("RAW", 15*time.Minute, 16<<20), of("PROOF", time.Hour, 1)}, "RAW reaches back about 4h at this pace, by its size, not 7d"},
		"its age ends first":   {[]journal.StreamStatus{of("RAW", time.Hour, 1<<20)}, ""},
		"nobody knows so soon": {[]journal.StreamStatus{of("RAW", time.Minute, 16<<20)}, ""},
		"it is empty":          {[]journal.StreamStatus{{Name: "RAW", Limit: 1}, of("RAW", time.Hour, 0)}, ""},
		"it has no such age":   {[]journal.StreamStatus{of("OTHER", time.Hour, 16<<20)}, ""},
	} {
		if got := reachOf(c.streams, ages, now); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
