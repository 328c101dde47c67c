package contracts_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/runtime"
	"github.com/ethereum/go-ethereum/params"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/racetest"
)

var update = flag.Bool("update", false, "print the gas and write docs/gas.md anew")

const gasPage = "../docs/gas.md"

// A gasCase is a contract and the messages that it is sent, one after the other.
type gasCase struct {
	name    string
	deploy  func(deploy func(name string, args []byte) common.Address, call func(to common.Address, data []byte)) common.Address
	message func(i int, now dodona.Round) []byte // the i-th
	limit   uint64                               // the bound of docs/gas.md, whole transaction on Osaka; 0: none
}

const gasRuns = 9

func mustInt(text string) dodona.Int192 {
	v, err := dodona.ParseInt192(text)
	if err != nil {
		panic(err)
	}
	return v
}

func feedCase(name string, s speaker, value string, limit uint64) gasCase {
	return gasCase{
		name: name, limit: limit,
		deploy: func(deploy func(string, []byte) common.Address, _ func(common.Address, []byte)) common.Address {
			return deploy(s.feedContract(), s.args(feedID))
		},
		message: func(i int, now dodona.Round) []byte {
			return s.update(now-100_000+dodona.Round(1009*i), mustInt(value))
		},
	}
}

func feedIDs(n int) []dodona.FeedID {
	ids := make([]dodona.FeedID, n)
	for i := range ids {
		ids[i] = dodona.Keccak256([]byte{'f', byte(i)})
	}
	return ids
}

func hubCase(name string, s speaker, feeds int, limit uint64) gasCase {
	ids := feedIDs(feeds)
	return gasCase{
		name: name, limit: limit,
		deploy: func(deploy func(string, []byte) common.Address, call func(common.Address, []byte)) common.Address {
			hub := deploy(contracts.Hub, calldata.NewHub(s.network.ID(), s.hubKey()))
			call(hub, calldata.OpenPage(ids...))
			return hub
		},
		message: func(i int, now dodona.Round) []byte {
			b := calldata.HubBatch{Layout: calldata.LayoutOf(ids...), Round: now - 100_000 + dodona.Round(1009*i)}
			for f := range feeds {
				b.Values = append(b.Values, 312345678901+int64(f*7919+i*104729)) // 8 decimals, all of them change
			}
			return s.batch(b, calldata.Page(calldata.BatchWords(feeds)))
		},
	}
}

const gasPeriod = 1000

// anchorCase goes round the ring of one slot: windows are 4,096 periods apart, so that the slot is written again.
func anchorCase(name string, s speaker, limit uint64) gasCase {
	return gasCase{
		name: name, limit: limit,
		deploy: func(deploy func(string, []byte) common.Address, _ func(common.Address, []byte)) common.Address {
			return deploy(s.anchorContract(), s.args(calldata.PeriodSubject(gasPeriod)))
		},
		message: func(i int, now dodona.Round) []byte {
			to := (now/gasPeriod - 4096*dodona.Round(20-i)) * gasPeriod
			return s.post(dodona.Anchor{
				Root: dodona.Keccak256([]byte{byte(i)}), Previous: dodona.Keccak256([]byte{'p', byte(i)}), From: to - gasPeriod, To: to, Count: 60,
			})
		},
	}
}

func gasCases() []gasCase {
	const price, negative = "3123456789012345678901", "-3123456789012345678901"
	return []gasCase{
		feedCase("feed-schnorr", schnorrSpeaker(1), price, 31_100),
		feedCase("feed-schnorr-negative", schnorrSpeaker(1), negative, 0),
		feedCase("feed-ecdsa-1-of-1", ecdsaSpeaker(1, 1), price, 0),
		feedCase("feed-ecdsa-3-of-4", ecdsaSpeaker(3, 4), price, 40_500),
		feedCase("feed-ecdsa-5-of-7", ecdsaSpeaker(5, 7), price, 49_400),
		feedCase("feed-ecdsa-11-of-16", ecdsaSpeaker(11, 16), price, 76_100),
		hubCase("hub-schnorr-10-feeds", schnorrSpeaker(1), 10, 50_000),
		hubCase("hub-schnorr-100-feeds", schnorrSpeaker(1), 100, 0),
		hubCase("hub-ecdsa-3-of-4-10-feeds", ecdsaSpeaker(3, 4), 10, 0),
		anchorCase("anchor-schnorr", schnorrSpeaker(1), 32_600),
		anchorCase("anchor-ecdsa-3-of-4", ecdsaSpeaker(3, 4), 0),
	}
}

