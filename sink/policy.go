package sink

import (
	"errors"
	"fmt"
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
	// heartbeat, only those. It is the same as a deadband that is a share. Default: none, every answer may be delivered.
	Deviation unit.Percent `yaml:"deviation,omitempty"`
	// Heartbeat delivers an answer when the last delivered one is this old, such as 1h; without deviation, on_change and deadband, only those.
	// Default: 0s, none.
	Heartbeat time.Duration `yaml:"heartbeat,omitempty"`
	// Sources whose points are delivered, by a sink of points: every point, whether a feed asks for it or not. Default: every source.
	Sources []string `yaml:"sources,omitempty"`
	// Points that are delivered, by id, such as [boiler.temperature], by a sink of points. Default: every point of its sources.
	Points []string `yaml:"points,omitempty"`
	// OnChange delivers a point only if its value or quality is another than the one that went last, and an answer only if its value is.
	// Default: false, every reading, and answers as their feeds say.
	OnChange bool `yaml:"on_change,omitempty"`
	// Deadband delivers a point, or an answer, only if its value differs from the one that went last by so much or more: an amount in its unit,
	// 0.5, or a share of that value, 2%; a point also if its quality is another one. Heartbeat delivers it all the same when the last one is that old.
	// The journal keeps every reading and every answer, and nothing that is signed depends on this. Default: none; of answers, what their feeds say.
	Deadband unit.Deadband `yaml:"deadband,omitempty"`
	// Deadbands of single points by id, or of the answers of single feeds by name, such as {boiler.temperature: 0.5}. Default: deadband.
	Deadbands map[string]unit.Deadband `yaml:"deadbands,omitempty"`
	// Drain is how many points a second go at most of those that have waited for 10 s, beside as many as came in a second, so that a
	// backlog ends and leaves room for others on the line. Default: 0 for answers, 1000 for points.
	Drain int `yaml:"drain,omitempty"`
	// Anchors are delivered too, besides answers. Default: false.
	Anchors bool `yaml:"anchors,omitempty"`
	// GiveUp is how often a record may be refused for good, such as with HTTP status 400, before it becomes a dead
	// letter: it is passed over, and its receipt says why. Failures that may mend are tried again for ever.
	// Default: 5.
	GiveUp int `yaml:"give_up,omitempty"`

	feeds map[string]Report // what feeds say of their answers; see Under
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
		errs = append(errs, errors.New("policy: every delivers all answers; deviation, deadband, on_change and heartbeat choose among them, so take policy or them out"))
	}
	if !p.Deviation.IsZero() && !p.Deadband.IsZero() {
		errs = append(errs, fmt.Errorf("deviation: deadband: %s says by how much a value has to differ, too; take one of them out", p.Deadband))
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

// A Said is what stands at the other end: the answer that was delivered last.
type Said struct {
	Round dodona.Round  `json:"round"`
	Value dodona.Int192 `json:"value"`

	Decimals uint8  `json:"-"` // of the value, where they are known: what stands in a contract does not say
	Unit     string `json:"-"` // of the value, as well
}
