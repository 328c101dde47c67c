package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sign"
	"github.com/dodona-oracle/dodona/verify"
)

type contractCommand struct {
	Deploy contractDeployCommand `cmd:"" help:"Deploy the contract that takes a network's answers."`
	Show   contractShowCommand   `cmd:"" help:"Show whose a contract is and what it holds."`
}

// rpcFlags say which chain; an endpoint with a password in its path belongs in a file.
type rpcFlags struct {
	RPC     string        `name:"rpc" help:"JSON-RPC endpoint of the chain, http or https." placeholder:"URL"`
	RPCFile string        `name:"rpc-file" help:"File that holds the endpoint, if it is secret." placeholder:"FILE"`
	Timeout time.Duration `help:"Give up after this long." default:"3m"`
	JSON    bool          `name:"json" help:"Print JSON."`
}

func (f rpcFlags) client() (*ethrpc.Client, error) {
	url := f.RPC
	if f.RPCFile != "" {
		text, err := secret.String{File: f.RPCFile}.Reveal()
		if err != nil {
			return nil, err
		}
		url = text
	}
	if url == "" {
		return nil, failure{exitUsage, errors.New("which chain? give --rpc URL or --rpc-file FILE")}
	}
	return ethrpc.NewClient(ethrpc.Options{URLs: []string{url}, Route: httpc.Route{Proxy: httpc.Proxy{URL: httpc.Environment}}})
}

type contractDeployCommand struct {
	Kind   string `arg:"" enum:"feed,hub,anchor,adapter" help:"feed, hub, anchor, or adapter (a feed as AggregatorV3Interface shows one)."`
	Answer string `required:"" help:"An answer of the network, a file, - or a URL: the contract takes what its quorum signs, for its feed." placeholder:"FILE"`
	Key    string `required:"" help:"Key file of the account that pays, a keystore or 64 hex digits." placeholder:"FILE"`
	passwordFlag
	Period time.Duration `help:"Of an anchor: the length of the network's windows." default:"10m"`
	Feed   string        `help:"Of an adapter: the address of the feed's contract." placeholder:"0x…"`
	evidenceFlags
	rpcFlags
}

// A deployment is what deploy prints.
type deployment struct {
	Contract string         `json:"contract"`
	Address  dodona.Address `json:"address"`
	Tx       dodona.Digest  `json:"tx"`
	Block    uint64         `json:"block"`
	Gas      uint64         `json:"gas"`
	Code     int            `json:"codeBytes"`
}

// Run returns once the contract is mined and its code is there.
func (c contractDeployCommand) Run(ctx context.Context, term terminal) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	raw, err := c.read(ctx, c.Answer, term.in, verify.MaxBytes+1)
	if err != nil {
		return err
	}
	if verdict := verify.Answer(raw, verify.Expect{}); !verdict.Valid {
		return failure{exitInvalid, fmt.Errorf("answer: %s", verdict)}
	}
	var answer dodona.Answer
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("read answer: %w", err) // verify has read it already
	}
	name, args, err := c.contract(answer)
	if err != nil {
		return failure{exitUsage, err}
	}
	key, err := sign.OpenFile("--key", c.Key, func() (string, error) { return c.old(term, c.Key) })
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	if c.Kind == "adapter" {
		var feed dodona.Address
		_ = feed.UnmarshalText([]byte(strings.ToLower(c.Feed))) // it was read before
		if code, err := client.Code(ctx, feed, ethrpc.Latest); err == nil && len(code) == 0 {
			return fmt.Errorf("--feed: %s has no code on this chain: another chain, or not a contract", feed)
		}
	}
	d, err := deploy(ctx, client, key, name, args, term)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(term.out, d)
	}
	_, err = fmt.Fprintf(term.out, "%s\n", d.Address)
	fmt.Fprintf(term.err, "%s for network %q: %d bytes of code, %s gas, block %d, tx %s\n", d.Contract, answer.Network.Name, d.Code, dodona.Thousands(d.Gas), d.Block, d.Tx)
	return err
}

