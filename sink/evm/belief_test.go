package evm

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

// TestWaysOutOfABelief: 2 transactions are known, one endpoint counts 40, and two rounds get the nonces 40 and 41. Whatever is heard then, also
// after a start: what is known reaches 40, and they keep their nonces; or they are sent again behind what is known, once.
func TestWaysOutOfABelief(t *testing.T) {
	word := func(p *play, level uint64) map[string][]word {
		return map[string][]word{theCount: {{by: 1, level: level, clock: p.now.Add(time.Minute)}}}
	}
	hears := func(by int, count uint64) func(p *play) {
		return func(p *play) { p.view.By[theCount], p.view.Nonce = by, count }
	}
	for name, c := range map[string]struct {
		then  func(p *play)
		nonce uint64 // the next one
		sent  []uint64
		alone bool
	}{
		"it goes on":                         {func(*play) {}, 2, nil, true},
		"it counts more":                     {hears(0, 50), 2, []uint64{50, 51}, true}, // those before are lost then
		"it says so no more":                 {hears(0, 2), 2, []uint64{2, 3}, false},
		"another one, who would know":        {func(p *play) { hears(1, 2)(p); p.view.Head.Time = uint64(p.now.Add(time.Minute).Unix()) }, 2, []uint64{2, 3}, false},
		"another one, who lags":              {func(p *play) { hears(1, 2)(p); p.view.Head.Time -= 5 }, 2, nil, true},
		"it counts less, still too much":     {hears(0, 20), 2, []uint64{20, 21}, true},
		"it is denied":                       {func(p *play) { p.view.Words = word(p, 2) }, 2, []uint64{2, 3}, false},
		"two say less":                       {func(p *play) { p.view.Words = word(p, 8) }, 8, []uint64{8, 9}, false},
		"two say so":                         {func(p *play) { p.view.Words = word(p, 40) }, 42, nil, false},
		"two say more":                       {func(p *play) { p.view.Nonce = 42; p.view.Words = word(p, 42) }, 42, []uint64{42, 43}, false}, // and no block has ours
		"two say less, and blocks have both": {func(p *play) { p.alone.Level = 60; p.mine(11); p.view.Nonce = 45; p.view.Words = word(p, 45) }, 45, nil, false},
		"another one, who lags, and its view is kept": {func(p *play) {
			hears(1, 2)(p)
			p.view.Head.Time -= 5
			p.view.HeadAt, p.view.Kept = p.now, true
		}, 2, nil, true},
		"a block has one": {func(p *play) { p.mine(11) }, 42, nil, false},
		"two nodes say that it is used": {func(p *play) {
			p.did(p.t, p.sent(p.now, p.open[0], spent, "nonce too low"))
		}, 42, nil, false},
	} {
		for _, restarted := range []bool{false, true} {
			p := newPlay(sink.Every)
			p.t, p.hosts = t, []string{"a", "b"}
			p.view.By, p.view.Head.Time = map[string]int{theCount: 0}, uint64(p.now.Unix())
			p.begun, p.chainNonce, p.nonce, p.view.Nonce = true, 2, 2, 40
			p.offer(t, 1000)
			p.offer(t, 2000)
			for range lostViews {
				p.turn(t, lostFor/2)
			}
			if p.nonce != 2 || p.alone == nil || p.alone.Next != 42 {
				t.Fatalf("%s: %d is known to be next, and believed %+v; want 2, and 42", name, p.nonce, p.alone)
			}
			if restarted {
				q := newPlay(sink.Every)
				q.t, q.hosts, q.view, q.now, q.journal = t, p.hosts, p.view, p.now, p.journal
				_, fx := q.restore(p.journal)
				q.did(t, fx)
				if p = q; p.nonce != 2 || p.alone == nil || p.alone.Next != 42 {
					t.Fatalf("%s: after a start %d is known to be next, and believed %+v; want 2, and 42", name, p.nonce, p.alone)
				}
			}
			c.then(p)
			had := len(p.journal)
			for range 2 * lostViews {
				p.turn(t, lostFor/2)
			}
			given := make(map[uint64]bool)
			for _, e := range p.journal[had:] {
				if e.Intent.State == Signed && len(e.Intent.Attempts) == 1 {
					given[e.Intent.Nonce] = true
				}
			}
			again := len(given) == len(c.sent)
			for _, nonce := range c.sent {
				again = again && given[nonce]
			}
			if next := p.nonce; !again || (p.alone != nil) != c.alone || next != c.nonce+uint64(len(c.sent)) && !c.alone || c.alone && next != c.nonce {
				t.Errorf("%s, after a start %t: next %d, believed %+v, given %v; want %d, %t, %v", name, restarted, next, p.alone, given, c.nonce, c.alone, c.sent)
			}
			next := p.nonce
			if p.alone != nil {
				next = p.alone.Next
			}
			p.offer(t, 3000)
			if sent := p.turn(t, time.Second); len(sent) != 1 || sent[0].Nonce != next {
				t.Errorf("%s, after a start %t: what is offered then is sent as %v, want nonce %d", name, restarted, sent, next)
			}
		}
	}
}

