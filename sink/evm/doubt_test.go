package evm

import (
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/sink"
)

func TestWhatStopsDeliveryOrStepsBackIsDoubted(t *testing.T) {
	for _, c := range []struct {
		kind   string
		idle   bool // nothing is to be sent
		change func(*view)
	}{
		{"", false, func(*view) {}},
		{"block", false, func(v *view) { v.Head.Number = 1 }},
		{"", false, func(v *view) { v.Head.Number -= lagsMost }},
		{"ahead", false, func(v *view) { v.Head.Number += leapsMost + 1 }},
		{"", false, func(v *view) { v.Head.Number += leapsMost }},
		{"nonce", false, func(v *view) { v.Nonce = 1 }},
		{"slot", false, func(v *view) { v.Slots = map[string]sink.Said{"f": {Round: 999}} }},
		{"funds", false, func(v *view) { v.Balance = big.NewInt(0) }},
		{"", true, func(v *view) { v.Balance = big.NewInt(0) }},
		{"fees", false, func(v *view) { v.Head.BaseFee = 101e9 }},
		{"fees", false, func(v *view) { v.Head.BaseFee = math.MaxUint64 }},
		{"legacy", false, func(v *view) { v.Head.BaseFee, v.Head.Legacy = 0, true }},
		{"", true, func(v *view) { v.Head.BaseFee, v.Head.Legacy = 0, true }},
		{"", false, func(v *view) { v.Tip = 300e9 }}, // max_tip takes care of it
		{"refused", false, func(v *view) { v.Estimates = map[uint64]estimate{2: {Refused: "BadProof"}} }},
		{"estimate", false, func(v *view) { v.Estimates = map[uint64]estimate{2: {Unknown: "pruned"}} }},
	} {
		p := newPlay(sink.Latest)
		p.view.Head.Number, p.view.Nonce = 10, 2
		p.nonce = 2
		p.view.Slots["f"] = sink.Said{Round: 1000}
		p.turn(t, time.Second)
		if !c.idle {
			p.machine.gas = 0 // it waits for an estimate
			p.top = 1
			p.offer(t, 2000)
		}
		v := p.view
		c.change(&v)
		if d := p.doubts(v); d.kind != c.kind || (d.what == "") != (c.kind == "") {
			t.Errorf("got %+v, want a doubt of kind %q", d, c.kind)
		}
	}
}

// TestNobodyIsBlamedForWhatTheSlotHolds: a nonce is used, its transaction has no receipt, and the contract holds the answer, a newer
// one, or neither.
func TestNobodyIsBlamedForWhatTheSlotHolds(t *testing.T) {
	for _, c := range []struct {
		slot   sink.Said
		blamed bool
	}{{sink.Said{Round: 1000}, false}, {sink.Said{Round: 5000}, false}, {sink.Said{Round: 500}, true}} {
		p := newPlay(sink.Latest)
		p.offer(t, 1000)
		p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
		p.view.Nonce, p.view.Slots["f"] = 1, c.slot
		events := p.events
		for range 6 {
			p.turn(t, 5*time.Second)
		}
		if blamed := p.events > events; blamed != c.blamed {
			t.Errorf("slot %+v: somebody is blamed: %v, want %v", c.slot, blamed, c.blamed)
		}
		if open := len(p.open) > 0; open != c.blamed {
			t.Errorf("slot %+v: open intents: %v", c.slot, p.open)
		}
	}
}
