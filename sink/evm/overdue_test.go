package evm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
)

// TestWhoKeepsTransactionsIsLeft: three of them reach a block only once another endpoint has them, which is asked from then on.
func TestWhoKeepsTransactionsIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first := newFace(l)
		first.says = keepsAll
		b := newPair(t, l, first, newFace(l))
		b.starts(sink.Every)
		for r := dodona.Round(1); r <= keptMost; r++ {
			b.attest(r)
			b.within(2*time.Minute, fmt.Sprintf("round %d is in a block", r), func() bool { return l.holds(r) > 0 })
		}
		b.within(time.Minute, "the first endpoint is left", func() bool { return !b.client.Endpoints()[0].Current })
		if !slices.ContainsFunc(b.eventsOf("rpc"), func(e string) bool {
			return strings.Contains(e, "rpc1.example is left: 3 transactions in a row got into a block only after another endpoint had them")
		}) {
			t.Errorf("nobody is told; events %q", b.eventsOf(""))
		}
		for r := dodona.Round(keptMost + 1); r <= 9; r++ {
			b.attest(r)
			b.within(20*time.Second, fmt.Sprintf("round %d is in a block soon", r), func() bool { return l.holds(r) > 0 })
		}
	})
}

// TestWhoPassesOnIsNotLeft, though each second transaction waits until another endpoint has it too.
func TestWhoPassesOnIsNotLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first := newFace(l)
		var keeps atomic.Bool
		first.says = saysWhile(&keeps, keepsAll)
		b := newPair(t, l, first, newFace(l))
		b.starts(sink.Every)
		for r := dodona.Round(1); r <= 10; r++ {
			keeps.Store(r%2 == 0)
			b.attest(r)
			b.within(2*time.Minute, fmt.Sprintf("round %d is in a block", r), func() bool { return l.holds(r) > 0 })
			time.Sleep(20 * time.Second)
		}
		if !b.client.Endpoints()[0].Current {
			t.Errorf("the first endpoint is left; events %q", b.eventsOf(""))
		}
	})
}

// TestATransactionInNoBlockIsTold: the only endpoint takes what it is sent, and passes nothing on, or stands still.
func TestATransactionInNoBlockIsTold(t *testing.T) {
	for name, why := range map[string]string{"it keeps it": "keeps it to itself", "it stands still": "stands still"} {
		bubble(t, name, func(t *testing.T) {
			l := newLedger()
			f := newFace(l)
			begun := time.Now()
			var bad atomic.Bool
			f.says = saysWhile(&bad, func(method string) string {
				if method == "eth_getBlockByNumber" && name == "it stands still" {
					return l.header(0, begun, 1e9)
				}
				return keepsAll(method)
			})
			b := newPair(t, l, f)
			b.starts(sink.Latest)
			bad.Store(true)
			b.attest(1)
			time.Sleep(overdueAfter - 10*time.Second)
			if st := b.status(); st.State != sink.OK {
				t.Errorf("before its time: %s, %q", st.State, st.LastError)
			}
			time.Sleep(30 * time.Second)
			if st := b.status(); st.State != sink.Retrying || !strings.Contains(st.LastError, "is in no block for 5m") || !strings.Contains(st.LastError, why) {
				t.Errorf("it is not told: %s, %q", st.State, st.LastError)
			}
			bad.Store(false)
			b.within(time.Minute, "it is over", func() bool { return b.status().State == sink.OK })
		})
	}
}

// TestAReplacementIsInNoBlockEither: that a transaction is replaced does not end the trouble, nor begin it anew.
func TestAReplacementIsInNoBlockEither(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	for range 20 {
		p.accepts(t, time.Minute)
	}
	if n := len(p.open[0].Attempts); n < 3 || p.events != 1 || p.trouble[overdue] == (trouble{}) {
		t.Errorf("%d attempts, %d events, troubles %v", n, p.events, p.trouble)
	}
}

// TestWhatIsInTheWayIsSaidLast, not what was told before and is over.
func TestWhatIsInTheWayIsSaidLast(t *testing.T) {
	for _, c := range []struct{ last, want string }{
		{"claim: of before", "rejected: full"}, {"rpc: of before", "rejected: full"}, {"rejected: as it began", "rejected: as it began"}, {"", "rejected: full"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newPair(t, newLedger(), newFace(newLedger()))
			if err := b.Sink.begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.m.trouble["rejected 7"], b.lastErr = trouble{"full", time.Now()}, c.last
			b.show(nil)
			if got := b.status().LastError; got != c.want {
				t.Errorf("after %q it says %q, want %q", c.last, got, c.want)
			}
		})
	}
}

