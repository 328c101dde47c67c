package evm

import (
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
)

// These tests show the machine views of a chain that no test chain can be made to have: a scripted fake.

// A play is a machine and what it did.
type play struct {
	*machine
	t       *testing.T // where a step needs one
	now     time.Time
	view    view
	journal []intent.Entry
	events  int
	took    []time.Duration
}

func newPlay(policy sink.Choice) *play {
	p := &play{now: time.Unix(1795349070, 0)}
	p.view = view{
		Head: ethrpc.Header{Number: 10, BaseFee: 1e9}, Balance: big.NewInt(1e18), Tip: 1e9,
		Receipts: make(map[dodona.Digest]*ethrpc.Receipt), Slots: map[string]sink.Said{"f": {}}, Estimates: make(map[uint64]estimate),
	}
	p.machine = newMachine(p.rules(policy))
	return p
}

func (p *play) rules(policy sink.Choice) rules {
	return rules{
		sink: "main", chain: 1, sender: dodona.Address{9}, policy: sink.Policy{Policy: policy}, target: map[string]dodona.Address{"f": {7}},
		maxFee: 100e9, gas: 60000, confirmations: 3, window: 4, bumpAfter: 30 * time.Second, resendAfter: 10 * time.Second,
		sign: func(tx ethrpc.Transaction) ([]byte, dodona.Digest) {
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
	p.took = append(p.took, fx.took...)
	for _, rec := range fx.keep {
		switch rec.Topic {
		case dodona.TopicIntent:
			e, err := intent.Parse(rec)
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
	if g := p.wants(p.now, false).NonceGap; !g.empty() {
		p.view.Final = make(map[uint64]intent.Intent)
		for _, e := range p.journal {
			if e.Intent.State == Final && g.from <= e.Intent.Nonce && e.Intent.Nonce < g.to {
				p.view.Final[e.Intent.Nonce] = e.Intent
			}
		}
	}
	return p.did(t, p.step(p.now, p.view).effects)
}

// accepts is a turn, after which an endpoint takes all that is sent.
func (p *play) accepts(t *testing.T, after time.Duration) {
	t.Helper()
	for _, i := range p.turn(t, after) {
		p.did(t, p.sent(p.now, i, accepted, ""))
	}
}

// mine puts the last attempt of every intent in flight into a block, and gives the slot the newest answer of them.
func (p *play) mine(block uint64) {
	for _, i := range p.open {
		if !i.State.InFlight() {
			continue
		}
		hash := i.last().Hash
		p.view.Receipts[hash] = &ethrpc.Receipt{Tx: hash, Block: block, BlockHash: dodona.Digest{byte(block)}, OK: true}
		p.view.Nonce = max(p.view.Nonce, i.Nonce+1)
		if i.Payload != nil && i.Payload.Round > p.view.Slots["f"].Round {
			p.view.Slots["f"] = sink.Said{Round: i.Payload.Round}
		}
	}
	p.view.Head.Number = block
}

// finalPlay is one whose answers of rounds 1000, 2000 and 3000, of nonces 0 to 2, are final.
func finalPlay(t *testing.T) *play {
	t.Helper()
	p := newPlay(sink.Every)
	for n := range 3 {
		p.offer(t, dodona.Round(1000*(n+1)))
	}
	p.turn(t, time.Second)
	p.mine(11)
	p.view.Head.Number = 20
	p.turn(t, time.Second)
	if len(p.open) > 0 || p.pendingNonce != 3 {
		t.Fatalf("open %v, next nonce %d", p.open, p.pendingNonce)
	}
	return p
}

// lose makes the chain forget all but the first transaction.
func (p *play) lose() {
	clear(p.view.Receipts)
	p.view.Nonce, p.view.Slots["f"] = 1, sink.Said{Round: 1000}
}

func TestWhatWasFinalAndIsGoneIsSentAgainWithTheSameBytes(t *testing.T) {
	p := finalPlay(t)
	bytes := make(map[uint64]dodona.Digest)
	for _, e := range p.journal {
		if n := len(e.Intent.Attempts); n > 0 {
			bytes[e.Intent.Nonce] = e.Intent.Attempts[n-1].Hash
		}
	}
	p.lose()
	p.view.Head.Number = 25
	before := p.events
	again := make(map[uint64]bool)
	for range 6 {
		for _, i := range p.turn(t, 5*time.Second) {
			if i.last().Hash != bytes[i.Nonce] || len(i.Attempts) != 1 {
				t.Errorf("nonce %d carries other bytes", i.Nonce)
			}
			again[i.Nonce] = true
		}
	}
	if len(again) != 2 || !again[1] || !again[2] || p.events != before+1 {
		t.Errorf("sent again %v, %d events; want nonces 1 and 2 and one event", again, p.events-before)
	}
	// A crash after it was journaled goes on with it; what is attested later gets nonces of its own.
	q := newPlay(sink.Every)
	_, st := q.restore(p.now, p.journal)
	q.did(t, st.effects)
	q.journal, q.view = p.journal, p.view
	q.offer(t, 4000)
	q.turn(t, time.Second)
	if len(q.open) != 3 || q.open[2].Nonce != 3 {
		t.Errorf("open after a crash %+v", q.open)
	}
	q.mine(26)
	q.view.Head.Number = 40
	q.turn(t, time.Second)
	if len(q.open) > 0 {
		t.Errorf("not final again: %+v", q.open)
	}
}

func TestAnEndpointThatLagsBehindWhatIsFinalIsWaitedFor(t *testing.T) {
	p := finalPlay(t)
	p.view.Head.Number = 12 // below what was seen
	p.lose()
	for range 10 {
		if sent := p.turn(t, 5*time.Second); len(sent) > 0 {
			t.Fatalf("sent %+v", sent)
		}
	}
	for range 20 {
		p.turn(t, 5*time.Second)
	}
	if len(p.open) != 2 {
		t.Error("a chain that was set back is not noticed")
	}
}

func TestNoncesThatAnEndpointMadeUpAreNotFilledUpTo(t *testing.T) {
	p := newPlay(sink.Every)
	p.view.Nonce = 1 << 40
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.view.Nonce = 7 // from an honest one
	for range 10 {
		for _, i := range p.turn(t, 5*time.Second) {
			if i.Payload == nil {
				t.Fatal("money is spent on holes")
			}
		}
	}
	if len(p.open) != 1 || p.open[0].Nonce != 7 || p.pendingNonce != 8 {
		t.Errorf("open %+v, next nonce %d", p.open, p.pendingNonce)
	}
	q := newPlay(sink.Every)
	q.restore(p.now, p.journal)
	if q.pendingNonce != 8 {
		t.Errorf("after a restart the next nonce is %d, want 8", q.pendingNonce)
	}
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
	p.view.Receipts[first] = &ethrpc.Receipt{Tx: first, Block: 11, BlockHash: dodona.Digest{11}, OK: true}
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
	for range 5 {
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
	p.view.Receipts[old.Hash] = &ethrpc.Receipt{Tx: old.Hash, Block: 11, BlockHash: dodona.Digest{11}, OK: true}
	fx := p.step(p.now, p.view)
	told := slices.IndexFunc(fx.keep, func(rec dodona.Record) bool { return rec.Topic == dodona.TopicReceipt })
	if told < 0 || !strings.HasPrefix(fx.keep[told].ID, "data.f.1000.mined.") {
		t.Errorf("journaled %v, want the receipt of round 1000", fx.keep)
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
		_, st := q.restore(p.now, p.journal[:cut])
		q.did(t, st.effects)
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

func TestOneTransactionThatIsRejectedIsToldOnce(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.offer(t, 2000)
	p.turn(t, time.Second)
	one, other := p.open[0], p.open[1]
	for range 10 {
		p.did(t, p.sent(p.now, one, refused, "no"))
		p.did(t, p.sent(p.now, other, accepted, ""))
		p.turn(t, time.Second)
	}
	if p.events != 1 || len(p.trouble) != 1 {
		t.Errorf("%d events, troubles %v, want one", p.events, p.trouble)
	}
	p.mine(11)
	p.turn(t, time.Second)
	if p.events != 2 || len(p.trouble) != 0 {
		t.Errorf("%d events, troubles %v after it is in a block", p.events, p.trouble)
	}
}

func TestAnEndpointThatStandsStillIsLeft(t *testing.T) {
	client, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{"http://127.0.0.1:1", "http://127.0.0.1:2"}})
	if err != nil {
		t.Fatal(err)
	}
	p := newPlay(sink.Every)
	s := &Sink{m: p.machine, client: client, turns: newTurns(), settings: Settings{Poll: time.Second}, env: sink.Env{Now: func() time.Time { return p.now }, Log: slog.New(slog.DiscardHandler)}}
	current := func() int {
		return slices.IndexFunc(client.Endpoints(), func(e ethrpc.EndpointStatus) bool { return e.Current })
	}
	look := func(after time.Duration, before, head byte) {
		p.now = p.now.Add(after)
		s.distrust(ethrpc.Header{Hash: dodona.Digest{before}}, view{Head: ethrpc.Header{Hash: dodona.Digest{head}}})
	}
	look(0, 0, 1)
	look(time.Hour, 1, 1)
	if current() != 0 {
		t.Error("a chain without anything to do may stand still")
	}
	look(0, 1, 2)
	p.offer(t, 1000)
	p.turn(t, 0)
	look(time.Minute, 2, 2)
	look(59*time.Second, 2, 3)
	look(119*time.Second, 3, 3)
	if current() != 0 {
		t.Error("left too early")
	}
	look(time.Second, 3, 3)
	if e := client.Endpoints(); current() != 1 || !strings.Contains(e[0].Error, "has stood for 2m0s") {
		t.Errorf("endpoints %+v", e)
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
	for _, pause := range []time.Duration{30 * time.Second, lostFor / 2, lostFor / 2} { // it is certain after a while
		if sent := p.turn(t, pause); len(sent) > 0 {
			t.Errorf("sent %v", sent)
		}
	}
	if len(p.open) > 0 {
		t.Errorf("open %v", p.open)
	}
	p.offer(t, 2000)
	if sent := p.turn(t, 31*time.Second); len(sent) != 1 {
		t.Error("the first sender did nothing, and this one did not step in")
	}
}

func FuzzEntriesNeverPanic(f *testing.F) {
	f.Add([]byte(`{"chain":1,"top":1,"intent":{"number":1,"state":"sent"}}`))
	f.Add([]byte(`"2026-11-22T12:00:00Z"`))
	fuzztest.Run(f, func(t *testing.T, body []byte) {
		e, err := intent.Parse(dodona.Record{Body: body})
		if err != nil {
			return
		}
		m := newPlay(sink.Every)
		m.restore(m.now, []intent.Entry{e})
		m.step(m.now, m.view)
	})
}
