package evm

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
)

// TestAViewLagsAsTheEndpointThatKnowsLeast of those that showed no receipt, or a slot: the first endpoint says that five transactions are in
// blocks, and others answer a part of the view.
func TestAViewLagsAsTheEndpointThatKnowsLeast(t *testing.T) {
	const receipt, slot, count = "eth_getTransactionReceipt", "eth_getStorageAt", "eth_getTransactionCount"
	for name, c := range map[string]struct {
		knows [3]uint64 // by endpoint
		fails [3]string // methods, by endpoint
		want  uint64
	}{
		"the first answers all":                     {[3]uint64{5, 2, 2}, [3]string{}, 0},
		"the second has no receipt":                 {[3]uint64{5, 2, 5}, [3]string{receipt}, 3},
		"it knows more":                             {[3]uint64{5, 7, 5}, [3]string{receipt}, 0},
		"it does not say what it knows":             {[3]uint64{5, 5, 5}, [3]string{receipt, count}, 5},
		"the second shows the slot":                 {[3]uint64{5, 2, 5}, [3]string{slot}, 3},
		"the second has no receipt, the third slot": {[3]uint64{5, 2, 5}, [3]string{receipt + slot, slot}, 3},
		"the same, and the third knows less":        {[3]uint64{5, 4, 1}, [3]string{receipt + slot, slot}, 4},
	} {
		bubble(t, name, func(t *testing.T) {
			l := newLedger()
			faces := []*face{newFace(l), newFace(l), newFace(l)}
			b := newPair(t, l, faces...)
			b.takesTurn()
			b.m.open = []*Intent{{Intent: intent.Intent{Number: 1, State: Sent, Attempts: []Attempt{{Hash: dodona.Digest{1}}}}}}
			for n, f := range faces {
				f.trips = func(method string) error {
					if strings.Contains(c.fails[n], method) {
						return err502
					}
					return nil
				}
				f.says = counts(c.knows[n])
			}
			v, err := b.look(t.Context(), ethrpc.Header{})
			if err != nil || v.Nonce != 5 || v.Lags != c.want {
				t.Errorf("%v: of %d transactions %d are not known to all, want %d", err, v.Nonce, v.Lags, c.want)
			}
		})
	}
}

// TestWhatABlockHasIsNotEstimated, though it was about to be replaced.
func TestWhatABlockHasIsNotEstimated(t *testing.T) {
	for shows, want := range map[string]int{"": 0, `"result":null`: 1} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			f := newFace(l)
			f.says = func(method string) string {
				return map[string]string{"eth_getTransactionReceipt": shows}[method]
			}
			b := newPair(t, l, f)
			for n := range 2 {
				b.takesTurn()
				if n == 0 {
					b.attest(1)
				}
			}
			time.Sleep(b.settings.BumpAfter)
			_, before := l.answers()
			_, err := b.look(t.Context(), ethrpc.Header{})
			_, after := l.answers()
			if n := after["eth_estimateGas"] - before["eth_estimateGas"]; err != nil || l.holds(1) != 1 || n != want {
				t.Errorf("%v, receipt %q: %d estimates, want %d", err, shows, n, want)
			}
		})
	}
}

// TestAContractIsNoneOnlyIfAllEndpointsSaySo: it has no code, or no period.
func TestAContractIsNoneOnlyIfAllEndpointsSaySo(t *testing.T) {
	const none, reverts = `"result":"0x"`, `"error":{"code":3,"message":"execution reverted"}`
	period := fmt.Sprintf(`"result":"0x%064x"`, 60_000)
	code := func(b *bench) error { return b.checkContract(b.t.Context(), 1, "the contract", dodona.Address{1}) }
	asks := func(b *bench) error {
		p, err := b.askPeriod(b.t.Context())
		if err == nil && p != 60_000 {
			b.t.Errorf("a period of %d ms", p)
		}
		return err
	}
	for _, c := range []struct {
		asks   func(*bench) error
		method string
		say    [3]string // by endpoint
		want   bool      // it is one
	}{
		{code, "eth_getCode", [3]string{none, none, none}, false},
		{code, "eth_getCode", [3]string{none, none, `"result":"0x60"`}, true},
		{asks, "eth_call", [3]string{none, reverts, reverts}, false},
		{asks, "eth_call", [3]string{none, reverts, period}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			var faces []*face
			for _, text := range c.say {
				f := newFace(l)
				f.says = func(method string) string { return map[string]string{c.method: text}[method] }
				faces = append(faces, f)
			}
			err := c.asks(newPair(t, l, faces...))
			if (err == nil) != c.want || err != nil && !dodona.IsPermanent(err) {
				t.Errorf("%s answered with %q: %v", c.method, c.say, err)
			}
		})
	}
}