// A gasRow is one case on one fork.
type gasRow struct {
	name, fork string
	gas        [4]uint64 // verify only, + calldata, + store, whole transaction
	limit      uint64
}

var gasWays = [4]string{"verify", "verify+calldata", "verify+calldata+store", "transaction"}

// measure sends two messages and then the measured ones, to a chain and to a machine, and takes the dearest.
func measure(t *testing.T, c gasCase, forkName string, fork *params.ChainConfig) gasRow {
	row := gasRow{name: c.name, fork: forkName, limit: c.limit}
	net := newChain(t, fork)
	at := net.time(t)
	m := newMachine(t, fork, uint64(at)/1000+60)
	onChain := c.deploy(func(name string, args []byte) common.Address { return net.deploy(t, name, args) },
		func(to common.Address, data []byte) { net.mustSend(t, to, data) })
	inMachine := c.deploy(func(name string, args []byte) common.Address { return m.deploy(t, name, args) },
		func(to common.Address, data []byte) { m.mustSend(t, to, data) })
	for i := range 2 + gasRuns {
		data := c.message(i, at)
		whole := net.mustSend(t, onChain, data)
		execution, storage := m.gas(t, inMachine, data)
		if i < 2 || whole <= row.gas[3] {
			continue
		}
		row.gas = [4]uint64{execution - storage, execution - storage + calldataGas(data), execution + calldataGas(data), whole}
	}
	return row
}

func (c *chain) mustSend(t testing.TB, to common.Address, data []byte) uint64 {
	t.Helper()
	receipt := c.send(t, &to, data)
	if receipt.Status != types.ReceiptStatusSuccessful {
		t.Fatalf("%x: failed with %d gas", data, receipt.GasUsed)
	}
	return receipt.GasUsed
}

func (m *machine) mustSend(t testing.TB, to common.Address, data []byte) []byte {
	t.Helper()
	ret, err := m.send(to, data)
	if err != nil {
		t.Fatalf("%x: %v", data, err)
	}
	return ret
}

// gas returns what a call costs without what is charged before it begins, and how much of that is for storage.
func (m *machine) gas(t testing.TB, to common.Address, data []byte) (execution, storage uint64) {
	t.Helper()
	config := *m.config
	config.EVMConfig.Tracer = &tracing.Hooks{OnOpcode: func(_ uint64, op byte, _, cost uint64, _ tracing.OpContext, _ []byte, _ int, _ error) {
		if vm.OpCode(op) == vm.SLOAD || vm.OpCode(op) == vm.SSTORE {
			storage += cost
		}
	}}
	config.State.Finalise(config.ChainConfig.Rules(config.BlockNumber, true, config.Time)) // as between transactions
	ret, left, err := runtime.Call(to, data, &config)
	if err != nil {
		t.Fatalf("%x: %v", data, explained(ret, err))
	}
	return config.GasLimit - left, storage
}

// calldataGas is EIP-2028's, of all forks since.
func calldataGas(data []byte) uint64 {
	zeros := uint64(bytes.Count(data, []byte{0}))
	return 4*zeros + 16*(uint64(len(data))-zeros)
}

