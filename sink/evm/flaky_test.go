package evm

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
)

// TestAnyEndpointThatAnswersNowAndThenDelivers, whatever its habit is, at the default settings: the first answer after some minutes, and
// then one after the other.
func TestAnyEndpointThatAnswersNowAndThenDelivers(t *testing.T) {
	racetest.Long(t, "it simulates hours")
	for _, c := range []struct {
		name  string
		habit func() func(string) error
		feeds int
		first time.Duration // until a contract has it, once the sink is ready; as long to get ready
		all   time.Duration // until all have it
	}{
		{"two of three fail", func() func(string) error { return every(3, err502) }, 1, time.Minute, time.Minute},
		{"two of three fail, 24 feeds", func() func(string) error { return every(3, err502) }, 24, time.Minute, 2 * time.Minute},
		{"two of three hang", func() func(string) error { return every(3, errHangs) }, 1, 10 * time.Minute, 10 * time.Minute},
		{"two of three hang, 24 feeds", func() func(string) error { return every(3, errHangs) }, 24, 45 * time.Minute, time.Hour},
		{"one of two fails", func() func(string) error { return every(2, err502) }, 24, time.Minute, 2 * time.Minute},
		{"one of two hangs", func() func(string) error { return every(2, errHangs) }, 24, 20 * time.Minute, 30 * time.Minute},
		{"nine of ten fail", func() func(string) error { return every(10, err502) }, 24, 10 * time.Minute, 20 * time.Minute},
		{"nine of ten hang", func() func(string) error { return every(10, errHangs) }, 1, time.Hour, time.Hour},
		{"three of four fail by chance", func() func(string) error { return oneOf(4, err502) }, 24, 5 * time.Minute, 10 * time.Minute},
		{"three of four hang by chance", func() func(string) error { return oneOf(4, errHangs) }, 1, 30 * time.Minute, 30 * time.Minute},
		{"the first after a pause fails", func() func(string) error { return afterPauses(1, 50*time.Millisecond, err502) }, 24, time.Minute, time.Minute},
		{"the first two after a pause fail", func() func(string) error { return afterPauses(2, 50*time.Millisecond, err502) }, 24, time.Minute, time.Minute},
		{"one is answered each three minutes", func() func(string) error { return eachTime(200*time.Second, err502) }, 1, 8 * time.Hour, 8 * time.Hour},
		{"one of two is refused the connection", func() func(string) error { return every(2, syscall.ECONNREFUSED) }, 24, time.Minute, 3 * time.Minute},
		{"two of three are refused the connection", func() func(string) error { return every(3, syscall.ECONNREFUSED) }, 24, 6 * time.Minute, 10 * time.Minute},
		{"nine of ten are refused the connection", func() func(string) error { return every(10, syscall.ECONNREFUSED) }, 1, 2 * time.Hour, 2 * time.Hour},
		{"two of three have no route", func() func(string) error { return every(3, syscall.EHOSTUNREACH) }, 24, time.Minute, 2 * time.Minute},
	} {
		for _, cold := range []bool{true, false} {
			bubble(t, fmt.Sprintf("%s, from the start %t", c.name, cold), func(t *testing.T) {
				l := newLedger()
				b := newBench(t, c.feeds, l)
				if cold {
					l.trip(c.habit())
				}
				b.begin()
				b.within(c.first, "it is ready", b.isReady)
				l.trip(c.habit())
				for round := range dodona.Round(4) {
					b.attest(round + 1)
					first := b.within(c.first, "a contract has it", func() bool { return l.holds(round+1) > 0 })
					rest := b.within(c.all, "all contracts have it", func() bool { return l.holds(round+1) == c.feeds })
					answers, by := l.answers()
					t.Logf("round %d: first after %s, all %s later; %d answers so far, %v", round, first, rest, answers, by)
				}
				if told := b.eventsOf("estimate"); len(told) > 0 {
					t.Errorf("a contract is blamed: %q", told)
				}
			})
		}
	}
}

// TestAnEndpointThatHangsIsSlow: the status says what requests wait for, and that it is over when it is.
func TestAnEndpointThatHangsIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		b := newBench(t, 1, l)
		l.trip(every(3, errHangs))
		b.begin()
		b.within(time.Minute, "it says what it waits for", func() bool {
			s := b.status()
			return s.State == sink.Retrying && strings.Contains(s.LastError, "waits for the endpoint rpc1.example") && strings.Contains(s.LastError, "(timeout)")
		})
		b.attest(1)
		b.within(2*time.Minute, "it is delivered", func() bool {
			if s := b.status(); s.State != sink.Retrying {
				t.Fatalf("the sink says %q while two of three requests hang", s.State)
			}
			return l.holds(1) == 1
		})
		l.trip(nil)
		b.within(10*time.Minute, "it is well again", func() bool { return b.status().State == sink.OK })
	})
}

