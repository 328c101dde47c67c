package evm

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// settleAll puts what is under way into a block that is deep enough, each feed's slot with it, and returns the rounds of one feed.
func (p *play) settleAll(t *testing.T, feed string) (rounds []dodona.Round) {
	t.Helper()
	block := p.view.Head.Number + 1
	clear(p.view.Receipts)
	for _, i := range p.open {
		if !i.State.InFlight() {
			continue
		}
		hash := i.last().Hash
		p.view.Receipts[hash] = &ethrpc.Receipt{Tx: hash, Block: block, BlockHash: dodona.Digest{byte(block), byte(block >> 8)}, OK: true}
		p.view.Nonce = max(p.view.Nonce, i.Nonce+1)
		p.view.Slots[i.place()] = sink.Said{Round: max(i.Payload.Round, p.view.Slots[i.place()].Round)}
		if i.place() == feed {
			rounds = append(rounds, i.Payload.Round)
		}
	}
	p.view.Head.Number = block + p.confirmations
	p.turn(t, 5*time.Second)
	return rounds
}

// TestAFeedThatIsRefusedFillsNothing: the contract of one feed takes nothing for as long as there is room for. The other feed is delivered all the while, the
// oldest of the first are passed over, each with a receipt, one is asked about at a time, and the rest is delivered in order once the contract takes it.
func TestAFeedThatIsRefusedFillsNothing(t *testing.T) {
	p := newPlay(sink.Every)
	p.gas, p.target["g"], p.view.Slots["g"] = 0, dodona.Address{8}, sink.Said{}
	refuses, asked := true, 0
	turn := func() {
		clear(p.view.Estimates)
		for n, w := range p.wants(p.now, false).Estimates {
			e := estimate{Gas: 50_000}
			if refuses && w.Payload.Feed == "f" {
				if e = (estimate{Refused: "another committee"}); n > 1 {
					t.Fatalf("%d answers are asked about in one look", n+1)
				}
				asked++
			}
			p.view.Estimates[w.Number] = e
		}
		p.turn(t, 5*time.Second)
	}
	const passed = 20
	dead, counted := 0, uint64(0)
	before := &step{now: p.now}
	for n := range mostOpen - passed {
		p.plan(before, Payload{Topic: dodona.TopicData, Feed: "f", Record: dodona.Round(1000 + n).ID(), Round: dodona.Round(1000 + n), Data: []byte{1}, Attested: p.now})
	}
	p.open[0].Refusals = 1
	for n := mostOpen - passed; n < mostOpen+passed; n++ {
		for _, feed := range []string{"f", "g"} {
			round := dodona.Round(1000 + n)
			taken, fx := p.take(p.now, Payload{Topic: dodona.TopicData, Feed: feed, Record: round.ID(), Round: round, Data: []byte{1}, Attested: p.now})
			if p.did(t, fx); !taken {
				t.Fatalf("round %d of feed %s is not taken; %d are open", round, feed, len(p.open))
			}
			counted += fx.counts[telemetry.SinkDead]
			for _, rec := range fx.keep {
				var r dodona.Receipt
				if rec.Topic == dodona.TopicReceipt && json.Unmarshal(rec.Body, &r) == nil && r.Status == dodona.ReceiptDead && r.Detail != "" {
					if want := dodona.Round(1000 + dead).ID(); r.Record != want || r.Key != "f" {
						t.Fatalf("round %s of feed %s is passed over, want %s of f", r.Record, r.Key, want)
					}
					dead++
				}
			}
		}
		turn()
		if got := p.settleAll(t, "g"); !slices.Equal(got, []dodona.Round{dodona.Round(1000 + n)}) {
			t.Fatalf("in block %d are rounds %v of the other feed", n, got)
		}
	}
	if dead < passed || dead > passed+2 || counted != uint64(dead) {
		t.Errorf("%d are passed over, and %d counted; want about %d", dead, counted, passed)
	}
	if most := int(2*passed*10*time.Second/refusedMost) + 2*passed; asked > most {
		t.Errorf("asked %d times, want %d at most", asked, most)
	}
	refuses = false
	var got []dodona.Round
	for range passed {
		p.now = p.now.Add(refusedMost)
		turn()
		got = append(got, p.settleAll(t, "f")...)
	}
	for n, r := range got {
		if want := dodona.Round(1000 + dead + n); r != want {
			t.Fatalf("round %d is delivered then, want %d", r, want)
		}
	}
	if least := p.window * (passed - 2); len(got) < least {
		t.Errorf("%d rounds are delivered then in %d blocks, want %d at least", len(got), passed, least)
	}
}