func TestGas(t *testing.T) {
	racetest.Long(t, "mines some hundred blocks")
	forks := []struct {
		name   string
		config *params.ChainConfig
	}{{"osaka", osaka()}, {"amsterdam", amsterdam()}}
	var page, lines strings.Builder
	page.WriteString(gasHeader)
	for _, fork := range forks {
		fmt.Fprintf(&page, "\n## %s%s\n\n| case | verify only | + calldata | + store | whole transaction | bound |\n|---|---|---|---|---|---|\n",
			strings.ToUpper(fork.name[:1]), fork.name[1:])
		for _, c := range gasCases() {
			row := measure(t, c, fork.name, fork.config)
			bound := ""
			if fork.name == "osaka" && row.limit > 0 {
				bound = fmt.Sprint(row.limit)
				if row.gas[3] > row.limit {
					t.Errorf("%s: %d gas, want at most %d", row.name, row.gas[3], row.limit)
				}
			}
			fmt.Fprintf(&page, "| %s | %d | %d | %d | **%d** | %s |\n", row.name, row.gas[0], row.gas[1], row.gas[2], row.gas[3], bound)
			for i, way := range gasWays {
				fmt.Fprintf(&lines, "gas %s/%s/%s %d\n", row.name, row.fork, way, row.gas[i])
			}
		}
		fmt.Fprintf(&page, "\n| call from a contract | gas in the callee | bound |\n|---|---|---|\n")
		for _, v := range views(t, fork.config) {
			bound := ""
			if fork.name == "osaka" && v.limit > 0 {
				bound = fmt.Sprint(v.limit)
				if v.gas > v.limit {
					t.Errorf("%s: %d gas, want at most %d", v.name, v.gas, v.limit)
				}
			}
			fmt.Fprintf(&page, "| %s | **%d** | %s |\n", v.name, v.gas, bound)
			fmt.Fprintf(&lines, "gas %s/%s/view %d\n", v.name, fork.name, v.gas)
		}
	}
	if *update {
		fmt.Print(lines.String())
		if err := os.WriteFile(gasPage, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(gasPage); err != nil || string(got) != page.String() {
		t.Errorf("%s is not what these contracts cost, %v; if the change is meant, run: make gas\n%s", gasPage, err, lines.String())
	}
}

const gasHeader = `# Gas

Generated by ` + "`make gas`" + `, which prints one line a number; ` + "`make test`" + ` fails if this page is not current.

Measured on go-ethereum's simulated chain and on its EVM alone, with the fork set: Osaka is mainnet's, Amsterdam the next one as
go-ethereum codes it. Whole transactions by an account, without access list, after two updates that are not counted; the dearest of nine.
Values: feeds +3123.456789012345678901 with 18 decimals (negative: the same below zero), hubs 64-bit numbers that all change, anchors a slot that the
ring comes to again. Verify only is everything but storage, calldata and what a transaction costs before it begins; calldata counts
4 for a zero byte and 16 for another; store is SLOAD and SSTORE. Keys are derived from constants and nonces are deterministic, so the numbers are exact.
A first write of a slot costs 17,100 more on Osaka. The Schnorr keys are single-party ones; a FROST group's signature looks the same.
`

// A view is a function that contracts call.
type view struct {
	name  string
	gas   uint64
	limit uint64
}

func views(t *testing.T, fork *params.ChainConfig) []view {
	s, m := schnorrSpeaker(1), newMachine(t, fork, blockTime)
	feed := s.deployFeed(t, m)
	m.mustSend(t, feed, s.update(now-5000, dodona.NewInt192(5)))
	anchor := m.deploy(t, s.anchorContract(), s.args(calldata.PeriodSubject(gasPeriod)))
	adapter := m.deploy(t, contracts.Adapter, calldata.NewAdapter(dodona.Address(feed), feedWords))
	list := []view{}
	add := func(name string, limit uint64, to common.Address, data []byte) {
		gas, _ := m.gas(t, to, data)
		list = append(list, view{name, gas, limit})
	}
	add("feed-latest", 0, feed, selector("latest()"))
	add("feed-read", 0, feed, append(selector("read(uint64)"), uintWord(60)...))
	add("feed-readAt", 0, feed, calldata.ReadAt(s.update(now, dodona.NewInt192(7)), now))
	add("feed-readLatest", 0, feed, calldata.ReadLatest(s.update(now, dodona.NewInt192(7)), 60))
	add("adapter-latestRoundData", 0, adapter, selector("latestRoundData()"))
	for _, depth := range []int{0, 7, 10, 20} {
		leaf := dodona.Leaf{Kind: 1, Feed: feedID, Round: now, Value: dodona.NewInt192(5), Observed: dodona.Digest{1}}
		proof := dodona.Proof{Leaf: leaf}
		for i := range depth {
			proof.Path = append(proof.Path, dodona.Keccak256([]byte{byte(i), byte(depth)}))
		}
		to := now - gasPeriod*dodona.Round(depth+1)
		m.mustSend(t, anchor, s.post(dodona.Anchor{Root: proof.Root(), From: to - gasPeriod, To: to, Count: 1}))
		call := calldata.VerifyLeaf(to, proof)
		if ret, err := m.call(anchor, call); err != nil || !bytes.Equal(ret, uintWord(1)) {
			t.Fatalf("depth %d: %x, %v", depth, ret, err)
		}
		limit := uint64(0)
		if depth == 10 {
			limit = 5500
		}
		add(fmt.Sprintf("anchor-verify-depth-%d", depth), limit, anchor, call)
	}
	return list
}
