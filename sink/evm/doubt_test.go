package evm

import (
	"log/slog"
	"math"
	"math/big"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
)

func TestWhatStopsDeliveryOrStepsBackIsDoubted(t *testing.T) {
	for _, c := range []struct {
		kind   string
		idle   bool // nothing is to be sent
		change func(*view)
	}{
		{"", false, func(*view) {}},
		{"block", false, func(v *view) { v.Head.Number = 1 }},
		{"", false, func(v *view) { v.Head.Number -= lagsMost }},
		{"block", false, func(v *view) {
			v.Head.Number, v.Head.Time = 1, uint64(newPlay(sink.Latest).now.Add(-2*keepsTime).Unix())
		}},
		{"", false, func(v *view) {
			v.Head.Number, v.Head.Time = 1, uint64(newPlay(sink.Latest).now.Add(5*time.Second-keepsTime).Unix())
		}},
		{"ahead", false, func(v *view) { v.Head.Number += leapsMost + 1 }},
		{"", false, func(v *view) { v.Head.Number += leapsMost }},
		{"nonce", false, func(v *view) { v.Nonce = 1 }},
		{"slot", false, func(v *view) { v.Slots = map[string]sink.Said{"f": {Round: 999}} }},
		{"funds", false, func(v *view) { v.Balance = big.NewInt(0) }},
		{"", true, func(v *view) { v.Balance = big.NewInt(0) }},
		{"fees", false, func(v *view) { v.Head.BaseFee = 101e9 }},
		{"fees", false, func(v *view) { v.Head.BaseFee = math.MaxUint64 }},
		{"legacy", false, func(v *view) { v.Head.BaseFee, v.Head.Legacy = 0, true }},
		{"", true, func(v *view) { v.Head.BaseFee, v.Head.Legacy = 0, true }},
		{"", false, func(v *view) { v.Tip = 300e9 }}, // max_tip takes care of it
		{"refused", false, func(v *view) { v.Estimates = map[uint64]estimate{2: {Refused: "BadProof"}} }},
		{"estimate", false, func(v *view) { v.Estimates = map[uint64]estimate{2: {Unknown: "pruned"}} }},
		{"limit", false, func(v *view) { v.Head.GasLimit, v.Estimates = 49_999, map[uint64]estimate{2: {Gas: 50_000}} }},
		{"", false, func(v *view) { v.Head.GasLimit, v.Estimates = 50_000, map[uint64]estimate{2: {Gas: 50_000}} }},
	} {
		p := newPlay(sink.Latest)
		p.view.Head.Number, p.view.Nonce = 10, 2
		p.pendingNonce = 2
		p.view.Slots["f"] = sink.Said{Round: 1000}
		p.turn(t, time.Second)
		if !c.idle {
			p.machine.gas = 0 // it waits for an estimate
			p.top = 1
			p.offer(t, 2000)
		}
		v := p.view
		c.change(&v)
		list := p.doubts(p.now, v)
		if len(list) > 1 || len(list) == 0 && c.kind != "" || len(list) == 1 && (list[0].kind != c.kind || list[0].what == "") {
			t.Errorf("got %+v, want a doubt of kind %q", list, c.kind)
		}
	}
}

// TestNobodyIsBlamedForWhatTheSlotHolds: a nonce is used, its transaction has no receipt, and the contract holds the answer, a newer
// one, or neither.
func TestNobodyIsBlamedForWhatTheSlotHolds(t *testing.T) {
	for _, c := range []struct {
		slot   sink.Said
		blamed bool
	}{{sink.Said{Round: 1000}, false}, {sink.Said{Round: 5000}, false}, {sink.Said{Round: 500}, true}} {
		p := newPlay(sink.Latest)
		p.offer(t, 1000)
		p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
		p.view.Nonce, p.view.Slots["f"] = 1, c.slot
		events := p.events
		for range 6 {
			p.turn(t, 5*time.Second)
		}
		if blamed := p.events > events; blamed != c.blamed {
			t.Errorf("slot %+v: somebody is blamed: %v, want %v", c.slot, blamed, c.blamed)
		}
		if open := len(p.open) > 0; open != c.blamed {
			t.Errorf("slot %+v: open intents: %v", c.slot, p.open)
		}
	}
}

// TestAReceiptThatIsMissingIsDoubted: the nonce is used, or the transaction was in a block, and one endpoint shows no receipt.
func TestAReceiptThatIsMissingIsDoubted(t *testing.T) {
	p := newPlay(sink.Latest)
	p.offer(t, 1000)
	p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
	hash := p.open[0].last().Hash
	kinds := func(receipts map[dodona.Digest]*ethrpc.Receipt, nonce, lags uint64) (kinds []string) {
		v := p.view
		v.Receipts, v.Nonce, v.Lags = receipts, nonce, lags
		for _, d := range p.doubts(p.now, v) {
			kinds = append(kinds, d.kind)
		}
		return kinds
	}
	none, one := map[dodona.Digest]*ethrpc.Receipt{hash: nil}, map[dodona.Digest]*ethrpc.Receipt{hash: {Tx: hash, Block: 10, OK: true}}
	for _, c := range []struct {
		what     string
		receipts map[dodona.Digest]*ethrpc.Receipt
		nonce    uint64
		lags     uint64
		doubted  bool
	}{
		{"no receipt of a nonce that is free", none, 0, 0, false},
		{"no receipt of a nonce that is used", none, 1, 0, true},
		{"no receipt, of an endpoint that knows no such nonce yet", none, 1, 1, false},
		{"a receipt", one, 1, 0, false},
		{"a receipt that was not asked for", nil, 1, 0, false},
	} {
		if got := kinds(c.receipts, c.nonce, c.lags); slices.Contains(got, "receipt") != c.doubted {
			t.Errorf("%s: doubts %q", c.what, got)
		}
	}
	p.view.Receipts, p.view.Nonce = one, 1
	p.turn(t, time.Second)
	if p.open[0].State != Mined {
		t.Fatalf("the intent is %s", p.open[0].State)
	}
	if got := kinds(none, 1, 0); !slices.Equal(got, []string{"receipt"}) {
		t.Errorf("a transaction that was in a block is in none: doubts %q", got)
	}
}