// TestWhatIsPassedOverLeavesItsPlace to the next answer, which waits as long, and lets others of the window be.
func TestWhatIsPassedOverLeavesItsPlace(t *testing.T) {
	p := newPlay(sink.Every)
	for n := range 3 {
		p.offer(t, dodona.Round(1000*(n+1)))
	}
	until := p.now.Add(time.Hour)
	p.open[0].Reverts, p.open[0].NotUntil, p.refuses["f"] = mostTries, until, p.now
	st := &step{now: p.now}
	if !p.giveUp(st, refusedIn(p)) {
		t.Fatal("nothing is passed over")
	}
	p.did(t, st.effects)
	if got := refusedIn(p); len(got) != 2 || got[0].Payload.Round != 2000 || !got[0].NotUntil.Equal(until) || got[0].Reverts != mostTries {
		t.Errorf("%d are refused, the first is %+v", len(got), got[0])
	}
	q := newPlay(sink.Every)
	q.restore(p.now, p.journal)
	if q.open[0].Payload.Round != 2000 || q.open[0].Reverts != mostTries || !q.open[0].NotUntil.Equal(until) {
		t.Errorf("after a start the first is %+v", q.open[0])
	}
	if len(p.due(p.now)) != 1 || p.due(p.now)[p.open[0]] {
		t.Errorf("due are %v", p.due(p.now))
	}
	p.open = nil
	if p.giveUp(st, refusedIn(p)) {
		t.Error("what is not there is passed over")
	}
}

// TestAnEndpointIsAskedOfAnotherContract: nobody says what an answer of one feed takes, and 2,048 of them wait; the other feed is quiet. Whether it is the contract
// shows what the endpoint says of the other one: then the oldest are passed over, and the quiet feed goes; or nothing is passed over.
func TestAnEndpointIsAskedOfAnotherContract(t *testing.T) {
	racetest.Long(t, "it simulates hours")
	const refuses, broken = `"error":{"code":3,"message":"execution reverted: unknown feed"}`, `"error":{"code":-32000,"message":"missing trie node"}`
	for other, passes := range map[string]bool{"": true, refuses: true, broken: false} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			b := newBench(t, 2, l)
			bad, good := b.targets["feed-0"], b.targets["feed-1"]
			asked := false
			l.says = func(method string, params []json.RawMessage) string {
				has := func(a dodona.Address) bool { return strings.Contains(string(params[0]), a.String()[2:]) } // as receiver, or in the data
				switch {
				case method != "eth_estimateGas" || !has(bad):
					return ""
				case !has(good):
					return `"error":{"code":-32000,"message":"out of gas"}`
				}
				asked = true
				return other
			}
			b.starts(sink.Every)
			offer := func(feed string, r dodona.Round) error {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				return b.take(ctx, b.answer(feed, r))
			}
			r := dodona.Round(1)
			for ; r <= mostOpen; r++ {
				if err := offer("feed-0", r); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			err := offer("feed-0", r)
			if (err == nil) != passes || !asked {
				t.Errorf("one more: %v, asked: %t", err, asked)
			}
			if !passes {
				return
			}
			if err := offer("feed-1", r); err != nil {
				t.Error(err)
			}
			b.within(time.Minute, "the quiet feed goes", func() bool { return l.holds(r) == 1 })
		})
	}
}