// contract returns which contract is meant and its constructor's arguments.
func (c contractDeployCommand) contract(a dodona.Answer) (name string, args []byte, err error) {
	network, group := a.Network.ID(), a.Quorum.Key
	choose := func(frost, ecdsa string, subject calldata.Subject) (string, []byte, error) {
		if group != nil {
			return frost, calldata.NewSchnorr(network, subject, *group), nil
		}
		return ecdsa, calldata.NewECDSA(network, subject, a.Quorum), nil
	}
	switch c.Kind {
	case "feed":
		return choose(contracts.Feed, contracts.FeedECDSA, a.Feed.ID())
	case "anchor":
		ms := c.Period.Milliseconds()
		if ms <= 0 || time.Duration(ms)*time.Millisecond != c.Period {
			return "", nil, fmt.Errorf("--period %s: want whole milliseconds, 1 or more", c.Period)
		}
		return choose(contracts.Anchor, contracts.AnchorECDSA, calldata.PeriodSubject(uint64(ms)))
	case "hub":
		key := dodona.GroupKey{}
		if group != nil {
			key = *group
		}
		return contracts.Hub, calldata.NewHub(network, calldata.HubKey(a.Quorum, key)), nil
	}
	if c.Feed == "" {
		return "", nil, errors.New("an adapter shows a feed's contract: give its address with --feed (`dodona contract deploy feed` prints it)")
	}
	var feed dodona.Address
	if err := feed.UnmarshalText([]byte(strings.ToLower(c.Feed))); err != nil {
		return "", nil, fmt.Errorf("--feed: %w", err)
	}
	if a.Feed.Kind != dodona.Number {
		return "", nil, fmt.Errorf("feed %q is of kind %s: an adapter shows numbers only", a.Feed.Name, a.Feed.Kind)
	}
	return contracts.Adapter, calldata.NewAdapter(feed, a.Feed), nil
}

// deploy sends one transaction and waits for it.
func deploy(ctx context.Context, client *ethrpc.Client, key *sign.Key, name string, args []byte, term terminal) (d deployment, err error) {
	artifact, err := contracts.Load(name)
	if err != nil {
		return d, err
	}
	from, data := key.Address(), append(artifact.Bytecode, args...)
	tx := ethrpc.Transaction{Data: data}
	if tx.ChainID, err = client.ChainID(ctx); err != nil {
		return d, fmt.Errorf("ask the chain who it is: %w", err)
	}
	if tx.Nonce, err = client.Nonce(ctx, from, ethrpc.Pending); err != nil {
		return d, fmt.Errorf("ask for the nonce of %s: %w", from, err)
	}
	if tx.Gas, err = client.EstimateGas(ctx, ethrpc.Message{From: from, Data: data}); err != nil {
		return d, fmt.Errorf("estimate gas of deploying %s: %w", name, refusal(err))
	}
	head, err := client.Header(ctx, ethrpc.Latest)
	if err != nil {
		return d, fmt.Errorf("ask for the last block: %w", err)
	}
	if tx.Tip, err = client.Tip(ctx); err != nil {
		return d, fmt.Errorf("ask for a tip: %w", err)
	}
	tx.Gas += tx.Gas / 10
	tx.FeeCap = 2*head.BaseFee + tx.Tip
	balance, err := client.Balance(ctx, from, ethrpc.Latest)
	if err != nil {
		return d, fmt.Errorf("ask for the balance of %s: %w", from, err)
	}
	most := new(big.Int).Mul(new(big.Int).SetUint64(tx.FeeCap), new(big.Int).SetUint64(tx.Gas))
	if balance.Cmp(most) < 0 {
		return d, fmt.Errorf("%s has %s and deploying %s may cost %s: send it some", from, ethrpc.Ether(balance), name, ethrpc.Ether(most))
	}
	raw, hash := tx.Sealed(key.SignTransaction(tx.Digest()))
	fmt.Fprintf(term.err, "sending %s from %s on chain %d, nonce %d\n", hash, from, tx.ChainID, tx.Nonce)
	if err := client.Send(ctx, raw); err != nil {
		return d, fmt.Errorf("send %s: %w", hash, err)
	}
	receipt, err := mined(ctx, client, hash)
	if err != nil {
		return d, fmt.Errorf("wait for %s, which may still be mined: %w", hash, err)
	}
	address := ethrpc.Created(from, tx.Nonce)
	if !receipt.OK {
		return d, fmt.Errorf("deploying %s in %s was reverted with %d gas", name, hash, receipt.GasUsed)
	}
	code, err := client.Code(ctx, address, ethrpc.Latest)
	if err != nil || len(code) == 0 {
		return d, fmt.Errorf("%s is mined in %s, but %s has %d bytes of code: %w", name, hash, address, len(code), err)
	}
	return deployment{name, address, hash, receipt.Block, receipt.GasUsed, len(code)}, nil
}

