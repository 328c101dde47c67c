// Package evm delivers answers to contracts on an EVM chain and follows each transaction until it is final.
//
// What is to be sent is journaled before it is sent, with its nonce and its signed bytes, so that after a crash the
// same bytes go out again and nothing is sent twice. Transactions that pay too little are replaced by ones that pay
// more, up to max_fee; blocks that are replaced are noticed; holes in the nonces are filled. Whatever is in the way, no
// money, no endpoint, a contract that refuses, answers wait and the status says for what.
//
// The key must be used by one sink alone on a chain: two writers would take each other's nonces. The configuration is
// refused if it names one key twice; a key that shows itself only when it is opened stops the second sink before it sends.
package evm

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/advice"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/sink"
)

// Kind is the kind "evm".
var Kind = sink.NewSlot("evm", open)

// Settings say which contract, through whom, and who pays.
type Settings struct {
	// RPC endpoints of the chain, JSON-RPC over http or https, tried in this order. Required, unless rpc_secret is given.
	RPC []string `yaml:"rpc"`
	// RPCSecret are endpoints whose URL holds a key, such as {env: RPC_URL}, tried after those of rpc. Default: none.
	RPCSecret []secret.String `yaml:"rpc_secret,omitempty"`
	// ChainID is the number of the chain, which every endpoint must have, such as 1 for Ethereum. Default: 0, whatever the first one that answers has.
	ChainID uint64 `yaml:"chain_id,omitempty"`
	// Contract is the DodonaFeed of the one feed that the sink delivers. Default: none, see contracts.
	Contract dodona.Address `yaml:"contract,omitempty"`
	// Contracts are the DodonaFeeds by feed, for several feeds with one key. Default: none, see contract.
	Contracts map[string]dodona.Address `yaml:"contracts,omitempty"`
	// Anchor is the DodonaAnchor to which anchors go, if the sink has `anchors: true`. Its windows must be those of
	// anchor.every, or a divisor of them. Default: none.
	Anchor dodona.Address `yaml:"anchor,omitempty"`
	// Key that sends and pays. It must be used by nothing else on this chain. Default: the node's own.
	Key keyfile.Key `yaml:"key,omitempty"`
	// MaxFee is the most that a unit of gas may cost, base fee and tip together. Transactions wait while the chain is
	// dearer. Default: 200 gwei.
	MaxFee Price `yaml:"max_fee,omitempty"`
	// MaxTip is the most that is paid to whoever makes the block, for a unit of gas, whatever a node suggests or a pool asks for. What
	// replaces a transaction pays an eighth more than it, so one that pays the most is not replaced. Default: 0 gwei, four times the most
	// that was usual in the last blocks, never less than a hundredth of max_fee, and what a pool says that it takes at least.
	MaxTip Price `yaml:"max_tip,omitempty"`
	// Gas limit of a transaction. Default: 0, what the node estimates and a quarter more.
	Gas uint64 `yaml:"gas,omitempty"`
	// MaxGas is the most gas that an estimate is believed to be right with. Chains on which an update takes more are those that
	// count what their blocks cost elsewhere, such as Arbitrum. Default: 5000000.
	MaxGas uint64 `yaml:"max_gas,omitempty"`
	// Confirmations is how many blocks make a transaction final, its own included. Default: 12.
	Confirmations uint64 `yaml:"confirmations,omitempty"`
	// BumpAfter is how long a transaction may wait before it is replaced by one that pays at least an eighth more.
	// Default: 45s.
	BumpAfter time.Duration `yaml:"bump_after,omitempty"`
	// Window is how many transactions may be in no block at once. Default: 16.
	Window int `yaml:"window,omitempty"`
	// Poll is how often the chain is looked at while something is under way. Default: 4s.
	Poll time.Duration `yaml:"poll,omitempty"`
	// Timeout of one request to an endpoint. Less if the endpoint lets some hang and answers others much faster. Default: 10s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Senders are the addresses that may send for this network, the same list in the same order at every member. For
	// each round one of them goes first, and each next one waits for stagger more and sends only if it is still needed.
	// Default: none, this sink sends at once.
	Senders []dodona.Address `yaml:"senders,omitempty"`
	// Stagger is how long each sender waits for the one before. Default: 30s.
	Stagger time.Duration `yaml:"stagger,omitempty"`

	httpc.Route `yaml:",inline"`
}

