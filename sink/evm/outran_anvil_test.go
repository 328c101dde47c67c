//go:build integration

package evm_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/evm"
)

// TestAReplacementThatComesTooLateIsDelivered: the endpoint keeps it to itself, and the block has the transaction that it should replace.
// The sink is restarted once it is known.
func TestAReplacementThatComesTooLateIsDelivered(t *testing.T) {
	t.Parallel()
	r := newRig(t, "--no-mining")
	r.settings.BumpAfter, r.policy.Policy = 2*time.Second, sink.Latest
	var sends atomic.Int32
	var late atomic.Bool
	l := newLiar(t, r.chain.URL, func(method string) string {
		if method == "eth_sendRawTransaction" && sends.Add(1) > 1 && !late.Load() {
			return `{"jsonrpc":"2.0","id":1,"result":"0x0000000000000000000000000000000000000000000000000000000000000001"}`
		}
		return ""
	})
	r.settings.RPC = []string{l.URL}
	r.begin()
	first := r.say(1)
	r.until("the first is sent", func() bool { return r.loop.Status().Detail.(evm.Status).Flying == 1 })
	second := r.say(2)
	r.until("the second takes its place", func() bool { return sends.Load() > 1 && r.loop.Status().Superseded > 0 })
	r.chain.Do("anvil_mine", "0x1")
	r.until("the first is in a block", func() bool { return r.has(first, dodona.ReceiptMined) })
	r.stop()
	late.Store(true)
	r.begin()
	r.until("both are final", func() bool {
		r.chain.Do("anvil_mine", "0x1")
		return r.has(first, dodona.ReceiptFinal) && r.has(second, dodona.ReceiptFinal)
	})
	r.untilSlot(second)
	r.once(first, second)
}