// refusal says in words why a contract refuses, where that is what an error is.
func refusal(err error) error {
	var said *ethrpc.Error
	switch {
	case !errors.As(err, &said) || !said.Reverted():
		return err
	case len(said.Revert()) == 0:
		return fmt.Errorf("it would be reverted, and nobody says why (%w); see that each address that was given is the contract it should be (`dodona contract show`)", err)
	}
	return fmt.Errorf("the contract refuses: %s", calldata.ParseRefusal(said.Revert()))
}

// mined asks for a receipt every half second until there is one or ctx ends.
func mined(ctx context.Context, client *ethrpc.Client, hash dodona.Digest) (ethrpc.Receipt, error) {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		receipt, err := client.Receipt(ctx, hash)
		if err == nil || !errors.Is(err, dodona.ErrNotFound) {
			return receipt, err
		}
		select {
		case <-ctx.Done():
			return receipt, ctx.Err()
		case <-ticker.C:
		}
	}
}

type contractShowCommand struct {
	Address string `arg:"" help:"The contract's address."`
	Answer  string `help:"An answer of the feed, a file, - or a URL: its unit and decimals are not on the chain." placeholder:"FILE"`
	evidenceFlags
	rpcFlags
}

// A shown is what show prints. What a contract does not answer is left out.
type shown struct {
	Address dodona.Address `json:"address"`
	Kind    string         `json:"kind"` // feed, hub, anchor, adapter, or "unknown"
	Code    int            `json:"codeBytes"`
	Hash    dodona.Digest  `json:"codeHash"`
	Network *dodona.Digest `json:"network,omitempty"`
	Quorum  *dodona.Digest `json:"quorum,omitempty"`
	Feed    *dodona.Digest `json:"feed,omitempty"`
	Period  uint64         `json:"periodMs,omitempty"`
	Epoch   *uint64        `json:"epoch,omitempty"`
	Slot    *dodona.Digest `json:"slot,omitempty"`
	Round   dodona.Round   `json:"round,omitempty"`
	Value   *dodona.Int192 `json:"value,omitempty"`   // scaled by the feed's decimals, which a feed's contract does not know
	Of      string         `json:"of,omitempty"`      // the feed's name, if an answer or the adapter says it
	Text    string         `json:"text,omitempty"`    // the value for people, likewise
	Adapted string         `json:"adapted,omitempty"` // of an adapter: the address of the feed's contract
}

// Run asks the chain and prints what it says; nothing is signed or sent.
func (c contractShowCommand) Run(ctx context.Context, term terminal) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	s := shown{Kind: "unknown"}
	if err := s.Address.UnmarshalText([]byte(strings.ToLower(c.Address))); err != nil {
		return failure{exitUsage, fmt.Errorf("address: %w", err)}
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := s.ask(ctx, client); err != nil {
		return err
	}
	if err := c.name(ctx, &s, term); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(term.out, s)
	}
	return s.print(term)
}

// name tells what the chain does not know of a feed, from an answer of it.
func (c contractShowCommand) name(ctx context.Context, s *shown, term terminal) error {
	if c.Answer == "" {
		return nil
	}
	raw, err := c.read(ctx, c.Answer, term.in, verify.MaxBytes+1)
	if err != nil {
		return err
	}
	if verdict := verify.Answer(raw, verify.Expect{}); !verdict.Valid {
		return failure{exitInvalid, fmt.Errorf("answer: %s", verdict)}
	}
	var answer dodona.Answer
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("read answer: %w", err) // verify has read it already
	}
	if id := dodona.Digest(answer.Feed.ID()); s.Feed == nil || *s.Feed != id {
		return fmt.Errorf("the answer is one of feed %s, whose id is %s; the contract is not that feed's", printable(answer.Feed.Name), id)
	}
	if s.Of = answer.Feed.Name; s.Value != nil {
		s.Text = answer.Feed.Format(*s.Value)
	}
	return nil
}

