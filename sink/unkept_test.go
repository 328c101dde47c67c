package sink

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A picky ledger never takes records with the ID "large".
type picky struct{ kept []string }

func (p *picky) Append(_ context.Context, recs ...dodona.Record) error {
	for _, r := range recs {
		if r.ID == "large" {
			return dodona.Permanent(errors.New("too large"))
		}
	}
	for _, r := range recs {
		p.kept = append(p.kept, r.ID)
	}
	return nil
}

func (p *picky) From(context.Context, string, ...dodona.Topic) iter.Seq2[[]dodona.Record, error] {
	return nil
}

// A receipt that the journal can never take costs itself alone: neither the others of its append nor the sink.
func TestLoopGivesUpReceiptsThatTheJournalCanNeverTake(t *testing.T) {
	ledger := &picky{}
	l := &Loop{c: Config{Journal: ledger, Now: func() time.Time { return time.Unix(1, 0) }, Log: slog.New(slog.DiscardHandler), Recorder: telemetry.Nop}}
	recs := []dodona.Record{{ID: "1"}, {ID: "large"}, {ID: "2"}, {ID: "large"}, {ID: "3"}}
	if !l.journal(t.Context(), "write receipts", recs...) {
		t.Fatal("the loop ends")
	}
	if want := []string{"1", "2", "3"}; !slices.Equal(ledger.kept, want) {
		t.Errorf("kept %q, want %q", ledger.kept, want)
	}
	if l.status.Failures != 2 || l.status.LastError == "" {
		t.Errorf("%+v, want two failures, told", l.status)
	}
}
