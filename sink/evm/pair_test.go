package evm

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
)

// TestTwoEndpointsThatFailInTurnAreNotSlow: what one failed at is answered by the other at once, so nobody waits.
func TestTwoEndpointsThatFailInTurnAreNotSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		b := newPair(t, l, first, second)
		first.trips, second.trips = each(200*time.Second, 100*time.Second, err502), each(200*time.Second, 200*time.Second, err502)
		b.starts(sink.Latest)
		if states := b.rounds(l, 1, 40, time.Minute, 50*time.Second); states[sink.OK] != 2000 {
			t.Errorf("the sink says %v", states)
		}
		if len(b.events) > 0 {
			t.Errorf("events %q", b.events)
		}
	})
}

// TestOneThatWasSlowIsWellAgain while a request fails now and then, and is answered at the next try.
func TestOneThatWasSlowIsWellAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		b := newBench(t, 1, l)
		b.begin()
		b.attest(1)
		time.Sleep(20 * time.Second)
		l.trip(always(err502))
		b.attest(2)
		b.within(2*time.Minute, "it waits", func() bool { return b.status().State == sink.Retrying })
		time.Sleep(time.Minute)
		n := 0
		l.trip(func(string) error {
			if n++; n%20 == 0 {
				return err502
			}
			return nil
		})
		b.rounds(l, 3, 12, 2*time.Minute, 30*time.Second)
		if states := b.rounds(l, 13, 60, time.Minute, 30*time.Second); len(states) != 1 || states[sink.OK] == 0 {
			t.Errorf("the sink says %v: %+v", states, b.status())
		}
	})
}

// TestASlowMethodIsWaitedFor, though the endpoint let a request hang once and answers others fast: a broadcast is not cut off, or made twice.
func TestASlowMethodIsWaitedFor(t *testing.T) {
	for _, takes := range []time.Duration{1500 * time.Millisecond, 5 * time.Second, 9 * time.Second} {
		bubble(t, takes.String(), func(t *testing.T) {
			l := newLedger()
			f := newFace(l)
			f.takes = func(method string) time.Duration {
				if method == "eth_sendRawTransaction" {
					return takes
				}
				return 20 * time.Millisecond
			}
			b := newPair(t, l, f)
			n := 0
			f.trips = func(string) error {
				if n++; n == 20 {
					return errHangs
				}
				return nil
			}
			b.starts(sink.Latest)
			b.rounds(l, 1, 5, time.Minute, time.Minute)
			if states := b.rounds(l, 6, 30, time.Minute, time.Minute); len(states) != 1 || states[sink.OK] == 0 {
				t.Errorf("the sink says %v", states)
			}
			if sent := f.asked["eth_sendRawTransaction"].Load(); sent != 30 {
				t.Errorf("30 transactions were sent %d times", sent)
			}
		})
	}
}

// TestADeadEndpointIsNotInTheWayOfOneThatFails: that is tried again first, and the dead one is asked once a minute.
func TestADeadEndpointIsNotInTheWayOfOneThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		of   int
		most time.Duration
	}{"two of three fail": {3, 10 * time.Second}, "nine of ten fail": {10, 2 * time.Minute}} {
		bubble(t, name, func(t *testing.T) {
			l := newLedger()
			first, dead := newFace(l), newFace(l)
			first.trips, dead.trips = every(c.of, err502), always(errHangs)
			b := newPair(t, l, first, dead)
			b.begin()
			b.within(10*time.Minute, "it is ready", b.isReady)
			b.rounds(l, 1, 4, 10*time.Minute, 2*time.Minute) // until it is known to be dead
			b.rounds(l, 5, 20, c.most, time.Minute)
		})
	}
}

// TestALiarIsNotInTheWayOfOneThatFails: an endpoint that says politely why nothing can be sent is not believed because the other one fails now
// and then.
func TestALiarIsNotInTheWayOfOneThatFails(t *testing.T) {
	racetest.Spare(t)
	for name, lie := range map[string]map[string]string{
		"no money": {"eth_getBalance": `"result":"0x0"`},
		"refused":  {"eth_estimateGas": `"error":{"code":3,"message":"execution reverted"}`},
	} {
		for _, of := range []int{2, 3} {
			bubble(t, fmt.Sprintf("%s, each %d", name, of), func(t *testing.T) {
				l := newLedger()
				honest, liar := newFace(l), newFace(l)
				honest.trips = every(of, err502)
				liar.says = func(method string) string { return lie[method] }
				b := newPair(t, l, honest, liar)
				b.begin()
				b.within(5*time.Minute, "it is ready", b.isReady)
				b.rounds(l, 1, 12, 3*time.Minute, 7*time.Minute)
			})
		}
	}
}

// TestWhatOthersWriteIsReadEachTime: with several senders, or anchors, a slot that is minutes old is not what the contract holds.
func TestWhatOthersWriteIsReadEachTime(t *testing.T) {
	for name, set := range map[string]func(*Settings){
		"senders": func(s *Settings) { s.Senders = []dodona.Address{{1}} },
		"anchors": func(s *Settings) { s.Anchor = dodona.Address{1} },
	} {
		bubble(t, name, func(t *testing.T) {
			b := slowBench(t, newLedger())
			set(&b.settings)
			if l := b.remembered(); l.Kept || len(l.Slots) > 0 || l.head || l.nonce || l.Balance == nil {
				t.Errorf("remembered: %+v, want money only", l)
			}
		})
	}
}

// TestALookThatAsksNothingIsFollowedByOneThatDoes: else it would be believed for as long as nothing is asked that nobody waits any more.
func TestALookThatAsksNothingIsFollowedByOneThatDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		b := slowBench(t, l)
		l.trip(nil)
		before, _ := l.answers()
		for n, want := range []bool{true, false} {
			v, err := b.look(t.Context(), ethrpc.Header{})
			now, _ := l.answers()
			if err != nil || v.Kept != want || (now == before) != want {
				t.Errorf("look %d: %v, kept %t, %d requests; want the first to ask nothing, the second to do", n, err, v.Kept, now-before)
			}
		}
	})
}

// TestALaggardDoesNotMakeUpForWhatAnotherFailsAt: the first endpoint fails for receipts, slots and estimates, and tells the nonce; the second,
// which answers those, is behind. The view of both looks as if what is in a block were lost, and nothing is sent twice for that.
func TestALaggardDoesNotMakeUpForWhatAnotherFailsAt(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	for _, lag := range []uint64{6, 30, 600} {
		bubble(t, fmt.Sprint(lag, " blocks behind"), func(t *testing.T) {
			l := oldLedger()
			first, second := newFace(l), newFace(l)
			b := newPair(t, l, first, second)
			b.starts(sink.Latest)
			b.rounds(l, 1, 1, time.Minute, 30*time.Second)
			second.lag = lag
			first.trips = failsFor("eth_getTransactionReceipt", "eth_getStorageAt", "eth_estimateGas")
			b.attestsEach(2, 30, time.Minute)
			time.Sleep(10 * time.Minute)
			for r := dodona.Round(2); r <= 30; r++ {
				if n := l.holds(r); n > 1 {
					t.Errorf("round %d is mined %d times", r, n)
				}
			}
			if told := b.eventsOf("nonce"); len(told) > 0 {
				t.Errorf("told %q", told)
			}
		})
	}
}