// TestALoneWordIsToldWhileItLasts: the second endpoint is away, and the first one shows a slot that nobody here sent.
func TestALoneWordIsToldWhileItLasts(t *testing.T) {
	for what, says := range map[string]func(string) string{"a slot": shows(500), "a count": counts(40)} {
		bubble(t, what, func(t *testing.T) {
			l := newLedger()
			first, second := newFace(l), newFace(l)
			var lies atomic.Bool
			back := time.Now().Add(30 * time.Minute)
			first.says = saysWhile(&lies, says)
			second.trips = away(back)
			b := newPair(t, l, first, second)
			b.starts(sink.Every)
			b.rounds(l, 1, 2, time.Minute, 15*time.Second)
			lies.Store(true)
			b.offerAll(3)
			time.Sleep(2*laggingFor + time.Minute)
			for time.Now().Before(back.Add(-time.Minute)) {
				if told := b.detail().Troubles; !strings.Contains(told[alone], "the others cannot tell: it is believed") {
					t.Fatalf("it is believed, and not told: %v; events %q", told, b.eventsOf(""))
				}
				time.Sleep(time.Minute)
			}
			time.Sleep(10 * time.Minute)
			if said := b.detail().Troubles[alone]; said != "" {
				t.Error(said)
			}
			if told := b.eventsOf(alone); len(told) != 2 {
				t.Errorf("told %q, want its begin and its end", told)
			}
		})
	}
}

// TestTwoNodesBehindOneAddress: of the nodes behind the only endpoint one is behind, and answers in turn or for a while. Nothing is sent in vain, and
// nobody is told of a reorganization.
func TestTwoNodesBehindOneAddress(t *testing.T) {
	for _, lag := range []uint64{1, 3, 6, 30} {
		for _, turn := range []int{1, 7} {
			bubble(t, fmt.Sprintf("%d blocks behind, every %d", lag, turn), func(t *testing.T) {
				l := oldLedger()
				f := newFace(l)
				asked := 0
				f.says = func(string) string { // told of each request, it answers none
					asked++
					f.lag = lag * uint64(asked/turn%2)
					return ""
				}
				b := newPair(t, l, f)
				b.starts(sink.Every)
				b.attestsEach(1, 30, 30*time.Second)
				time.Sleep(5 * time.Minute)
				st := b.status()
				if told := b.eventsOf("reorg", "nonce"); len(told) > 0 || st.Delivered != 30 || l.holds(30) != 1 {
					t.Errorf("delivered %d of 30, told %q", st.Delivered, told)
				}
			})
		}
	}
}

// TestABlockThatDoesNotComeBackIsGone: neither the receipt of a transaction is shown any more nor a block of that number. For two minutes the endpoint may
// be behind.
func TestABlockThatDoesNotComeBackIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := oldLedger()
		var lost atomic.Bool
		l.says = func(method string, params []json.RawMessage) string {
			if lost.Load() && (method == "eth_getTransactionReceipt" || method == "eth_getBlockByNumber" && string(params[0]) != `"latest"`) {
				return `"result":null`
			}
			return ""
		}
		b := newPair(t, l, newFace(l))
		b.settings.Confirmations = 1000
		b.starts(sink.Latest)
		b.attest(1)
		b.within(time.Minute, "it is in a block", func() bool { return b.detail().Mined == 1 })
		lost.Store(true)
		told := func() bool { return len(b.eventsOf("reorg")) > 0 }
		time.Sleep(laggingFor - 10*time.Second)
		if told() {
			t.Errorf("told at once: %q", b.eventsOf(""))
		}
		b.within(time.Minute, "it is told", told)
	})
}

// TestACountThatIsTooLowIsNoReorganization: the only endpoint counts too few transactions for a while, and shows each in its block. If that block
// is another one by now, it shows what it had kept.
func TestACountThatIsTooLowIsNoReorganization(t *testing.T) {
	racetest.Spare(t)
	for _, kept := range []bool{false, true} {
		bubble(t, fmt.Sprint("kept ", kept), func(t *testing.T) {
			l := newLedger()
			f := newFace(l)
			var lies atomic.Bool
			f.says = saysWhile(&lies, counts(2))
			if kept {
				l.says = func(m string, params []json.RawMessage) string {
					if lies.Load() && m == "eth_getBlockByNumber" && string(params[0]) != `"latest"` {
						return `"result":{"number":` + string(params[0]) + `,"hash":"0x` + strings.Repeat("7", 64) + `","parentHash":"0x` + strings.Repeat("7", 64) + `","timestamp":"0x1","gasLimit":"0x1c9c380"}`
					}
					return ""
				}
			}
			b := newPair(t, l, f)
			b.env.Ledger = intents(func() []dodona.Record {
				b.mu.Lock()
				defer b.mu.Unlock()
				return slices.Clone(b.intents)
			})
			b.starts(sink.Every)
			b.rounds(l, 1, 8, time.Minute, 30*time.Second)
			time.Sleep(2 * time.Minute)
			before := b.status().Delivered
			lies.Store(true)
			b.attest(9)
			time.Sleep(10 * time.Minute)
			reorgs := len(b.eventsOf("reorg"))
			delivered := b.status().Delivered - before
			switch {
			case kept && reorgs == 0:
				t.Errorf("a receipt of a block that is gone is believed; events %q", b.eventsOf(""))
			case !kept && (reorgs > 0 || delivered != 1):
				t.Errorf("delivered %d of 1, %d reorganizations; events %q", delivered, reorgs, b.eventsOf(""))
			}
		})
	}
}
