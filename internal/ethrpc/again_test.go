package ethrpc_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona/internal/ethrpc"
)

// TestOneThatIsGoneIsAskedOncePerQuestion, and not three times in a row.
func TestOneThatIsGoneIsAskedOncePerQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &actor{chain: 5, trips: always(err502)}
		c := stage(t, ethrpc.Options{Tries: 3}, a)
		for n, want := range []int{3, 3, 1, 1} {
			before := a.times
			if err := read(t, c); err == nil || a.times-before != want {
				t.Errorf("question %d: %v, asked %d times, want %d", n, err, a.times-before, want)
			}
			time.Sleep(2 * time.Minute)
		}
	})
}

// TestAFailureOfTheMethodAfterTheChainIsTheFirstInARow: the endpoint answered, though for its chain.
func TestAFailureOfTheMethodAfterTheChainIsTheFirstInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &actor{chain: 5}
		a.trips = func() error {
			if a.times%3 > 0 { // the third try is answered, for the chain, and the third of the method
				return err502
			}
			return nil
		}
		if err := read(t, stage(t, ethrpc.Options{Tries: 3}, a)); err != nil || a.times != 6 {
			t.Errorf("%v after %d requests, want the sixth to be answered", err, a.times)
		}
	})
}

// TestAnotherIsTriedWhileOneIsWaitedFor: soon after it answered anything, whatever it failed with before, and not again and again while the
// one that is waited for would answer.
func TestAnotherIsTriedWhileOneIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		asksFor time.Duration // that the one that is waited for wants to be left alone
		trips   func(a *actor, since time.Duration) error
		most    time.Duration // until the question is answered
	}{
		"it refused the connection": {5 * time.Minute, func(_ *actor, since time.Duration) error {
			if since < 10*time.Second {
				return syscall.ECONNREFUSED
			}
			return nil
		}, 20 * time.Second},
		"it says its chain after two minutes": {5 * time.Minute, func(a *actor, since time.Duration) error {
			if since < 2*time.Minute || len(a.asked) > 0 && since < 2*time.Minute+15*time.Second {
				return err502
			}
			return nil
		}, 2*time.Minute + 25*time.Second},
		"it takes long to fail": {time.Minute, func(*actor, time.Duration) error {
			time.Sleep(9 * time.Second)
			return err502
		}, 70 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				waits, other := &actor{chain: 5}, &actor{chain: 5}
				waits.trips = func() error {
					if waits.says = ""; time.Since(begun) < c.asksFor {
						waits.says = fmt.Sprintf(`{"id":1,"error":{"code":429,"message":"wait","data":{"rate":{"backoff_seconds":%f}}}}`, c.asksFor.Seconds())
					}
					return nil
				}
				other.trips = func() error { return c.trips(other, time.Since(begun)) }
				client := stage(t, ethrpc.Options{Tries: 3, Patience: time.Hour}, waits, other)
				if err := read(t, client); err != nil || time.Since(begun) > c.most {
					t.Errorf("%v after %s, want an answer within %s", err, time.Since(begun), c.most)
				}
			})
		})
	}
}

// TestOneThatFailedLongAgoIsNotSlow: another one has answered since, and only this question waited.
func TestOneThatFailedLongAgoIsNotSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &actor{chain: 5}, &actor{chain: 5}
		c := stage(t, ethrpc.Options{}, a, b)
		for n, fails := range []*actor{nil, a, b} { // a answers, then b, then a again
			a.trips, b.trips = nil, nil
			if fails != nil {
				fails.trips = always(errors.New("a broken connection"))
			}
			if err := read(t, c); err != nil {
				t.Fatalf("question %d: %v", n, err)
			}
			time.Sleep(50 * time.Second)
		}
		if s, is := c.Slow(); is || s.Each > 0 {
			t.Errorf("a request waits for %s, though each was answered at once", s.Each)
		}
	})
}

// TestABroadcastThroughOneEndpointIsTriedAgain, and that is asked nothing else then. One that is gone is asked once a minute.
func TestABroadcastThroughOneEndpointIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &actor{chain: 5}, &actor{chain: 5}
		c := stage(t, ethrpc.Options{Tries: 3}, a, b)
		b.trips = func() error {
			if b.times%3 > 0 {
				return err502
			}
			return nil
		}
		if err := c.SendThrough(t.Context(), 1, []byte{2}); err != nil || fmt.Sprint(b.asked) != "[eth_chainId eth_sendRawTransaction]" {
			t.Errorf("%v, it answered %q, want the broadcast after its chain", err, b.asked)
		}
		if err := read(t, c); err != nil || len(a.asked) != 2 || c.Current() != 0 {
			t.Errorf("%v, the current one answered %q, want that it still is", err, a.asked)
		}
		b.trips = always(err502)
		for n, want := range []int{3, 3, 3, 3, 0, 1, 0} { // each 40 s
			before := b.times
			if err := c.SendThrough(t.Context(), 1, []byte{2}); !errors.Is(err, err502) || b.times-before != want {
				t.Errorf("broadcast %d: %v, asked %d times, want %d", n, err, b.times-before, want)
			}
			time.Sleep(40 * time.Second)
		}
	})
}
