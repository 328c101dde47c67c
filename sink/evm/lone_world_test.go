package evm

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
)

// TestANewFolderAndAKeyThatWasUsed: one endpoint counts wrongly for ever, too many or too few, and the other one is there from the start or
// comes later. The rounds are delivered, and nothing is bought.
func TestANewFolderAndAKeyThatWasUsed(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	for _, c := range []struct {
		used, says uint64
		liar       int
		away       time.Duration
		first      dodona.Round // that is to be delivered
	}{
		{8, 20, 0, 0, 1},
		{8, 20, 0, 3 * time.Minute, 1},
		{8, 60, 0, 3 * time.Minute, 1},
		{200, 0, 0, 0, 1},
		{200, 0, 1, 0, 1},
		{200, 100, 0, 0, 1},
		{200, 100, 1, 0, 1},
	} {
		bubble(t, fmt.Sprintf("%+v", c), func(t *testing.T) {
			l := newLedger()
			for n := range c.used {
				l.txs[n] = &ledgerTx{hash: dodona.Digest{byte(n + 1)}, block: 1}
			}
			faces := []*face{newFace(l), newFace(l)}
			faces[c.liar].says = counts(c.says)
			faces[1-c.liar].trips = away(time.Now().Add(c.away))
			b := newPair(t, l, faces...)
			b.env.Policy.Policy = sink.Every
			b.begin()
			b.within(10*time.Minute, "it is ready", b.isReady)
			b.offersEach(1, 30, time.Minute)
			time.Sleep(10 * time.Minute)
			for r := c.first; r <= 30; r++ {
				if n := l.holds(r); n == 0 {
					t.Errorf("round %d is in no block", r)
				}
			}
			b.buysNothing(l)
		})
	}
}

// TestAnOldSlotDeniesNothing: another sender delivers each round in time, one endpoint shows an old slot, for ever or a minute of ten, and a third
// one, if there is one, lags. Nothing is sent in vain.
func TestAnOldSlotDeniesNothing(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	const each = time.Minute
	for _, c := range []struct {
		faces, old int
		lag        uint64
		ever       bool
	}{
		{2, 0, 0, false},
		{2, 0, 0, true},
		{2, 1, 0, false},
		{2, 1, 0, true},
		{3, 0, 6, false},
		{3, 0, 6, true},
		{3, 1, 6, false},
		{3, 1, 6, true},
	} {
		bubble(t, fmt.Sprintf("%+v", c), func(t *testing.T) {
			l := oldLedger()
			begun := time.Now()
			since := func(behind uint64) uint64 { // what the slot holds as of a block
				at := l.begun.Add(time.Duration(l.head()-behind-100) * ledgerBlock)
				return uint64(max(0, at.Sub(begun)-time.Second) / each)
			}
			var list []*face
			for n := range c.faces {
				f := newFace(l)
				f.says = func(method string) string {
					behind := uint64(0)
					if n == 2 {
						behind = c.lag
					}
					holds := since(behind)
					if now := time.Since(begun); n == c.old && (c.ever && now > 5*time.Minute || !c.ever && now%(10*time.Minute) < time.Minute) {
						holds = min(holds, 2)
					}
					if method == "eth_getBlockByNumber" {
						return l.header(-int64(behind), l.begun.Add(time.Duration(l.head()-behind-100)*ledgerBlock), 1e9)
					}
					return shows(holds)(method)
				}
				list = append(list, f)
			}
			b := newPair(t, l, list...)
			b.settings.Senders, b.settings.Stagger = []dodona.Address{{1}, b.wallet.Address()}, 10*time.Second
			b.starts(sink.Every)
			second := b.afterAnother(begun, each, 60, b.offerAll)
			time.Sleep(20 * time.Minute)
			if st := b.status(); len(l.txs) > 0 || second == 0 || st.Superseded != uint64(second) {
				t.Errorf("%d transactions, %d of %d rounds are over; want none, and all", len(l.txs), st.Superseded, second)
			}
		})
	}
}

