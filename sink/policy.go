package sink

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A Choice is what a sink does with answers that wait.
type Choice string

// The choices.
const (
	Latest Choice = "latest" // the next answer of a feed supersedes one that waits
	Every  Choice = "every"  // all are delivered, in order, the late ones marked
)

// Words returns the choices.
func (Choice) Words() []string { return []string{string(Latest), string(Every)} }

// A Policy says which answers are delivered. It never makes a round: it chooses among those that are attested.
type Policy struct {
	// Feeds whose answers are delivered. Default: every feed.
	Feeds []string `yaml:"feeds,omitempty"`
	// Policy says what becomes of answers that wait. Default: latest for a sink that holds one answer, such as a contract; every for the others.
	Policy Choice `yaml:"policy,omitempty"`
	// Deviation delivers an answer that differs from the last delivered one by this share of it, such as 0.5%; without
	// heartbeat, only those. Default: none, every answer may be delivered.
	Deviation unit.Percent `yaml:"deviation,omitempty"`
	// Heartbeat delivers an answer when the last delivered one is this old, such as 1h; without deviation, only those.
	// Default: 0s, none.
	Heartbeat time.Duration `yaml:"heartbeat,omitempty"`
	// Anchors are delivered too, besides answers. Default: false.
	Anchors bool `yaml:"anchors,omitempty"`
	// GiveUp is how often a record may be refused for good, such as with HTTP status 400, before it becomes a dead
	// letter: it is passed over, and its receipt says why. Failures that may mend are tried again for ever.
	// Default: 5.
	GiveUp int `yaml:"give_up,omitempty"`
}

const (
	defaultGiveUp = 5
	mostGiveUp    = 1000
)

// Check says what is wrong with the policy.
func (p Policy) Check() error {
	var errs []error
	if words := p.Policy.Words(); p.Policy != "" && !slices.Contains(words, string(p.Policy)) {
		errs = append(errs, fmt.Errorf("policy: %q: want %s", p.Policy, strict.Either(words)))
	}
	if p.Policy == Every && p.selective() {
		errs = append(errs, errors.New("policy: every delivers all answers; deviation and heartbeat choose among them, so take policy or them out"))
	}
	if p.Heartbeat < 0 {
		errs = append(errs, errors.New("heartbeat: want a duration above zero, such as 1h"))
	}
	if p.GiveUp < 0 || p.GiveUp > mostGiveUp {
		errs = append(errs, fmt.Errorf("give_up: %d: want 1 to %d", p.GiveUp, mostGiveUp))
	}
	return errors.Join(errs...)
}

// With fills in the defaults of a kind.
func (p Policy) With(k Kind) Policy { return p.WithDefaults(k.Policy()) }

// WithDefaults fills in the defaults of a kind that does so with answers that wait.
func (p Policy) WithDefaults(waiting Choice) Policy {
	if p.Policy == "" {
		p.Policy = waiting
		if p.selective() {
			p.Policy = Latest
		}
	}
	if p.GiveUp == 0 {
		p.GiveUp = defaultGiveUp
	}
	return p
}

func (p Policy) selective() bool { return !p.Deviation.IsZero() || p.Heartbeat > 0 }

// A Said is what stands at the other end: the answer that was delivered last.
type Said struct {
	Round dodona.Round  `json:"round"`
	Value dodona.Int192 `json:"value"`
}

// Due reports whether an answer has to be delivered after the last one; nil is none yet.
func (p Policy) Due(last *Said, next Said) bool {
	switch {
	case last == nil || last.Round == 0:
		return true
	case next.Round <= last.Round:
		return false
	case !p.selective():
		return true
	case p.Heartbeat > 0 && next.Round.Time().Sub(last.Round.Time()) >= p.Heartbeat:
		return true
	}
	return !p.Deviation.IsZero() && deviates(last.Value.Big(), next.Value.Big(), p.Deviation)
}

// deviates reports whether |next − last| ≥ share · |last|, exactly. From zero, any other value deviates.
func deviates(last, next *big.Int, share unit.Percent) bool {
	difference := new(big.Int).Sub(next, last)
	difference.Abs(difference)
	if difference.Sign() == 0 {
		return false
	}
	hundredths, ok := new(big.Rat).SetString(share.Decimal().String())
	if !ok {
		return true // a percentage always is a number; delivering once too often harms nobody
	}
	bound := new(big.Rat).Mul(hundredths, new(big.Rat).SetFrac(new(big.Int).Abs(last), big.NewInt(100)))
	return new(big.Rat).SetInt(difference).Cmp(bound) >= 0
}
