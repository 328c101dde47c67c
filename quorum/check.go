package quorum

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/form"
	"github.com/dodona-oracle/dodona/internal/grid"
)

// Sizes above which a body is refused unread.
const (
	maxObservation = 4 << 10   // bytes of an observation record's body
	maxAnswer      = 256 << 10 // bytes of a data record's body; SetFeeds takes no feed whose answers are larger
)

// A belief is what a member said of a feed's round while that was open.
type belief struct {
	feed        dodona.Feed
	observation dodona.Observation
}

// A finding is everything that can be said of a record without knowing what is attested: a belief, or why there is none.
type finding struct {
	belief
	parsed  bool   // its observation is what the record says, believed or not
	reason  Reason // empty if it is believed
	message string
}

func (f *finding) refuse(reason Reason, format string, args ...any) {
	f.reason, f.message = reason, fmt.Sprintf(format, args...)
}

// examine checks one record against everything but the order: schema, feed, value, member, signature, openness at the time
// of receipt. It is pure, so that records can be examined side by side.
func (v *Validator) examine(rec dodona.Record, received time.Time) (f finding) {
	obs, err := decode(rec.Body)
	if err != nil {
		f.refuse(ReasonMalformed, "%v", err)
		return f
	}
	f.observation, f.parsed = obs, true
	feed, known := v.feeds[obs.Feed]
	switch {
	case !known && v.names[obs.Name]:
		f.refuse(ReasonIdentity, "%s is not the id of feed %q here: kind, unit, decimals or labels differ", obs.Feed.Short(), obs.Name)
	case !known:
		f.refuse(ReasonFeed, "feed %q is not one of this quorum's", echo(obs.Name))
	case feed.Feed.Name != obs.Name:
		f.refuse(ReasonIdentity, "%s is the id of feed %q, not of %q", obs.Feed.Short(), feed.Feed.Name, echo(obs.Name))
	case rec.Key != obs.Name:
		f.refuse(ReasonSubject, "an observation of feed %q is filed under %q", obs.Name, echo(rec.Key))
	case rec.ID != obs.Round.ID():
		f.refuse(ReasonSubject, "an observation of round %d is filed as %q", uint64(obs.Round), echo(rec.ID))
	case !v.isMember(obs.Signer):
		f.refuse(ReasonMember, "%s is not a member", obs.Signer)
	}
	if f.reason != "" {
		return f
	}
	if err := feed.Feed.CheckValue(obs.Value); err != nil {
		f.refuse(ReasonValue, "%v", err)
		return f
	}
	signer, err := v.recover(obs.Digest(v.networkID), obs.Signature)
	if err != nil {
		f.refuse(ReasonSignature, "%v", err)
		return f
	}
	if signer != obs.Signer {
		f.refuse(ReasonSignature, "signed by %s, not by %s, or altered since", signer, obs.Signer)
		return f
	}
	switch from, to := grid.Open(obs.Round, feed.Every); {
	case received.Before(from):
		f.refuse(ReasonEarly, "appended at %s, but round %d opens at %s", stamp(received), uint64(obs.Round), stamp(from))
		return f
	case received.After(to):
		f.refuse(ReasonLate, "appended at %s, but round %d closed at %s", stamp(received), uint64(obs.Round), stamp(to))
		return f
	}
	f.feed = feed.Feed
	return f
}

var errCanonical = errors.New("not the canonical JSON of an observation: the members of dodona.Observation once each, in order, nothing else")

// decode reads an observation in its one encoding, what json.Marshal makes of it: unknown and repeated members,
// other spellings of a name or a number, and trailing data are all the same mistake.
func decode(body []byte) (dodona.Observation, error) {
	var obs dodona.Observation
	if len(body) > maxObservation {
		return obs, fmt.Errorf("%d bytes are more than an observation has (%d at most)", len(body), maxObservation)
	}
	exact, err := form.Exact(body, &obs, json.Marshal)
	if err != nil {
		return obs, fmt.Errorf("read observation: %w", err)
	}
	if !exact {
		return obs, errCanonical
	}
	return obs, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
