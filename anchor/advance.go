package anchor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Means is what a series goes on with.
type Means struct {
	Signer dodona.Signer
	Ledger dodona.Keeper

	// Refused says whether an error of the signer is its last word on a claim: another process with its key has claimed
	// something else, or is ahead already. Nil means dodona.ErrConflict only.
	Refused func(error) bool
	// Doubted says whether an error of the signer is that a claim may have been made before and forgotten, with a disk that was lost or since a
	// backup: the window is never sealed with that end, but with a later one. Nil means never.
	Doubted func(error) bool
	// Lost returns the rounds whose answers may be missing in the ledger. It is asked after the answers are read, so it must know of a loss that came meanwhile. Nil means none.
	Lost func(context.Context) (Loss, error)
}

// maxRaces is how often another process may be faster before Advance gives up.
const maxRaces = 4

// Advance seals the next window if one is due, and returns its anchor, or false if none is. Call it again until it
// returns false; after an error, call it again later: what was done is recognised. The first call reads where the
// series stands. It blocks while the journal is full, until ctx ends.
//
// Another process with the same key may seal the same window: whoever comes second finds it sealed, and goes on after it.
func (s *Series) Advance(ctx context.Context, m Means, now time.Time, grids []Grid) (anchor dodona.Anchor, sealed bool, err error) {
	if m.Refused == nil {
		m.Refused = func(err error) bool { return errors.Is(err, dodona.ErrConflict) }
	}
	if m.Doubted == nil {
		m.Doubted = func(error) bool { return false }
	}
	if m.Lost == nil {
		m.Lost = func(context.Context) (Loss, error) { return Loss{}, nil }
	}
	started := time.Now()
	for race := 0; ; race++ {
		if err := s.load(ctx, m.Ledger); err != nil {
			return dodona.Anchor{}, false, err
		}
		w, due, err := s.due(ctx, m.Ledger, now, grids)
		if err != nil || !due {
			return dodona.Anchor{}, false, err
		}
		inside, end := s.Recorder.Span(ctx, telemetry.Seal())
		effects, err := s.seal(inside, m, w, now, grids)
		if errors.Is(err, ErrEmpty) {
			end(nil)
			return dodona.Anchor{}, false, nil // the window grows until there is something to say
		}
		end(err)
		if err != nil {
			s.loaded = false // look again: another process may have been faster
			if (errors.Is(err, dodona.ErrConflict) || m.Refused(err)) && race < maxRaces {
				continue
			}
			return dodona.Anchor{}, false, err
		}
		s.Commit(effects)
		s.Recorder.Time(telemetry.AnchorTime, time.Since(started))
		s.Recorder.Time(telemetry.AnchorLag, max(0, now.Sub(s.last.To.Time())))
		return s.last, true, nil
	}
}

// load reads where the series stands, unless that is known.
func (s *Series) load(ctx context.Context, l dodona.Keeper) error {
	if s.loaded {
		return nil
	}
	rec, err := l.Last(ctx, dodona.TopicAnchor, KeySeries)
	switch {
	case errors.Is(err, dodona.ErrNotFound):
		s.last, s.feeds = dodona.Anchor{}, nil
	case err != nil:
		return fmt.Errorf("read the last anchor: %w", err)
	default:
		a, err := readAnchored(rec)
		if err != nil {
			return err
		}
		plan, err := planOf(ctx, l, a.Anchor)
		if err == nil {
			err = plan.loadFeeds(ctx, l)
		}
		if err != nil && !errors.Is(err, dodona.ErrNotFound) {
			return err
		}
		if err := s.Restore(rec, plan); err != nil {
			return err
		}
	}
	s.loaded = true
	return nil
}

// due returns the window that may be sealed now, if there is one.
func (s *Series) due(ctx context.Context, l dodona.Keeper, now time.Time, grids []Grid) (Window, bool, error) {
	if _, possible := s.Window(now, max(s.last.To, 1), grids); !possible && s.last.To != 0 {
		return Window{}, false, nil // not even the shortest one
	}
	first, err := s.firstAttested(ctx, l, grids)
	if err != nil {
		return Window{}, false, err
	}
	w, due := s.Window(now, first, grids)
	return w, due, nil
}

// firstAttested returns the first round, of whatever feed, that is attested at or after the end of the last anchor.
func (s *Series) firstAttested(ctx context.Context, l dodona.Keeper, grids []Grid) (first dodona.Round, err error) {
	for name := range s.Draft(Window{From: s.last.To}, grids).Wanted() {
		err := each(ctx, l, dodona.TopicData, name, s.last.To, func(rec dodona.Record) (more bool, err error) {
			round, named := rec.Round()
			if !named {
				return true, nil
			}
			if first != 0 && round >= first {
				return false, nil
			}
			a, err := attestationOf(rec)
			if err != nil || a.Network.ID() != s.networkID {
				return err == nil, err
			}
			first = round
			return false, nil
		})
		if err != nil {
			return 0, err
		}
	}
	return first, nil
}

