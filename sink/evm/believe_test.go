package evm

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
)

// TestOfTwoThatAreDoubtedTheBetterOneIsAsked from then on, whichever was asked first, and what it gives reason to doubt is not looked into again for
// a while: what the other one does is.
func TestOfTwoThatAreDoubtedTheBetterOneIsAsked(t *testing.T) {
	for better := range 3 {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			faces := []*face{newFace(l), newFace(l), newFace(l)}
			var poor atomic.Bool
			for at, f := range faces {
				f.says = saysWhile(&poor, func(method string) string {
					switch {
					case method == "eth_getBalance":
						return `"result":"0x0"`
					case method == "eth_getStorageAt" && at != better: // of a round to come
						return shows(uint64(time.Now().Add(time.Hour).UnixMilli()))(method)
					case method == "eth_getBlockByNumber" && at != better:
						return l.header(0, time.Now(), 1000e9)
					}
					return ""
				})
			}
			b := newPair(t, l, faces...)
			b.takesTurn()
			b.attest(1)
			poor.Store(true)
			b.forget()
			v, err := b.believe(t.Context(), ethrpc.Header{})
			if err != nil || v.Head.BaseFee > 1e9 || v.Balance.Sign() != 0 || b.client.Current() != better {
				t.Errorf("better %d: believed base fee %d, balance %s, asked from now on %d, %v", better, v.Head.BaseFee, v.Balance, b.client.Current(), err)
			}
			if now := time.Now(); !now.Before(b.turns.agreed["funds"]) || now.Before(b.turns.agreed["fees"]) {
				t.Errorf("better %d: agreed %v", better, b.turns.agreed)
			}
		})
	}
}

// TestWhoStandsStillIsNotBelievedFirst: the first endpoint stands still, and then somebody uses the key once, so that the other one, which is right, gives
// reason to doubt it. What is offered since is delivered. When the first one goes on it is as good as before.
func TestWhoStandsStillIsNotBelievedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := oldLedger()
		first := newFace(l)
		var stood atomic.Uint64
		first.says = func(method string) string {
			first.lag = 0
			if at := stood.Load(); at > 0 {
				first.lag = l.head() - at
				return keepsAll(method)
			}
			return ""
		}
		b := newPair(t, l, first, newFace(l))
		b.starts(sink.Latest)
		b.rounds(l, 1, 5, time.Minute, 15*time.Second)
		stood.Store(l.head())
		time.Sleep(10 * time.Second)
		l.mu.Lock()
		l.txs[5] = &ledgerTx{hash: dodona.Digest{1}, block: l.head() + 1}
		l.mu.Unlock()
		time.Sleep(10 * time.Second)
		b.attestsEach(6, 40, time.Minute)
		if n := l.holds(40); n != 1 {
			t.Errorf("the last round is in blocks %d times; %+v", n, b.status())
		}
		if synctest.Wait(); len(b.turns.stood) != 1 {
			t.Errorf("the first one is not left: %v", b.turns.stood)
		}
		stood.Store(0)
		b.client.Skip(fmt.Errorf("the test"))
		b.rounds(l, 41, 42, time.Minute, 15*time.Second)
		if synctest.Wait(); len(b.turns.stood) != 0 || b.client.Current() != 0 {
			t.Errorf("it goes on, and is doubted still: %v, asked is %d", b.turns.stood, b.client.Current())
		}
	})
}

// revert shows the open intents in a block that the contract refused.
func (p *play) revert(block uint64) {
	slots := p.view.Slots["f"]
	p.mine(block)
	for _, r := range p.view.Receipts {
		if r != nil && r.Block == block {
			r.OK = false
		}
	}
	p.view.Slots["f"] = slots
	p.view.Head.Number = block + p.confirmations
}

// TestAnOlderSlotThanABlockRefusedIsDoubted, and not one that may be why.
func TestAnOlderSlotThanABlockRefusedIsDoubted(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
	p.revert(11)
	p.turn(t, time.Second)
	older := func(round dodona.Round) bool {
		p.view.Slots["f"] = sink.Said{Round: round}
		return slices.ContainsFunc(p.doubts(p.now, p.view), func(d doubt) bool { return d.kind == "older" })
	}
	if !older(999) || older(1000) || older(2000) {
		t.Errorf("round 1000 was refused in a block; doubted are slots of 999: %t, 1000: %t, 2000: %t", older(999), older(1000), older(2000))
	}
	if p.now = p.now.Add(deniedFor); older(999) {
		t.Error("it is doubted for ever")
	}
}

