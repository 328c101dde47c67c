package evm

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/evm"
	"github.com/dodona-oracle/dodona/sink"
)

// These tests show the machine views of a chain that no test chain can be made to have: a scripted fake.

// A play is a machine and what it did.
type play struct {
	*machine
	now     time.Time
	view    view
	journal []entry
	events  int
}

func newPlay(policy string) *play {
	p := &play{now: time.Unix(1795349070, 0)}
	p.view = view{
		Head: evm.Header{Number: 10, BaseFee: 1e9}, Balance: big.NewInt(1e18), Tip: 1e9,
		Receipts: make(map[dodona.Digest]*evm.Receipt), Slots: map[string]sink.Said{"f": {}}, Estimates: make(map[uint64]estimate),
	}
	p.machine = newMachine(p.rules(policy))
	return p
}

func (p *play) rules(policy string) rules {
	return rules{
		sink: "main", chain: 1, sender: dodona.Address{9}, policy: sink.Policy{Policy: policy}, target: map[string]dodona.Address{"f": {7}},
		maxFee: 100e9, gas: 60000, confirmations: 3, window: 4, bumpAfter: 30 * time.Second, resendAfter: 10 * time.Second,
		sign: func(tx evm.Transaction) ([]byte, dodona.Digest) {
			raw := fmt.Appendf(nil, "%d %d %d %x", tx.Nonce, tx.Tip, tx.FeeCap, tx.Data)
			return raw, dodona.Keccak256(raw)
		},
	}
}

// did journals effects as the driver does, and returns what was sent.
func (p *play) did(t *testing.T, fx effects) (sent []*Intent) {
	t.Helper()
	if fx.fail != nil {
		t.Fatal(fx.fail)
	}
	for _, rec := range fx.keep {
		switch rec.Topic {
		case dodona.TopicIntent:
			e, err := parseEntry(rec)
			if err != nil {
				t.Fatal(err)
			}
			p.journal = append(p.journal, e)
		case dodona.TopicEvent:
			p.events++
		}
	}
	for _, i := range fx.send { // no byte leaves that is not journaled
		last := p.journal[len(p.journal)-1]
		for _, e := range p.journal {
			if e.Intent.Number == i.Number {
				last = e
			}
		}
		if n := len(last.Intent.Attempts); n == 0 || last.Intent.Attempts[n-1].Hash != i.last().Hash {
			t.Fatalf("intent %d is sent and not journaled", i.Number)
		}
	}
	return fx.send
}

func (p *play) offer(t *testing.T, round dodona.Round) {
	t.Helper()
	taken, fx := p.take(p.now, Payload{Topic: dodona.TopicData, Feed: "f", Record: round.ID(), Round: round, Data: []byte{byte(round)}, Attested: p.now})
	p.did(t, fx)
	if !taken {
		t.Fatalf("round %d is not taken", round)
	}
}

// turn shows the view after a while.
func (p *play) turn(t *testing.T, after time.Duration) []*Intent {
	t.Helper()
	p.now = p.now.Add(after)
	for _, i := range p.open {
		for _, a := range i.Attempts {
			if _, known := p.view.Receipts[a.Hash]; !known {
				p.view.Receipts[a.Hash] = nil
			}
		}
	}
	return p.did(t, p.step(p.now, p.view))
}

func TestANonceThatAnotherTookIsNoticedAndTheAnswerSentAnew(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	if sent := p.turn(t, time.Second); len(sent) != 1 || sent[0].Nonce != 0 {
		t.Fatalf("sent %v", sent)
	}
	p.view.Nonce = 1 // somebody's transaction; ours is in no block
	var sent []*Intent
	for range 4 {
		sent = p.turn(t, 5*time.Second)
	}
	if len(p.open) != 1 || p.open[0].Nonce != 1 || p.events == 0 || len(sent) != 1 {
		t.Errorf("open %+v, %d events", p.open, p.events)
	}
}

func TestALaggingEndpointDoesNotCostANonce(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.view.Nonce = 1
	p.turn(t, time.Second) // this endpoint has the block, but not yet the receipt
	first := p.open[0].last().Hash
	p.view.Receipts[first] = &evm.Receipt{Tx: first, Block: 11, BlockHash: dodona.Digest{11}, OK: true}
	p.turn(t, time.Minute)
	if len(p.open) != 1 || p.open[0].State != Mined || p.top != 1 {
		t.Errorf("open %+v, top %d", p.open[0], p.top)
	}
}

func TestHolesInTheNoncesAreFilled(t *testing.T) {
	p := newPlay(sink.Every)
	p.view.Nonce = 5
	p.offer(t, 1000)
	p.turn(t, time.Second) // nonce 5
	p.view.Nonce = 3       // a deep reorganisation took 3 and 4
	var filled []uint64
	for range 4 {
		for _, i := range p.turn(t, 5*time.Second) {
			if i.Payload == nil {
				filled = append(filled, i.Nonce)
			}
		}
	}
	if len(filled) < 2 || filled[0] != 3 || filled[1] != 4 {
		t.Errorf("filled %v, want 3 and 4", filled)
	}
}

