package ethrpc_test

import (
	"bytes"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"pgregory.net/rapid"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// drawn makes the same transaction twice: ours and go-ethereum's.
func drawn(t *rapid.T) (ethrpc.Transaction, *types.DynamicFeeTx) {
	number := rapid.Uint64()
	tx := ethrpc.Transaction{
		ChainID: rapid.Uint64Min(1).Draw(t, "chain"), Nonce: number.Draw(t, "nonce"), Tip: number.Draw(t, "tip"),
		FeeCap: number.Draw(t, "feeCap"), Gas: number.Draw(t, "gas"),
		Data: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data"),
	}
	value := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "value"))
	theirs := &types.DynamicFeeTx{
		ChainID: new(big.Int).SetUint64(tx.ChainID), Nonce: tx.Nonce, GasTipCap: new(big.Int).SetUint64(tx.Tip),
		GasFeeCap: new(big.Int).SetUint64(tx.FeeCap), Gas: tx.Gas, Value: value, Data: tx.Data,
	}
	if value.Sign() > 0 {
		tx.Value = value
	}
	if rapid.Bool().Draw(t, "call") {
		to := dodona.Address(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "to"))
		tx.To = &to
		theirs.To = (*common.Address)(&to)
	}
	return tx, theirs
}

func drawnKey(t *rapid.T) *secp.PrivateKey {
	key, err := secp.ParsePrivateKey(rapid.SliceOfN(rapid.Byte(), 32, 32).Filter(func(b []byte) bool {
		_, err := secp.ParsePrivateKey(b)
		return err == nil
	}).Draw(t, "key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestTransactionsAreGoEthereumsByteForByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ours, theirs := drawn(t)
		key := drawnKey(t)
		raw, hash := ours.Sign(key)

		ecdsa, err := crypto.ToECDSA(key.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		signer := types.LatestSignerForChainID(theirs.ChainID)
		signed, err := types.SignNewTx(ecdsa, signer, theirs)
		if err != nil {
			t.Fatal(err)
		}
		want, err := signed.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(raw, want) {
			t.Fatalf("signed bytes differ\n got %x\nwant %x", raw, want)
		}
		if hash != dodona.Digest(signed.Hash()) {
			t.Fatalf("hash: got %s, want %s", hash, signed.Hash())
		}
		if got, want := ours.Digest(), dodona.Digest(signer.Hash(types.NewTx(theirs))); got != want {
			t.Fatalf("signing digest: got %s, want %s", got, want)
		}
		again, _ := ours.Sign(key)
		if !bytes.Equal(raw, again) {
			t.Fatal("signing again gave other bytes")
		}
	})
}

func TestLegacyTransactionsAreGoEthereumsByteForByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ours, theirs := drawn(t)
		ours.Legacy = true
		key := drawnKey(t)
		raw, hash := ours.Sign(key)
		ecdsa, err := crypto.ToECDSA(key.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		signer := types.NewEIP155Signer(theirs.ChainID)
		signed, err := types.SignNewTx(ecdsa, signer, &types.LegacyTx{
			Nonce: theirs.Nonce, GasPrice: theirs.GasFeeCap, Gas: theirs.Gas, To: theirs.To, Value: theirs.Value, Data: theirs.Data,
		})
		if err != nil {
			t.Fatal(err)
		}
		want, err := signed.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(raw, want) || hash != dodona.Digest(signed.Hash()) || ours.Digest() != dodona.Digest(signer.Hash(signed)) {
			t.Fatalf("got %x of hash %s, want %x of %s", raw, hash, want, signed.Hash())
		}
	})
}

// TestTransactionsOfEverySizeAreGoEthereums walks over the lengths at which RLP changes its headers.
func TestTransactionsOfEverySizeAreGoEthereums(t *testing.T) {
	key, err := secp.ParsePrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	ecdsa, _ := crypto.ToECDSA(key.Bytes())
	for _, size := range []int{0, 1, 2, 54, 55, 56, 57, 84, 254, 255, 256, 257, 65534, 65535, 65536, 70000} {
		for _, fill := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			data := bytes.Repeat([]byte{fill}, size)
			raw, _ := ethrpc.Transaction{ChainID: 1, Nonce: 0x80, Tip: 1, FeeCap: 0x7f, Gas: 21000, Data: data}.Sign(key)
			signed := types.MustSignNewTx(ecdsa, types.LatestSignerForChainID(big.NewInt(1)), &types.DynamicFeeTx{
				ChainID: big.NewInt(1), Nonce: 0x80, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(0x7f), Gas: 21000, Data: data,
			})
			if want, _ := signed.MarshalBinary(); !bytes.Equal(raw, want) {
				t.Errorf("%d bytes of %#x: signed bytes differ", size, fill)
			}
		}
	}
}

func TestCreatedContractsHaveGoEthereumsAddresses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sender := dodona.Address(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "sender"))
		nonce := rapid.Uint64().Draw(t, "nonce")
		got, want := ethrpc.Created(sender, nonce), dodona.Address(crypto.CreateAddress(common.Address(sender), nonce))
		if got != want {
			t.Fatalf("contract of %s with nonce %d: got %s, want %s", sender, nonce, got, want)
		}
	})
}

func TestSelectorsAreTheKnownOnes(t *testing.T) {
	for signature, want := range map[string][4]byte{
		"transfer(address,uint256)": {0xa9, 0x05, 0x9c, 0xbb},
		"balanceOf(address)":        {0x70, 0xa0, 0x82, 0x31},
		"latestRoundData()":         {0xfe, 0xaf, 0x96, 0x8c},
	} {
		if got := ethrpc.Selector(signature); got != want {
			t.Errorf("%s: got %x, want %x", signature, got, want)
		}
	}
}
