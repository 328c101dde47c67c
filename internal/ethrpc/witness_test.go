package ethrpc_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
)

// TestAWitnessIsAskedByItself: nobody answers for it, it does not become the current endpoint, and another chain's is none.
func TestAWitnessIsAskedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, other := &actor{chain: 5}, &actor{chain: 5, says: `{"id":1,"result":"0x5"}`}, &actor{chain: 6}
		c := stage(t, ethrpc.Options{ChainID: 5, Timeout: 10 * time.Second, Tries: 3}, a, b, other)
		if err := read(t, c); err != nil {
			t.Fatal(err)
		}
		count := func(index int) (uint64, error) {
			return c.Witness(index).Nonce(t.Context(), dodona.Address{1}, ethrpc.At(7))
		}
		if n, err := count(1); n != 5 || err != nil || c.Current() != 0 {
			t.Errorf("it says %d, %v; %d is current", n, err, c.Current())
		}
		if _, err := count(2); !errors.Is(err, ethrpc.ErrWrongChain) {
			t.Errorf("of another chain: %v", err)
		}
		b.trips, b.times = always(errHangs), 0
		begun := time.Now()
		if n, err := count(1); err == nil || b.times != 1 || time.Since(begun) > 10*time.Second {
			t.Errorf("one that hangs: %d, %v, asked %d times in %s", n, err, b.times, time.Since(begun))
		}
		a.trips = always(err502) // so that b is asked, and known to be gone
		for range 20 {
			_ = read(t, c)
			time.Sleep(10 * time.Second)
		}
		b.times = 0
		if _, err := count(1); err == nil || b.times > 0 {
			t.Errorf("one that is gone: %v, asked %d times", err, b.times)
		}
	})
}