// TestWhatIsKnownOfASlotGoesBeforeWhatIsBelieved: the later round of the two holds.
func TestWhatIsKnownOfASlotGoesBeforeWhatIsBelieved(t *testing.T) {
	p := newPlay(sink.Every)
	p.believed["f"] = word{said: sink.Said{Round: 8}}
	for known, want := range map[dodona.Round]dodona.Round{7: 8, 9: 9} {
		p.slots["f"] = sink.Said{Round: known}
		if has, _ := p.holds("f"); has.Round != want {
			t.Errorf("8 is believed and %d known: it holds %d, want %d", known, has.Round, want)
		}
	}
}

// away makes an endpoint refuse connections until a time.
func away(until time.Time) func(string) error {
	return func(string) error {
		if time.Now().Before(until) {
			return syscall.ECONNREFUSED
		}
		return nil
	}
}

// counts makes an endpoint count so many transactions.
func counts(n uint64) func(string) string {
	return func(method string) string {
		if method == "eth_getTransactionCount" {
			return fmt.Sprintf(`"result":"0x%x"`, n)
		}
		return ""
	}
}

// TestANewFolderAndAKeyThatWasUsed: one endpoint counts wrongly for ever, too many or too few, and the other one is there from the start or
// comes later. The rounds are delivered, and nothing is bought.
func TestANewFolderAndAKeyThatWasUsed(t *testing.T) {
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
		synctest.Test(t, func(t *testing.T) {
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
			for r := dodona.Round(1); r <= 30; r++ {
				b.offerAll(r)
				time.Sleep(time.Minute)
			}
			time.Sleep(10 * time.Minute)
			for r := c.first; r <= 30; r++ {
				if n := l.holds(r); n == 0 {
					t.Errorf("%+v: round %d is in no block", c, r)
				}
			}
			if n := l.empties(); n > 0 {
				t.Errorf("%+v: %d empty transfers", c, n)
			}
		})
	}
}

