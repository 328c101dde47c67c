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
	"github.com/dodona-oracle/dodona/internal/evm"
	"github.com/dodona-oracle/dodona/sink"
)

// An untruth is what an endpoint says of one method, so many times, once it is told to.
type untruth struct {
	method, says string
	left         atomic.Int64
}

func (l *untruth) tell(method string) string {
	if method == l.method && l.left.Load() > 0 && l.left.Add(-1) >= 0 {
		return `"result":"` + l.says + `"`
	}
	return ""
}

func slotWord(round uint64) string { return fmt.Sprintf("0x%016x%048x", round, 0) }

// told returns the events so far.
func (b *bench) told() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.events, "\n")
}

// empties counts the transactions that deliver nothing.
func (l *ledger) empties() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, tx := range l.mined(l.head()) {
		if tx.round > 1000 {
			n++
		}
	}
	return n
}

// TestWhatIsAheadOfAllThatIsKnownIsNotBelievedOfOneEndpoint: a slot would drop rounds, and a count of transactions be filled up to.
func TestWhatIsAheadOfAllThatIsKnownIsNotBelievedOfOneEndpoint(t *testing.T) {
	for name, c := range map[string]struct{ method, says string }{
		"a slot that no contract can hold": {"eth_getStorageAt", slotWord(math.MaxUint64)},
		"a slot that nobody sent":          {"eth_getStorageAt", slotWord(40)},
		"a count":                          {"eth_getTransactionCount", "0x40"},
		"a count of thousands":             {"eth_getTransactionCount", "0xfa0"},
	} {
		for _, times := range []int64{1, 1 << 40} {
			for _, policy := range []string{sink.Latest, sink.Every} {
				t.Run(fmt.Sprintf("%s, %d times, %s", name, times, policy), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						l := newLedger()
						first, second := newFace(l), newFace(l)
						said := &untruth{method: c.method, says: c.says}
						first.says = said.tell
						b := newPair(t, l, first, second)
						b.env.Policy.Policy = policy
						b.begin()
						b.within(time.Minute, "it is ready", b.isReady)
						b.rounds(l, 1, 2, time.Minute, 30*time.Second)
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
				})
			}
		}
	}
}

// TestTheFirstLookIsNotBelievedOfOneEndpoint: what is delivered then may be a backlog.
func TestTheFirstLookIsNotBelievedOfOneEndpoint(t *testing.T) {
	for _, c := range []struct{ method, says string }{{"eth_getStorageAt", slotWord(40)}, {"eth_getStorageAt", slotWord(math.MaxUint64)}, {"eth_getTransactionCount", "0x28"}} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			first, second := newFace(l), newFace(l)
			said := &untruth{method: c.method, says: c.says}
			said.left.Store(1)
			first.says = said.tell
			b := newPair(t, l, first, second)
			b.env.Policy.Policy = sink.Every
			b.begin()
			b.within(time.Minute, "it is ready", b.isReady)
			for r := dodona.Round(1); r <= 10; r++ {
				b.attest(r)
			}
			time.Sleep(2 * time.Minute)
			for r := dodona.Round(1); r <= 10; r++ {
				if n := l.holds(r); n != 1 {
					t.Errorf("%s: round %d is mined %d times", c.method, r, n)
				}
			}
			if n := l.empties(); n > 0 {
				t.Errorf("%s: %d empty transfers", c.method, n)
			}
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
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
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
				said := &untruth{method: c.method, says: c.says}
				first.says = said.tell
				b := newPair(t, l, faces...)
				b.begin()
				b.within(time.Minute, "it is ready", b.isReady)
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
		})
	}
}

