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
	// Sources whose points are delivered, by a sink of points: every point, whether a feed asks for it or not. Default: every source.
	Sources []string `yaml:"sources,omitempty"`
	// Points that are delivered, by id, such as [boiler.temperature], by a sink of points. Default: every point of its sources.
	Points []string `yaml:"points,omitempty"`
	// OnChange delivers a point only if its value or quality is another than the one that went last. Default: false, every reading.
	OnChange bool `yaml:"on_change,omitempty"`
	// Deadband delivers a point only if its value differs from the one that went last by so much or more: an amount in its unit,
	// 0.5, or a share of that value, 2%; or if its quality is another one. Heartbeat delivers it all the same when the last one is that old.
	// The journal keeps every reading, and nothing that is signed depends on this. Default: none.
	Deadband Deadband `yaml:"deadband,omitempty"`
	// Deadbands of single points, by id, such as {boiler.temperature: 0.5}. Default: deadband.
	Deadbands map[string]Deadband `yaml:"deadbands,omitempty"`
	// Drain is how many points a second go at most of those that have waited for 10 s, so that a backlog leaves room for
	// others on the line. It must be more than come. Default: 0 for answers, 1000 for points.
	Drain int `yaml:"drain,omitempty"`
	// Anchors are delivered too, besides answers. Default: false.
	Anchors bool `yaml:"anchors,omitempty"`
	// GiveUp is how often a record may be refused for good, such as with HTTP status 400, before it becomes a dead
	// letter: it is passed over, and its receipt says why. Failures that may mend are tried again for ever.
	// Default: 5.
	GiveUp int `yaml:"give_up,omitempty"`
}

const (
	defaultGiveUp = 5
	defaultDrain  = 1000
	mostDrain     = 1_000_000
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
	if p.Drain < 0 || p.Drain > mostDrain {
		errs = append(errs, fmt.Errorf("drain: %d: want 1 to %d points a second", p.Drain, mostDrain))
	}
	return errors.Join(errs...)
}

// NamesAnswers reports whether the policy names what is attested: a sink that can deliver points delivers that then.
func (p Policy) NamesAnswers() bool { return len(p.Feeds) > 0 || p.Anchors }

// checkFor says what of the policy means nothing to a kind.
func (p Policy) checkFor(k Kind) error {
	var errs []error
	refuse := func(set bool, name, why string) {
		if set {
			errs = append(errs, fmt.Errorf("%s: %s", name, why))
		}
	}
	if k.OfPoints(p) {
		const why = "goes with answers, and this sink delivers points; name feeds for their answers"
		refuse(p.Policy != "", "policy", why)
		refuse(!p.Deviation.IsZero(), "deviation", why+", or take deadband")
		return errors.Join(errs...)
	}
	why := "goes with points, and this sink delivers answers"
	if k.points {
		why += ": feeds and anchors stand in the way"
	}
	refuse(len(p.Sources) > 0, "sources", why)
	refuse(len(p.Points) > 0, "points", why)
	refuse(p.OnChange, "on_change", why)
	refuse(!p.Deadband.IsZero(), "deadband", why+"; take deviation")
	refuse(len(p.Deadbands) > 0, "deadbands", why)
	refuse(p.Drain > 0, "drain", why)
	return errors.Join(errs...)
}

// With fills in the defaults of a kind.
func (p Policy) With(k Kind) Policy {
	if !k.OfPoints(p) {
		return p.WithDefaults(k.Policy())
	}
	if p.Drain == 0 {
		p.Drain = defaultDrain
	}
	if p.GiveUp == 0 {
		p.GiveUp = defaultGiveUp
	}
	return p
}

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