func TestAnUnderpricedTransactionPaysAnEighthMoreUpToTheMost(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	i := p.open[0]
	for range 200 {
		p.did(t, p.sent(p.now, i, underpriced, "replacement transaction underpriced"))
		p.turn(t, time.Second)
	}
	for n := 1; n < len(i.Attempts); n++ {
		a, b := i.Attempts[n-1], i.Attempts[n]
		if b.FeeCap*8 < a.FeeCap*9 || b.Tip*8 < a.Tip*9 {
			t.Errorf("attempt %d: tip %d after %d, cap %d after %d", n, b.Tip, a.Tip, b.FeeCap, a.FeeCap)
		}
	}
	if last := i.last(); last.FeeCap > 100e9 || len(i.Attempts) < 10 || len(i.Attempts) > mostBumps {
		t.Errorf("%d attempts, the last at %d", len(i.Attempts), last.FeeCap)
	}
	if _, told := p.trouble["fees"]; !told {
		t.Error("that the most is reached is not told")
	}
}

func TestAStuckTransactionIsReplacedByTheNewestAnswer(t *testing.T) {
	p := newPlay(sink.Latest)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.view.Estimates[2] = estimate{Gas: 40000}
	p.offer(t, 2000)
	p.turn(t, time.Minute)
	if len(p.open) != 1 || p.open[0].Payload.Round != 2000 || len(p.open[0].Attempts) != 2 || p.open[0].Nonce != 0 {
		t.Fatalf("open %+v", p.open[0])
	}
	// The older attempt may win nevertheless, and its receipt is that of the older round.
	old := p.open[0].Attempts[0]
	p.view.Receipts[old.Hash] = &evm.Receipt{Tx: old.Hash, Block: 11, BlockHash: dodona.Digest{11}, OK: true}
	fx := p.step(p.now, p.view)
	for _, rec := range fx.keep {
		if rec.Topic == dodona.TopicReceipt && rec.ID[:len("data.f.1000.mined")] != "data.f.1000.mined" {
			t.Errorf("receipt %s", rec.ID)
		}
	}
}

func TestEveryCrashPointGoesOnWithTheSameBytes(t *testing.T) {
	p := newPlay(sink.Every)
	for n := range 3 {
		p.offer(t, dodona.Round(1000*(n+1)))
	}
	sent := p.turn(t, time.Second)
	p.did(t, p.sent(p.now, sent[0], accepted, ""))
	bytes := make(map[uint64]dodona.Digest)
	for _, e := range p.journal {
		if n := len(e.Intent.Attempts); n > 0 {
			bytes[e.Intent.Nonce] = e.Intent.Attempts[n-1].Hash
		}
	}
	for cut := range len(p.journal) + 1 { // only so much was journaled
		q := newPlay(sink.Every)
		_, fx := q.restore(p.journal[:cut])
		q.did(t, fx)
		q.journal = append(q.journal, p.journal[:cut]...)
		for n := range 3 {
			q.offer(t, dodona.Round(1000*(n+1))) // the reader gives again what it had not finished
		}
		nonces := make(map[uint64]bool)
		for _, i := range q.turn(t, time.Minute) {
			if nonces[i.Nonce] {
				t.Errorf("cut at %d: nonce %d is sent twice", cut, i.Nonce)
			}
			nonces[i.Nonce] = true
			if i.last().Hash != bytes[i.Nonce] && len(i.Attempts) == 1 {
				t.Errorf("cut at %d: nonce %d carries other bytes", cut, i.Nonce)
			}
		}
		if len(nonces) != 3 {
			t.Errorf("cut at %d: %d nonces are sent, want 3", cut, len(nonces))
		}
	}
}

func TestSendersTakeTurns(t *testing.T) {
	list := []dodona.Address{{1}, {2}, {3}}
	first := make(map[int]int)
	for n := range 300 {
		round := dodona.Round(1000 * n)
		waits := make(map[time.Duration]bool)
		for i, a := range list {
			s := &Sink{settings: Settings{Senders: list, Stagger: time.Second}, wallet: paper(a), env: sink.Env{Feeds: []dodona.Feed{{Name: "f"}}}}
			d := s.turnOf("f", round)
			waits[d] = true
			if d == 0 {
				first[i]++
			}
		}
		if !waits[0] || !waits[time.Second] || !waits[2*time.Second] {
			t.Fatalf("round %d: waits %v", round, waits)
		}
	}
	for i, n := range first {
		if n < 70 {
			t.Errorf("sender %d goes first in %d of 300 rounds", i, n)
		}
	}
}

type paper dodona.Address

func (p paper) Address() dodona.Address                             { return dodona.Address(p) }
func (paper) SignTransaction(dodona.Digest) (none dodona.Signature) { return none }

func TestAStaggeredSenderSendsOnlyIfItIsStillNeeded(t *testing.T) {
	p := newPlay(sink.Latest)
	p.wait = func(string, dodona.Round) time.Duration { return 30 * time.Second }
	p.offer(t, 1000)
	if sent := p.turn(t, 10*time.Second); len(sent) > 0 {
		t.Fatal("it does not wait")
	}
	p.view.Slots["f"] = sink.Said{Round: 1000}
	if sent := p.turn(t, 30*time.Second); len(sent) > 0 || len(p.open) > 0 {
		t.Errorf("sent %v, open %v", sent, p.open)
	}
	p.offer(t, 2000)
	if sent := p.turn(t, 31*time.Second); len(sent) != 1 {
		t.Error("the first sender did nothing, and this one did not step in")
	}
}

func FuzzEntriesNeverPanic(f *testing.F) {
	f.Add([]byte(`{"chain":1,"top":1,"intent":{"number":1,"state":"sent"}}`))
	f.Add([]byte(`"2026-11-22T12:00:00Z"`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := parseEntry(dodona.Record{Body: body})
		if err != nil {
			return
		}
		m := newPlay(sink.Every)
		m.restore([]entry{e})
		m.step(m.now, m.view)
	})
}