// TestWhatTwoEndpointsSayIsBelieved: others may deliver without being named, and the least that was said holds.
func TestWhatTwoEndpointsSayIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		high, true3 := &untruth{method: "eth_getStorageAt", says: slotWord(40)}, &untruth{method: "eth_getStorageAt", says: slotWord(3)}
		first.says, second.says = high.tell, true3.tell
		b := newPair(t, l, first, second)
		b.begin()
		b.within(time.Minute, "it is ready", b.isReady)
		b.rounds(l, 1, 2, time.Minute, 30*time.Second)
		high.left.Store(1 << 40)
		true3.left.Store(1 << 40)
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
		said := &untruth{method: "eth_getStorageAt", says: slotWord(20)}
		f.says = said.tell
		b := newPair(t, l, f)
		b.begin()
		b.within(time.Minute, "it is ready", b.isReady)
		b.rounds(l, 1, 2, time.Minute, 30*time.Second)
		said.left.Store(1 << 40)
		b.attest(3)
		b.within(time.Minute, "a round is superseded that another one outran", func() bool { return b.status().Superseded == 1 })
	})
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		f := newFace(l)
		said := &untruth{method: "eth_getStorageAt", says: slotWord(uint64(time.Now().Add(time.Hour).UnixMilli()))}
		f.says = said.tell
		b := newPair(t, l, f)
		b.begin()
		b.within(time.Minute, "it is ready", b.isReady)
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
		b.begin()
		b.within(time.Minute, "it is ready", b.isReady)
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
	for n := 0; n < 100 && len(p.trouble) == 0; n++ {
		for _, i := range p.turn(t, 40*time.Second) {
			p.did(t, p.sent(p.now, i, accepted, ""))
		}
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
	p.nonce = 5 // as the journal says
	if d := p.doubts(p.now, p.view); len(d) != 1 || d[0].kind != "nonce" {
		t.Errorf("fewer transactions than were sent: %+v", d)
	}
}

// TestWhatIsSaidOfAClaimIsWeighed, view after view, the last one decides. The endpoint 0 claims that the slot of f holds round 40, as of block 100;
// round 10 is known.
func TestWhatIsSaidOfAClaimIsWeighed(t *testing.T) {
	type view []word
	begun := time.Now()
	say := func(by int, level uint64, block int) word {
		return word{by: by, level: level, said: sink.Said{Round: dodona.Round(level)}, clock: begun.Add(time.Duration(block-100)*10*time.Second + blockAhead + 1)}
	}
	for name, c := range map[string]struct {
		views []view
		pause time.Duration
		how   verdict
		level uint64
	}{
		"nobody else":                                  {[]view{nil}, 0, unclear, 40},
		"nobody else, for some views":                  {[]view{nil, nil, nil}, time.Second, unclear, 40},
		"nobody else, for a while":                     {[]view{nil, nil}, lostFor, unclear, 40},
		"nobody else, for both":                        {[]view{nil, nil, nil}, lostFor / 2, single, 40},
		"another one too":                              {[]view{{say(1, 40, 100)}}, 0, proven, 40},
		"another one, who lags":                        {[]view{{say(1, 40, 90)}}, 0, proven, 40},
		"another one, more":                            {[]view{{say(1, 50, 100)}}, 0, proven, 40},
		"another one, less":                            {[]view{{say(1, 30, 100)}}, 0, proven, 30},
		"two others":                                   {[]view{{say(1, 30, 100), say(2, 20, 100)}}, 0, proven, 30},
		"another one denies":                           {[]view{{say(1, 10, 100)}}, 0, refuted, 10},
		"another one denies for ever":                  {[]view{{say(1, 10, 100)}, {say(1, 10, 100)}, {say(1, 10, 100)}}, lostFor, refuted, 10},
		"one denies, one says so":                      {[]view{{say(1, 10, 100), say(2, 40, 100)}}, 0, proven, 40},
		"one denies, and one that knows less":          {[]view{{say(1, 5, 100), say(2, 10, 100)}}, 0, refuted, 10},
		"another one has not seen the block":           {[]view{{say(1, 10, 99)}}, 0, unclear, 40},
		"another one has not seen it, for a while":     {[]view{{say(1, 10, 99)}, {say(1, 10, 99)}, {say(1, 10, 99)}}, lostFor, unclear, 40},
		"another one does not see it":                  {[]view{{say(1, 10, 99)}, {say(1, 10, 99)}, {say(1, 10, 99)}}, laggingFor / 2, single, 40},
		"another one sees it then, and says so":        {[]view{{say(1, 10, 99)}, {say(1, 40, 101)}}, time.Second, proven, 40},
		"another one sees it then, and denies":         {[]view{{say(1, 10, 99)}, {say(1, 10, 100)}}, time.Second, refuted, 10},
		"who denied is not heard of":                   {[]view{nil, nil, {say(1, 10, 100)}, nil, nil, nil}, lostFor, refuted, 10},
		"who denied is gone":                           {[]view{{say(1, 10, 100)}, nil, nil}, deniedFor / 2, unclear, 40},
		"who denied is gone for long":                  {[]view{{say(1, 10, 100)}, nil, nil, nil, nil}, deniedFor / 2, single, 40},
		"one who lags is not heard of":                 {[]view{{say(1, 10, 99)}, nil, nil, nil}, lostFor, unclear, 40},
		"another one said so, and took it back":        {[]view{{say(1, 30, 100)}, {say(1, 10, 100)}}, time.Second, refuted, 10},
		"another one said so, and is not heard of now": {[]view{nil, {say(1, 40, 100)}}, time.Second, proven, 40},
	} {
		now := begun
		e := newEvidence(now)
		var how verdict
		var it word
		for n, words := range c.views {
			if n > 0 {
				now = now.Add(c.pause)
			}
			of := claim{say(0, 40, 100), "f", 10, 10}
			of.clock = begun
			e.hear(now, of, words, true, false)
			how, it = e.judge(now, of)
		}
		if how != c.how || it.level != c.level {
			t.Errorf("%s: verdict %d, %d; want %d, %d", name, how, it.level, c.how, c.level)
		}
	}
}