// TestAnOldSlotDeniesNothing: another sender delivers each round in time, one endpoint shows an old slot, for ever or a minute of ten, and a third
// one, if there is one, lags. Nothing is sent in vain.
func TestAnOldSlotDeniesNothing(t *testing.T) {
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
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			l.begun = l.begun.Add(-time.Hour)
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
					switch method {
					case "eth_getBlockByNumber":
						return l.header(-int64(behind), l.begun.Add(time.Duration(l.head()-behind-100)*ledgerBlock))
					case "eth_getStorageAt":
						return `"result":"` + slotWord(holds) + `"`
					}
					return ""
				}
				list = append(list, f)
			}
			b := newPair(t, l, list...)
			b.env.Policy.Policy = sink.Every
			b.settings.Senders, b.settings.Stagger = []dodona.Address{{1}, b.wallet.Address()}, 10*time.Second
			b.begin()
			b.within(time.Minute, "it is ready", b.isReady)
			second := 0
			for r := dodona.Round(time.Since(begun)/each) + 1; r <= 60; r++ {
				time.Sleep(time.Until(begun.Add(time.Duration(r) * each)))
				if b.turnOf("feed-0", r) > 0 {
					second++
					b.offerAll(r)
				}
			}
			time.Sleep(20 * time.Minute)
			if st := b.status(); len(l.txs) > 0 || second == 0 || st.Superseded != uint64(second) {
				t.Errorf("%+v: %d transactions, %d of %d rounds are over; want none, and all", c, len(l.txs), st.Superseded, second)
			}
		})
	}
}

// TestALieThatRisesIsNotBelieved: the first endpoint shows a slot that goes with the clock, and who denies it is away for three minutes of 15.
func TestALieThatRisesIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		begun := time.Now()
		newest := func() uint64 { return uint64(time.Since(begun) / (10 * time.Second)) }
		var lies atomic.Bool
		first.says = func(method string) string {
			if method == "eth_getStorageAt" && lies.Load() {
				return `"result":"` + slotWord(newest()) + `"`
			}
			return ""
		}
		second.trips = func(string) error {
			if d := time.Since(begun); d > 10*time.Minute && d%(15*time.Minute) < 3*time.Minute {
				return err502
			}
			return nil
		}
		b := newPair(t, l, first, second)
		b.env.Policy.Policy = sink.Every
		b.begin()
		b.within(time.Minute, "it is ready", b.isReady)
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
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			first, second := newFace(l), newFace(l)
			said := &untruth{method: "eth_getStorageAt", says: slotWord(40)}
			first.says = said.tell
			b := newPair(t, l, first, second)
			b.env.Policy.Policy = sink.Every
			b.begin()
			b.within(time.Minute, "it is ready", b.isReady)
			b.rounds(l, 1, 2, time.Minute, 30*time.Second)
			said.left.Store(1 << 40)
			second.trips = away(time.Now().Add(3 * time.Minute))
			b.offerAll(3)
			time.Sleep(3 * time.Minute)
			l.theirs.Store(theirs)
			time.Sleep(2 * time.Minute) // one that is gone is asked once a minute
			for r := dodona.Round(7); r <= 30; r++ {
				b.offerAll(r)
				time.Sleep(time.Minute)
				if n := l.holds(r); n != 1 {
					t.Errorf("round %d is in blocks %d times", r, n)
				}
			}
		})
	}
}

// reorg takes the transactions from a nonce on away.
func (l *ledger) reorg(from uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for nonce := range l.txs {
		if nonce >= from {
			delete(l.txs, nonce)
		}
	}
}

// TestAReorgBesideALiar: blocks with the last transactions go, and one endpoint claims slot and count from then on, or did before. The others have
// less than was known, and are right. What is offered then is delivered.
func TestAReorgBesideALiar(t *testing.T) {
	for _, c := range []struct {
		faces, liar int
		before      bool
	}{{2, 0, false}, {2, 1, false}, {2, 0, true}, {3, 0, false}, {3, 0, true}} {
		for _, gone := range []uint64{1, 2, 4} {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				l.begun = l.begun.Add(-time.Hour)
				var list []*face
				for range c.faces {
					list = append(list, newFace(l))
				}
				var lies atomic.Bool
				list[c.liar].says = func(method string) string {
					switch {
					case lies.Load() && method == "eth_getStorageAt":
						return `"result":"` + slotWord(40) + `"`
					case lies.Load():
						return counts(40)(method)
					}
					return ""
				}
				b := newPair(t, l, list...)
				b.env.Policy.Policy = sink.Every
				b.begin()
				b.within(time.Minute, "it is ready", b.isReady)
				for r := dodona.Round(1); r <= 12; r++ {
					b.offerAll(r)
					time.Sleep(20 * time.Second)
				}
				if c.before {
					lies.Store(true)
					time.Sleep(time.Minute)
				}
				l.reorg(12 - gone)
				lies.Store(true)
				for r := dodona.Round(13); r <= 30; r++ {
					b.offerAll(r)
					time.Sleep(time.Minute)
				}
				time.Sleep(5 * time.Minute)
				for r := dodona.Round(13); r <= 30; r++ {
					if n := l.holds(r); n != 1 {
						t.Errorf("%+v, %d gone: round %d is in blocks %d times", c, gone, r, n)
					}
				}
			})
		}
	}
}

