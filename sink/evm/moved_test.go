package evm

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
)

// finals notes the contracts that receipts of what is final name, in each step.
func (p *play) finals(t *testing.T, after time.Duration) (list []dodona.Address) {
	t.Helper()
	p.now = p.now.Add(after)
	fx := p.step(p.now, p.view).effects
	for _, rec := range fx.keep {
		var r dodona.Receipt
		if rec.Topic == dodona.TopicReceipt && json.Unmarshal(rec.Body, &r) == nil && r.Status == dodona.ReceiptFinal {
			list = append(list, r.OnChain.Contract)
		}
	}
	p.did(t, fx)
	return list
}

// TestAReceiptNamesTheContractThatATransactionWentTo, whatever the configuration says by then. If it names another one, that gets the answer too.
func TestAReceiptNamesTheContractThatATransactionWentTo(t *testing.T) {
	first, second := dodona.Address{7}, dodona.Address{8}
	for name, c := range map[string]struct {
		now   dodona.Address
		holds dodona.Round // by the contract that takes the feed by now
		anew  bool
	}{"the same": {first, 1000, false}, "another": {second, 0, true}, "another that has it": {second, 1000, false}, "none": {dodona.Address{}, 0, false}} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(sink.Every)
			p.offer(t, 1000)
			p.turn(t, time.Second)
			if to := p.open[0].last().To; to != first {
				t.Fatalf("it is sent to %s", to)
			}
			if p.target["f"] = c.now; c.now.IsZero() {
				delete(p.target, "f")
				delete(p.view.Slots, "f")
			}
			p.mine(11)
			if !c.now.IsZero() {
				p.view.Slots["f"] = sink.Said{Round: c.holds}
			}
			p.turn(t, time.Second)
			p.view.Head.Number = 20
			if got := p.finals(t, time.Second); !slices.Equal(got, []dodona.Address{first}) {
				t.Fatalf("receipts name %v, want %s", got, first)
			}
			p.turn(t, time.Second)
			if anew := len(p.open) == 1; anew != c.anew || anew && p.open[0].last().To != second {
				t.Fatalf("open is %v", p.open)
			}
			if !c.anew {
				return
			}
			p.mine(21)
			p.turn(t, time.Second)
			p.view.Head.Number = 30
			if got := p.finals(t, time.Second); !slices.Equal(got, []dodona.Address{second}) || len(p.open) > 0 {
				t.Errorf("receipts name %v, want %s; open is %v", got, second, p.open)
			}
		})
	}
}

// TestAFeedThatIsTakenOutHoldsUpNoOthers: what is under way is replaced by what pays enough, to where it went; what comes to nothing is not planned anew.
func TestAFeedThatIsTakenOutHoldsUpNoOthers(t *testing.T) {
	begin := func() *play {
		p := newPlay(sink.Every)
		p.offer(t, 1000)
		p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
		delete(p.target, "f")
		delete(p.view.Slots, "f")
		return p
	}
	p := begin()
	p.gas, p.view.Head.BaseFee = 0, 20e9
	p.turn(t, time.Second)
	if len(p.wants(p.now.Add(time.Hour), false).Estimates) > 0 {
		t.Error("nobody can say what it takes")
	}
	p.turn(t, time.Minute)
	if a := p.open[0].last(); a.FeeCap < 20e9 || a.To != (dodona.Address{7}) {
		t.Errorf("it still pays %s, to %s", Price(a.FeeCap), a.To)
	}
	p = begin()
	p.view.Nonce++ // somebody else used it
	receipts := 0
	for range 20 {
		p.now = p.now.Add(30 * time.Second)
		for _, a := range p.open {
			p.view.Receipts[a.last().Hash] = nil
		}
		fx := p.step(p.now, p.view).effects
		for _, rec := range fx.keep {
			if rec.Topic == dodona.TopicReceipt {
				receipts++
			}
		}
		p.did(t, fx)
	}
	if len(p.open) > 0 || receipts != 1 {
		t.Errorf("another one has its nonce, and open is %v, with %d receipts", p.open, receipts)
	}
	p = begin()
	p.mine(11)
	for _, r := range p.view.Receipts {
		r.OK = false
	}
	delete(p.view.Slots, "f")
	p.view.Head.Number = 20
	p.turn(t, time.Second)
	if p.turn(t, time.Hour); len(p.open) > 0 {
		t.Errorf("a block reverted it, and open is %+v", p.open[0])
	}
}

