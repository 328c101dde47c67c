// Package quorum is the validator: it reads observations, refuses what it should not believe, and turns the
// rest into attestations.
//
// It is a pure state machine: no clock, no journal, no network. Its caller reads a slice of observation records
// and does, in this order,
//
//	for effects := v.Step(now, recs); effects != nil; effects = v.Next(effects) { // decides, changes nothing
//		signatures, err := signer.Sign(ctx, effects.Claims...) // claims are durable before a signature exists
//		out, err := effects.Records(lists)                     // attestations and rejections; a list of signatures a claim
//		err = journal.Append(ctx, out...)                      // together
//		v.Commit(effects)                                      // remembers
//	}
//
// which is what [Validator.Attest] does, refusals and races included. A crash, or an error, between any two of
// these lines is mended by doing the same slice again: a step depends only on the slice and on what was committed,
// so it asks for the same digests. After a restart [Validator.Restore] rebuilds what was committed from the last
// data record of each feed.
//
// A step claims one round of a feed and leaves later ones to the next: a signer signs nothing below its newest
// claim, so a round may be claimed only when the attestation of the one before is durable.
package quorum

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A Config says for whom a validator speaks.
type Config struct {
	Network dodona.Network
	Quorum  dodona.Quorum          // this build supports 1 of 1
	Scheme  dodona.Scheme          // of the quorum
	Feeds   map[dodona.FeedID]Feed // may be empty until SetFeeds

	// Recover returns who signed an observation, refusing every signature that is not the one canonical encoding.
	// It must be pure and safe for concurrent use.
	Recover func(dodona.Digest, dodona.Signature) (dodona.Address, error)

	Recorder telemetry.Recorder // nil measures nothing
	Workers  int                // goroutines that check signatures inside a step; 0 means one a CPU, 4 at most
}

// A Feed is what the validator must know of a feed.
type Feed struct {
	Feed  dodona.Feed
	Every time.Duration // the grid; it decides how long a round stays open
}

// A Validator checks observations and assembles attestations. It is safe for concurrent use, but steps and
// commits belong to one loop: two loops would decide the same slice twice.
type Validator struct {
	network   dodona.Network
	networkID dodona.Digest
	quorum    dodona.Quorum
	scheme    dodona.Scheme
	recover   func(dodona.Digest, dodona.Signature) (dodona.Address, error)
	recorder  telemetry.Recorder
	workers   int

	mu     sync.Mutex
	feeds  map[dodona.FeedID]Feed
	names  map[string]bool     // of feeds
	memory map[string]*history // by feed name; outlives a feed that a reload takes away
}

// New returns a validator that remembers nothing. It refuses a quorum that this build cannot serve.
func New(c Config) (*Validator, error) {
	if err := checkQuorum(c); err != nil {
		return nil, err
	}
	if c.Recover == nil {
		return nil, errors.New("quorum: no function to recover signers was given")
	}
	v := &Validator{
		network:   c.Network,
		networkID: c.Network.ID(),
		quorum:    c.Quorum,
		scheme:    c.Scheme,
		recover:   c.Recover,
		recorder:  c.Recorder,
		workers:   c.Workers,
		memory:    map[string]*history{},
	}
	v.quorum.Members = slices.Clone(c.Quorum.Members)
	if v.recorder == nil {
		v.recorder = telemetry.Nop
	}
	if v.workers <= 0 {
		v.workers = min(runtime.GOMAXPROCS(0), 4)
	}
	return v, v.SetFeeds(c.Feeds)
}

// checkQuorum refuses what no verifier would accept, and what this build cannot assemble.
func checkQuorum(c Config) error {
	n, q := c.Network, c.Quorum
	switch {
	case q.Scheme != c.Scheme.Name:
		return fmt.Errorf("quorum scheme %.40q: want %s, this build attests with no other", q.Scheme, c.Scheme.Name)
	case q.Check() != nil:
		return q.Check()
	case len(q.Members) > 1:
		return fmt.Errorf("quorum of %d of %d members: this build supports 1 of 1", q.K, len(q.Members))
	case n.First != q.Digest():
		return fmt.Errorf("network %q was founded by quorum %s, but the quorum given is %s: use the quorum of the network, or a new network name",
			n.Name, n.First.Short(), q.Digest().Short())
	}
	return nil
}

// SetFeeds replaces the feeds whose observations are believed, as a reload does. Call it before a new feed makes
// its first observation. What was attested stays remembered by name, so a feed that goes and comes back goes on
// above its last round. On an error nothing changes.
func (v *Validator) SetFeeds(feeds map[dodona.FeedID]Feed) error {
	set, names := make(map[dodona.FeedID]Feed, len(feeds)), make(map[string]bool, len(feeds))
	for _, id := range slices.SortedFunc(maps.Keys(feeds), func(a, b dodona.FeedID) int {
		return cmp.Or(strings.Compare(feeds[a].Feed.Name, feeds[b].Feed.Name), strings.Compare(a.String(), b.String()))
	}) {
		f := feeds[id]
		err := checkFeed(id, f)
		if err == nil {
			err = v.checkAnswer(f.Feed)
		}
		if err != nil {
			return fmt.Errorf("feed %q: %w", f.Feed.Name, err)
		}
		f.Feed.Labels = slices.Clone(f.Feed.Labels)
		set[id], names[f.Feed.Name] = f, true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.feeds, v.names = set, names
	return nil
}

func checkFeed(id dodona.FeedID, f Feed) error {
	switch {
	case id != f.Feed.ID():
		return fmt.Errorf("it is listed as %s, but its id is %s", id.Short(), f.Feed.ID().Short())
	case f.Every <= 0:
		return fmt.Errorf("every %s: want more than 0", f.Every)
	case f.Feed.Kind != dodona.Number && f.Feed.Kind != dodona.Bool && f.Feed.Kind != dodona.Enum:
		return fmt.Errorf("kind %q: want number, bool or enum", f.Feed.Kind)
	}
	return dodona.CheckName(f.Feed.Name, dodona.MaxNameParts)
}

// checkAnswer refuses a feed whose largest answer would be more than Restore reads.
func (v *Validator) checkAnswer(f dodona.Feed) error {
	widest, _ := dodona.Int192FromBig(new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 191))) // in range: the least there is
	body, err := json.Marshal(dodona.Answer{
		Network: v.network, Quorum: v.quorum, Feed: f,
		Attestation: dodona.Attestation{
			Report: dodona.Report{Round: math.MaxUint64, Value: widest}, Signatures: make([]dodona.Signature, v.quorum.K),
		},
	})
	switch {
	case err != nil:
		return fmt.Errorf("write an answer: %w", err)
	case len(body) > maxAnswer:
		return fmt.Errorf("its answers have up to %d bytes, at most %d are read: take fewer or shorter labels", len(body), maxAnswer)
	}
	return nil
}

// Last returns the last round attested for the feed of that name, and whether there is one.
func (v *Validator) Last(feed string) (dodona.Round, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.memory[feed].last()
}
