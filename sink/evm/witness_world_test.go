package evm

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
)

// TestALiarIsNotBelievedThoughItsWitnessIsPoor: the first endpoint lies for ever, and each round is in a block once, whatever the honest second
// one is like.
func TestALiarIsNotBelievedThoughItsWitnessIsPoor(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	for name, c := range map[string]struct {
		trips func(string) error
		ahead uint64 // blocks that the liar claims besides
		state bool   // the witness has no state of a block by its number
	}{
		"it fails every other time":   {trips: every(2, err502)},
		"it answers one of four":      {trips: every(4, err502)},
		"it answers one of ten":       {trips: every(10, err502)},
		"it knows the newest only":    {state: true},
		"the liar is some blocks on":  {ahead: 70},
		"the liar is many blocks on":  {ahead: 5000},
		"the liar is a few blocks on": {ahead: 3},
	} {
		for method, says := range map[string]string{"eth_getStorageAt": slotWord(40), "eth_getTransactionCount": "0x28"} {
			bubble(t, name+", "+method, func(t *testing.T) {
				l := newLedger()
				first, second := newFace(l), newFace(l)
				said := &untruth{method: method, says: says}
				first.says = func(m string) string {
					if m == "eth_getBlockByNumber" && said.left.Load() > 0 && c.ahead > 0 {
						return l.header(int64(c.ahead), time.Now(), 1e9)
					}
					return said.tell(m)
				}
				second.trips = c.trips
				if c.state {
					l.says = func(m string, params []json.RawMessage) string {
						if m == method && !strings.Contains(string(params[len(params)-1]), "latest") {
							return `"error":{"code":-32000,"message":"missing trie node"}`
						}
						return ""
					}
				}
				b := newPair(t, l, first, second)
				b.env.Policy.Policy = sink.Every
				b.begin()
				b.within(5*time.Minute, "it is ready", b.isReady)
				b.rounds(l, 1, 2, time.Minute, 30*time.Second)
				said.left.Store(forever)
				b.offersEach(3, 20, 2*time.Minute)
				time.Sleep(10 * time.Minute)
				b.holdsEach(l, 1, 20)
				b.buysNothing(l)
			})
		}
	}
}

// TestWhoWasBelievedAloneIsAskedAbout: the first endpoint lies for ever, the second is away for some minutes. The rounds after that are delivered.
func TestWhoWasBelievedAloneIsAskedAbout(t *testing.T) {
	for method, says := range map[string]string{"eth_getStorageAt": slotWord(40), "eth_getTransactionCount": "0x28"} {
		bubble(t, method, func(t *testing.T) {
			l, b, second, said := besideALiar(t, method, says, sink.Latest)
			said.left.Store(forever)
			back := time.Now().Add(6 * time.Minute)
			second.trips = func(string) error {
				if time.Now().Before(back) {
					return err502
				}
				return nil
			}
			b.offerAll(3)
			time.Sleep(time.Until(back) + 3*time.Minute) // one that is gone is asked once a minute
			b.deliversInTime(l, 4, 30)
			b.buysNothing(l)
		})
	}
}

// TestWhatAnotherSenderDeliveredIsNotSentInVain: it delivers each round in time; the second endpoint is behind, or stands still from the fifth
// minute on.
func TestWhatAnotherSenderDeliveredIsNotSentInVain(t *testing.T) {
	racetest.Long(t, "it simulates hours")
	for _, gas := range []uint64{0, 60_000} {
		for _, policy := range []sink.Choice{sink.Latest, sink.Every} {
			for _, each := range []time.Duration{4 * time.Second, 10 * time.Second, time.Minute} {
				for _, lag := range []uint64{0, 6, 1 << 20} {
					bubble(t, fmt.Sprintf("gas %d, %s, a round each %s, %d blocks behind", gas, policy, each, lag), func(t *testing.T) {
						l := oldLedger()
						first, second := newFace(l), newFace(l)
						began := time.Now()
						var newest atomic.Uint64 // that was offered
						stands := func() uint64 { return uint64(max(0, time.Since(began)-5*time.Minute) / ledgerBlock) }
						behind := func() uint64 {
							if lag < 1<<20 {
								return lag
							}
							return stands()
						}
						says := func(behind func() uint64) func(string) string {
							return func(m string) string {
								level := uint64(max(0, time.Since(began)-time.Duration(behind())*ledgerBlock-2*time.Second) / each)
								if m == "eth_estimateGas" && newest.Load() <= level {
									return `"error":{"code":3,"message":"execution reverted: old"}`
								}
								return shows(level)(m)
							}
						}
						first.says = says(func() uint64 { return 0 })
						second.says = func(m string) string {
							if n := behind(); m == "eth_getBlockByNumber" && n > 0 {
								return l.header(-int64(n), time.Now().Add(-time.Duration(n)*ledgerBlock), 1e9)
							}
							return says(behind)(m)
						}
						b := newPair(t, l, first, second)
						b.settings.Gas = gas
						b.settings.Senders = []dodona.Address{{1}, b.wallet.Address()}
						b.settings.Stagger = 3 * time.Second
						if each == time.Minute {
							b.settings.Stagger = 10 * time.Second
						}
						b.starts(policy)
						b.afterAnother(began, each, 60, func(r dodona.Round) {
							newest.Store(uint64(r))
							b.offerAll(r)
						})
						time.Sleep(time.Minute)
						if sent := first.asked["eth_sendRawTransaction"].Load() + second.asked["eth_sendRawTransaction"].Load(); sent > 0 {
							t.Errorf("%d transactions are sent in vain", sent)
						}
					})
				}
			}
		}
	}
}

