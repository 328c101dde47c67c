package evm

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

// TestWaysOutOfALoneNonce: 2 transactions are known, one endpoint counts 40, and two rounds get the nonces 40 and 41. Whatever is heard then, also
// after a start: what is known reaches 40, and they keep their nonces; or they are sent again behind what is known, once.
func TestWaysOutOfALoneNonce(t *testing.T) {
	word := func(p *play, level uint64) map[string][]word {
		return map[string][]word{theNonce: {{by: 1, level: level, clock: p.now.Add(time.Minute)}}}
	}
	hears := func(by int, count uint64) func(p *play) {
		return func(p *play) { p.view.By[theNonce], p.view.Nonce = by, count }
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
		"two say less, and blocks have both": {func(p *play) { p.heard.loneNonce.Level = 60; p.mine(11); p.view.Nonce = 45; p.view.Words = word(p, 45) }, 45, nil, false},
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
			p.view.By, p.view.Head.Time = map[string]int{theNonce: 0}, uint64(p.now.Unix())
			p.begun, p.chainNonce, p.pendingNonce, p.view.Nonce = true, 2, 2, 40
			p.offer(t, 1000)
			p.offer(t, 2000)
			for range lostViews {
				p.turn(t, lostFor/2)
			}
			if p.pendingNonce != 2 || p.heard.loneNonce == nil || p.heard.loneNonce.Next != 42 {
				t.Fatalf("%s: %d is known to be next, and believed %+v; want 2, and 42", name, p.pendingNonce, p.heard.loneNonce)
			}
			if restarted {
				q := newPlay(sink.Every)
				q.t, q.hosts, q.view, q.now, q.journal = t, p.hosts, p.view, p.now, p.journal
				_, st := q.restore(p.now, p.journal)
				q.did(t, st.effects)
				if p = q; p.pendingNonce != 2 || p.heard.loneNonce == nil || p.heard.loneNonce.Next != 42 {
					t.Fatalf("%s: after a start %d is known to be next, and believed %+v; want 2, and 42", name, p.pendingNonce, p.heard.loneNonce)
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
			if next := p.pendingNonce; !again || (p.heard.loneNonce != nil) != c.alone || next != c.nonce+uint64(len(c.sent)) && !c.alone || c.alone && next != c.nonce {
				t.Errorf("%s, after a start %t: next %d, believed %+v, given %v; want %d, %t, %v", name, restarted, next, p.heard.loneNonce, given, c.nonce, c.alone, c.sent)
			}
			next := p.pendingNonce
			if p.heard.loneNonce != nil {
				next = p.heard.loneNonce.Next
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
	p.heard.loneSlots["f"] = word{said: sink.Said{Round: 8}}
	for known, want := range map[dodona.Round]dodona.Round{7: 8, 9: 9} {
		p.slots["f"] = sink.Said{Round: known}
		if has, _ := p.holds("f"); has.Round != want {
			t.Errorf("8 is believed and %d known: it holds %d, want %d", known, has.Round, want)
		}
	}
}

// TestWhatWasKnownBeforeProvesNoLoneNonce: a transaction that was sent before one endpoint counted more is in a block, or two say that its nonce is used.
func TestWhatWasKnownBeforeProvesNoLoneNonce(t *testing.T) {
	for _, mined := range []bool{false, true} {
		p := newPlay(sink.Every)
		p.begun, p.chainNonce, p.pendingNonce, p.view.Nonce = true, 2, 2, 2
		p.offer(t, 1000)
		p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
		p.view.Nonce = 40
		for range lostViews {
			p.turn(t, lostFor/2)
			p.open[0].lost = 0 // no endpoint shows its receipt yet
		}
		if p.heard.loneNonce == nil {
			t.Fatal("nothing is believed")
		}
		if mined {
			p.mine(11)
			p.turn(t, time.Second)
		} else {
			p.did(t, p.sent(p.now, p.open[0], spent, "nonce too low"))
		}
		if p.heard.loneNonce == nil || p.pendingNonce != 3 {
			t.Errorf("in a block %t: believed %+v, %d is next", mined, p.heard.loneNonce, p.pendingNonce)
		}
	}
}
