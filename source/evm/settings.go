// Package evm observes what a view of a contract says on an EVM chain, so that other oracles are sources too: feeds of Chainlink, proxies of API3, and any
// function that a signature names.
//
// An answer is a JSON document: chain, contract and call; the block, with number, hash and time; result, with each output by its name (or its place from 0), whole numbers as texts of
// all their digits; and raw, what the contract said. The presets add value, exact: answer with the decimals that the contract names in the same block (chainlink), or 18 (api3). So the point of a preset is value: /value, and that of
// other calls such as value: /result/price.
//
// The block is chosen by its name first, then the call is made at its number, and of latest and safe the number must have the same hash afterwards: an answer is of one block, or it is
// none, and asked for again. latest may be replaced (a reorganisation): the reading of the new block then says so in its detail. finalized is never replaced, and some ten minutes old on Ethereum. A block below one that was read
// before comes of an endpoint that is behind: the reading is uncertain. Every endpoint must be of the chain: see chain_id. Nothing is ever sent to the chain: there is no key.
//
// A call that the contract reverts, an answer that is none of the signature, and an address without a contract are errors with their reason. A round of Chainlink that is not complete (updatedAt 0), an answer of Chainlink that is not above zero (unless any_answer says that it may be), and
// a beacon of API3 that was never set, are bad readings; a round that answers with an earlier one's value (answeredInRound below roundId) is uncertain. How old an answer may be is the feed's stale, by the time of the answer.
package evm

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "evm" of sources.
var Kind = source.NewPolled("evm", open)

// Settings say which contract is asked, for what, and through whom.
type Settings struct {
	// RPC endpoints of the chain, JSON-RPC over http or https, tried in this order. Default: none; required, unless rpc_secret is given.
	RPC []string `yaml:"rpc"`
	// RPCSecret are endpoints whose URL holds a key, such as {env: RPC_URL}, tried after those of rpc. Default: none.
	RPCSecret []secret.String `yaml:"rpc_secret,omitempty"`
	// ChainID is the number of the chain, which every endpoint must have, such as 1 for Ethereum. Default: 0, whatever the first one that answers has.
	ChainID uint64 `yaml:"chain_id,omitempty"`
	// Contract that is asked. Required.
	Contract dodona.Address `yaml:"contract"`
	// Preset is whose contract it is, which says call and time: chainlink (latestRoundData of an AggregatorV3Interface) or api3 (read of a proxy). Default: none; see call.
	Preset Preset `yaml:"preset,omitempty"`
	// AnyAnswer says that an answer of the preset chainlink may be zero or below, as a rate may; else such a one is bad. Default: false.
	AnyAnswer bool `yaml:"any_answer,omitempty"`
	// Call is the signature of a view, with its outputs, such as getReserves()(uint112 reserve0, uint112 reserve1, uint32 at). Default: none; required without a preset.
	Call string `yaml:"call,omitempty"`
	// Args are the arguments of the call, each a text: whole numbers, true, false, texts, or 0x and hex digits for addresses and bytes. Default: none.
	Args []string `yaml:"args,omitempty"`
	// Block is at which the contract is asked: latest, safe or finalized. Default: latest.
	Block Tag `yaml:"block,omitempty"`
	// Time is the output that says when the answer was made, in Unix seconds. Default: that of the preset, else none, and it is as old as its block.
	Time string `yaml:"time,omitempty"`
	// Every is the least time between two exchanges, such as 12s. Default: 0s, one for each instant a feed asks for.
	Every time.Duration `yaml:"every,omitempty"`
	// Timeout of one request to an endpoint; an exchange is three, or four with the preset chainlink. Default: 5s.
	Timeout time.Duration `yaml:"timeout,omitempty"`

	httpc.Route `yaml:",inline"`
}

// A Preset is a contract whose views are known.
type Preset string

// The presets.
const (
	chainlink Preset = "chainlink"
	api3      Preset = "api3"
)

// Words returns the presets.
func (Preset) Words() []string { return []string{string(chainlink), string(api3)} }