const (
	mostWindow  = 64
	leastPoll   = 50 * time.Millisecond
	mostSenders = dodona.MaxMembers
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.MaxFee = 200 * gwei
	s.MaxGas = 5_000_000
	s.Confirmations = 12
	s.BumpAfter = 45 * time.Second
	s.Window = 16
	s.Poll = 4 * time.Second
	s.Timeout = 10 * time.Second
	s.Stagger = 30 * time.Second
}

// Check says what is wrong with the settings. It neither dials nor reads files.
func (s *Settings) Check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(s.RPC)+len(s.RPCSecret) == 0 {
		wrong("rpc: missing, want a list of endpoints such as [https://rpc.example/1]")
	}
	for i, text := range s.RPC {
		errs = append(errs, httpc.CheckURL(fmt.Sprintf("rpc[%d]", i), text, "https://rpc.example/1", "a password does not belong here; use rpc_secret: [{file: PATH}]"))
	}
	if s.Contract.IsZero() && len(s.Contracts) == 0 && s.Anchor.IsZero() {
		wrong("contract: missing, want the address of a DodonaFeed; `dodona contract deploy` makes one")
	}
	if !s.Contract.IsZero() && len(s.Contracts) > 0 {
		wrong("contracts: contract is given too; name the contract of every feed under contracts")
	}
	for feed, a := range s.Contracts {
		if a.IsZero() {
			wrong("contracts: %s: the zero address is no contract", feed)
		}
	}
	errs = append(errs, s.Key.Check("key", "a sink"), s.Route.Check())
	if s.MaxFee == 0 {
		wrong("max_fee: want a price above zero, such as 30 gwei")
	}
	if s.MaxGas < leastGas || s.MaxGas > mostGas {
		wrong("max_gas: %d: want %d, which every update takes, to %d", s.MaxGas, leastGas, uint64(mostGas))
	}
	if s.Gas > 0 && s.Gas < 21_000 {
		wrong("gas: %d: want 0, or 21000 or more, which every transaction takes", s.Gas)
	}
	if s.Confirmations == 0 || s.Confirmations > 10000 {
		wrong("confirmations: %d: want 1 to 10000", s.Confirmations)
	}
	if s.Window < 1 || s.Window > mostWindow {
		wrong("window: %d: want 1 to %d", s.Window, mostWindow)
	}
	if s.Poll < leastPoll {
		wrong("poll: want at least %s", leastPoll)
	}
	if s.Timeout <= 0 {
		wrong("timeout: want a duration above zero, such as 10s")
	}
	if s.BumpAfter <= 0 {
		wrong("bump_after: want a duration above zero, such as 45s")
	}
	if len(s.Senders) > 0 && s.Stagger <= 0 {
		wrong("stagger: want a duration above zero, such as 30s")
	}
	if len(s.Senders) > mostSenders {
		wrong("senders: %d, at most %d are allowed", len(s.Senders), mostSenders)
	}
	for i, a := range s.Senders {
		if slices.Index(s.Senders, a) != i {
			wrong("senders: %s stands twice", a)
		}
	}
	return errors.Join(errs...)
}

// CheckSecret says what is wrong with the text of a secret.
func (s *Settings) CheckSecret(setting, text string) error {
	if !strings.HasPrefix(setting, "rpc_secret[") {
		return nil
	}
	if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("no URL of http or https, such as https://rpc.example/1")
	} else if httpc.CheckPort(setting, u) != nil {
		return errors.New("its port is none: want 1 to 65535")
	}
	return nil
}