func (s *shown) ask(ctx context.Context, client *ethrpc.Client) error {
	code, err := client.Code(ctx, s.Address, ethrpc.Latest)
	if err != nil {
		return fmt.Errorf("ask for the code of %s: %w", s.Address, err)
	}
	if len(code) == 0 {
		return fmt.Errorf("%s has no code on this chain: another chain, or not a contract", s.Address)
	}
	s.Code, s.Hash = len(code), dodona.Keccak256(code)
	// A contract that has no such function reverts, which the client reports as an error of the call.
	word := func(function string) *dodona.Digest {
		f := calldata.Selector(function)
		ret, err := client.CallContract(ctx, ethrpc.Message{To: &s.Address, Data: f[:]}, ethrpc.Latest)
		if err != nil || len(ret) != 32 {
			return nil
		}
		d := dodona.Digest(ret)
		return &d
	}
	if s.Network, s.Quorum = word("network()"), word("quorum()"); s.Network == nil {
		return cmp.Or(s.adapter(ctx, client, word), ctx.Err())
	}
	if s.Feed = word("feed()"); s.Feed != nil {
		s.Kind = "feed"
		slot, err := client.Storage(ctx, s.Address, dodona.Digest{}, ethrpc.Latest)
		if err != nil {
			return fmt.Errorf("read slot 0 of %s: %w", s.Address, err)
		}
		s.Slot = (*dodona.Digest)(&slot)
		round, value := calldata.ParseFeedWord(slot)
		if round > 0 {
			s.Round, s.Value = round, &value
		}
	} else if period := word("period()"); period != nil {
		s.Kind, s.Period = "anchor", new(big.Int).SetBytes(period[24:]).Uint64()
	} else if epoch := word("epoch()"); epoch != nil {
		n := new(big.Int).SetBytes(epoch[24:]).Uint64()
		s.Kind, s.Epoch = "hub", &n
	}
	return ctx.Err()
}

// adapter asks whether a contract shows a feed as AggregatorV3Interface does, and which.
func (s *shown) adapter(ctx context.Context, client *ethrpc.Client, word func(string) *dodona.Digest) error {
	feed, decimals := word("feed()"), word("decimals()")
	if feed == nil || decimals == nil || word("version()") == nil {
		return nil
	}
	call := func(function string) []byte {
		f := calldata.Selector(function)
		ret, err := client.CallContract(ctx, ethrpc.Message{To: &s.Address, Data: f[:]}, ethrpc.Latest)
		if err != nil {
			return nil
		}
		return ret
	}
	s.Kind, s.Adapted = "adapter", dodona.Address(feed[12:]).String()
	if name := call("description()"); len(name) >= 64 { // where it begins, how long it is, and the text
		size := new(big.Int).SetBytes(name[56:64]).Uint64()
		s.Of = printable(string(name[64:][:min(size, uint64(len(name)-64), 255)]))
	}
	data := call("latestRoundData()") // round, value and three more words
	if len(data) < 2*32 {
		return ctx.Err() // it has none yet
	}
	value, err := dodona.Int192FromWord([32]byte(data[32:64]))
	if err != nil {
		return fmt.Errorf("read the latest round of %s: %w", s.Address, err)
	}
	s.Round, s.Value = dodona.Round(new(big.Int).SetBytes(data[24:32]).Uint64()), &value
	s.Text = dodona.Feed{Kind: dodona.Number, Decimals: decimals[31]}.Format(value)
	return nil
}

func (s *shown) print(term terminal) error {
	var b strings.Builder
	line := func(name string, format string, args ...any) {
		fmt.Fprintf(&b, "%-9s "+format+"\n", append([]any{name}, args...)...)
	}
	line("address", "%s", s.Address)
	line("kind", "%s", s.Kind)
	line("code", "%d bytes, keccak256 %s", s.Code, s.Hash)
	for _, f := range []struct {
		name  string
		value *dodona.Digest
	}{{"network", s.Network}, {"quorum", s.Quorum}, {"feed", s.Feed}, {"slot 0", s.Slot}} {
		if f.value != nil {
			line(f.name, "%s", f.value)
		}
	}
	if s.Adapted != "" {
		line("feed", "%s", s.Adapted)
	}
	if s.Of != "" {
		line("name", "%s", printable(s.Of))
	}
	switch {
	case s.Text != "":
		line("value", "%s, round %d (%s)", printable(s.Text), uint64(s.Round), s.Round)
	case s.Value != nil:
		line("value", "%s without the feed's decimals, which the chain does not know (--answer FILE tells them), round %d (%s)", s.Value, uint64(s.Round), s.Round)
	case s.Kind == "feed", s.Kind == "adapter":
		line("value", "none yet")
	case s.Kind == "anchor":
		line("period", "%s", unit.FormatDuration(time.Duration(min(s.Period, 1<<40))*time.Millisecond))
	case s.Epoch != nil:
		line("epoch", "%d", *s.Epoch)
	}
	_, err := fmt.Fprint(term.out, b.String())
	return err
}
