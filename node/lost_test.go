package node

import (
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/journal"
)

// TestOfWhatAJournalMayLackNothingIsClaimed: the rounds of a loss go as far as nothing is signed of them, and with a backup they begin a little before
// it; the cause fits into a leaf's.
func TestOfWhatAJournalMayLackNothingIsClaimed(t *testing.T) {
	until := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	backup := until.Add(-time.Hour)
	at := func(d time.Duration) dodona.Round { return dodona.RoundAt(until.Add(d)) }
	for name, c := range map[string]struct {
		missing journal.Missing
		in, out []dodona.Round
		why     string
	}{
		"nothing":  {journal.Missing{}, nil, []dodona.Round{1, at(0)}, ""},
		"a backup": {journal.Missing{Until: until, Backup: backup}, []dodona.Round{at(-time.Hour), at(0), at(4 * time.Second)}, []dodona.Round{at(-2 * time.Hour), at(5 * time.Second)}, "restored from a backup of 2026-11-30T11:00:00Z"},
		"damage":   {journal.Missing{Until: until}, []dodona.Round{1, at(-time.Hour), at(4 * time.Second)}, []dodona.Round{at(5 * time.Second)}, "lost records"},
	} {
		l := lossOf(c.missing)
		for _, r := range c.in {
			if !l.Covers(r) {
				t.Errorf("%s: round %s is not doubted", name, r)
			}
		}
		for _, r := range c.out {
			if l.Covers(r) {
				t.Errorf("%s: round %s is doubted", name, r)
			}
		}
		if len(c.in) > 0 && (!strings.HasPrefix(l.Cause, dodona.NotKnown) || !strings.Contains(l.Cause, c.why) || len(l.Cause) > 240) {
			t.Errorf("%s: the cause is %q, want %q in it", name, l.Cause, c.why)
		}
	}
}
