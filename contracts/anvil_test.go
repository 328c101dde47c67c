//go:build integration

package contracts_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/big"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
)

var listening = regexp.MustCompile(`Listening on (127\.0\.0\.1:\d+)`)

// startAnvil returns a client of a node that is not go-ethereum, on mainnet's fork.
func startAnvil(t *testing.T) *ethclient.Client {
	if out, err := exec.Command("../scripts/contracts.sh", "deps").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil", "--hardfork", "osaka", "--host", "127.0.0.1", "--port", "0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1)
	done := make(chan struct{})
	go func() { // reads until anvil ends
		defer close(done)
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			if m := listening.FindStringSubmatch(scanner.Text()); m != nil {
				lines <- m[1]
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
	})
	select {
	case address := <-lines:
		client, err := ethclient.Dial("http://" + address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	case <-time.After(60 * time.Second):
		t.Fatal("anvil does not say where it listens")
		return nil
	}
}

// TestContractsOnAnvil: another EVM, written by others, takes the same updates and refuses the same attacks for the same gas.
func TestContractsOnAnvil(t *testing.T) {
	client := startAnvil(t)
	ctx := context.Background()
	key, err := crypto.HexToECDSA("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80") // anvil's first, known to everybody
	if err != nil {
		t.Fatal(err)
	}
	sender := crypto.PubkeyToAddress(key.PublicKey)
	chainID, err := client.ChainID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	send := func(to *common.Address, data []byte) *types.Receipt {
		nonce, err := client.PendingNonceAt(ctx, sender)
		if err != nil {
			t.Fatal(err)
		}
		tx := types.MustSignNewTx(key, types.LatestSignerForChainID(chainID), &types.DynamicFeeTx{
			ChainID: chainID, Nonce: nonce, To: to, Data: data, Gas: 5_000_000, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(100e9),
		})
		if err := client.SendTransaction(ctx, tx); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			if receipt, err := client.TransactionReceipt(ctx, tx.Hash()); err == nil {
				return receipt
			}
			select {
			case <-t.Context().Done():
				t.Fatal("cancelled")
			case <-time.After(50 * time.Millisecond):
			}
		}
		t.Fatal("anvil mines nothing")
		return nil
	}
	header, err := client.HeaderByNumber(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := dodona.Round(header.Time * 1000)
	gas := newChain(t, osaka())
	for name, s := range speakers() {
		artifact, err := contracts.Load(s.feedContract())
		if err != nil {
			t.Fatal(err)
		}
		receipt := send(nil, append(bytes.Clone(artifact.Bytecode), s.args(feedID)...))
		if receipt.Status != types.ReceiptStatusSuccessful {
			t.Fatalf("%s: not deployed", name)
		}
		feed := receipt.ContractAddress
		first, second := s.update(at-2000, dodona.NewInt192(5)), s.update(at-1000, dodona.NewInt192(6))
		send(&feed, first)
		receipt = send(&feed, second)
		if receipt.Status != types.ReceiptStatusSuccessful {
			t.Fatalf("%s: the good update fails", name)
		}
		other := gas.deploy(t, s.feedContract(), s.args(feedID))
		gas.mustSend(t, other, first)
		if got := gas.mustSend(t, other, second); got != receipt.GasUsed {
			t.Errorf("%s: %d gas on go-ethereum, %d on anvil", name, got, receipt.GasUsed)
		}
		if receipt := send(&feed, second); receipt.Status != types.ReceiptStatusFailed {
			t.Errorf("%s: a replay is taken", name)
		}
		for how, a := range feedAttacks(s, at-1000, at) {
			if ret, err := client.CallContract(ctx, ethereum.CallMsg{From: sender, To: &feed, Data: a.data}, nil); err == nil {
				t.Errorf("%s: %s: %s", name, how, fmt.Sprintf("%x", ret))
			}
		}
	}
}