// TestWhatNoEndpointWouldSendSpeaksAgainstADenial: one claims a slot to be ahead, another one denies it, and both say that the contract refuses what
// lies between. So the second one is wrong; before, the first one is asked no less than if its slot said nothing.
func TestWhatNoEndpointWouldSendSpeaksAgainstADenial(t *testing.T) {
	p := newPlay(sink.Every)
	p.gas = 0
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.heard.refuted["f"] = refutal{word{by: 1, level: 2000, at: p.now}, 0}
	refuses := func() bool {
		p.view.Slots["f"] = sink.Said{Round: 2000}
		p.view.Estimates[p.open[0].Number] = estimate{Refused: "old"}
		return slices.ContainsFunc(p.doubts(p.now, p.view), func(d doubt) bool { return d.kind == "refused" })
	}
	for n := range 2 * mostTries { // each other time it is who claims it that refuses, which says nothing
		if !refuses() {
			t.Errorf("after %d refusals the claim is no reason to ask another endpoint", n)
		}
		p.view.Slots["f"], p.view.HeadBy = sink.Said{}, n%2
		p.turn(t, refusedMost)
		p.heard.refuted["f"] = refutal{word{by: 1, level: 2000, at: p.now}, 0}
	}
	if p.heard.wrong[1].times != mostTries || refuses() {
		t.Errorf("who denies is wrong %d times; the claim is doubted: %t", p.heard.wrong[1].times, refuses())
	}
}

// TestWhatAContractRefusesHoldsUpNoOthers: anchors that it does not take do not fill the window, and a person is told of what it reverts again and again.
func TestWhatAContractRefusesHoldsUpNoOthers(t *testing.T) {
	p := newPlay(sink.Latest)
	p.machine.anchor = dodona.Address{8}
	anchor := func(to dodona.Round) bool {
		taken, fx := p.take(p.now, Payload{Topic: dodona.TopicAnchor, Feed: "series", Record: to.ID(), Round: to, Data: []byte{1}, Attested: p.now})
		p.did(t, fx)
		if place := p.open[len(p.open)-1].place(); taken {
			p.view.Slots[place] = sink.Said{}
		}
		return taken
	}
	for n := range 3 * p.window {
		if !anchor(dodona.Round(1000 + n)) {
			t.Fatalf("after %d refused anchors no more are taken", n)
		}
		p.turn(t, retryMost)
		for range 5 * mostTries { // what is due is sent, and reverted
			p.revert(p.view.Head.Number + 1)
			p.turn(t, time.Second)
		}
	}
	if said := p.trouble["reverted"].Message; said == "" {
		t.Errorf("nobody is told; troubles %v", p.trouble)
	}
	sent := 0
	for n := range 6 * 60 { // hours of it cost no more than the first ones
		if n%2 == 0 && !anchor(dodona.Round(9000+n)) {
			t.Fatalf("after %d minutes no more are taken", n)
		}
		sent += len(p.turn(t, time.Minute))
		p.revert(p.view.Head.Number + 1)
	}
	if most := 6*6 + rowMost; sent > most {
		t.Errorf("%d transactions in six hours, want at most %d", sent, most)
	}
	if w := p.wants(p.now, false); len(w.Anchors) > 2 {
		t.Errorf("%d slots are read in each look", len(w.Anchors))
	}
	row := p.row
	for range 80 { // the contract takes them again: all go
		p.accepts(t, retryMost)
		p.mine(p.view.Head.Number + 1)
		p.view.Head.Number += p.confirmations
		p.turn(t, time.Second)
	}
	if waiting := p.undecided(); row < rowMost || p.row != 0 || waiting > 0 {
		t.Errorf("refused in a row %d, then %d; %d of %d still wait", row, p.row, waiting, len(p.open))
	}
	for range mostOpen {
		if !anchor(dodona.Round(20000 + len(p.open))) {
			return
		}
	}
	t.Error("the window has no end")
}