// seal plans a window, or finds the plan that was made before a crash, and has it signed and appended.
func (s *Series) seal(ctx context.Context, m Means, w Window, now time.Time, grids []Grid) (*Effects, error) {
	plans, err := plansOf(ctx, m.Ledger, s.last.To+1)
	if err != nil {
		return nil, err
	}
	attempt := uint64(dodona.RoundAt(now))
	for _, p := range plans {
		attempt = max(attempt, p.Attempt+1)
	}
	// A plan may have been claimed, and then no other one can be. Where there are several, two processes made them.
	var refused error
	for _, p := range plans {
		effects, err := s.Step(p)
		if err != nil {
			continue // of another network, say
		}
		if err := p.loadFeeds(ctx, m.Ledger); err != nil {
			return nil, err
		}
		if err = s.perform(ctx, m, effects); err == nil || !m.Refused(err) {
			return effects, err
		}
		refused = err
	}
	if refused != nil && m.Doubted(refused) {
		if w.To = s.widest(now, grids); !planned(plans, w.To) {
			refused = nil
		}
	}
	if refused != nil {
		return nil, refused
	}
	plan, err := s.plan(ctx, m, w, grids, attempt)
	if err != nil {
		return nil, err
	}
	effects, err := s.Step(plan)
	if err != nil {
		return nil, err
	}
	return effects, s.perform(ctx, m, effects)
}

// planned reports whether there is a plan of a window with that end.
func planned(plans []*Plan, to dodona.Round) bool {
	return slices.ContainsFunc(plans, func(p *Plan) bool { return p.Anchor.To == to })
}

// perform signs and appends.
func (s *Series) perform(ctx context.Context, m Means, e *Effects) error {
	signatures, err := m.Signer.Sign(ctx, e.Claims...)
	if err != nil {
		return fmt.Errorf("sign anchor: %w", err)
	}
	if len(signatures) != 1 || len(signatures[0]) != len(dodona.Signature{}) {
		return fmt.Errorf("assemble anchor: %d signatures for 1 claim", len(signatures))
	}
	rec, err := e.Record([]dodona.Signature{dodona.Signature(signatures[0])})
	if err != nil {
		return err
	}
	if err := m.Ledger.Append(ctx, rec); err != nil {
		return fmt.Errorf("append anchor: %w", err)
	}
	return nil
}

// plan gathers the records of a window and makes its plan durable.
func (s *Series) plan(ctx context.Context, m Means, w Window, grids []Grid, attempt uint64) (*Plan, error) {
	l, draft := m.Ledger, s.Draft(w, grids)
	wanted := draft.Wanted()
	for _, name := range sortedNames(wanted) {
		err := each(ctx, l, dodona.TopicData, name, wanted[name], draft.Answer)
		if err != nil {
			return nil, err
		}
	}
	loss, err := m.Lost(ctx)
	if err != nil {
		return nil, err
	}
	draft.Lack(loss)
	for _, name := range draft.Untold() {
		err := each(ctx, l, dodona.TopicRound, name, w.From, func(rec dodona.Record) (bool, error) { return draft.Round(rec), nil })
		if err != nil {
			return nil, err
		}
	}
	plan, parts, err := draft.Plan(attempt)
	if err != nil {
		return nil, err
	}
	for _, part := range parts { // one by one: together they may be more than the bus takes at once
		if err := l.Append(ctx, part); err != nil {
			return nil, fmt.Errorf("append a part of an anchor: %w", err)
		}
	}
	rec, err := plan.Record()
	if err != nil {
		return nil, err
	}
	if err := l.Append(ctx, rec); err != nil {
		return nil, fmt.Errorf("append the plan of an anchor: %w", err)
	}
	return plan, nil
}

// each gives f the records of a key from a round on, as long as f wants more.
func each(ctx context.Context, l dodona.Ledger, topic dodona.Topic, key string, from dodona.Round, f func(dodona.Record) (bool, error)) error {
	for rec, err := range l.Scan(ctx, topic, key, from.Before()) {
		if err != nil {
			return fmt.Errorf("read %s of %s: %w", topic, key, err)
		}
		more, err := f(rec)
		if err != nil || !more {
			return err
		}
	}
	return nil
}
