package evm

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
)

// TestWhatIsAheadOfAllThatIsKnownIsNotBelievedOfOneEndpoint: a slot would drop rounds, and a count of transactions be filled up to.
func TestWhatIsAheadOfAllThatIsKnownIsNotBelievedOfOneEndpoint(t *testing.T) {
	racetest.Long(t, "it simulates hours")
	for name, c := range map[string]struct{ method, says string }{
		"a slot that no contract can hold": {"eth_getStorageAt", slotWord(math.MaxUint64)},
		"a slot that nobody sent":          {"eth_getStorageAt", slotWord(40)},
		"a count":                          {"eth_getTransactionCount", "0x40"},
		"a count of thousands":             {"eth_getTransactionCount", "0xfa0"},
	} {
		for _, times := range []int64{1, forever} {
			for _, policy := range []sink.Choice{sink.Latest, sink.Every} {
				bubble(t, fmt.Sprintf("%s, %d times, %s", name, times, policy), func(t *testing.T) {
					l, b, _, said := besideALiar(t, c.method, c.says, policy)
					said.left.Store(times)
					b.rounds(l, 3, 60, time.Minute, time.Minute)
					told, want := b.told(), 0
					if times > 1 && c.says != slotWord(math.MaxUint64) {
						want = 1
					}
					if n := l.empties(); n > 0 || strings.Count(told, "claim: ") != want || strings.Count(told, "not believed") != want || strings.Contains(told, "\n") {
						t.Errorf("%d empty transfers; told %q", n, told)
					}
				})
			}
		}
	}
}

// TestTheFirstLookIsNotBelievedOfOneEndpoint: what is delivered then may be a backlog.
func TestTheFirstLookIsNotBelievedOfOneEndpoint(t *testing.T) {
	for _, c := range []struct{ method, says string }{{"eth_getStorageAt", slotWord(40)}, {"eth_getStorageAt", slotWord(math.MaxUint64)}, {"eth_getTransactionCount", "0x28"}} {
		bubble(t, c.method+" "+c.says, func(t *testing.T) {
			l := newLedger()
			first, second := newFace(l), newFace(l)
			said := first.lies(c.method, c.says)
			said.left.Store(1)
			b := newPair(t, l, first, second)
			b.starts(sink.Every)
			b.attestsEach(1, 10, 0)
			time.Sleep(2 * time.Minute)
			b.holdsEach(l, 1, 10)
			b.buysNothing(l)
		})
	}
}

// TestADeadEndpointIsNoWitness: the one that is left is asked some more times, and told of meanwhile.
func TestADeadEndpointIsNoWitness(t *testing.T) {
	for _, c := range []struct {
		name, method, says, told string
		alone                    bool
		times                    int64
	}{
		{"a count, alone", "eth_getTransactionCount", "0x28", "sent with the key is 40", true, 2},
		{"a count", "eth_getTransactionCount", "0x28", "sent with the key is 40", false, 6},
		{"a slot", "eth_getStorageAt", slotWord(40), "the slot of feed-0 holds round 40", false, 6},
		{"a slot, once", "eth_getStorageAt", slotWord(40), "", false, 1},
		{"a count, of the second", "eth_getTransactionCount", "0x28", "sent with the key is 40", false, 6},
		{"a slot, of the second", "eth_getStorageAt", slotWord(40), "the slot of feed-0 holds round 40", false, 6},
	} {
		bubble(t, c.name, func(t *testing.T) {
			l := newLedger()
			first, dead := newFace(l), newFace(l)
			dead.trips = always(err502)
			faces := []*face{first, dead}
			switch {
			case c.alone:
				faces = faces[:1]
			case strings.HasSuffix(c.name, "second"):
				slices.Reverse(faces)
			}
			said := first.lies(c.method, c.says)
			b := newPair(t, l, faces...)
			b.starts(sink.Latest)
			b.rounds(l, 1, 2, time.Minute, 30*time.Second)
			said.left.Store(c.times)
			b.rounds(l, 3, 10, 2*time.Minute, time.Minute)
			if n := l.empties(); n > 0 || b.status().Superseded > 0 {
				t.Errorf("%d empty transfers, %d rounds superseded", n, b.status().Superseded)
			}
			if told := b.told(); !strings.Contains(told, c.told) || strings.Contains(told, "claim: over") != (c.times > 1) {
				t.Errorf("told %q, want what it claims, and that this is over", told)
			}
		})
	}
}

