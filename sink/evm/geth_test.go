//go:build integration

package evm_test

import (
	"context"
	"math/big"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/anviltest"
	client "github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
)

// A gethChain is go-ethereum's own node, asked over HTTP. It makes no block by itself, and estimates by the newest block's clock,
// which anvil does not.
type gethChain struct {
	*simulated.Backend
}

// gethChainID is that of go-ethereum's development chains.
const gethChainID = 1337

// newGethRig starts such a node with a DodonaFeed on it, and a journal.
func newGethRig(t *testing.T) (*rig, *gethChain) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	rich := new(big.Int).Mul(big.NewInt(100), big.NewInt(1e18))
	deployer := anviltest.Key(t)
	genesis := types.GenesisAlloc{
		common.Address(key(t, "payer").Address()): {Balance: rich}, common.Address(deployer.Address()): {Balance: rich},
	}
	g := &gethChain{Backend: simulated.NewBackend(genesis, func(n *node.Config, e *ethconfig.Config) {
		rules := *params.AllDevChainProtocolChanges
		rules.AmsterdamTime, rules.BogotaTime = nil, nil // of no network yet
		e.Genesis.Config = &rules
		n.HTTPHost, n.HTTPPort, n.HTTPModules = "127.0.0.1", port, []string{"eth"}
	})}
	t.Cleanup(func() { _ = g.Close() })
	url := "http://127.0.0.1:" + strconv.Itoa(port)
	c, err := client.NewClient(client.Options{URLs: []string{url}, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	r := newRigOn(t, &anviltest.Chain{Client: c, URL: url})
	g.Commit()
	head, err := c.Header(t.Context(), client.Latest)
	if err != nil {
		t.Fatal(err)
	}
	raw, hash := client.Transaction{ChainID: gethChainID, Tip: 1e9, FeeCap: 2*head.BaseFee + 1e9, Gas: 5_000_000, Data: r.code()}.Sign(deployer)
	if err := c.Send(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) { // the pool takes a moment
		g.Commit()
		receipt, err := c.Receipt(t.Context(), hash)
		if err == nil && receipt.OK {
			r.settings.Contract = *receipt.Contract
			return r, g
		}
		if time.Since(begun) > patience {
			t.Fatalf("the contract is not deployed: %+v, %v", receipt, err)
		}
	}
}

// beat makes a block every 100 ms until the test ends: always, or only if a transaction waits.
func (g *gethChain) beat(t *testing.T, onDemand bool, payer dodona.Address) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			if onDemand {
				pending, err := g.Client().PendingNonceAt(ctx, common.Address(payer))
				mined, err2 := g.Client().NonceAt(ctx, common.Address(payer), nil)
				if err != nil || err2 != nil || pending == mined {
					continue
				}
			}
			g.Commit()
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func TestGethTakesEveryAnswerOnceInOrder(t *testing.T) {
	t.Parallel()
	r, g := newGethRig(t)
	g.beat(t, false, r.payer.Address())
	r.policy.Policy = sink.Every
	r.begin()
	var rounds []dodona.Round
	for i := range 40 {
		rounds = append(rounds, r.say(int64(1000+i)))
		if i == 15 || i == 30 {
			r.stop()
			r.begin()
		}
	}
	r.untilSlot(rounds[39])
	r.until("all are final", func() bool { return r.has(rounds[39], dodona.ReceiptFinal) })
	r.once(rounds...)
	if _, reverted := r.mined(); reverted != 0 {
		t.Errorf("%d transactions were reverted", reverted)
	}
}

// TestAChainThatMakesBlocksOnDemandTakesTheAnswersOfNow: its clock stands until something is sent, and what would be sent is ahead
// of that clock.
func TestAChainThatMakesBlocksOnDemandTakesTheAnswersOfNow(t *testing.T) {
	t.Parallel()
	r, g := newGethRig(t)
	g.beat(t, true, r.payer.Address())
	r.policy.Policy = sink.Latest
	r.begin()
	var rounds []dodona.Round
	for range 2 {
		r.until("the newest block is too old for a round of now", func() bool {
			head, err := r.chain.Header(t.Context(), client.Latest)
			return err == nil && time.Since(time.Unix(int64(head.Time), 0)) > 17*time.Second
		})
		r.first, r.next = dodona.RoundAt(time.Now()), 0
		rounds = append(rounds, r.say(int64(len(rounds))))
		r.untilSlot(rounds[len(rounds)-1])
	}
	r.once(rounds...)
	if _, reverted := r.mined(); reverted != 0 || r.told("refused") {
		t.Errorf("%d transactions were reverted; told of a refusal: %v", reverted, r.told("refused"))
	}
}
