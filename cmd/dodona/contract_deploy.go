package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sign"
)

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
	Gas      uint64         `json:"gas,omitzero"`
	Code     int            `json:"codeBytes"`
}

// Run returns once the contract is mined and its code is there.
func (c contractDeployCommand) Run(ctx context.Context, term terminal) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	answer, err := c.answer(ctx, c.Answer, term.in)
	if err != nil {
		return err
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
	gas := ""
	if d.Gas > 0 { // else the endpoint did not say
		gas = dodona.Thousands(d.Gas) + " gas, "
	}
	fmt.Fprintf(term.err, "%s for network %q: %d bytes of code, %sblock %d, tx %s\n", d.Contract, answer.Network.Name, d.Code, gas, d.Block, d.Tx)
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
		return d, fmt.Errorf("deploying %s in %s was reverted", name, hash)
	}
	code, err := client.Code(ctx, address, ethrpc.Latest)
	if err != nil {
		return d, fmt.Errorf("%s is mined in %s; ask for the code of %s: %w", name, hash, address, err)
	}
	if len(code) == 0 {
		return d, fmt.Errorf("%s is mined in %s, but %s has no code", name, hash, address)
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
