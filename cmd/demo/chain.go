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
// loopback for the node. A contract keeps the answers of one feed.
type chain struct {
	backend  *simulated.Backend
	url      string
	contract common.Address
	done     sync.WaitGroup
	stop     context.CancelFunc
}

const blockTime = time.Second

// openChain starts a chain on which sender has ether, and deploys the contract of a feed. close ends it.
func openChain(ctx context.Context, sender dodona.Address, feed dodona.FeedID, network dodona.Network, quorum dodona.Quorum) (*chain, error) {
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
	if err := c.deploy(ctx, types.LatestSignerForChainID(rules.ChainID), deployer, feed, network, quorum); err != nil {
		_ = c.backend.Close()
		return nil, fmt.Errorf("deploy contract: %w", err)
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

// deploy puts the contract of the feed on the chain.
func (c *chain) deploy(ctx context.Context, signer types.Signer, key *ecdsa.PrivateKey, feed dodona.FeedID, network dodona.Network, quorum dodona.Quorum) error {
	artifact, err := contracts.Load(contracts.FeedECDSA)
	if err != nil {
		return err
	}
	tx, err := types.SignNewTx(key, signer, &types.DynamicFeeTx{
		ChainID: signer.ChainID(), Gas: 5_000_000, GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(100 * params.GWei),
		Data: append(artifact.Bytecode, calldata.NewECDSA(network.ID(), feed, quorum)...),
	})
	if err != nil {
		return err
	}
	if err := c.backend.Client().SendTransaction(ctx, tx); err != nil {
		return err
	}
	c.backend.Commit()
	receipt, err := c.backend.Client().TransactionReceipt(ctx, tx.Hash())
	if err != nil {
		return err
	}
	if receipt.Status != types.ReceiptStatusSuccessful {
		return fmt.Errorf("it reverted with %d gas", receipt.GasUsed)
	}
	c.contract = receipt.ContractAddress
	return nil
}

// run makes blocks until close, and tells of each update and of what the slot then holds.
func (c *chain) run(updated func(gas uint64, ok bool, round dodona.Round, value dodona.Int192)) {
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
				c.block(ctx, c.backend.Commit(), updated)
			}
		}
	})
}

// block looks at the updates of a block. What cannot be read because the demo ends is not told.
func (c *chain) block(ctx context.Context, hash common.Hash, updated func(uint64, bool, dodona.Round, dodona.Int192)) {
	client := c.backend.Client()
	block, err := client.BlockByHash(ctx, hash)
	if err != nil {
		return
	}
	for _, tx := range block.Transactions() {
		if tx.To() == nil || *tx.To() != c.contract {
			continue
		}
		receipt, err := client.TransactionReceipt(ctx, tx.Hash())
		if err != nil {
			return
		}
		word, err := client.StorageAt(ctx, c.contract, common.Hash{}, block.Number())
		if err != nil || len(word) != 32 {
			return
		}
		round, value := calldata.ParseFeedWord([32]byte(word))
		updated(receipt.GasUsed, receipt.Status == types.ReceiptStatusSuccessful, round, value)
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