// TestAKeyThatHasSentNothingIsKnownToo: one count that is too high buys no transactions there either.
func TestAKeyThatHasSentNothingIsKnownToo(t *testing.T) {
	for faces := 1; faces <= 2; faces++ {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			list := []*face{newFace(l), newFace(l)}[:faces]
			said := &untruth{method: "eth_getTransactionCount", says: "0x64"}
			list[0].says = said.tell
			b := newPair(t, l, list...)
			b.begin()
			b.within(time.Minute, "it is ready", b.isReady)
			time.Sleep(10 * time.Minute)
			said.left.Store(1)
			b.rounds(l, 1, 1, time.Minute, 10*time.Minute)
			if n := l.empties(); n > 0 {
				t.Errorf("%d endpoints: %d empty transfers", faces, n)
			}
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
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			first, second := newFace(l), newFace(l)
			poor := &untruth{method: "eth_getBalance", says: "0x0"}
			slot := &untruth{method: "eth_getStorageAt", says: slotWord(uint64(time.Now().UnixMilli()))}
			first.says = poor.tell
			second.says = func(method string) string { return slot.tell(method) + poor.tell(method) }
			b := newPair(t, l, first, second)
			b.env.Policy.Policy = sink.Every
			b.begin()
			b.within(time.Minute, "it is ready", b.isReady)
			time.Sleep(5 * time.Minute)
			poor.left.Store(1 << 40)
			if claims {
				slot.left.Store(1)
			}
			for r := dodona.Round(1); r <= 4; r++ {
				b.attest(r)
			}
			time.Sleep(3 * time.Minute)
			if left := slot.left.Load(); left > 0 {
				t.Error("the second endpoint was not asked")
			}
			poor.left.Store(0)
			time.Sleep(5 * time.Minute)
			for r := dodona.Round(1); r <= 4; r++ {
				if n := l.holds(r); n != 1 {
					t.Errorf("claims %t: round %d is in blocks %d times", claims, r, n)
				}
			}
		})
	}
}