// TestARefusalIsOverWithWhatWasRefused, when somebody else delivers it, or what the chain has is near enough again.
func TestARefusalIsOverWithWhatWasRefused(t *testing.T) {
	deviation, err := unit.ParsePercent("1%")
	if err != nil {
		t.Fatal(err)
	}
	for what, e := range map[string]estimate{"refused f": {Refused: "paused"}, "estimate f": {Unknown: "pruned"}} {
		for round, value := range map[dodona.Round]int64{1000: 0, 500: 100} {
			p := newPlay(sink.Latest)
			p.gas, p.policy.Deviation = 0, deviation
			p.view.Slots["f"] = sink.Said{Round: 500, Value: dodona.NewInt192(100)}
			p.turn(t, time.Second)
			taken, fx := p.take(p.now, Payload{Topic: dodona.TopicData, Feed: "f", Record: "r", Round: 1000, Value: dodona.NewInt192(200), Data: []byte{1}, Attested: p.now})
			if p.did(t, fx); !taken {
				t.Fatal("not taken")
			}
			p.view.Estimates[p.open[0].Number] = e
			p.turn(t, time.Second)
			if _, there := p.trouble[what]; !there {
				t.Fatalf("%s is not told: %v", what, p.trouble)
			}
			if p.view.Slots["f"] = (sink.Said{Round: round, Value: dodona.NewInt192(value)}); round < 1000 {
				p.open[0].Payload.Value = dodona.NewInt192(100)
			}
			for range 6 {
				p.turn(t, 5*time.Second)
			}
			if _, there := p.trouble[what]; there || len(p.open) > 0 {
				t.Errorf("round %d: %s is told yet: %v; open is %v", round, what, p.trouble, p.open)
			}
		}
	}
}

// TestRefusedAnchorsAreTriedOneAtATime, however long a block takes, and a person is told.
func TestRefusedAnchorsAreTriedOneAtATime(t *testing.T) {
	p := newPlay(sink.Latest)
	p.machine.anchor = dodona.Address{8}
	p.row = rowMost
	sent := 0
	for n := range p.window - 1 {
		to := dodona.Round(1000 + n)
		taken, fx := p.take(p.now, Payload{Topic: dodona.TopicAnchor, Feed: "series", Record: to.ID(), Round: to, Data: []byte{1}, Attested: p.now})
		if p.did(t, fx); !taken {
			t.Fatal("not taken")
		}
		p.view.Slots[p.open[n].place()] = sink.Said{}
	}
	const minutes = 9
	for range minutes {
		for _, i := range p.turn(t, time.Minute) { // none gets into a block
			if len(i.Attempts) == 1 && i.Attempts[0].At.Equal(p.now) {
				sent++
			}
		}
	}
	if sent != 1 {
		t.Errorf("%d are sent in %d minutes, want one", sent, minutes)
	}
	if said := p.trouble["reverted"].Message; !strings.Contains(said, "of the last 8 anchors the contract") {
		t.Errorf("nobody is told: %v", p.trouble)
	}
	p.row = 0
	if p.turn(t, time.Second); p.trouble["reverted"].Message != "" {
		t.Errorf("one is taken, and told is %v", p.trouble)
	}
}

// TestWhatIsInBlocksIsAskedForTogether: many confirmations cost no more requests for each block than few. If the chain takes blocks back, it is noticed.
func TestWhatIsInBlocksIsAskedForTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := oldLedger()
		f := newFace(l)
		b := newPair(t, l, f)
		b.settings.Confirmations = 1000
		b.starts(sink.Every)
		asked := f.asked["eth_getTransactionReceipt"]
		const rounds = 40
		b.attestsEach(1, rounds, 10*time.Second)
		b.within(time.Minute, "all are in blocks", func() bool { return b.detail().Mined == rounds })
		if n := asked.Load(); n > 10*rounds {
			t.Errorf("%d receipts are asked for, %d for each round", n, n/rounds)
		}
		l.mu.Lock()
		l.forks++
		l.fork = l.head() - 20
		l.mu.Unlock()
		time.Sleep(30 * time.Second)
		if told := b.eventsOf("reorg"); len(told) == 0 {
			t.Error("blocks are other ones, and nobody is told")
		}
		b.within(time.Hour, "all are final", func() bool { return b.status().Delivered == rounds })
		if n := asked.Load(); n > 20*rounds {
			t.Errorf("%d receipts are asked for until all is final", n)
		}
		b.holdsEach(l, 1, rounds)
	})
}

