package ethrpc

import (
	"bytes"
	"context"
	"fmt"
	"math/big"

	"github.com/dodona-oracle/dodona"
)

// A Block names a state of the chain: Latest, Pending, or a number made by [At].
type Block string

// The states that have names.
const (
	Latest  Block = "latest"
	Pending Block = "pending"
)

// At returns the state after the block with the given number.
func At(number uint64) Block { return Block(fmt.Sprintf("0x%x", number)) }

// A Header is what this package reads of a block.
type Header struct {
	Number   uint64
	Hash     dodona.Digest
	Parent   dodona.Digest
	Time     uint64 // Unix seconds
	BaseFee  uint64 // wei for each unit of gas
	Legacy   bool   // the chain has no base fee (EIP-1559), so a transaction names one price
	GasLimit uint64 // that all transactions of a block share; 0 if the node does not say
}

// A Receipt says what became of a transaction in a block.
type Receipt struct {
	Tx        dodona.Digest
	Block     uint64
	BlockHash dodona.Digest
	OK        bool            // false: it was reverted
	GasUsed   uint64          // 0: the node does not say
	GasPrice  *uint64         // wei that each unit of gas cost; nil: the node does not say
	Contract  *dodona.Address // that it made; nil if none
}

// A Message is a call that is tried and not sent.
type Message struct {
	From dodona.Address
	To   *dodona.Address
	Data []byte
}

func (m Message) json() map[string]any {
	object := map[string]any{"from": Bytes(m.From[:])}
	if m.To != nil {
		object["to"] = Bytes(m.To[:])
	}
	if len(m.Data) > 0 {
		// Nodes of different ages know one name or the other, and refuse two that differ.
		object["input"], object["data"] = Bytes(m.Data), Bytes(m.Data)
	}
	return object
}