// TestASlowWitnessHoldsUpNothing: 50 feeds have rounds on the chain, or the first endpoint lies of all of them.
func TestASlowWitnessHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		second.takes = func(string) time.Duration { return time.Second }
		said := &untruth{method: "eth_getStorageAt", says: slotWord(7)}
		said.left.Store(forever)
		lies := &untruth{method: "eth_getStorageAt", says: slotWord(40)}
		first.says, second.says = either(lies.tell, said.tell), said.tell
		b := newBench(t, 50, l)
		if err := b.reach([]string{"http://rpc1.example", "http://rpc2.example"}, facesByHost{"rpc1.example": first, "rpc2.example": second}); err != nil {
			t.Fatal(err)
		}
		b.begin()
		b.within(20*time.Second, "it is ready", b.isReady)
		time.Sleep(10 * time.Minute)
		l.theirs.Store(7)
		said.left.Store(0)
		lies.left.Store(forever)
		for r := dodona.Round(8); r <= 10; r++ {
			begun := time.Now()
			b.offerAll(r)
			for l.holds(r) < 50 && time.Since(begun) < 30*time.Minute {
				time.Sleep(time.Second)
			}
			if took := time.Since(begun); took > 10*time.Minute {
				t.Errorf("round %d of all feeds is in blocks after %s (%d)", r, took, l.holds(r))
			}
		}
	})
}

// TestATrueSlotThatIsDeniedEndsInFewReverts: another sender delivered round 1001, one endpoint denies it for ever. What the contract reverts
// speaks against who denies.
func TestATrueSlotThatIsDeniedEndsInFewReverts(t *testing.T) {
	p := newPlay(sink.Every)
	p.hosts = []string{"a", "b"}
	deny := func() {
		p.view.Words = map[string][]word{"f": {{by: 1, level: 500, said: sink.Said{Round: 500}, clock: p.now.Add(time.Minute)}}}
	}
	p.view.Slots["f"] = sink.Said{Round: 500}
	deny()
	p.turn(t, time.Second)
	p.offer(t, 1000)
	p.view.Slots["f"] = sink.Said{Round: 1001}
	attempts := 0
	for range 400 {
		if len(p.open) == 0 {
			break
		}
		deny()
		p.view.Head.Number++
		p.turn(t, 5*time.Second)
		for _, i := range p.open {
			if i.State != Signed {
				continue
			}
			p.did(t, p.sent(p.now, i, accepted, ""))
			attempts++
			p.mine(p.view.Head.Number)
			p.view.Receipts[i.last().Hash].OK = false
		}
	}
	if attempts != mostTries || len(p.open) > 0 {
		t.Errorf("%d transactions, %d open; want %d and none", attempts, len(p.open), mostTries)
	}
}

// TestAnOldDenialTakesBackWhatIsBelievedAlone: a count is denied, a higher one is believed while the second endpoint is away, and then the first
// one again, whose denial still holds. Nothing is bought.
func TestAnOldDenialTakesBackWhatIsBelievedAlone(t *testing.T) {
	for _, c := range [][2]uint64{{40, 60}, {30, 32}, {40, 100}} {
		bubble(t, fmt.Sprint(c), func(t *testing.T) {
			l := newLedger()
			first, second := newFace(l), newFace(l)
			var lie atomic.Uint64
			var away atomic.Bool
			first.says = func(m string) string {
				if n := lie.Load(); n > 0 {
					return counts(n)(m)
				}
				return ""
			}
			second.trips = failsWhile(&away)
			b := newPair(t, l, first, second)
			b.starts(sink.Every)
			b.rounds(l, 1, 2, time.Minute, 30*time.Second)
			for minute := range 30 {
				switch minute {
				case 0, 7:
					lie.Store(c[0])
				case 3:
					lie.Store(c[1])
					away.Store(true)
				case 9:
					away.Store(false)
				case 20:
					lie.Store(0)
				}
				b.offerAll(dodona.Round(3 + minute))
				time.Sleep(time.Minute)
			}
			time.Sleep(10 * time.Minute)
			b.buysNothing(l)
		})
	}
}