// TestABeliefEndsWithWhoIsGone: the first endpoint is believed alone, with a block an hour ahead of our clock, which is off too, and dies; the second one is back.
func TestABeliefEndsWithWhoIsGone(t *testing.T) {
	for _, method := range []string{"eth_getTransactionCount", "eth_getStorageAt"} {
		for _, off := range []time.Duration{-2 * time.Minute, 0, 2 * time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				l.begun = l.begun.Add(-2 * time.Hour)
				first, second := newFace(l), newFace(l)
				var lies, firstDead, secondDead atomic.Bool
				dead := func(is *atomic.Bool) func(string) error {
					return func(string) error {
						if is.Load() {
							return err502
						}
						return nil
					}
				}
				first.trips, second.trips = dead(&firstDead), dead(&secondDead)
				first.says = func(m string) string {
					switch {
					case lies.Load() && m == "eth_getBlockByNumber":
						return l.header(0, time.Now().Add(time.Hour))
					case lies.Load() && m == method && m == "eth_getStorageAt":
						return `"result":"` + slotWord(20) + `"`
					case lies.Load() && m == method:
						return counts(40)(m)
					}
					return ""
				}
				b := newPair(t, l, first, second)
				b.env.Now = func() time.Time { return time.Now().Add(off) }
				b.env.Policy.Policy = sink.Every
				b.begin()
				b.within(time.Minute, "it is ready", b.isReady)
				b.rounds(l, 1, 5, time.Minute, 15*time.Second)
				lies.Store(true)
				secondDead.Store(true)
				b.offerAll(6)
				time.Sleep(3 * time.Minute)
				secondDead.Store(false)
				firstDead.Store(true)
				time.Sleep(laggingFor + time.Minute)
				for r := dodona.Round(8); r <= 19; r++ {
					b.offerAll(r)
					time.Sleep(time.Minute)
				}
				time.Sleep(5 * time.Minute)
				for r := dodona.Round(8); r <= 19; r++ {
					if n := l.holds(r); n != 1 {
						t.Errorf("%s, our clock %s off: round %d is in blocks %d times", method, off, r, n)
					}
				}
			})
		}
	}
}

// TestWhatWasKnownBeforeProvesNoBelief: a transaction that was sent before one endpoint counted more is in a block, or two say that its nonce is used.
func TestWhatWasKnownBeforeProvesNoBelief(t *testing.T) {
	for _, mined := range []bool{false, true} {
		p := newPlay(sink.Every)
		p.begun, p.chainNonce, p.nonce, p.view.Nonce = true, 2, 2, 2
		p.offer(t, 1000)
		p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
		p.view.Nonce = 40
		for range lostViews {
			p.turn(t, lostFor/2)
			p.open[0].lost = 0 // no endpoint shows its receipt yet
		}
		if p.alone == nil {
			t.Fatal("nothing is believed")
		}
		if mined {
			p.mine(11)
			p.turn(t, time.Second)
		} else {
			p.did(t, p.sent(p.now, p.open[0], spent, "nonce too low"))
		}
		if p.alone == nil || p.nonce != 3 {
			t.Errorf("in a block %t: believed %+v, %d is next", mined, p.alone, p.nonce)
		}
	}
}