// TestWhatTwoEndpointsSayIsBelieved: others may deliver without being named, and the least that was said holds.
func TestWhatTwoEndpointsSayIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		high, true3 := first.lies("eth_getStorageAt", slotWord(40)), second.lies("eth_getStorageAt", slotWord(3))
		b := newPair(t, l, first, second)
		b.starts(sink.Latest)
		b.rounds(l, 1, 2, time.Minute, 30*time.Second)
		high.left.Store(forever)
		true3.left.Store(forever)
		b.attest(3)
		b.within(time.Minute, "the round is superseded that another one delivered", func() bool { return b.status().Superseded == 1 })
		b.attest(4)
		b.within(time.Minute, "the next one is sent", func() bool { return l.holds(4) == 1 })
	})
}

// TestTheOnlyEndpointIsBelievedOfWhatCanBe: others may deliver, and use the key before this sink has it; no contract holds a round of tomorrow.
func TestTheOnlyEndpointIsBelievedOfWhatCanBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		f := newFace(l)
		said := f.lies("eth_getStorageAt", slotWord(20))
		b := newPair(t, l, f)
		b.starts(sink.Latest)
		b.rounds(l, 1, 2, time.Minute, 30*time.Second)
		said.left.Store(forever)
		b.attest(3)
		b.within(time.Minute, "a round is superseded that another one outran", func() bool { return b.status().Superseded == 1 })
	})
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		f := newFace(l)
		said := f.lies("eth_getStorageAt", slotWord(uint64(time.Now().Add(time.Hour).UnixMilli())))
		b := newPair(t, l, f)
		b.starts(sink.Latest)
		b.rounds(l, 1, 2, time.Minute, 30*time.Second)
		said.left.Store(3)
		b.attest(3)
		b.within(time.Minute, "the round is delivered", func() bool { return l.holds(3) == 1 })
		b.rounds(l, 4, 6, time.Minute, time.Minute)
		if told := b.told(); !strings.Contains(told, "slot: the contract of feed-0 is said to hold round") || !strings.Contains(told, "slot: over") {
			t.Errorf("told %q, want that the slot is not believed, and that this is over", told)
		}
	})
}

// TestNobodyElseIsAskedWithoutNeed: what this sink delivered itself is no claim.
func TestNobodyElseIsAskedWithoutNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		var asked atomic.Int64
		second.trips = func(string) error {
			asked.Add(1)
			return nil
		}
		b := newPair(t, l, first, second)
		b.starts(sink.Latest)
		b.rounds(l, 1, 30, time.Minute, time.Minute)
		if n := asked.Load(); n > 0 {
			t.Errorf("the second endpoint was asked %d times", n)
		}
	})
}

// TestWhatLacksManyNoncesIsNumberedAnew: filling them would cost more than to send it again.
func TestWhatLacksManyNoncesIsNumberedAnew(t *testing.T) {
	for _, c := range []struct {
		count uint64
		empty bool
	}{{mostGap, true}, {mostGap + 1, false}} {
		p := newPlay(sink.Every)
		p.view.Nonce = c.count // believed
		p.offer(t, 1000)
		p.turn(t, time.Second)
		p.view.Nonce = 0
		empty, again := 0, false
		for range 10 {
			for _, i := range p.turn(t, lostFor) {
				if i.Payload == nil {
					empty++
				}
				again = again || i.Payload != nil && i.Nonce == 0
			}
		}
		if (empty > 0) != c.empty || again == c.empty {
			t.Errorf("%d nonces lack: %d empty transfers, numbered anew %v", c.count, empty, again)
		}
	}
}

// TestAPriceThatIsNotTheCauseIsNotNamed: where replacements reach max_fee and the chain is cheap, the count is what is wrong.
func TestAPriceThatIsNotTheCauseIsNotNamed(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	for n := 0; n < 100 && p.trouble["fees"] == (trouble{}); n++ {
		p.accepts(t, 40*time.Second)
	}
	if said := p.trouble["fees"].Message; !strings.Contains(said, "counts them wrong") || strings.Contains(said, "are above max_fee") {
		t.Errorf("the trouble is %q, want what the cause may be", said)
	}
}

// TestLittleThingsThatAreWrongAreDoubted too: another value of a round that is known, and fewer transactions than were given nonces before
// this process.
func TestLittleThingsThatAreWrongAreDoubted(t *testing.T) {
	p := newPlay(sink.Latest)
	p.view.Slots["f"] = sink.Said{Round: 1000}
	p.turn(t, time.Second)
	v := p.view
	v.Slots = map[string]sink.Said{"f": {Round: 1000, Value: dodona.NewInt192(7)}}
	if d := p.doubts(p.now, v); len(d) != 1 || d[0].kind != "slot" {
		t.Errorf("another value of the same round: %+v", d)
	}
	p.pendingNonce = 5 // as the journal says
	if d := p.doubts(p.now, p.view); len(d) != 1 || d[0].kind != "nonce" {
		t.Errorf("fewer transactions than were sent: %+v", d)
	}
}