// ChainID returns the id of the chain that the endpoints belong to.
func (c *Client) ChainID(ctx context.Context) (uint64, error) {
	if err := c.Call(ctx, nil, chainID); err != nil { // what each endpoint is checked with
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.chainID, nil
}

// Nonce returns how many transactions of an address the chain has taken.
func (c *Client) Nonce(ctx context.Context, a dodona.Address, at Block) (uint64, error) {
	return nonce(ctx, c, a, at)
}

func nonce(ctx context.Context, of asker, a dodona.Address, at Block) (uint64, error) {
	var n Uint
	err := of.ask(ctx, &n, nil, "eth_getTransactionCount", Bytes(a[:]), at)
	return uint64(n), err
}

// Balance returns what an address owns, in wei.
func (c *Client) Balance(ctx context.Context, a dodona.Address, at Block) (*big.Int, error) {
	var w Wei
	err := c.Call(ctx, &w, "eth_getBalance", Bytes(a[:]), at)
	return &w.Int, err
}

// Code returns the code of a contract; empty if there is none.
func (c *Client) Code(ctx context.Context, a dodona.Address, at Block) ([]byte, error) {
	var b Bytes
	err := c.Call(ctx, &b, "eth_getCode", Bytes(a[:]), at)
	return b, err
}

// Storage returns a word of a contract's storage.
func (c *Client) Storage(ctx context.Context, a dodona.Address, slot dodona.Digest, at Block) ([32]byte, error) {
	return storage(ctx, c, a, slot, at)
}

func storage(ctx context.Context, of asker, a dodona.Address, slot dodona.Digest, at Block) (word [32]byte, err error) {
	var b Bytes
	judge := func() error {
		if len(b) > 32 {
			return fmt.Errorf("%d bytes in a slot: want 32", len(b))
		}
		return nil
	}
	if err := of.ask(ctx, &b, judge, "eth_getStorageAt", Bytes(a[:]), Bytes(slot[:]), at); err != nil {
		return word, err
	}
	copy(word[32-len(b):], b) // some nodes leave leading zeros out
	return word, nil
}

// CallContract returns what a call answers.
func (c *Client) CallContract(ctx context.Context, m Message, at Block) ([]byte, error) {
	var b Bytes
	err := c.Call(ctx, &b, "eth_call", m.json(), at)
	return b, err
}

// EstimateGas returns how much gas a call takes in a block like the newest one; an [*Error] if it would be reverted.
func (c *Client) EstimateGas(ctx context.Context, m Message) (uint64, error) {
	var n Uint
	err := c.Call(ctx, &n, "eth_estimateGas", m.json())
	return uint64(n), err
}

// EstimateGasAt returns how much gas a call takes in a block of the given time, Unix seconds. Not every node can tell
// ([Error.Unsupported]); geth and what stands on it can.
func (c *Client) EstimateGasAt(ctx context.Context, m Message, seconds uint64) (uint64, error) {
	var n Uint
	at := map[string]any{"time": Uint(seconds)}
	err := c.Call(ctx, &n, "eth_estimateGas", m.json(), Latest, map[string]any{}, at)
	return uint64(n), err
}

// Tip returns the tip that the node suggests, in wei for each unit of gas.
func (c *Client) Tip(ctx context.Context) (uint64, error) {
	var n Uint
	err := c.Call(ctx, &n, "eth_maxPriorityFeePerGas")
	return uint64(n), err
}

// GasPrice returns what the node suggests on a chain without EIP-1559, in wei for each unit of gas.
func (c *Client) GasPrice(ctx context.Context) (uint64, error) {
	var n Uint
	err := c.Call(ctx, &n, "eth_gasPrice")
	return uint64(n), err
}

// historyBlocks is over how many of the newest blocks Tips looks.
const historyBlocks = 20

// Tips returns what was paid in the middle of each of the newest blocks, in wei for each unit of gas, as eth_feeHistory tells it. Empty
// blocks say 0; a node may know none.
func (c *Client) Tips(ctx context.Context) ([]uint64, error) {
	var history struct {
		Reward [][]Uint `json:"reward"`
	}
	if err := c.Call(ctx, &history, "eth_feeHistory", Uint(historyBlocks), Latest, []int{50}); err != nil {
		return nil, err
	}
	var tips []uint64
	for _, r := range history.Reward {
		if len(r) > 0 {
			tips = append(tips, uint64(r[0]))
		}
	}
	return tips, nil
}

// Send broadcasts a signed transaction.
func (c *Client) Send(ctx context.Context, raw []byte) error {
	return c.Call(ctx, nil, sendRaw, Bytes(raw))
}

// Header returns that of a block, or [dodona.ErrNotFound]. Every chain has a latest one: an endpoint that knows none is no use.
func (c *Client) Header(ctx context.Context, at Block) (Header, error) { return header(ctx, c, at) }

func header(ctx context.Context, of asker, at Block) (h Header, err error) {
	var block *struct {
		Number    Uint  `json:"number"`
		Hash      Bytes `json:"hash"`
		Parent    Bytes `json:"parentHash"`
		Timestamp Uint  `json:"timestamp"`
		BaseFee   *Uint `json:"baseFeePerGas"`
		GasLimit  Uint  `json:"gasLimit"`
	}
	judge := func() error {
		found := block
		block = nil // another endpoint's answer must not mix with it
		switch {
		case found == nil && at == Latest:
			return fmt.Errorf("block %s: %w", at, dodona.ErrNotFound)
		case found == nil:
			return nil
		}
		h = Header{Number: uint64(found.Number), Time: uint64(found.Timestamp), GasLimit: uint64(found.GasLimit)}
		if h.Legacy = found.BaseFee == nil; !h.Legacy {
			h.BaseFee = uint64(*found.BaseFee)
		}
		if err := fixed(h.Hash[:], found.Hash); err != nil {
			return fmt.Errorf("block %s: hash: %w", at, err)
		}
		if err := fixed(h.Parent[:], found.Parent); err != nil {
			return fmt.Errorf("block %s: parent: %w", at, err)
		}
		return nil
	}
	if err := of.ask(ctx, &block, judge, "eth_getBlockByNumber", at, false); err != nil {
		return Header{}, err
	}
	if h == (Header{}) {
		return h, fmt.Errorf("block %s: %w", at, dodona.ErrNotFound)
	}
	return h, nil
}

// Receipt returns that of a transaction that is in a block, or [dodona.ErrNotFound].
func (c *Client) Receipt(ctx context.Context, tx dodona.Digest) (Receipt, error) {
	var found *struct {
		Block     *Uint `json:"blockNumber"`
		BlockHash Bytes `json:"blockHash"`
		Status    *Uint `json:"status"`
		GasUsed   Uint  `json:"gasUsed"`
		GasPrice  *Uint `json:"effectiveGasPrice"`
		Contract  Bytes `json:"contractAddress"`
		Tx        Bytes `json:"transactionHash"`
	}
	var r Receipt
	there := false
	judge := func() (err error) {
		answer := found
		found = nil
		if there = answer != nil && len(answer.BlockHash) > 0; !there { // some nodes answer for pending ones
			return nil
		}
		r = Receipt{Tx: tx, GasUsed: uint64(answer.GasUsed), GasPrice: (*uint64)(answer.GasPrice)}
		if err := fixed(r.BlockHash[:], answer.BlockHash); err != nil {
			return fmt.Errorf("receipt of %s: block hash: %w", tx, err)
		}
		if len(answer.Tx) > 0 && !bytes.Equal(answer.Tx, tx[:]) {
			return fmt.Errorf("receipt of %s: the node answers with another transaction's", tx)
		}
		if answer.Block == nil || answer.Status == nil {
			return fmt.Errorf("receipt of %s: the node leaves out the block's number or the status", tx)
		}
		r.Block, r.OK = uint64(*answer.Block), *answer.Status == 1
		if len(answer.Contract) > 0 {
			r.Contract = new(dodona.Address)
			if err := fixed(r.Contract[:], answer.Contract); err != nil {
				return fmt.Errorf("receipt of %s: contract: %w", tx, err)
			}
		}
		return nil
	}
	if err := c.ask(ctx, &found, judge, "eth_getTransactionReceipt", Bytes(tx[:])); err != nil {
		return Receipt{}, err
	}
	if !there {
		return Receipt{}, fmt.Errorf("receipt of %s: %w", tx, dodona.ErrNotFound)
	}
	return r, nil
}
