package evm

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
)

// TestWhatAnEarlierVersionPlannedForAnotherNetworkIsDropped: it did not note whose a payload is, and the records tell; of one that is no longer kept nothing is known.
func TestWhatAnEarlierVersionPlannedForAnotherNetworkIsDropped(t *testing.T) {
	mine, other := dodona.Network{Name: "plant", First: dodona.Digest{1}}, dodona.Network{Name: "plant", First: dodona.Digest{2}}
	j := sinktest.NewJournal()
	var entries []intent.Entry
	plan := func(round dodona.Round, of *dodona.Network) {
		n := uint64(len(entries) + 1)
		entries = append(entries, intent.Entry{Chain: 1, Top: n, Open: 1, Intent: intent.Intent{Number: n, State: Planned, Payload: &Payload{
			Topic: dodona.TopicAnchor, Feed: "series", Record: round.ID(), Round: round,
		}}})
		if of == nil {
			return
		}
		body, err := json.Marshal(dodona.Anchored{Network: *of, Anchor: dodona.Anchor{To: round}})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(t.Context(), dodona.Record{Topic: dodona.TopicAnchor, Key: "series", ID: round.ID(), Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	plan(1000, &mine)
	plan(2000, &other)
	plan(3000, nil)
	s := &Sink{env: sink.Env{Network: mine.ID(), Ledger: j}}
	if err := s.nameNetworks(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	m := newMachine(rules{sink: "main", chain: 1, anchor: dodona.Address{7}, stranger: s.stranger})
	_, st := m.restore(time.Unix(1795349070, 0), entries)
	var left []dodona.Round
	for _, i := range m.open {
		left = append(left, i.Payload.Round)
	}
	if want := []dodona.Round{1000, 3000}; !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
	var receipts []dodona.Receipt
	for _, rec := range st.keep {
		var r dodona.Receipt
		if rec.Topic == dodona.TopicReceipt && json.Unmarshal(rec.Body, &r) == nil {
			receipts = append(receipts, r)
		}
	}
	if len(receipts) != 1 || receipts[0].Status != dodona.ReceiptDead || receipts[0].Record != "2000" {
		t.Errorf("receipts %+v, want one that says dead", receipts)
	}
}