// A Tag names a block that moves with the chain.
type Tag string

// The tags.
const (
	latest    Tag = "latest"
	safe      Tag = "safe"
	finalized Tag = "finalized"
)

// Words returns the tags.
func (Tag) Words() []string { return []string{string(latest), string(safe), string(finalized)} }

var (
	callOf = map[Preset]string{
		chainlink: "latestRoundData()(uint80 roundId,int256 answer,uint256 startedAt,uint256 updatedAt,uint80 answeredInRound)",
		api3:      "read()(int224 value,uint32 timestamp)",
	}
	timeOf = map[Preset]string{chainlink: "updatedAt", api3: "timestamp"}
)

const largest = 256 * unit.KiB // of a document

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Block = latest
	s.Timeout = 5 * time.Second
}

// signature returns what is asked.
func (s *Settings) signature() string {
	if s.Preset != "" {
		return callOf[s.Preset]
	}
	return s.Call
}

// time returns which output is the time.
func (s *Settings) time() string {
	if s.Preset != "" {
		return timeOf[s.Preset]
	}
	return s.Time
}

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace { return source.Pace{Every: s.Every, Limit: 5 * s.Timeout} }

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size { return largest }

// Asks says what the source asks, to tell one from another.
func (s *Settings) Asks() string {
	return s.Contract.String() + s.signature() + strings.Join(s.Args, ",")
}

// Peer names whom the source asks, without what may be a secret.
func (s *Settings) Peer() string {
	if len(s.RPC) == 0 {
		return "an endpoint of rpc_secret"
	}
	u, err := url.Parse(s.RPC[0])
	if err != nil {
		return "an endpoint of rpc"
	}
	return u.Host
}

// Check says what is wrong with the settings. It neither dials nor reads files.
func (s *Settings) Check() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(len(s.RPC)+len(s.RPCSecret) > 0, "rpc: missing, want a list of endpoints such as [https://rpc.example/1]")
	for i, text := range s.RPC {
		errs = append(errs, httpc.CheckURL(fmt.Sprintf("rpc[%d]", i), text, "https://rpc.example/1", "a password does not belong here; use rpc_secret: [{file: PATH}]"))
	}
	want(!s.Contract.IsZero(), "contract: missing, want an address such as 0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419")
	want(s.Preset == "" || callOf[s.Preset] != "", "preset: %.20q: want chainlink or api3", s.Preset)
	want(s.Preset == "" || s.Call == "" && s.Time == "" && len(s.Args) == 0, "call: preset says it, with its time and arguments; leave one of them out")
	want(!s.AnyAnswer || s.Preset == chainlink, "any_answer: it is of preset: chainlink; other answers may be anything, leave it out")
	want(s.Block == "" || slices.Contains(Tag("").Words(), string(s.Block)), "block: %.20q: want latest, safe or finalized", s.Block)
	want(s.Every >= 0, "every: %s: want 0s or more", unit.FormatDuration(s.Every))
	want(s.Timeout > 0 && s.Timeout <= 10*time.Minute, "timeout: %s: want more than 0s and at most 10m", unit.FormatDuration(s.Timeout))
	return errors.Join(append(errs, s.checkCall(), s.Route.Check())...)
}

func (s *Settings) checkCall() error {
	if s.signature() == "" {
		if s.Preset != "" {
			return nil // told already
		}
		return errors.New("call: missing, want preset: chainlink or api3, or a signature such as read()(int224 value, uint32 timestamp)")
	}
	v, err := parseView(s.signature())
	if err != nil {
		return fmt.Errorf("call: %w", err)
	}
	if _, err := v.encode(s.Args); err != nil {
		return fmt.Errorf("args: %w", err)
	}
	if at := s.time(); at != "" {
		i := slices.IndexFunc(v.outputs, func(t typ) bool { return t.name == at })
		if i < 0 || v.outputs[i].kind != unsigned && v.outputs[i].kind != signed {
			return fmt.Errorf("time: %.40q: call has no such output that is a whole number", at)
		}
	}
	return nil
}
