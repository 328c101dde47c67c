package contracts_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
)

// A chain is go-ethereum's simulated one on a given fork, with one funded account.
type chain struct {
	backend *simulated.Backend
	key     *ecdsa.PrivateKey
	signer  types.Signer
}

func newChain(t testing.TB, fork *params.ChainConfig) *chain {
	t.Helper()
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	funds := types.GenesisAlloc{crypto.PubkeyToAddress(key.PublicKey): {Balance: new(big.Int).Lsh(big.NewInt(1), 90)}}
	backend := simulated.NewBackend(funds, func(_ *node.Config, c *ethconfig.Config) {
		c.Genesis.Config, c.Genesis.Timestamp = fork, blockTime
	})
	t.Cleanup(func() { _ = backend.Close() })
	return &chain{backend, key, types.LatestSignerForChainID(fork.ChainID)}
}

// send mines a transaction in a block of its own and returns its receipt, failed or not. to is nil for a deployment.
func (c *chain) send(t testing.TB, to *common.Address, data []byte) *types.Receipt {
	t.Helper()
	return c.mine(t, types.MustSignNewTx(c.key, c.signer, &types.DynamicFeeTx{
		ChainID: c.signer.ChainID(), Nonce: c.nonce(t), To: to, Data: data, Gas: 16_000_000,
		GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(50 * params.GWei),
	}))
}

func (c *chain) nonce(t testing.TB) uint64 {
	t.Helper()
	nonce, err := c.backend.Client().NonceAt(context.Background(), crypto.PubkeyToAddress(c.key.PublicKey), nil)
	if err != nil {
		t.Fatal(err)
	}
	return nonce
}

func (c *chain) mine(t testing.TB, tx *types.Transaction) *types.Receipt {
	t.Helper()
	client := c.backend.Client()
	if err := client.SendTransaction(context.Background(), tx); err != nil {
		t.Fatal(err)
	}
	c.backend.Commit()
	receipt, err := client.TransactionReceipt(context.Background(), tx.Hash())
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func (c *chain) deploy(t testing.TB, name string, args []byte) common.Address {
	t.Helper()
	artifact, err := contracts.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	receipt := c.send(t, nil, append(bytes.Clone(artifact.Bytecode), args...))
	if receipt.Status != types.ReceiptStatusSuccessful {
		t.Fatalf("deploy %s: failed with %d gas", name, receipt.GasUsed)
	}
	return receipt.ContractAddress
}

// time returns the last block's, as a round.
func (c *chain) time(t testing.TB) dodona.Round {
	t.Helper()
	head, err := c.backend.Client().HeaderByNumber(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return dodona.Round(head.Time * 1000)
}