// CheckWith says what is wrong with the settings beside the policy and the feeds.
func (s *Settings) CheckWith(p sink.Policy, feeds []string) error {
	var errs []error
	if !s.Contract.IsZero() && len(feeds) != 1 {
		errs = append(errs, fmt.Errorf("contract: it holds one feed, but %d are delivered; name one under feeds, or the contract of each under contracts", len(feeds)))
	}
	if len(s.Contracts) > 0 {
		for _, feed := range feeds {
			if _, found := s.Contracts[feed]; !found {
				errs = append(errs, fmt.Errorf("contracts: none for feed %q", feed))
			}
		}
		for feed := range s.Contracts {
			if !slices.Contains(feeds, feed) {
				errs = append(errs, fmt.Errorf("contracts: feed %q is not delivered by this sink", feed))
			}
		}
	}
	if p.Anchors && s.Anchor.IsZero() {
		errs = append(errs, errors.New("anchor: missing, though the sink has anchors: true; `dodona contract deploy anchor` makes one"))
	}
	if !p.Anchors && !s.Anchor.IsZero() {
		errs = append(errs, errors.New("anchor: none is delivered to it; give the sink anchors: true"))
	}
	if len(s.Senders) > 0 && p.Policy == sink.Every {
		errs = append(errs, errors.New("senders: every answer in order is the work of one sender; take senders out, or use policy: latest"))
	}
	return errors.Join(errs...)
}

// CheckBeside says why a sink with these settings cannot run beside another one: with one key on one chain they would
// take each other's nonces. Keys that are named differently and are the same are found when they are opened.
func (s *Settings) CheckBeside(name string, other *Settings) error {
	switch {
	case !s.Key.Same(other.Key):
		return nil
	case s.ChainID == 0 || other.ChainID == 0:
		return fmt.Errorf("key: sink %q sends with the same one, and nothing says that their chains differ; `dodona key new` makes another, or give both sinks their chain_id", name)
	case s.ChainID == other.ChainID:
		return fmt.Errorf("key: sink %q sends with the same one on chain %d, and two would take each other's nonces; `dodona key new` makes another", name, s.ChainID)
	}
	return nil
}

// A Price is what a unit of gas costs, in wei.
type Price uint64

const gwei Price = 1e9

var errPrice = errors.New("want a number and a unit, such as 30 gwei, 1.5 gwei or 100 wei")

// noPrice says that a text is no price, and what was probably meant.
func noPrice(text string) error {
	err := fmt.Errorf("price %.40q: %w", text, errPrice)
	number := strings.TrimRight(text, " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	word := strings.ToLower(strings.TrimSpace(text[len(number):]))
	switch _, bad := dodona.ParseDecimal(number); {
	case bad != nil || len(number) > 40:
		return err
	case word == "":
		return advice.Hint(err, number+" gwei or "+number+" wei: say which")
	case strict.Nearest(word, []string{"gwei", "wei"}) != "":
		return advice.Instead(err, number+" "+strict.Nearest(word, []string{"gwei", "wei"}))
	}
	return err
}

// UnmarshalText reads a number and wei or gwei.
func (p *Price) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	scale := int64(1)
	digits, found := strings.CutSuffix(s, "gwei")
	if found {
		scale = int64(gwei)
	} else if digits, found = strings.CutSuffix(s, "wei"); !found {
		return noPrice(s)
	}
	d, err := dodona.ParseDecimal(strings.TrimSpace(digits))
	if err != nil || d.Sign() < 0 {
		return noPrice(s)
	}
	wei, ok := new(big.Rat).SetString(d.String())
	if !ok {
		return fmt.Errorf("price %.40q: %w", s, errPrice)
	}
	wei.Mul(wei, new(big.Rat).SetInt64(scale))
	if !wei.IsInt() || !wei.Num().IsUint64() || wei.Num().Uint64() > math.MaxUint64/16 {
		return fmt.Errorf("price %.40q: want whole wei, at most 1e9 gwei", s)
	}
	*p = Price(wei.Num().Uint64())
	return nil
}

// MarshalText writes p as UnmarshalText reads it.
func (p Price) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String writes p in gwei.
func (p Price) String() string {
	return ethrpc.Gwei(uint64(p))
}
