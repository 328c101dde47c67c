package sink

import (
	"fmt"
	"math/big"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A Report says which answers of a feed say something new. The zero value: all of them.
type Report struct {
	OnChange  bool
	Deadband  unit.Deadband
	Heartbeat time.Duration
}

// IsZero reports whether every answer goes.
func (r Report) IsZero() bool { return !r.OnChange && r.Deadband.IsZero() && r.Heartbeat == 0 }

// Under returns the policy of a sink that goes by what feeds say of their answers, by name, where it says nothing itself. A sink that is told to
// deliver every answer does.
func (p Policy) Under(feeds map[string]Report) Policy {
	if p.Policy != Every && !p.selective() {
		p.feeds = feeds
	}
	return p
}

// selective reports whether the policy itself chooses among answers.
func (p Policy) selective() bool {
	return !p.Deviation.IsZero() || p.Heartbeat > 0 || p.OnChange || !p.Deadband.IsZero() || len(p.Deadbands) > 0
}

// chooses reports whether the policy, or a feed under it, chooses among answers.
func (p Policy) chooses() bool { return p.selective() || len(p.feeds) > 0 }

// recalls returns how old an answer may be that was delivered last, and still says whether the next one is due.
func (p Policy) recalls() (longest time.Duration) {
	beats := []time.Duration{p.Heartbeat}
	for _, r := range p.feeds {
		beats = append(beats, r.Heartbeat)
	}
	for _, beat := range beats {
		if beat == 0 {
			beat = longestRecall
		}
		longest = max(longest, beat)
	}
	if p.selective() && p.Heartbeat > 0 {
		return p.Heartbeat
	}
	return longest
}

// of returns what holds for the answers of a feed.
func (p Policy) of(feed string) Report {
	if !p.selective() {
		return p.feeds[feed]
	}
	r := Report{p.OnChange, p.Deadband, p.Heartbeat}
	if !p.Deviation.IsZero() {
		r.Deadband = unit.Share(p.Deviation)
	}
	if own, has := p.Deadbands[feed]; has {
		r.Deadband = own
	}
	r.OnChange = r.OnChange || len(p.Deadbands) > 0
	return r
}

// Due reports whether an answer of a feed has to be delivered after the last one; nil is none yet.
func (p Policy) Due(feed string, last *Said, next Said) bool {
	if last == nil || last.Round == 0 {
		return true
	}
	return next.Round > last.Round && p.Held(feed, *last, next) == ""
}

// Held says why a newer answer of a feed is not delivered after the last one that was; empty: it is.
func (p Policy) Held(feed string, last, next Said) string {
	r := p.of(feed)
	age := next.Round.Time().Sub(last.Round.Time())
	switch {
	case r.IsZero(), r.Heartbeat > 0 && age >= r.Heartbeat:
		return ""
	case r.Deadband.IsZero() && !r.OnChange:
		return fmt.Sprintf("the last one, of %s, is younger than heartbeat (%s)", last.Round.Time().UTC().Format(time.RFC3339), unit.FormatDuration(r.Heartbeat))
	case r.Deadband.Exceeded(last.number(next.Decimals), next.number(next.Decimals)):
		return ""
	}
	was := fmt.Sprintf("%s differs from %s, of %s, which went last, by less than deadband (%s)", next.shown(next.Value), next.shown(last.Value), last.Round.Time().UTC().Format(time.RFC3339), r.Deadband)
	if next.Value == last.Value {
		was = fmt.Sprintf("%s went last, of %s, and nothing changed", next.shown(next.Value), last.Round.Time().UTC().Format(time.RFC3339))
	}
	if r.Heartbeat > 0 {
		was += fmt.Sprintf("; heartbeat (%s) has not passed", unit.FormatDuration(r.Heartbeat))
	}
	return was
}

// number returns the value of an answer whose feed has so many decimals.
func (s Said) number(decimals uint8) *big.Rat {
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	return new(big.Rat).SetFrac(s.Value.Big(), ten)
}

// shown writes a value for people.
func (s Said) shown(v dodona.Int192) string {
	return dodona.Feed{Kind: dodona.Number, Decimals: s.Decimals, Unit: s.Unit}.Format(v)
}

func saidBy(r dodona.Report, f dodona.Feed) Said { return Said{r.Round, r.Value, f.Decimals, f.Unit} }

// HeldAnswer says why a sink with this policy does not deliver an answer after the last one that it delivered; empty: it does.
func (p Policy) HeldAnswer(last, next dodona.Answer) string {
	said := func(a dodona.Answer) Said {
		return saidBy(a.Attestation.Report, a.Feed)
	}
	return p.Held(next.Feed.Name, said(last), said(next))
}
