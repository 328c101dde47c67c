package explain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
)

func TestTheStoryEndsInTheTransaction(t *testing.T) {
	p, b := three(t)
	next := b.Round + 10000
	on := &dodona.OnChain{Chain: 1, Contract: dodona.Address{0x5f, 19: 0xa3}, Tx: dodona.Digest{0xab, 31: 0x2e}, Block: 118, GasUsed: 31039}
	at := time.Now().Add(time.Hour)
	for i, r := range []dodona.Receipt{
		{Sink: "main", Key: btc, Record: b.Round.ID(), Status: dodona.ReceiptMined, OnChain: on},
		{Sink: "main", Key: "gold", Record: b.Round.ID(), Status: dodona.ReceiptDead},
		{Sink: "main", Key: btc, Record: b.Round.ID(), Status: dodona.ReceiptFinal, OnChain: on},
		{Sink: "other", Key: btc, Record: next.ID(), Status: dodona.ReceiptMined, OnChain: on, Passed: 1},
		{Sink: "hook", Key: btc, Record: b.Round.ID(), Status: dodona.ReceiptDelivered, Detail: "POST example.org 200", Late: true},
		{Sink: "curt", Key: btc, Record: b.Round.ID(), Status: dodona.ReceiptFinal, OnChain: &dodona.OnChain{Chain: 1, Contract: on.Contract, Tx: on.Tx, Block: 118}},
		{Sink: "quiet", Key: btc, Record: next.ID(), Status: dodona.ReceiptDelivered},
	} {
		r.Topic, r.At = dodona.TopicData, at
		p.put(t, dodona.TopicReceipt, r.Sink, string(rune('a'+i)), at, r)
	}
	s, err := explain.Round(t.Context(), p, btc, b.Round, explain.Options{Sinks: []string{"main", "other", "hook", "curt", "quiet", "absent"}})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, d := range s.Deliveries {
		lines = append(lines, d.String())
	}
	want := []string{
		"main: slot 0x0000…0000 of 0x5f00…00a3, block 118, tx 0xab00…002e (31,039 gas), final",
		"other: superseded by round " + next.ID() + ", slot 0x0000…0000 of 0x5f00…00a3, block 118, tx 0xab00…002e (31,039 gas), mined",
		"hook: delivered, late: POST example.org 200",
		"curt: slot 0x0000…0000 of 0x5f00…00a3, block 118, tx 0xab00…002e, final",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if text := s.String(); !strings.Contains(text, want[0]) {
		t.Errorf("the text does not end in the transaction:\n%s", text)
	}
}