// TestAKeyThatHasSentNothingIsKnownToo: one count that is too high buys no transactions there either.
func TestAKeyThatHasSentNothingIsKnownToo(t *testing.T) {
	for faces := 1; faces <= 2; faces++ {
		bubble(t, fmt.Sprint(faces, " endpoints"), func(t *testing.T) {
			l := newLedger()
			list := []*face{newFace(l), newFace(l)}[:faces]
			said := list[0].lies("eth_getTransactionCount", "0x64")
			b := newPair(t, l, list...)
			b.starts(sink.Latest)
			time.Sleep(10 * time.Minute)
			said.left.Store(1)
			b.rounds(l, 1, 1, time.Minute, 10*time.Minute)
			b.buysNothing(l)
		})
	}
}

// TestAViewThatIsKeptIsNotAnotherOne: who was asked once has said it once.
func TestAViewThatIsKeptIsNotAnotherOne(t *testing.T) {
	p := newPlay(sink.Every)
	p.view.Nonce = 2
	p.turn(t, time.Second)
	p.offer(t, 1000)
	p.view.Nonce = 100
	sent := p.turn(t, lostFor/2)
	p.view.Kept = true
	for range 2 {
		sent = append(sent, p.turn(t, lostFor/2)...)
	}
	if len(sent) > 0 {
		t.Errorf("nonce %d is given", sent[0].Nonce)
	}
}

// TestADoubtOfOneIsNoWordForAnother: both say, rightly, that there is no money, and the second one once that a slot is of today.
func TestADoubtOfOneIsNoWordForAnother(t *testing.T) {
	for _, claims := range []bool{false, true} {
		bubble(t, fmt.Sprint("claims ", claims), func(t *testing.T) {
			l := newLedger()
			first, second := newFace(l), newFace(l)
			poor := first.lies("eth_getBalance", "0x0")
			slot := second.lies("eth_getStorageAt", slotWord(uint64(time.Now().UnixMilli())))
			second.says = either(slot.tell, poor.tell)
			b := newPair(t, l, first, second)
			b.starts(sink.Every)
			time.Sleep(5 * time.Minute)
			poor.left.Store(forever)
			if claims {
				slot.left.Store(1)
			}
			b.attestsEach(1, 4, 0)
			time.Sleep(3 * time.Minute)
			if left := slot.left.Load(); left > 0 {
				t.Error("the second endpoint was not asked")
			}
			poor.left.Store(0)
			time.Sleep(5 * time.Minute)
			b.holdsEach(l, 1, 4)
		})
	}
}

// TestWhatAnotherSenderDeliveredIsNotSentThoughAWitnessLags: it has not seen the block yet, and so does not deny.
func TestWhatAnotherSenderDeliveredIsNotSentThoughAWitnessLags(t *testing.T) {
	besideAnother(t, 0, 2*ledgerBlock, 3*time.Second)
}

// TestAnImpossibleSlotThatIsNotReadAnyMoreIsNoTrouble: that of an anchor is read while it is under way.
func TestAnImpossibleSlotThatIsNotReadAnyMoreIsNoTrouble(t *testing.T) {
	p := newPlay(sink.Every)
	p.view.Slots["a@1"] = sink.Said{Round: dodona.Round(p.now.Add(time.Hour).UnixMilli())}
	p.turn(t, time.Second)
	if _, there := p.trouble["slot a@1"]; !there {
		t.Fatal("it is no trouble")
	}
	delete(p.view.Slots, "a@1")
	p.turn(t, time.Second)
	if _, there := p.trouble["slot a@1"]; there {
		t.Error("it is still one")
	}
}