// TestAnEndpointThatIsAwayIsAskedLessAndLess, and what was seen before is not gone on with.
func TestAnEndpointThatIsAwayIsAskedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		b := newBench(t, 1, l)
		b.begin()
		b.attest(1)
		b.within(time.Minute, "it is delivered", func() bool { return l.holds(1) == 1 })
		var asked, begun atomic.Int64
		l.trip(func(method string) error {
			if method == "eth_getBlockByNumber" && begun.Add(1) == 1 { // a look begins, and does not get on
				return nil
			}
			asked.Add(1)
			return err502
		})
		b.attest(2)
		b.within(2*time.Minute, "it is told", func() bool {
			s := b.status()
			return s.State == sink.Retrying && strings.Contains(s.LastError, "HTTP status 502")
		})
		asked.Store(0)
		time.Sleep(2 * time.Hour)
		if n := asked.Load(); n > 1000 { // three each half a minute or so
			t.Errorf("an endpoint that is away was asked %d times in two hours", n)
		}
		l.trip(always(syscall.ECONNREFUSED))
		b.within(2*time.Minute, "it says what it fails with now", func() bool {
			return strings.Contains(b.status().LastError, "connection refused")
		})
		_, before := l.answers()
		l.trip(nil)
		b.within(2*time.Minute, "it is delivered", func() bool { return l.holds(2) == 1 })
		if _, by := l.answers(); by["eth_getBlockByNumber"] == before["eth_getBlockByNumber"] {
			t.Error("the look of two hours ago was gone on with")
		}
	})
}

// TestNothingNeedsTwoAnswersInARow: some endpoints never give them.
func TestNothingNeedsTwoAnswersInARow(t *testing.T) {
	for name, says := range map[string]func(method string, params []json.RawMessage) string{
		"a clock that stands": func(method string, params []json.RawMessage) string { // the estimate is asked for another time then
			if method != "eth_estimateGas" || len(params) > 1 {
				return ""
			}
			selector := ethrpc.Selector("FutureRound(uint64)")
			return fmt.Sprintf(`"error":{"code":3,"message":"execution reverted","data":"0x%x"}`, selector[:])
		},
		"a slot that is empty again": func(method string, _ []json.RawMessage) string { // the contract is asked for its code then
			if method != "eth_getStorageAt" {
				return ""
			}
			return fmt.Sprintf(`"result":"0x%064x"`, 0)
		},
	} {
		bubble(t, name, func(t *testing.T) {
			l := newLedger()
			b := newBench(t, 1, l)
			b.begin()
			b.attest(1)
			b.within(time.Minute, "it is delivered", func() bool { return b.detail().Slots["feed-0"].Round == 1 })
			l.say(says)
			l.trip(every(10, err502))
			b.attest(2)
			b.within(10*time.Minute, "the next one is delivered", func() bool { return l.holds(2) == 1 })
		})
	}
}

// TestWhatNobodyHeardIsSentAgain before the next look, but that is not kept waiting for ever, and then it goes out at once.
func TestWhatNobodyHeardIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		b := newBench(t, 1, l)
		var order strings.Builder
		ask := func() {
			order.Reset()
			_, _ = b.turn(t.Context(), ethrpc.Header{})
		}
		ask()
		b.attest(1)
		l.trip(func(method string) error {
			switch {
			case method == "eth_sendRawTransaction" && strings.HasSuffix(order.String(), "s"):
				return err502 // of the three in a row
			case method == "eth_sendRawTransaction":
				order.WriteString("s")
				return err502
			case method == "eth_getBlockByNumber":
				order.WriteString("l")
			}
			return nil
		})
		ask()
		if order.String() != "ls" || len(b.turns.unsent) != 1 {
			t.Fatalf("%q, %d wait to be sent; want a look, and that it is sent", &order, len(b.turns.unsent))
		}
		for n := range mostResends {
			if ask(); order.String() != "s" {
				t.Fatalf("turn %d: %q, want that it is sent again before the next look", n+1, &order)
			}
		}
		if ask(); order.String() != "ls" {
			t.Fatalf("%q, want the next look, and that it is sent after it, whenever it was last", &order)
		}
	})
}

// TestALookThatWasInterruptedSaysHowLongItTook: what it saw first may have changed, so nothing is replaced before the next one.
func TestALookThatWasInterruptedSaysHowLongItTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		b := newBench(t, 1, l)
		if _, err := b.turn(t.Context(), ethrpc.Header{}); err != nil || b.m.took != 0 {
			t.Fatalf("%v, took %s, want no time", err, b.m.took)
		}
		l.trip(failsFor("eth_getBalance"))
		if _, err := b.turn(t.Context(), ethrpc.Header{}); err == nil {
			t.Fatal("the look is over")
		}
		time.Sleep(4 * time.Minute)
		l.trip(nil)
		if _, err := b.turn(t.Context(), ethrpc.Header{}); err != nil || b.m.took != 4*time.Minute {
			t.Errorf("%v, took %s, want 4m", err, b.m.took)
		}
	})
}

// TestAContractWithoutCodeIsNotAskedForAllTheTime, though it is answered each time.
func TestAContractWithoutCodeIsNotAskedForAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		l.says = func(method string, _ []json.RawMessage) string {
			if method == "eth_getCode" {
				return `"result":"0x"`
			}
			return ""
		}
		b := newBench(t, 1, l)
		b.begin()
		time.Sleep(2 * time.Hour)
		if s := b.status(); s.State != sink.Stuck {
			t.Errorf("the sink says %q", s.State)
		}
		if _, by := l.answers(); by["eth_getCode"] > 500 {
			t.Errorf("it was asked %d times in two hours, want each half a minute or so", by["eth_getCode"])
		}
	})
}
