//go:build integration

package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/anviltest"
	"github.com/dodona-oracle/dodona/sink"
)

// TestTwoSinksWithOneKeyNeverBothSend: one names the node's key, the other spells it out, so that only opening them
// shows that they are one.
func TestTwoSinksWithOneKeyNeverBothSend(t *testing.T) {
	chain := anviltest.Start(t)
	const key = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
	text := fmt.Sprintf(`node: {data: %q, key: {hex: "%s"}}
api: {listen: "127.0.0.1:0"}
sources: {s: {sim: {seed: 7}}}
feeds: {f: {decimals: 2, every: 1s, from: [s]}}
`, t.TempDir(), key)
	// Whatever code is there takes an update of whatever network.
	contract := chain.Deploy([]byte("\x60\x01\x60\x00\x55\x60\x01\x60\x00\xf3"))
	const one = "  %s: {evm: {rpc: [%q], contract: %q, poll: 100ms%s}}\n"
	sinks := "sinks:\n" + fmt.Sprintf(one, "a", chain.URL, contract, "") + fmt.Sprintf(one, "b", chain.URL, contract, `, key: {hex: "`+key+`"}`)
	text += sinks
	n := changing(t, &text, Options{})
	run(t, n)
	var first, second sink.Status
	wait(t, "one of the two is stuck", func() bool {
		list := n.deliverer.status()
		if len(list) != 2 {
			return false
		}
		first, second = list[0], list[1]
		if first.State == sink.Stuck {
			first, second = second, first
		}
		return second.State == sink.Stuck && strings.Contains(second.LastError, fmt.Sprintf("sink %q has the key", first.Name)) && first.Delivered+uint64(first.Queue) > 0
	})
	if !strings.Contains(second.LastError, "nothing is sent") || second.Delivered > 0 {
		t.Errorf("the second sink says %+v", second)
	}
	wait(t, "the event is journaled", func() bool {
		for rec, err := range n.journal.Scan(t.Context(), dodona.TopicEvent, dodona.EventDelivery, nil) {
			if err == nil && strings.HasPrefix(rec.ID, second.Name+".key.") {
				return true
			}
		}
		return false
	})
	// Without the first one the second has the key to itself.
	text = strings.Replace(text, fmt.Sprintf(one, "a", chain.URL, contract, ""), "", 1)
	text = strings.Replace(text, "\n  b: {", "\n  other: {", 1)
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, "the other one sends", func() bool {
		list := n.deliverer.status()
		return len(list) == 1 && list[0].Name == "other" && list[0].State != sink.Stuck && list[0].State != sink.Starting
	})
}

// TestAContractOfSomethingElseIsTold: a sink knows all feeds of the node and how long its windows are, and says what a contract is of instead.
func TestAContractOfSomethingElseIsTold(t *testing.T) {
	chain := anviltest.Start(t)
	// says is a contract that answers every call with one word.
	says := func(word dodona.Digest) dodona.Address {
		code := slices.Concat([]byte("\x7f"), word[:], []byte("\x5f\x52\x60\x20\x5f\xf3")) // PUSH32 word, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN
		copies := []byte{0x60, byte(len(code)), 0x80, 0x60, 9, 0x5f, 0x39, 0x5f, 0xf3}     // what is behind these 9 bytes is the contract
		return chain.Deploy(append(copies, code...))
	}
	text := fmt.Sprintf(`node: {data: %q}
api: {listen: "127.0.0.1:0"}
sources: {s: {sim: {seed: 7}}}
feeds: {f: {decimals: 2, every: 1s, from: [s]}, other: {decimals: 3, every: 1s, from: [s]}}
anchor: {every: 1m}
`, t.TempDir())
	n := changing(t, &text, Options{})
	run(t, n)
	other, _ := n.config().Feed("other")
	period := dodona.Digest{30: 7000 >> 8, 31: 7000 & 0xff}
	text += fmt.Sprintf("sinks: {a: {evm: {rpc: [%q], contracts: {f: %q}, anchor: %q, poll: 100ms, key: {hex: %q}}, feeds: [f], anchors: true}}\n",
		chain.URL, says(other.Feed.ID()), says(period), "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"as the contract of feed f, and it is that of feed other", "takes windows of 7s or a multiple, and this node anchors every 1m"} {
		wait(t, "an event says: "+want, func() bool {
			for rec, err := range n.journal.Scan(t.Context(), dodona.TopicEvent, dodona.EventDelivery, nil) {
				if err == nil && strings.Contains(string(rec.Body), want) {
					return true
				}
			}
			return false
		})
	}
}

// wait waits for what only a chain and a node can bring about, on a busy machine.
func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for begun := time.Now(); !is(); <-pause.C {
		if time.Since(begun) > time.Minute {
			t.Fatalf("waited a minute until %s", what)
		}
	}
}