// TestAnEstimateThatWasNotEnoughIsDoubted: what is reverted again and again for want of gas is asked of another endpoint.
func TestAnEstimateThatWasNotEnoughIsDoubted(t *testing.T) {
	p := newPlay(sink.Latest)
	p.machine.gas = 0
	p.offer(t, 1000)
	v := p.view
	v.Estimates = map[uint64]estimate{p.open[0].Number: {Gas: leastGas}}
	if d := p.doubts(p.now, v); len(d) > 0 {
		t.Errorf("%+v before anything was reverted", d)
	}
	p.open[0].Reverts = 1
	if d := p.doubts(p.now, v); len(d) != 1 || d[0].kind != "reverted" {
		t.Errorf("got %+v, want that its transaction was reverted", d)
	}
}

// TestABlockNumberThatWasMadeUpIsForgotten, so that honest endpoints are not doubted for ever.
func TestABlockNumberThatWasMadeUpIsForgotten(t *testing.T) {
	p := newPlay(sink.Latest)
	p.view.Head.Number = 5000
	p.turn(t, time.Second)
	p.view.Head.Number = 10
	for begun := p.now; p.now.Sub(begun) <= lowerFor; {
		if d := p.doubts(p.now, p.view); len(d) != 1 || d[0].kind != "block" {
			t.Fatalf("after %s: %+v, want a doubt of its block", p.now.Sub(begun), d)
		}
		p.turn(t, 5*time.Second)
	}
	p.turn(t, 5*time.Second)
	if d := p.doubts(p.now, p.view); len(d) > 0 {
		t.Errorf("still %+v", d)
	}
}

// TestABlockNumberThatIsMadeUpDisarmsNobody: the first endpoint makes one up, and says one more thing that keeps rounds from being sent. The other one, whose
// newest block is of now, is asked.
func TestABlockNumberThatIsMadeUpDisarmsNobody(t *testing.T) {
	const ahead = leapsMost / 2
	for method, lie := range map[string]string{
		"":                `"result":null`,
		"eth_getBalance":  `"result":"0x0"`,
		"eth_estimateGas": `"error":{"code":3,"message":"execution reverted: paused"}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			first := newFace(l)
			var lies, dear atomic.Bool
			first.says = func(asked string) string {
				fee := uint64(1e9)
				if dear.Load() && method == "" {
					fee = 500e9
				}
				switch {
				case lies.Load() && asked == "eth_getBlockByNumber":
					return l.header(ahead, time.Now(), fee)
				case dear.Load() && asked == method:
					return lie
				}
				return ""
			}
			b := newPair(t, l, first, newFace(l))
			b.starts(sink.Latest)
			b.rounds(l, 1, 3, time.Minute, 15*time.Second)
			lies.Store(true)
			time.Sleep(2 * time.Minute)
			dear.Store(true)
			b.rounds(l, 4, 40, time.Minute, 30*time.Second)
		})
	}
}

// TestAnEndpointThatStandsStillIsLeftWhateverWaits: while something is under way, be it in a block and not deep enough, but not for the time before.
func TestAnEndpointThatStandsStillIsLeftWhateverWaits(t *testing.T) {
	client, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{"http://a.example", "http://b.example"}})
	if err != nil {
		t.Fatal(err)
	}
	p := newPlay(sink.Latest)
	s := &Sink{client: client, m: p.machine, turns: newTurns(), env: sink.Env{Now: func() time.Time { return p.now }, Log: slog.New(slog.DiscardHandler)}}
	left := func() bool {
		s.distrust(p.view.Head, p.view)
		return client.Endpoints()[1].Current
	}
	for range 60 {
		if p.now = p.now.Add(time.Minute); left() {
			t.Fatal("the endpoint is left while nothing is under way")
		}
	}
	p.offer(t, 1000)
	p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
	hash := p.open[0].last().Hash
	p.view.Receipts[hash], p.view.Nonce = &ethrpc.Receipt{Tx: hash, Block: 10, OK: true}, 1
	p.turn(t, time.Second)
	if p.open[0].State != Mined || left() {
		t.Fatalf("the intent is %s; the endpoint is left at once: %v", p.open[0].State, left())
	}
	if p.now = p.now.Add(standsFor); !left() {
		t.Error("the endpoint is believed though its newest block stands")
	}
}

// TestNothingIsDoneTwiceBeforeItCanBeSeen: where a look takes a minute, what is not in a block after it may be by now.
func TestNothingIsDoneTwiceBeforeItCanBeSeen(t *testing.T) {
	p := newPlay(sink.Latest)
	p.view.Took = time.Minute // above the 30 s after which it is replaced
	p.offer(t, 1000)
	p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
	if sent := p.turn(t, time.Minute); len(sent) > 0 {
		t.Errorf("it is sent again after a minute: %d attempts", len(p.open[0].Attempts))
	}
	if sent := p.turn(t, time.Minute+time.Second); len(sent) != 1 || len(p.open[0].Attempts) != 2 {
		t.Errorf("sent %d, attempts %d, want it replaced after two minutes", len(sent), len(p.open[0].Attempts))
	}
}