// TestALieThatRisesIsNotBelieved: the first endpoint shows a slot that goes with the clock, and who denies it is away for three minutes of 15.
func TestALieThatRisesIsNotBelieved(t *testing.T) {
	racetest.Spare(t)
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		begun := time.Now()
		newest := func() uint64 { return uint64(time.Since(begun) / (10 * time.Second)) }
		var lies atomic.Bool
		first.says = saysWhile(&lies, func(method string) string { return shows(newest())(method) })
		second.trips = failsNowAndThen(10*time.Minute, 15*time.Minute, 3*time.Minute)
		b := newPair(t, l, first, second)
		b.starts(sink.Every)
		b.rounds(l, 1, 2, time.Minute, 30*time.Second)
		lies.Store(true)
		var offered []dodona.Round
		for range 180 {
			time.Sleep(20 * time.Second)
			offered = append(offered, dodona.Round(newest()))
			b.offerAll(offered[len(offered)-1])
		}
		time.Sleep(5 * time.Minute)
		for _, r := range offered {
			if n := l.holds(r); n != 1 {
				t.Errorf("round %d is in blocks %d times", r, n)
			}
		}
	})
}

// TestASlotThatWasBelievedAloneIsLeft: the first endpoint shows round 40 for ever, the second is away for three minutes, in which another sender
// delivered up to round 6. What is offered then is delivered.
func TestASlotThatWasBelievedAloneIsLeft(t *testing.T) {
	for _, theirs := range []uint64{0, 6} {
		bubble(t, fmt.Sprint("another delivered ", theirs), func(t *testing.T) {
			l, b, second, said := besideALiar(t, "eth_getStorageAt", slotWord(40), sink.Every)
			said.left.Store(forever)
			second.trips = away(time.Now().Add(3 * time.Minute))
			b.offerAll(3)
			time.Sleep(3 * time.Minute)
			l.theirs.Store(theirs)
			time.Sleep(2 * time.Minute) // one that is gone is asked once a minute
			b.deliversInTime(l, 7, 30)
		})
	}
}

// TestAReorgBesideALiar: blocks with the last transactions go, and one endpoint claims slot and count from then on, or did before. The others have
// less than was known, and are right. What is offered then is delivered.
func TestAReorgBesideALiar(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	for _, c := range []struct {
		faces, liar int
		before      bool
	}{{2, 0, false}, {2, 1, false}, {2, 0, true}, {3, 0, false}, {3, 0, true}} {
		for _, gone := range []uint64{1, 2, 4} {
			bubble(t, fmt.Sprintf("%+v, %d gone", c, gone), func(t *testing.T) {
				l := oldLedger()
				var list []*face
				for range c.faces {
					list = append(list, newFace(l))
				}
				var lies atomic.Bool
				list[c.liar].says = saysWhile(&lies, either(shows(40), counts(40)))
				b := newPair(t, l, list...)
				b.starts(sink.Every)
				b.offersEach(1, 12, 20*time.Second)
				if c.before {
					lies.Store(true)
					time.Sleep(time.Minute)
				}
				l.reorg(12 - gone)
				lies.Store(true)
				b.deliversEach(l, 13, 30)
			})
		}
	}
}

// TestALoneNonceEndsWithWhoIsGone: the first endpoint is believed alone, with a block an hour ahead of our clock, which is off too, and dies; the second one is back.
func TestALoneNonceEndsWithWhoIsGone(t *testing.T) {
	racetest.Spare(t)
	for what, says := range map[string]func(string) string{"a count": counts(40), "a slot": shows(20)} {
		for _, off := range []time.Duration{-2 * time.Minute, 0, 2 * time.Minute} {
			bubble(t, fmt.Sprintf("%s, our clock %s off", what, off), func(t *testing.T) {
				l := newLedger()
				l.begun = l.begun.Add(-2 * time.Hour)
				first, second := newFace(l), newFace(l)
				var lies, firstDead, secondDead atomic.Bool
				first.trips, second.trips = failsWhile(&firstDead), failsWhile(&secondDead)
				first.says = saysWhile(&lies, func(method string) string {
					if method == "eth_getBlockByNumber" {
						return l.header(0, time.Now().Add(time.Hour), 1e9)
					}
					return says(method)
				})
				b := newPair(t, l, first, second)
				b.env.Now = func() time.Time { return time.Now().Add(off) }
				b.starts(sink.Every)
				b.rounds(l, 1, 5, time.Minute, 15*time.Second)
				lies.Store(true)
				secondDead.Store(true)
				b.offerAll(6)
				time.Sleep(3 * time.Minute)
				secondDead.Store(false)
				firstDead.Store(true)
				time.Sleep(laggingFor + time.Minute)
				b.deliversEach(l, 8, 19)
			})
		}
	}
}