// TestWhatAnotherSenderDeliveredIsNotSentThoughAWitnessLags: it has not seen the block yet, and so does not deny.
func TestWhatAnotherSenderDeliveredIsNotSentThoughAWitnessLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		l.begun = l.begun.Add(-time.Hour)
		first, second := newFace(l), newFace(l)
		second.lag = 2
		began, rounds := time.Now(), new(atomic.Int64)
		holds := func(lag time.Duration) func(string) string {
			return func(method string) string {
				n := rounds.Load()
				if n > 0 && time.Since(began)-time.Duration(n)*time.Minute < 2*time.Second+lag {
					n--
				}
				if method == "eth_getStorageAt" {
					return `"result":"` + slotWord(uint64(n)) + `"`
				}
				return ""
			}
		}
		first.says, second.says = holds(0), holds(2*ledgerBlock)
		b := newPair(t, l, first, second)
		b.settings.Senders = []dodona.Address{{1}, b.wallet.Address()}
		b.settings.Stagger = 3 * time.Second
		b.begin()
		b.within(time.Minute, "it is ready", b.isReady)
		waited := 0
		for r := dodona.Round(1); r <= 30; r++ {
			time.Sleep(time.Until(began.Add(time.Duration(r) * time.Minute)))
			rounds.Store(int64(r))
			if b.turnOf("feed-0", r) > 0 {
				waited++
				b.attest(r)
			}
		}
		time.Sleep(5 * time.Minute)
		for r := dodona.Round(1); r <= 30; r++ {
			if l.holds(r) > 0 {
				t.Errorf("round %d is sent again", r)
			}
		}
		if waited == 0 {
			t.Error("this sender is always the first")
		}
	})
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