// TestOnlyWhatLiesBelowABlockThatStandsIsTakenForThere, not what is deep enough, of a later nonce, or was seen in another block of that number.
func TestOnlyWhatLiesBelowABlockThatStandsIsTakenForThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := oldLedger()
		b := newPair(t, l, newFace(l))
		if err := b.Sink.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		head := l.head()
		b.m.confirmations = 50
		block := func(number uint64) *Block {
			h, err := b.client.Header(t.Context(), ethrpc.At(number))
			if err != nil {
				t.Fatal(err)
			}
			return &Block{Number: number, Hash: h.Hash}
		}
		var all []dodona.Digest
		for n := range uint64(10) {
			i := &Intent{Intent: intent.Intent{Number: n, Nonce: n, State: Mined, Block: block(head - 40 + n), Attempts: []Attempt{{Hash: dodona.Digest{byte(n), 1}}, {Hash: dodona.Digest{byte(n), 2}}}}}
			switch n {
			case 0:
				i.Block = block(head - 49) // deep enough
			case 4:
				i.Nonce = 100 // above the newest, in a block below: of another fork
			case 9:
				i.Nonce = 5
				i.Block.Number, i.Block.Hash = head-32, dodona.Digest{9} // of the newest number, and another one
			}
			i.Block.Tx = i.Attempts[0].Hash
			b.m.open = append(b.m.open, i)
			all = append(all, i.Attempts[0].Hash, i.Attempts[1].Hash)
		}
		look := func(head uint64) (asked []dodona.Digest) {
			g := &glance{}
			g.Head, g.Receipts = ethrpc.Header{Number: head}, make(map[dodona.Digest]*ethrpc.Receipt)
			w := wish{Receipts: slices.Clone(all)}
			if err := b.resting(t.Context(), g, &w); err != nil || len(g.Receipts) != (len(all)-len(w.Receipts))/2 {
				t.Errorf("%d receipts, %d are asked for: %v", len(g.Receipts), len(w.Receipts), err)
			}
			return w.Receipts
		}
		if got, want := look(head), []dodona.Digest{{0, 1}, {0, 2}, {4, 1}, {4, 2}, {9, 1}, {9, 2}}; !slices.Equal(got, want) {
			t.Errorf("asked for are %v, want %v", got, want)
		}
		below := []dodona.Digest{{0, 1}, {0, 2}, {4, 1}, {4, 2}, {8, 1}, {8, 2}, {9, 1}, {9, 2}}
		newest := b.m.open[8].Block.Number
		b.m.open[9].Block.Number = newest + 1
		if got := look(newest - 1); !slices.Equal(got, below[2:]) { // the first is not deep enough then
			t.Errorf("the head is below the newest, and asked for are %v, want %v", got, below[2:])
		}
		b.m.open[8].Block.Number, b.m.open[9].Block.Number = head+2, head+2 // which this node does not have yet
		if got := look(head + 2); !slices.Equal(got, below) {
			t.Errorf("the newest is not there yet, and asked for are %v, want %v", got, below)
		}
		b.m.open[8].Block.Number, b.m.open[9].Block.Number = newest, newest
		b.m.open[8].Block.Hash = dodona.Digest{8} // the newest does not stand
		if got := look(head); len(got) != len(all) {
			t.Errorf("the block is another one, and only %v are asked for", got)
		}
	})
}

// TestABlockThatCannotBeAskedForIsNotGone: receipts come from a node that is behind, and nobody tells a block by its number.
func TestABlockThatCannotBeAskedForIsNotGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := oldLedger()
		var fails atomic.Bool
		l.says = func(method string, params []json.RawMessage) string {
			switch {
			case !fails.Load():
			case method == "eth_getTransactionReceipt":
				return `"result":null`
			case method == "eth_getBlockByNumber" && !strings.Contains(string(params[0]), "latest"):
				return `"error":{"code":-32000,"message":"header not found"}`
			}
			return ""
		}
		b := newPair(t, l, newFace(l))
		b.settings.Confirmations = 1000
		b.starts(sink.Latest)
		b.attest(1)
		b.within(time.Minute, "it is in a block", func() bool { return b.detail().Mined == 1 })
		fails.Store(true)
		time.Sleep(time.Minute)
		fails.Store(false)
		time.Sleep(time.Minute)
		if told := b.eventsOf("reorg", "nonce"); len(told) > 0 {
			t.Errorf("told of %q", told)
		}
	})
}

// TestAnAttemptOfAnOlderVersionWentWhereItsFeedGoes: it did not say.
func TestAnAttemptOfAnOlderVersionWentWhereItsFeedGoes(t *testing.T) {
	p := newPlay(sink.Every)
	i := &Intent{Intent: intent.Intent{Payload: &Payload{Topic: dodona.TopicData, Feed: "f"}, Attempts: []Attempt{{}}}}
	if to := p.receiver(i, i.last()); to != (dodona.Address{7}) {
		t.Errorf("it went to %s", to)
	}
	seven := uint64(7)
	if b := receiptOf(&Block{Tx: dodona.Digest{1}, Number: 5, OK: true, GasUsed: 6, GasPrice: &seven, Hash: dodona.Digest{2}}); *b != (ethrpc.Receipt{Tx: dodona.Digest{1}, Block: 5, OK: true, GasUsed: 6, GasPrice: &seven, BlockHash: dodona.Digest{2}}) {
		t.Errorf("%+v", b)
	}
}
