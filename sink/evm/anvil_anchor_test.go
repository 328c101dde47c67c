//go:build integration

package evm_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	client "github.com/dodona-oracle/dodona/internal/ethrpc"
)

const minute = 60_000 // the windows of the contract, milliseconds

// takeAnchors deploys the contract of anchors and has the sink deliver them.
func (r *rig) takeAnchors() {
	r.t.Helper()
	r.settings.Anchor = r.anchorsOf(time.Minute)
	r.policy.Anchors = true
}

// anchor signs the window of that many minutes that ends at to, and appends it.
func (r *rig) anchor(to dodona.Round, length dodona.Round) dodona.Anchor {
	r.t.Helper()
	var instant [8]byte
	binary.BigEndian.PutUint64(instant[:], uint64(to))
	a := dodona.Anchor{Root: dodona.Keccak256(instant[:]), Previous: dodona.Keccak256([]byte("before")), From: to - length, To: to, Count: 7}
	body, err := json.Marshal(dodona.Anchored{
		Network: r.network, Quorum: r.quorum, Anchor: a, Signatures: []dodona.Signature{r.signer.Sign(a.Digest(r.network.ID()))},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.append(dodona.Record{Topic: dodona.TopicAnchor, Key: "series", ID: to.ID(), Body: body})
	return a
}

// rootOf asks the contract, which answers the first 192 bits.
func (r *rig) rootOf(to dodona.Round) []byte {
	selector := client.Selector("rootOf(uint64)")
	data := binary.BigEndian.AppendUint64(append(selector[:], make([]byte, 24)...), uint64(to))
	word, err := r.chain.CallContract(context.Background(), client.Message{To: &r.settings.Anchor, Data: data}, client.Latest)
	if err != nil || len(word) != 32 {
		return nil // not there yet: it reverts
	}
	return word[:24]
}

// TestEveryAnchorGoesToItsSlotOnce: whatever the policy for answers is, and over a restart.
func TestEveryAnchorGoesToItsSlotOnce(t *testing.T) {
	r := newRig(t)
	r.takeAnchors()
	r.settings.Confirmations = 1
	r.begin()
	r.first = (r.first / minute) * minute // an answer of the same instant as an anchor
	first := r.first
	anchors := []dodona.Anchor{r.anchor(first, minute), r.anchor(first+minute, minute), r.anchor(first+4*minute, 3*minute)}
	crooked := r.anchor(first+4*minute+1000, minute)
	round := r.say(43)
	r.until("the crooked anchor is given up", func() bool { return r.has(crooked.To, dodona.ReceiptDead) })
	posted := func() bool {
		for _, a := range anchors {
			if !slices.ContainsFunc(r.receipts(a.To), func(receipt dodona.Receipt) bool {
				return receipt.Status == dodona.ReceiptFinal && receipt.Topic == dodona.TopicAnchor
			}) || !bytes.Equal(r.rootOf(a.To), a.Root[:24]) {
				return false
			}
		}
		return true
	}
	r.until("all anchors are posted", posted)
	r.untilSlot(round)
	r.stop()
	anchors = append(anchors, r.anchor(first+5*minute, minute))
	r.begin()
	r.until("the one of meanwhile is posted too", posted)
	for _, a := range anchors {
		var final []dodona.Receipt
		for _, receipt := range r.receipts(a.To) {
			if receipt.Status == dodona.ReceiptFinal && receipt.Topic == dodona.TopicAnchor { // an answer may be of the same instant
				final = append(final, receipt)
			}
		}
		slot := dodona.Digest{}
		binary.BigEndian.PutUint64(slot[24:], uint64(a.To)/minute%4096)
		if len(final) != 1 || final[0].Key != "series" || final[0].OnChain.Slot != slot || final[0].OnChain.Contract != r.settings.Anchor {
			t.Errorf("receipts of the anchor up to %s: %+v", a.To, final)
		}
	}
}

func TestASinkForAnchorsSendsNoAnswers(t *testing.T) {
	r := newRig(t)
	r.takeAnchors()
	r.settings.Contract = dodona.Address{}
	r.begin()
	r.say(1)
	a := r.anchor((r.first/minute)*minute, minute)
	r.until("the anchor is posted", func() bool { return bytes.Equal(r.rootOf(a.To), a.Root[:24]) })
	if nonce, err := r.chain.Nonce(t.Context(), r.payer.Address(), client.Latest); err != nil || nonce != 1 {
		t.Errorf("%d transactions, want 1, %v", nonce, err)
	}
	if s := r.loop.Status(); s.Skipped != 1 || s.Dead != 0 {
		t.Errorf("status %+v", s)
	}
}
