package evm

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
)

// TestAUsedNonceIsProofOfNoMore: 2 transactions are known; an endpoint alone counts 3, and a round gets nonce 3; then it counts 40. Nonce 3 is found
// in a block, or two nodes say that it is used: 4 transactions are known of then, and nothing says that there are 40.
func TestAUsedNonceIsProofOfNoMore(t *testing.T) {
	for name, prove := range map[string]func(*play){
		"in a block":       func(p *play) { p.mine(11); p.view.Nonce = 40; p.turn(t, time.Second) },
		"two nodes say so": func(p *play) { p.did(t, p.sent(p.now, p.open[0], spent, "nonce too low")) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(sink.Every)
			believe := func(level uint64) {
				p.view.Nonce = level
				for range 10 {
					if p.heard.loneNonce != nil && p.heard.loneNonce.Level == level {
						return
					}
					p.turn(t, lostFor/2)
				}
				t.Fatalf("believed %+v, want %d", p.heard.loneNonce, level)
			}
			p.begun, p.chainNonce, p.pendingNonce, p.view.Nonce = true, 2, 2, 3
			p.offer(t, 1000)
			believe(3)
			if len(p.open) != 1 || p.open[0].Nonce != 3 {
				t.Fatalf("open %+v", p.open)
			}
			p.did(t, p.sent(p.now, p.open[0], accepted, ""))
			believe(40)
			prove(p)
			if p.pendingNonce != 4 || p.heard.loneNonce == nil {
				t.Errorf("%d are known of, believed %+v; want 4, and the rest believed", p.pendingNonce, p.heard.loneNonce)
			}
			p.view.Nonce = 4 // it is honest again
			for range 6 * lostViews {
				p.turn(t, lostFor/2)
			}
			for _, e := range p.journal {
				if e.Intent.Payload == nil && e.Intent.State == Signed {
					t.Errorf("nonce %d is filled with an empty transfer", e.Intent.Nonce)
				}
			}
		})
	}
}

// TestAUsedNonceIsWeighedByWhatIsKnown: below what is known it says nothing, and just below what is believed it proves that.
func TestAUsedNonceIsWeighedByWhatIsKnown(t *testing.T) {
	for _, c := range []struct {
		nonce, known uint64
		believed     bool
	}{{3, 10, true}, {9, 10, true}, {10, 11, true}, {19, 20, true}, {20, 25, false}, {30, 25, false}} {
		p := newPlay(sink.Every)
		p.pendingNonce, p.heard.loneNonce = 10, &intent.Alone{Level: 20, Next: 25}
		st := &step{now: p.now}
		p.used(st, c.nonce)
		if p.pendingNonce != c.known || (p.heard.loneNonce != nil) != c.believed {
			t.Errorf("nonce %d is used: %d are known, believed %+v", c.nonce, p.pendingNonce, p.heard.loneNonce)
		}
	}
}

// TestWhoShowsNoReceiptsBeatsWhoStandsStill, however many transactions it shows none of.
func TestWhoShowsNoReceiptsBeatsWhoStandsStill(t *testing.T) {
	seen := func(block uint64, kinds ...string) *doubted {
		d := &doubted{view: view{Head: ethrpc.Header{Number: block}}}
		for _, kind := range kinds {
			d.doubts = append(d.doubts, doubt{kind: kind})
		}
		return d
	}
	frozen := seen(10, "block", "nonce", "slot")
	bare := seen(100, "receipt", "receipt", "receipt", "receipt", "receipt")
	if !bare.beats(frozen) || frozen.beats(bare) {
		t.Error("the frozen one is believed")
	}
	if both := seen(100, "receipt", "slot"); bare.beats(both) == both.beats(bare) || both.beats(bare) {
		t.Error("who gives two sorts of reasons is believed before who gives one")
	}
	if newer := seen(101, "receipt"); !newer.beats(bare) || bare.beats(newer) {
		t.Error("of two that give as many sorts the older one is believed")
	}
	if still := seen(100, standing); still.beats(seen(99, "receipt", "slot", "nonce")) || !seen(99, "receipt", "slot", "nonce").beats(still) {
		t.Error("who stands still is believed, for what it shows of then gives no other reason")
	}
}

// TestWhatWasFinalTwiceIsReadWithItsLastRecord: its next record must have a number that none has.
func TestWhatWasFinalTwiceIsReadWithItsLastRecord(t *testing.T) {
	var recs []dodona.Record
	s := &Sink{m: &machine{rules: rules{chain: 1}}}
	write := func(number, nonce uint64, step int, state State) {
		rec, err := intent.Entry{Chain: 1, Intent: intent.Intent{Number: number, Nonce: nonce, Step: step, State: state}}.Record("main")
		if err != nil {
			t.Fatal(err)
		}
		recs = append(recs, rec)
	}
	s.env.Ledger = intents(func() []dodona.Record { return recs })
	write(1, 5, 4, Final)
	write(2, 6, 4, Final)
	write(1, 5, 5, Sent)
	write(1, 5, 7, Final)
	write(2, 6, 5, Sent)
	write(2, 6, 6, Superseded)
	write(3, 7, 4, Final) // another run
	write(4, 5, 3, Final) // the nonce of the first, of a later intent
	write(6, 5, 9, Sent)
	stranger, err := intent.Entry{Chain: 1, Sender: dodona.Address{1}, Intent: intent.Intent{Number: 5, Nonce: 6, Step: 8, State: Final}}.Record("main")
	if err != nil {
		t.Fatal(err)
	}
	recs = append(recs, stranger)
	found, err := s.finals(t.Context(), nonces{5, 7})
	if err != nil || len(found) != 2 || found[5].Number != 4 || found[5].Step != 3 || found[6].Step != 6 || found[6].State != Final {
		t.Errorf("found %+v, %v", found, err)
	}
}