// TestAWitnessIsAskedAsOfABlock, which it says that it has seen, and of an anchor at its contract.
func TestAWitnessIsAskedAsOfABlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		b := newPair(t, l, newFace(l), newFace(l))
		b.settings.Anchor = dodona.Address{0xa}
		anchor := &Payload{Topic: dodona.TopicAnchor, Feed: "f", Record: "1", Slot: dodona.Digest{31: 7}}
		var asked []string
		l.says = func(method string, params []json.RawMessage) string {
			if method == "eth_getStorageAt" || method == "eth_getTransactionCount" {
				text, err := json.Marshal(params)
				if err != nil {
					t.Error(err)
				}
				asked = append(asked, strings.ToLower(method+string(text)))
			}
			return ""
		}
		claims := []lead{{place: theNonce}, {place: "feed-0"}, {place: anchor.Place()}}
		b.turns.heads = make([]keptHead, 2)
		heard := b.witnessed(t.Context(), 1, claims, map[string]*Payload{anchor.Place(): anchor})
		block := fmt.Sprintf(`"0x%x"`, l.head())
		want := []string{
			fmt.Sprintf("eth_getTransactionCount[%q,%s]", b.wallet.Address(), block),
			fmt.Sprintf(`eth_getStorageAt[%q,"0x%064x",%s]`, b.targets["feed-0"], 0, block),
			fmt.Sprintf(`eth_getStorageAt[%q,"0x%064x",%s]`, b.settings.Anchor, 7, block),
		}
		if text := strings.Join(asked, "\n"); text != strings.ToLower(strings.Join(want, "\n")) {
			t.Errorf("asked\n%s\nwant\n%s", text, strings.Join(want, "\n"))
		}
		if len(heard.words) != len(claims) {
			t.Errorf("heard %+v", heard)
		}
	})
}

// TestADenialDoesNotTakeBackWhatIsKnown: a witness that knows less than this sink denies a claim, and is not believed otherwise.
func TestADenialDoesNotTakeBackWhatIsKnown(t *testing.T) {
	for denial, want := range map[uint64]dodona.Round{500: 1000, 1000: 1000} {
		p := newPlay(sink.Every)
		p.view.Slots["f"] = sink.Said{Round: 1000}
		p.turn(t, time.Second)
		p.view.Slots["f"] = sink.Said{Round: 2000}
		p.view.Words = map[string][]word{"f": {{by: 1, level: denial, said: sink.Said{Round: dodona.Round(denial)}, clock: p.now.Add(time.Minute)}}}
		p.turn(t, time.Second)
		if got := p.slots["f"].Round; got != want {
			t.Errorf("denied with %d: the slot holds %d, want %d", denial, got, want)
		}
	}
}

// TestWhatTheJournalKnowsIsKnown: the first look after a start claims, where something was sent before.
func TestWhatTheJournalKnowsIsKnown(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	q := newPlay(sink.Every)
	q.journal = p.journal
	_, st := q.restore(p.now, p.journal)
	q.did(t, st.effects)
	q.view.Nonce = 100
	q.offer(t, 2000)
	if q.turn(t, time.Second); q.pendingNonce != 1 {
		t.Errorf("nonce %d is next, want 1", q.pendingNonce)
	}
}

// TestADenialIsNotForgottenBecauseAWitnessFails: the first endpoint lies for ever, the second one denies it and fails for a minute now and then.
func TestADenialIsNotForgottenBecauseAWitnessFails(t *testing.T) {
	for method, says := range map[string]string{"eth_getStorageAt": slotWord(40), "eth_getTransactionCount": "0x28"} {
		bubble(t, method, func(t *testing.T) {
			l := newLedger()
			first, second := newFace(l), newFace(l)
			said := first.lies(method, says)
			second.trips = failsNowAndThen(5*time.Minute, 3*time.Minute, time.Minute)
			b := newPair(t, l, first, second)
			b.starts(sink.Every)
			b.rounds(l, 1, 2, time.Minute, 30*time.Second)
			said.left.Store(forever)
			b.rounds(l, 3, 60, time.Minute, time.Minute)
			b.buysNothing(l)
		})
	}
}

// TestAnAnchorThatIsReadFirstIsNoFirstLook: one wrong word of a sole endpoint, long after the start, drops no anchor.
func TestAnAnchorThatIsReadFirstIsNoFirstLook(t *testing.T) {
	p := newPlay(sink.Every)
	p.anchor = dodona.Address{8}
	p.turn(t, time.Second)
	to := dodona.Round(p.now.UnixMilli())
	_, fx := p.take(p.now, Payload{Topic: dodona.TopicAnchor, Feed: "f", Record: "1", Round: to, Data: []byte{1}, Attested: p.now})
	p.did(t, fx)
	p.view.Slots["f@1"] = sink.Said{Round: to + 5000}
	sent := p.turn(t, time.Second)
	p.view.Slots["f@1"] = sink.Said{}
	if sent = append(sent, p.turn(t, time.Second)...); len(sent) != 1 {
		t.Errorf("%d transactions, want that of the anchor", len(sent))
	}
}
