package evm

import (
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
)

// TestWhatIsBelievedOfFormerLooks while requests wait for a second each: money for 30 of them unless it is what is missing, and head, nonce
// and slots for 8 while nothing is under way, and nothing was when they were read.
func TestWhatIsBelievedOfFormerLooks(t *testing.T) {
	type state struct {
		each            time.Duration // that a request waits
		age             time.Duration // of all that is remembered
		quiet, wasQuiet bool
		poor            bool
	}
	for name, c := range map[string]struct {
		state
		money, kept bool
	}{
		"all well":                  {state{time.Second, 5 * time.Second, true, true, false}, true, true},
		"no request waits":          {state{0, 0, true, true, false}, false, false},
		"after 8 requests":          {state{time.Second, 8 * time.Second, true, true, false}, true, false},
		"after 30 requests":         {state{time.Second, 30 * time.Second, true, true, false}, false, false},
		"something is under way":    {state{time.Second, 5 * time.Second, false, true, false}, true, false},
		"something was under way":   {state{time.Second, 5 * time.Second, true, false, false}, true, false},
		"money or fees are missing": {state{time.Second, 5 * time.Second, true, true, true}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			then := time.Unix(1795349070, 0)
			m := memory{
				money: money{balance: big.NewInt(7), at: then, tip: 8, tips: []uint64{9}, tipAt: then},
				seen:  &glance{begun: then, quiet: c.wasQuiet},
			}
			m.seen.Head, m.seen.Nonce, m.seen.Slots = ethrpc.Header{Number: 10}, 11, map[string]sink.Said{"f": {Round: 12}}
			l := &glance{}
			l.Slots = make(map[string]sink.Said)
			m.fill(l, then.Add(c.age), c.quiet, c.poor, func(requests int) time.Duration { return time.Duration(requests) * c.each })
			if l.quiet != c.quiet {
				t.Errorf("quiet: %t", l.quiet)
			}
			if has := l.Balance != nil && l.Balance.Int64() == 7; has != c.money {
				t.Errorf("the balance is %v, believed: want %t", l.Balance, c.money)
			}
			if has := l.price && l.Tip == 8 && len(l.Tips) == 1; has != c.money || l.price != c.money {
				t.Errorf("the price is %d of %v, believed: want %t", l.Tip, l.Tips, c.money)
			}
			has := l.Kept && l.head && l.nonce && l.Head.Number == 10 && l.Nonce == 11 && l.Slots["f"].Round == 12
			if none := !l.Kept && !l.head && !l.nonce && l.Head == (ethrpc.Header{}) && l.Nonce == 0 && len(l.Slots) == 0; has != c.kept || none == c.kept {
				t.Errorf("of head, nonce and slots %+v is believed: want %t", l, c.kept)
			}
		})
	}
}

// TestAMachineIsQuietIfNothingIsUnderWay that changes what the chain knows of its sender.
func TestAMachineIsQuietIfNothingIsUnderWay(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*machine)
		want   bool
	}{
		"nothing":        {func(*machine) {}, true},
		"one is planned": {func(m *machine) { m.open = []*Intent{{Intent: intent.Intent{State: Planned}}} }, true},
		"one is signed":  {func(m *machine) { m.open = []*Intent{{Intent: intent.Intent{State: Signed}}} }, false},
		"one is sent": {func(m *machine) {
			m.open = []*Intent{{Intent: intent.Intent{State: Planned}}, {Intent: intent.Intent{State: Sent}}}
		}, false},
		"one is in a block": {func(m *machine) { m.open = []*Intent{{Intent: intent.Intent{State: Mined}}} }, false},
		"a gap":             {func(m *machine) { m.nonceGap = nonces{3, 4} }, false},
		"nonces are lost":   {func(m *machine) { m.behind = 1 }, false},
	} {
		m := newPlay(sink.Latest).machine
		c.change(m)
		if got := m.quiet(); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// slowBench is a sink whose endpoints let requests wait, and that has looked at the chain.
func slowBench(t *testing.T, ledgers ...*ledger) *bench {
	t.Helper()
	b := newBench(t, 1, ledgers...)
	for _, l := range ledgers {
		l.trip(every(3, errHangs))
	}
	for b.m == nil || !b.remembered().Kept || b.remembered().Balance == nil {
		_, _ = b.turn(t.Context(), ethrpc.Header{})
	}
	return b
}

// remembered returns what a look that begins now need not ask.
func (b *bench) remembered() *glance {
	l := &glance{}
	l.Slots, l.By = make(map[string]sink.Said), make(map[string]int)
	b.remember(time.Now(), l)
	return l
}

// TestMoneyIsReadAnewAfterANodeSpokeOfIt: what was believed of it is not what the node knows.
func TestMoneyIsReadAnewAfterANodeSpokeOfIt(t *testing.T) {
	for r, want := range map[reply]bool{accepted: true, unheard: true, stale: true, underpriced: true, poor: false, refused: false} {
		synctest.Test(t, func(t *testing.T) {
			b := slowBench(t, newLedger())
			if l := b.remembered(); l.Balance == nil || !l.price || !l.Kept || len(l.By) != 2 {
				t.Fatalf("nothing is remembered: %+v", l)
			}
			i := &Intent{Intent: intent.Intent{Number: 1, State: Sent, Attempts: []Attempt{{Hash: dodona.Digest{1}}}}}
			if err := b.heard(t.Context(), i, r, "insufficient funds"); err != nil {
				t.Fatal(err)
			}
			b.m.trouble = nil // else that alone is reason enough
			if l := b.remembered(); (l.Balance != nil) != want || l.price != want {
				t.Errorf("after reply %d: balance %v, price %t, want %t", r, l.Balance, l.price, want)
			}
		})
	}
}

// TestNothingIsBelievedOfAnEndpointThatIsDoubted: neither what the look learned nor what former ones did.
func TestNothingIsBelievedOfAnEndpointThatIsDoubted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newLedger(), newLedger()
		b := slowBench(t, first, second)
		if l := b.remembered(); l.Balance == nil || !l.price || !l.Kept {
			t.Fatalf("nothing is remembered: %+v", l)
		}
		b.m.chainNonce = 5 // of which neither knows, so that both are asked
		_, one := first.answers()
		_, two := second.answers()
		for begun := time.Now(); b.turns.agreed["nonce"].IsZero(); {
			if _, err := b.believe(t.Context(), ethrpc.Header{}); err != nil && time.Since(begun) > time.Hour {
				t.Fatal(err)
			}
		}
		_, oneNow := first.answers()
		_, twoNow := second.answers()
		for _, method := range []string{"eth_getBlockByNumber", "eth_getTransactionCount", "eth_getStorageAt", "eth_getBalance", "eth_maxPriorityFeePerGas", "eth_feeHistory"} {
			if oneNow[method]+twoNow[method] == one[method]+two[method] {
				t.Errorf("%s was not asked of another one, though the first was doubted", method)
			}
		}
	})
}
