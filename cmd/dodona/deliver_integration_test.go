//go:build integration

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/anviltest"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/journal"
)

// feedsDelivered is how many feeds the node has, each with its contract: rounds come faster than one feed can make them.
const feedsDelivered = 10

// delivering is a node that delivers every round of its feeds.
const delivering = `node: {name: gw, data: ./data, key: {hex: "%s"}}
roles: [%s]
api: {listen: "127.0.0.1:0"}
sources: {walk: {sim: {every: 100ms}}}
sinks:
  main:
    evm: {rpc: ["%s"], poll: 100ms, confirmations: 3, bump_after: 3s, window: 64, contracts: {%s}}
    policy: every
feeds:
`

// number reads a bound of the test from the environment: make crash asks for more than make test.
func number(t *testing.T, name string, standard int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKilledAtRandomEveryRoundIsOnTheChainOnce kills the program, without a warning, while it delivers to a real chain.
func TestKilledAtRandomEveryRoundIsOnTheChainOnce(t *testing.T) {
	t.Parallel()
	kills, least := number(t, "DODONA_KILLS", 8), number(t, "DODONA_ROUNDS", 120)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d, %d kills, at least %d rounds", seed, kills, least)
	chain := anviltest.Start(t, "--block-time", "1")
	dir := t.TempDir()
	const hex = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d" // anvil's second key: it has money
	file := filepath.Join(dir, "gw.yaml")
	names := make([]string, feedsDelivered)
	targets := make(map[string]dodona.Address)
	for i := range names {
		names[i] = fmt.Sprintf("walk-%d", i)
		targets[names[i]] = dodona.Address{1}
	}
	write := func(roles string) *config.Config {
		var contracts []string
		for _, name := range names {
			contracts = append(contracts, fmt.Sprintf("%s: \"%s\"", name, targets[name]))
		}
		text := fmt.Sprintf(delivering, hex, roles, chain.URL, strings.Join(contracts, ", "))
		for _, name := range names {
			text += fmt.Sprintf("  %s: {decimals: 2, every: 500ms, from: [walk]}\n", name)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(strings.NewReader(text), "gw.yaml", allKinds())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := write("observe, validate, deliver, serve")
	var sender dodona.Address
	if err := sender.UnmarshalText([]byte("0x70997970c51812dc3a010c7d01b50e0d17dc79c8")); err != nil {
		t.Fatal(err)
	}
	quorum := dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{sender}}
	network := dodona.Network{Name: c.Network.Name, First: quorum.Digest()}
	artifact, err := contracts.Load(contracts.FeedECDSA)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.Feeds {
		targets[f.Feed.Name] = chain.Deploy(append(artifact.Bytecode[:len(artifact.Bytecode):len(artifact.Bytecode)], calldata.NewECDSA(network.ID(), f.Feed.ID(), quorum)...))
	}
	write("observe, validate, deliver, serve")
	slot := func(contract dodona.Address) dodona.Round {
		word, err := chain.Storage(t.Context(), contract, dodona.Digest{}, ethrpc.Latest)
		if err != nil {
			t.Fatal(err)
		}
		round, _ := calldata.ParseFeedWord(word)
		return round
	}
	for range kills {
		p := launch(t, dir, "run", file)
		p.awaitURL()
		time.Sleep(time.Duration(random.Int64N(int64(2500 * time.Millisecond)))) // the moment of the kill is the test's input
		if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = p.stop()
	}
	p := launch(t, dir, "run", file)
	p.awaitURL()
	eventually(t, 5*time.Minute, func() error {
		n, err := chain.Nonce(t.Context(), sender, ethrpc.Latest)
		if err == nil && n < uint64(least) {
			err = fmt.Errorf("%d transactions", n)
		}
		return err
	})
	_ = p.stop()
	attested := attestedSince(t, filepath.Join(dir, "data"), network.ID(), names)
	// What is left goes out without new rounds.
	write("deliver, serve")
	p = launch(t, dir, "run", file)
	p.awaitURL()
	eventually(t, 2*time.Minute, func() error {
		for _, name := range names {
			last := attested[name][len(attested[name])-1]
			if at := slot(targets[name]); at != last {
				return fmt.Errorf("the slot of %s is at %d, the last round is %d", name, at, last)
			}
		}
		return nil
	})
	_ = p.stop()

	written, sent := roundsOf(t, chain, sender)
	total, missing, twice := 0, 0, 0
	for _, name := range names {
		for _, round := range attested[name] {
			total++
			at := place{targets[name], round}
			switch n := written[at]; {
			case n == 0:
				missing++
				t.Errorf("round %d of %s is not on the chain", round, name)
			case n > 1:
				twice++
				t.Errorf("round %d of %s is on the chain %d times", round, name, n)
			}
			delete(written, at)
		}
	}
	if len(written) > 0 {
		t.Errorf("on the chain and not attested: %v", written)
	}
	t.Logf("%d rounds attested, %d transactions in blocks, %d missing, %d twice, %d kills", total, sent, missing, twice, kills)
	if total < least {
		t.Errorf("only %d rounds", total)
	}
}

// A place is where a round is written.
type place struct {
	contract dodona.Address
	round    dodona.Round
}

// attestedSince returns the rounds that were attested since the sink began, from the journal of a node that has ended.
func attestedSince(t *testing.T, data string, network dodona.Digest, names []string) map[string][]dodona.Round {
	t.Helper()
	ctx := context.Background()
	j, err := journal.Open(ctx, journal.Config{Dir: data, Node: "gw", Network: network})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	var begin time.Time
	for rec, err := range j.Scan(ctx, dodona.TopicIntent, "main", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(rec.Body, &begin); err != nil || rec.ID != "begin" {
			t.Fatalf("the sink's first record is %s: %v", rec.ID, err)
		}
		break
	}
	rounds := make(map[string][]dodona.Round)
	for _, name := range names {
		for rec, err := range j.Scan(ctx, dodona.TopicData, name, nil) {
			if err != nil {
				t.Fatal(err)
			}
			round, _ := rec.Round()
			if !rec.Appended.Before(begin) {
				rounds[name] = append(rounds[name], round)
			}
		}
		if len(rounds[name]) == 0 {
			t.Fatalf("nothing of %s was attested", name)
		}
	}
	return rounds
}

// roundsOf returns how often each round was written by transactions that were not reverted, and how many were sent.
func roundsOf(t *testing.T, chain *anviltest.Chain, sender dodona.Address) (written map[place]int, sent int) {
	t.Helper()
	ctx := context.Background()
	written = make(map[place]int)
	head, err := chain.Header(ctx, ethrpc.Latest)
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(0); n <= head.Number; n++ {
		var block struct {
			Transactions []struct {
				Hash, From, To, Input string
			}
		}
		if err := chain.Call(ctx, &block, "eth_getBlockByNumber", ethrpc.At(n), true); err != nil {
			t.Fatal(err)
		}
		for _, tx := range block.Transactions {
			if tx.From != sender.String() {
				continue
			}
			sent++
			var hash dodona.Digest
			if err := hash.UnmarshalText([]byte(tx.Hash)); err != nil {
				t.Fatal(err)
			}
			receipt, err := chain.Receipt(ctx, hash)
			if err != nil {
				t.Fatal(err)
			}
			if !receipt.OK {
				t.Logf("a transaction without effect: %s in block %d", hash, n)
				continue
			}
			round, err := strconv.ParseUint(tx.Input[2:18], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			var contract dodona.Address
			if err := contract.UnmarshalText([]byte(tx.To)); err != nil {
				t.Fatal(err)
			}
			written[place{contract, dodona.Round(round)}]++
		}
	}
	return written, sent
}
