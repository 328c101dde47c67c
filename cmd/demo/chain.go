package main

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/log"
	gethnode "github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/calldata"
)

// A chain is a real EVM inside the demo: go-ethereum's simulated chain by the rules of Osaka, a block a second, JSON-RPC on
// loopback for the node. One contract keeps the answers of a feed, another one the anchors.
type chain struct {
	backend *simulated.Backend
	url     string
	feed    common.Address
	anchor  common.Address
	done    sync.WaitGroup
	stop    context.CancelFunc
}

// A mined is a transaction of the node, and what it left in the slot of the feed's contract.
type mined struct {
	anchor bool // it was for the anchors' contract
	ok     bool
	gas    uint64
	round  dodona.Round
	value  dodona.Int192
}

const blockTime = time.Second

// openChain starts a chain on which sender has ether, and deploys the contracts of a feed and of anchors over windows of
// a period. close ends it.
func openChain(ctx context.Context, sender dodona.Address, feed dodona.FeedID, period time.Duration, network dodona.Network, quorum dodona.Quorum) (*chain, error) {
	log.SetDefault(log.NewLogger(log.DiscardHandler()))
	port, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("start chain: %w", err)
	}
	deployer, err := crypto.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("make deployer's key: %w", err)
	}
	ether := new(big.Int).Mul(big.NewInt(100), big.NewInt(params.Ether))
	funds := types.GenesisAlloc{crypto.PubkeyToAddress(deployer.PublicKey): {Balance: ether}, common.Address(sender): {Balance: ether}}
	rules := *params.AllDevChainProtocolChanges
	rules.AmsterdamTime, rules.BogotaTime = nil, nil // of no network yet
	c := &chain{url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	c.backend = simulated.NewBackend(funds, func(n *gethnode.Config, e *ethconfig.Config) {
		n.HTTPHost, n.HTTPPort, n.HTTPModules = "127.0.0.1", port, []string{"eth", "net"}
		e.Genesis.Config = &rules
	})
	signer := types.LatestSignerForChainID(rules.ChainID)
	for _, d := range []struct {
		name    string
		subject calldata.Subject
		at      *common.Address
	}{{contracts.FeedECDSA, feed, &c.feed}, {contracts.AnchorECDSA, calldata.PeriodSubject(uint64(period.Milliseconds())), &c.anchor}} {
		if *d.at, err = c.deploy(ctx, signer, deployer, d.name, calldata.NewECDSA(network.ID(), d.subject, quorum)); err != nil {
			_ = c.backend.Close()
			return nil, fmt.Errorf("deploy %s: %w", d.name, err)
		}
	}
	return c, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// deploy puts a contract on the chain.
func (c *chain) deploy(ctx context.Context, signer types.Signer, key *ecdsa.PrivateKey, name string, args []byte) (at common.Address, err error) {
	artifact, err := contracts.Load(name)
	if err != nil {
		return at, err
	}
	client := c.backend.Client()
	nonce, err := client.NonceAt(ctx, crypto.PubkeyToAddress(key.PublicKey), nil)
	if err != nil {
		return at, err
	}
	tx, err := types.SignNewTx(key, signer, &types.DynamicFeeTx{
		ChainID: signer.ChainID(), Nonce: nonce, Gas: 5_000_000, Data: append(artifact.Bytecode, args...),
		GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(100 * params.GWei),
	})
	if err != nil {
		return at, err
	}
	if err := client.SendTransaction(ctx, tx); err != nil {
		return at, err
	}
	c.backend.Commit()
	receipt, err := client.TransactionReceipt(ctx, tx.Hash())
	if err != nil {
		return at, err
	}
	if receipt.Status != types.ReceiptStatusSuccessful {
		return at, fmt.Errorf("it reverted with %d gas", receipt.GasUsed)
	}
	return receipt.ContractAddress, nil
}

// run makes blocks until close, and tells of each transaction of the node.
func (c *chain) run(told func(mined)) {
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.done.Go(func() {
		tick := time.NewTicker(blockTime)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				c.block(ctx, c.backend.Commit(), told)
			}
		}
	})
}

// block looks at the transactions of a block. What cannot be read because the demo ends is not told.
func (c *chain) block(ctx context.Context, hash common.Hash, told func(mined)) {
	client := c.backend.Client()
	block, err := client.BlockByHash(ctx, hash)
	if err != nil {
		return
	}
	for _, tx := range block.Transactions() {
		if tx.To() == nil || (*tx.To() != c.feed && *tx.To() != c.anchor) {
			continue
		}
		receipt, err := client.TransactionReceipt(ctx, tx.Hash())
		if err != nil {
			return
		}
		word, err := client.StorageAt(ctx, c.feed, common.Hash{}, block.Number())
		if err != nil || len(word) != 32 {
			return
		}
		m := mined{anchor: *tx.To() == c.anchor, ok: receipt.Status == types.ReceiptStatusSuccessful, gas: receipt.GasUsed}
		m.round, m.value = calldata.ParseFeedWord([32]byte(word))
		told(m)
	}
}

// close ends the chain and waits.
func (c *chain) close() {
	if c.stop != nil {
		c.stop()
	}
	c.done.Wait()
	_ = c.backend.Close()
}
