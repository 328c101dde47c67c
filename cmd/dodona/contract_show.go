package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/unit"
)

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
	answer, err := c.answer(ctx, c.Answer, term.in)
	if err != nil {
		return err
	}
	if id := dodona.Digest(answer.Feed.ID()); s.Feed == nil || *s.Feed != id {
		return fmt.Errorf("the answer is one of feed %s, whose id is %s; the contract is not that feed's", printable(answer.Feed.Name), id)
	}
	if s.Of = answer.Feed.Name; s.Value != nil {
		s.Text = answer.Feed.Format(*s.Value)
	}
	return nil
}

// ask asks a contract what it is and what it holds.
func (s *shown) ask(ctx context.Context, client *ethrpc.Client) error {
	code, err := client.Code(ctx, s.Address, ethrpc.Latest)
	if err != nil {
		return fmt.Errorf("ask for the code of %s: %w", s.Address, err)
	}
	if len(code) == 0 {
		return fmt.Errorf("%s has no code on this chain: another chain, or not a contract", s.Address)
	}
	s.Code, s.Hash = len(code), dodona.Keccak256(code)
	to := &asked{ctx: ctx, client: client, contract: s.Address}
	s.Network, s.Quorum, s.Feed = to.word("network()"), to.word("quorum()"), to.word("feed()")
	switch {
	case to.err != nil:
	case s.Network == nil:
		return s.askAdapter(to)
	case s.Feed != nil:
		return s.askFeed(to)
	default:
		period, epoch := to.word("period()"), to.word("epoch()")
		if period != nil {
			s.Kind, s.Period = "anchor", numberOf(period[24:])
		} else if epoch != nil {
			n := numberOf(epoch[24:])
			s.Kind, s.Epoch = "hub", &n
		}
	}
	return to.err
}

// An asked is a contract that is asked by calls.
type asked struct {
	ctx      context.Context
	client   *ethrpc.Client
	contract dodona.Address
	err      error // the first call that nobody answered
}

// call returns what a function without arguments returns; nil if the contract refuses the call, as one without that function does.
func (a *asked) call(function string) []byte {
	if a.err != nil {
		return nil
	}
	f := calldata.Selector(function)
	returned, err := a.client.CallContract(a.ctx, ethrpc.Message{To: &a.contract, Data: f[:]}, ethrpc.Latest)
	var refused *ethrpc.Error
	if err != nil && !errors.As(err, &refused) {
		a.err = fmt.Errorf("ask %s for its %s: %w", a.contract, function, err)
	}
	if err != nil {
		return nil
	}
	return returned
}

// word returns the one word that a function returns; nil if it is none.
func (a *asked) word(function string) *dodona.Digest {
	returned := a.call(function)
	if len(returned) != 32 {
		return nil
	}
	d := dodona.Digest(returned)
	return &d
}

// numberOf returns the number that the end of a word is.
func numberOf(end []byte) uint64 { return new(big.Int).SetBytes(end).Uint64() }

// askFeed reads the answer of a feed's contract, which stands in slot 0.
func (s *shown) askFeed(to *asked) error {
	s.Kind = "feed"
	slot, err := to.client.Storage(to.ctx, s.Address, dodona.Digest{}, ethrpc.Latest)
	if err != nil {
		return fmt.Errorf("read slot 0 of %s: %w", s.Address, err)
	}
	s.Slot = (*dodona.Digest)(&slot)
	if round, value := calldata.ParseFeedWord(slot); round > 0 {
		s.Round, s.Value = round, &value
	}
	return nil
}

// askAdapter asks whether a contract shows a feed as AggregatorV3Interface does, and which.
func (s *shown) askAdapter(to *asked) error {
	decimals, version := to.word("decimals()"), to.word("version()")
	if to.err != nil || s.Feed == nil || decimals == nil || version == nil {
		s.Feed = nil
		return to.err
	}
	s.Kind, s.Adapted, s.Feed = "adapter", dodona.Address(s.Feed[12:]).String(), nil
	if name := to.call("description()"); len(name) >= 64 { // where it begins, how long it is, and the text
		size := numberOf(name[56:64])
		s.Of = printable(string(name[64:][:min(size, uint64(len(name)-64), 255)]))
	}
	data := to.call("latestRoundData()") // round, value and three more words
	if len(data) < 2*32 {
		return to.err // it has none yet
	}
	value, err := dodona.Int192FromWord([32]byte(data[32:64]))
	if err != nil {
		return fmt.Errorf("read the latest round of %s: %w", s.Address, err)
	}
	s.Round, s.Value = dodona.Round(numberOf(data[24:32])), &value
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
