// Package anchor commits: it gathers the attestations of a window and the gaps between them under one Merkle root,
// which the quorum signs, so that a single answer, or the lack of one, can be proved for as long as anybody remembers
// the root.
//
// A [Series] is a pure state machine: no clock, no journal, no network. Its caller does, in this order,
//
//	draft := s.Draft(window, grids)           // of the window that is due
//	draft.Answer(rec), draft.Round(rec)       // the window's records
//	parts, plan, err := draft.Plan(attempt)   // what the tree is over, as records
//	journal.Append(ctx, parts...)             // in pieces
//	journal.Append(ctx, plan.Record())        // from here on the window has one content
//	effects := s.Step(plan)                   // decides, changes nothing
//	signatures, err := signer.Sign(ctx, effects.Claims...)
//	journal.Append(ctx, effects.Record(list)) // as many signatures as the quorum wants
//	s.Commit(effects)
//
// which is what [Series.Advance] does, races included. The plan is durable before it is claimed, because a claim is
// for ever: what was claimed must be found again after a crash, even though more attestations have come meanwhile.
// A crash between any two of these lines is mended by doing it again.
package anchor

import (
	"bytes"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/grid"
	"github.com/dodona-oracle/dodona/telemetry"
)

// The keys of records. A network has one series.
const (
	KeySeries = "series" // of topic anchor: the anchors; also the subject of their claims
	KeyPlan   = "plan"   // of topic leaf: what an anchor is over, named by part
	KeyPart   = "part"   // of topic leaf: leaves, gaps and feeds of one plan
)

// A Config says for whom a series speaks.
type Config struct {
	Network dodona.Network
	Quorum  dodona.Quorum // this build supports 1 of 1
	Scheme  dodona.Scheme // of the quorum
	Every   time.Duration // the grid of windows

	Recorder telemetry.Recorder // nil measures nothing
}

// The bounds of a grid of windows.
const (
	leastEvery = time.Second
	mostEvery  = 24 * time.Hour
)

// A Grid is what a series must know of a feed: where its rounds lie.
type Grid struct {
	Feed  dodona.Feed
	Every time.Duration
}

// A Series is the anchors of one network, as far as the newest one. It is not safe for concurrent use.
type Series struct {
	Config
	networkID dodona.Digest

	loaded bool          // whether last and feeds are what the journal holds; used by Advance
	last   dodona.Anchor // zero before the first
	feeds  []FeedState   // after the last anchor, by name; nil if its plan is not known
}

// New returns a series that remembers nothing. It refuses a quorum that this build cannot serve.
func New(c Config) (*Series, error) {
	switch {
	case c.Quorum.K != 1 || len(c.Quorum.Members) != 1:
		return nil, fmt.Errorf("anchor: a quorum of %d of %d members: this build supports 1 of 1", c.Quorum.K, len(c.Quorum.Members))
	case c.Quorum.Check() != nil:
		return nil, c.Quorum.Check()
	case c.Quorum.Scheme != c.Scheme.Name:
		return nil, fmt.Errorf("anchor: quorum scheme %.40q: want %s, this build anchors with no other", c.Quorum.Scheme, c.Scheme.Name)
	case !isEvery(c.Every):
		return nil, fmt.Errorf("anchor: every %s: want whole seconds from %s to %s", c.Every, leastEvery, mostEvery)
	}
	if c.Recorder == nil {
		c.Recorder = telemetry.Nop
	}
	c.Recorder.Count(telemetry.AnchorSealed, 0) // so that a node that never seals one can be told from one that does not measure
	return &Series{Config: c, networkID: c.Network.ID()}, nil
}

// Last returns the newest anchor, and whether there is one.
func (s *Series) Last() (dodona.Anchor, bool) { return s.last, s.last.To != 0 }

// Restore makes the series go on after an anchored record. plan is its plan; nil if that is no longer kept: then what
// came late for earlier windows is not anchored. An anchor of another network ends no series of this one, but its
// window is not done again.
func (s *Series) Restore(rec dodona.Record, plan *Plan) error {
	a, err := readAnchored(rec)
	if err != nil {
		return err
	}
	if a.Network.ID() != s.networkID {
		s.last, s.feeds = dodona.Anchor{To: a.Anchor.To}, nil
		return nil
	}
	if err := s.Scheme.Verify(s.Quorum, a.Anchor.Digest(s.networkID), a.Signatures); err != nil {
		return fmt.Errorf("restore anchor %s: %w", rec.ID, err)
	}
	s.last, s.feeds = a.Anchor, nil
	if plan != nil && plan.Anchor == a.Anchor {
		s.feeds = plan.feeds
	}
	return nil
}

// settle is how long after its last round closed a window waits for attestations that are on their way.
const settle = 2 * time.Second

// Grace returns how long after its end a window waits for the last rounds of the feeds to close.
func Grace(grids []Grid) time.Duration {
	var longest time.Duration
	for _, g := range grids {
		_, closed := grid.Open(0, g.Every)
		longest = max(longest, closed.Sub(dodona.Round(0).Time()))
	}
	return longest + settle
}

// Due returns when the window that has round r in it will be sealed, if all goes well.
func Due(r dodona.Round, every time.Duration, grids []Grid) time.Time {
	return grid.Next(r, every).Time().Add(Grace(grids))
}

// A Window is the time that one anchor speaks for.
type Window struct {
	From dodona.Round // inclusive
	To   dodona.Round // exclusive, on the grid of windows
}

// Contains reports whether r lies in w.
func (w Window) Contains(r dodona.Round) bool { return w.From <= r && r < w.To }

// Window returns the next window that may be sealed now. first is the first attested round that no anchor has yet, at
// or after the end of the last one, 0 if there is none. Windows follow one another without holes. Each is one period
// long, but a stretch without any attestation is one window, however long: what there is to say of an outage is one
// gap a feed.
func (s *Series) Window(now time.Time, first dodona.Round, grids []Grid) (Window, bool) {
	from := s.last.To
	if from == 0 {
		if first == 0 {
			return Window{}, false
		}
		from = grid.At(first, s.Every)
	}
	due := grid.At(dodona.RoundAt(now.Add(-Grace(grids))), s.Every)
	if first >= from { // so there is one: from is the end of a window, or begins the one of first
		due = min(due, grid.Next(first, s.Every))
	}
	return Window{from, due}, due > from
}

// widest returns the end of the longest window that may be sealed now, whatever is attested in it: for one whose usual end may have been claimed
// by a process that is forgotten.
func (s *Series) widest(now time.Time, grids []Grid) dodona.Round {
	return grid.At(dodona.RoundAt(now.Add(-Grace(grids))), s.Every)
}

func compareDigests(a, b dodona.Digest) int { return bytes.Compare(a[:], b[:]) }