// TestEvidenceIsOfOneClaim: what is not claimed any more, or was believed, says nothing of the next claim; and a nonce that is lost stays so
// while more is claimed.
func TestEvidenceIsOfOneClaim(t *testing.T) {
	p := newPlay(sink.Every)
	p.window, p.view.Nonce = 20, 2
	p.turn(t, time.Second)
	p.offer(t, 1000)
	for n, c := range []struct{ count, next uint64 }{
		{50, 0}, {2, 4}, {50, 4}, {50, 4}, {50, 53}, // those that waited get 50 to 52
		{60, 54}, {60, 57}, {60, 61}, // 50 is certain, and 60 is not before it was said for a while
	} {
		p.view.Nonce = c.count
		p.turn(t, lostFor)
		next := p.nonce
		if p.alone != nil {
			next = p.alone.Next
		}
		if next != c.next {
			t.Fatalf("view %d, which counts %d: the next nonce is %d, want %d", n, c.count, next, c.next)
		}
		p.offer(t, dodona.Round(2000+n))
	}

	p = newPlay(sink.Every)
	p.offer(t, 1000)
	p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
	p.view.Nonce = 1
	p.turn(t, time.Second)
	p.view.Nonce = 90
	for range lostViews - 1 {
		p.turn(t, lostFor/2)
	}
	if first := p.journal[len(p.journal)-1].Intent; p.open[0].State != Planned || first.Number != 2 {
		t.Errorf("open %+v: want that the nonce is lost and its answer planned anew", p.open[0])
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
		claims := []claim{{place: theCount}, {place: "feed-0"}, {place: anchor.place()}}
		b.heads = make([]keptHead, 2)
		heard := b.witnessed(t.Context(), 1, claims, map[string]*Payload{anchor.place(): anchor})
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

// TestTheLeastOfAWhileHolds: one that nobody can ask about claims more and more, as where another sender delivers, and is believed as far as it
// has been for a while; who falls back is believed as far as that.
func TestTheLeastOfAWhileHolds(t *testing.T) {
	begun := time.Now()
	e, known := newEvidence(begun), uint64(10)
	level := func(n int) uint64 { return 20 + uint64(n) }
	for n := range 200 {
		now, of := begun.Add(time.Duration(n)*time.Second), claim{word{level: level(n)}, "f", known, known}
		e.hear(now, of, nil, true, false)
		how, it := e.judge(now, of)
		want := unclear
		if n >= int(lostFor/time.Second) {
			want = single
			if known = level(n - int(lostFor/time.Second)); it.level != known {
				t.Fatalf("after %d s: %d is proven, want %d", n, it.level, known)
			}
		}
		if how != want {
			t.Fatalf("after %d s: verdict %d, want %d", n, how, want)
		}
	}
	if n := len(e.claims); n > int(laggingFor/time.Second)+2 {
		t.Errorf("%d words are kept", n)
	}
	now := begun.Add(200 * time.Second)
	for n, l := range []uint64{300, 250, 300, 300} {
		now = now.Add(lostFor / 2)
		of := claim{word{level: l}, "f", known, known}
		e.hear(now, of, nil, true, false)
		if how, it := e.judge(now, of); n == 3 && (how != single || it.level != 250) {
			t.Errorf("verdict %d, %d; want 250 to be proven", how, it.level)
		}
	}
	for n := range 10_000 { // as fast as it is woken
		of := claim{word{level: 400}, "f", known, known}
		e.hear(now.Add(time.Duration(n)*time.Millisecond), of, nil, true, true)
	}
	if n := len(e.claims); n > int(laggingFor/time.Second)+2 {
		t.Errorf("%d words are kept of ten seconds", n)
	}
}

// TestWhatTheJournalKnowsIsKnown: the first look after a start claims, where something was sent before.
func TestWhatTheJournalKnowsIsKnown(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	q := newPlay(sink.Every)
	q.journal = p.journal
	_, fx := q.restore(p.journal)
	q.did(t, fx)
	q.view.Nonce = 100
	q.offer(t, 2000)
	if q.turn(t, time.Second); q.nonce != 1 {
		t.Errorf("nonce %d is next, want 1", q.nonce)
	}
}

// TestADenialIsNotForgottenBecauseAWitnessFails: the first endpoint lies for ever, the second one denies it and fails for a minute now and then.
func TestADenialIsNotForgottenBecauseAWitnessFails(t *testing.T) {
	for method, says := range map[string]string{"eth_getStorageAt": slotWord(40), "eth_getTransactionCount": "0x28"} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			first, second := newFace(l), newFace(l)
			said := &untruth{method: method, says: says}
			first.says = said.tell
			begun := time.Now()
			second.trips = func(string) error {
				if since := time.Since(begun); since > 5*time.Minute && since%(3*time.Minute) < time.Minute {
					return err502
				}
				return nil
			}
			b := newPair(t, l, first, second)
			b.env.Policy.Policy = sink.Every
			b.begin()
			b.within(time.Minute, "it is ready", b.isReady)
			b.rounds(l, 1, 2, time.Minute, 30*time.Second)
			said.left.Store(1 << 40)
			b.rounds(l, 3, 60, time.Minute, time.Minute)
			if n := l.empties(); n > 0 {
				t.Errorf("%s: %d empty transfers", method, n)
			}
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

// TestAnOldDenialIsNoStepBack: what is known was more since.
func TestAnOldDenialIsNoStepBack(t *testing.T) {
	p := newPlay(sink.Every)
	p.hosts, p.begun, p.chainNonce, p.nonce, p.slots["f"] = []string{"a", "b"}, true, 8, 8, sink.Said{Round: 9}
	p.view.By = map[string]int{theCount: 0, "f": 0}
	p.view.Nonce, p.view.Slots["f"] = 40, sink.Said{Round: 40}
	for _, place := range []string{theCount, "f"} {
		p.evidence[place] = newEvidence(p.now)
		p.evidence[place].denials[1] = denial{word{by: 1, level: 5, said: sink.Said{Round: 5}, at: p.now}, 40}
	}
	if p.turn(t, time.Second); p.chainNonce != 8 || p.slots["f"].Round != 9 {
		t.Errorf("%d transactions and round %d are known, want 8 and 9", p.chainNonce, p.slots["f"].Round)
	}
}

// TestWhoWasDeniedIsNotBelievedAlone, for ten minutes, unless who denied is known to be wrong. Another one is.
func TestWhoWasDeniedIsNotBelievedAlone(t *testing.T) {
	for name, c := range map[string]struct {
		of, reverts int
		since       time.Duration
		believed    bool
	}{
		"not long ago":    {0, 0, deniedFor / 2, false},
		"for long":        {0, 0, deniedFor, true},
		"another one":     {2, 0, deniedFor / 2, true},
		"by one is wrong": {0, mostTries, deniedFor / 2, true},
	} {
		p := newPlay(sink.Every)
		p.hosts, p.begun = []string{"a", "b", "c"}, true
		p.refuted["f"] = refutal{word{by: 1, level: 30, at: p.now.Add(-c.since)}, c.of}
		p.wrong[1] = mistake{c.reverts, p.now}
		p.view.By = map[string]int{"f": 0}
		p.view.Slots["f"] = sink.Said{Round: 40}
		for range lostViews {
			p.turn(t, lostFor/2)
		}
		if w, believed := p.believed["f"]; believed != c.believed || believed && !w.at.Equal(p.now) {
			t.Errorf("%s: believed %t, of %s; want %t, of now", name, believed, w.at, c.believed)
		}
	}
}

// TestWhichRevertsSpeakAgainstWhoDenies: those of rounds up to what is claimed, within an hour of it.
func TestWhichRevertsSpeakAgainstWhoDenies(t *testing.T) {
	for _, c := range []struct {
		tried dodona.Round
		since time.Duration
		times int
	}{{40, 0, 1}, {41, 0, 0}, {40, wrongFor, 0}} {
		p := newPlay(sink.Every)
		p.refuted["f"] = refutal{word{by: 1, level: 40, at: p.now.Add(-c.since)}, 0}
		p.learn(p.now, &Intent{Payload: &Payload{Topic: dodona.TopicData, Feed: "f"}}, c.tried)
		if n := p.wrong[1].times; n != c.times {
			t.Errorf("round %d, after %s: %d reverts count, want %d", c.tried, c.since, n, c.times)
		}
	}
}

// TestADenialIsOfWhatWasClaimed: it does not refute more than was claimed then, and of a slot who denied is not asked the same again for a while.
func TestADenialIsOfWhatWasClaimed(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		place   string
		of      uint64
		since   time.Duration
		how     verdict
		unasked bool
	}{
		{"f", 40, 0, refuted, true},
		{"f", 39, 0, unclear, false},
		{"f", 40, askedAfter, refuted, false},
		{"f", 40, deniedFor, unclear, false},
		{theCount, 40, 0, refuted, false},
	} {
		e := newEvidence(now)
		e.denials[1] = denial{word{by: 1, level: 10, at: now.Add(-c.since)}, c.of}
		of := claim{word{level: 40}, c.place, 10, 10}
		if unasked := e.asked(now, 1, of); unasked != c.unasked {
			t.Errorf("%+v: it is not asked: %t", c, unasked)
		}
		e.hear(now, of, nil, true, false)
		if how, _ := e.judge(now, of); how != c.how {
			t.Errorf("%+v: verdict %d", c, how)
		}
	}
}

// TestWhoHasLessThanIsKnown denies nothing, unless he denied before and was right, or two have. Round 10 is known.
func TestWhoHasLessThanIsKnown(t *testing.T) {
	now := time.Now()
	say := func(by int, level uint64) word { return word{by: by, level: level, clock: now.Add(time.Minute)} }
	for name, c := range map[string]struct {
		words []word
		right bool // who says it
		old   bool
		how   verdict
	}{
		"one":                    {[]word{say(1, 5)}, false, true, unclear},
		"one who was right":      {[]word{say(1, 5)}, true, false, refuted},
		"two":                    {[]word{say(1, 5), say(2, 3)}, false, false, refuted},
		"one, another has seen":  {[]word{say(1, 5), say(2, 40)}, false, true, proven},
		"one, another denies":    {[]word{say(1, 5), say(2, 10)}, false, true, refuted},
		"one who has what is":    {[]word{say(1, 10)}, false, false, refuted},
		"one of an earlier time": {[]word{{by: 1, level: 5, clock: now.Add(-time.Minute)}}, false, false, unclear},
	} {
		e := newEvidence(now)
		of := claim{word{level: 40, clock: now}, "f", 10, 10}
		if old := e.old(now, of, c.words, func(int) bool { return c.right }); old != c.old {
			t.Errorf("%s: old %t", name, old)
		}
		e.hear(now, of, c.words, true, false)
		if how, _ := e.judge(now, of); how != c.how {
			t.Errorf("%s: verdict %d, want %d", name, how, c.how)
		}
	}
}

// TestAThirdOneIsWaitedFor: of a slot one denial waits for an endpoint that lags, for half a minute; of a count it does not.
func TestAThirdOneIsWaitedFor(t *testing.T) {
	begun := time.Now()
	for _, c := range []struct {
		place string
		after time.Duration
		how   verdict
	}{{"f", 0, unclear}, {"f", thirdFor - 1, unclear}, {"f", thirdFor, refuted}, {theCount, 0, refuted}} {
		e, now := newEvidence(begun), begun.Add(c.after)
		of := claim{word{level: 40, clock: begun}, c.place, 10, 10}
		e.hear(now, of, []word{{by: 1, level: 10, clock: begun.Add(time.Minute)}, {by: 2, level: 10, clock: begun}}, true, false)
		if how, _ := e.judge(now, of); how != c.how {
			t.Errorf("%+v: verdict %d", c, how)
		}
	}
}

// TestWhatAViewThatIsKeptSays is nothing new, and a word that is known by now none of a claim.
func TestWhatAViewThatIsKeptSays(t *testing.T) {
	now := time.Now()
	e := newEvidence(now)
	e.said[1] = word{by: 1, level: 8}
	of := claim{word{level: 40, clock: now}, "f", 10, 10}
	for range 2 * lostViews {
		now = now.Add(lostFor)
		e.hear(now, of, nil, false, false)
		if how, it := e.judge(now, of); how != unclear || e.views > 0 {
			t.Fatalf("verdict %d, %d, of %d views", how, it.level, e.views)
		}
	}
}

// TestWhoHasSeenALaterBlock: one that was made after the claim by more than a block may be ahead.
func TestWhoHasSeenALaterBlock(t *testing.T) {
	now := time.Now()
	claimed := word{clock: now, at: now}
	for after, want := range map[time.Duration]bool{0: false, blockAhead: false, blockAhead + 1: true} {
		if knows := (word{clock: now.Add(after)}).knows(now, claimed); knows != want {
			t.Errorf("a block %s later: knows %t", after, knows)
		}
	}
	v := view{Head: evm.Header{Time: 1000}, HeadAt: now.Add(-10 * time.Second)}
	if got, want := v.clockNow(now), time.Unix(1010, 0); !got.Equal(want) {
		t.Errorf("a look of 10 s: the chain's clock is %s at its end, want %s", got, want)
	}
}

// TestEvidenceOfAClockThatWasAhead is of now.
func TestEvidenceOfAClockThatWasAhead(t *testing.T) {
	p := newPlay(sink.Every)
	later := p.now.Add(time.Hour)
	e := newEvidence(later)
	e.denials[1] = denial{word{at: later}, 40}
	e.claims, e.aloneAt = []word{{at: later}}, later
	p.evidence["f"], p.alone, p.believed["f"] = e, &belief{At: later}, word{at: later}
	p.refuted["f"], p.wrong[1] = refutal{word{at: later}, 0}, mistake{1, later}
	p.setClocks(p.now)
	for what, at := range map[string]time.Time{
		"since": e.since, "a denial": e.denials[1].at, "a claim": e.claims[0].at, "alone": e.aloneAt, "a count": p.alone.At, "a slot": p.believed["f"].at,
		"a refutal": p.refuted["f"].at, "a mistake": p.wrong[1].since,
	} {
		if !at.Equal(p.now) {
			t.Errorf("%s: of %s, want now, %s", what, at, p.now)
		}
	}
}

// TestWhatMayBeThereWaits: with a deviation or heartbeat also what is near what is claimed, as long as the slot was not read.
func TestWhatMayBeThereWaits(t *testing.T) {
	at := dodona.Round(1_000_000)
	for _, c := range []struct {
		claimed, round dodona.Round
		read, waits    bool
	}{
		{0, at, false, true},
		{0, at, true, false}, // nothing is claimed
		{at, at, true, true},
		{at + 1, at, false, true},
		{at - 1000, at, false, true},
		{at - 1000, at, true, false},
		{at - 60_000, at, false, false},
	} {
		p := newPlay(sink.Latest)
		p.policy.Heartbeat, p.known["f"], p.unsure = time.Minute, c.read, make(map[string]sink.Said)
		if c.claimed > 0 {
			p.unsure["f"] = sink.Said{Round: c.claimed}
		}
		if waits := p.mayHave(&Payload{Topic: dodona.TopicData, Feed: "f", Round: c.round}); waits != c.waits {
			t.Errorf("%+v: it waits: %t", c, waits)
		}
	}
}
