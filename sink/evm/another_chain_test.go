//go:build integration

package evm_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dodona-oracle/dodona/sink"
)

// TestAnAddressThatGoesOverToAnotherChainIsToldAsThat, while the sink runs: not that the sender has no ether there, and nothing of what the
// other chain lacks. When it is back, all answers are delivered once.
func TestAnAddressThatGoesOverToAnotherChainIsToldAsThat(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var over atomic.Bool
	r.settings.RPC = []string{newLiar(t, r.chain.URL, func(method string) string {
		switch text, found := genesis[method]; {
		case !over.Load():
			return ""
		case method == "eth_chainId":
			return result(`"0x7a6a"`)
		case method == "eth_sendRawTransaction":
			return `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"invalid chain id for signer: have 31337 want 31338"}}`
		case method == "eth_getStorageAt":
			return result(fmt.Sprintf(`"0x%064d"`, 0))
		case found:
			return result(text)
		}
		return ""
	}).URL}
	r.policy.Policy = sink.Every
	r.begin()
	first := r.say(1)
	r.untilSlot(first)
	over.Store(true)
	second := r.say(2)
	r.until("it is told", func() bool { return strings.Contains(r.loop.Status().LastError, "it says 31338, want 31337") })
	over.Store(false)
	third := r.say(3)
	r.untilSlot(third)
	r.once(first, second, third)
	for _, what := range []string{"funds", "rejected", "nonce"} {
		if r.told(what) {
			t.Errorf("an event tells of %q, which is of another chain", what)
		}
	}
}
