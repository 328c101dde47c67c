package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/grid"
	"github.com/dodona-oracle/dodona/internal/patience"
	"github.com/dodona-oracle/dodona/sign"
)

// rounds keeps what the feeds of this node computed, and signs it.
type rounds struct {
	*events
	signer  dodona.Signer
	key     dodona.Address // the signer's
	network dodona.Digest  // its id
	starts  chan struct{}  // a place for each feed that reads where it goes on

	mu    sync.Mutex
	asked time.Time // when the last of them was answered, or heard that it is not
}

func newRounds(e *events, v voice) *rounds {
	return &rounds{events: e, signer: v.observations, key: v.key.Address(), network: v.network.ID(), starts: make(chan struct{}, readAtOnce)}
}

// keep journals rounds of a feed, and signs and journals the observations of those that have a value. A run of the feed that ended while
// it journaled a round may have made one up to the instant when this one began, of which the journal did not know yet: then that counts.
// It returns whether the last one has an observation that counts.
func (r *rounds) keep(ctx context.Context, every time.Duration, bundles []dodona.Bundle, began dodona.Round) (counts bool, err error) {
	records := make([]dodona.Record, len(bundles))
	for i, b := range bundles {
		body, err := json.Marshal(b)
		if err != nil {
			return false, fmt.Errorf("write round: %w", err)
		}
		records[i] = dodona.Record{Topic: dodona.TopicRound, Key: b.Feed.Name, ID: b.Round.ID(), Body: body}
	}
	for part := range parts(records, maxRounds) {
		err := patience.Divide(part, func(some []dodona.Record) error { return r.journal.Append(ctx, some...) },
			func(rec dodona.Record, never error) error {
				i := slices.IndexFunc(bundles, func(b dodona.Bundle) bool { return b.Round.ID() == rec.ID })
				return r.keepLess(ctx, &bundles[i], rec, never)
			})
		if err != nil {
			return false, fmt.Errorf("append round: %w", err)
		}
	}
	for i := range bundles {
		if bundles[i].Round <= began+dodona.Round(sign.Ahead.Milliseconds()) {
			if err := r.kept(ctx, &bundles[i]); err != nil {
				return false, err
			}
		}
	}
	for _, b := range bundles {
		if counts = false; b.Value == nil {
			continue
		}
		if counts, err = r.sign(ctx, every, b); err != nil {
			return false, err
		}
	}
	return counts, nil
}

// kept reads back what the journal has of a round.
func (r *rounds) kept(ctx context.Context, b *dodona.Bundle) error {
	rec, err := dodona.Find(ctx, r.journal.Own(), dodona.TopicRound, b.Feed.Name, b.Round)
	if errors.Is(err, dodona.ErrNotFound) {
		return nil // it was given up, and told
	}
	if err != nil {
		return fmt.Errorf("read round back: %w", err)
	}
	was, err := decodeRecord[dodona.Bundle](rec)
	switch {
	case err != nil:
		return err
	case was.Feed.ID() != b.Feed.ID():
		b.Value, b.Missed = nil, "the journal has this round of the feed as it was before"
	default:
		*b = *was
	}
	return nil
}

// maxRounds is how many bytes of rounds go into one append, unless one is larger: the smallest journal takes no more.
const maxRounds = 256 << 10

// parts yields records in their order, together as long as their bodies are within most bytes.
func parts(records []dodona.Record, most int) iter.Seq[[]dodona.Record] {
	return func(yield func([]dodona.Record) bool) {
		for first, size, i := 0, 0, 0; i < len(records); i++ {
			if size += len(records[i].Body); i+1 < len(records) && size+len(records[i+1].Body) <= most {
				continue
			}
			if !yield(records[first : i+1]) {
				return
			}
			first, size = i+1, 0
		}
	}
}

// keepLess journals what the journal takes of a round that it can never take whole, and the bundle becomes that: the round without what ran beside
// it, for a shadow must cost no answer; or else missed, with what the module keeps if that is not what is too large.
func (r *rounds) keepLess(ctx context.Context, b *dodona.Bundle, rec dodona.Record, cause error) error {
	missed := dodona.Bundle{
		Feed: b.Feed, Round: b.Round, Node: b.Node, Rules: b.Rules, State: b.State, Quality: dodona.Bad, TookMS: b.TookMS,
		Missed: fmt.Sprintf("its record of %d bytes is more than the journal takes", len(rec.Body)),
	}
	bare := missed
	bare.State, bare.Rules = nil, nil
	if b.Shadow != nil {
		alone := *b
		alone.Shadow = nil
		kept, err := r.keepAs(ctx, b, rec, alone)
		if kept {
			r.dropped(ctx, "shadow", b.Feed.Name, cause)
		}
		if kept || err != nil {
			return err
		}
	}
	r.dropped(ctx, "round", b.Feed.Name, cause)
	for _, less := range []dodona.Bundle{missed, bare} {
		if kept, err := r.keepAs(ctx, b, rec, less); kept || err != nil {
			return err
		}
	}
	*b = bare
	return nil // told above; the next round goes on
}

// keepAs journals a round as less than it is, which it becomes, unless the journal can never take that either.
func (r *rounds) keepAs(ctx context.Context, b *dodona.Bundle, rec dodona.Record, less dodona.Bundle) (kept bool, err error) {
	if rec.Body, err = json.Marshal(less); err != nil {
		return false, fmt.Errorf("write round: %w", err)
	}
	err = r.journal.Append(ctx, rec)
	if err == nil {
		*b = less
		return true, nil
	}
	if dodona.IsPermanent(err) {
		return false, nil
	}
	return false, err
}

// sign claims and signs the observation of a journaled round, if the round is still open: of one that has closed
// meanwhile, because the journal was full say, nobody would believe an observation. An event tells. It returns whether there is
// an observation that counts.
func (r *rounds) sign(ctx context.Context, every time.Duration, b dodona.Bundle) (counts bool, err error) {
	_, closes := grid.Open(b.Round, every)
	if r.now().After(closes) {
		r.log.Warn("a round was computed and is not signed: it closed before it could be", "feed", b.Feed.Name, "round", b.Round, "closed", closes)
		return false, r.event(ctx, dodona.EventUnsigned, b.Feed.Name+"-"+b.Round.ID(), map[string]any{"feed": b.Feed.Name, "round": b.Round, "value": b.Value})
	}
	obs := dodona.Observation{
		Feed: b.Feed.ID(), Name: b.Feed.Name, Round: b.Round, Value: *b.Value, Origin: b.Origin, Signer: r.key,
	}
	digest := obs.Digest(r.network)
	signatures, err := r.signer.Sign(ctx, dodona.Claim{
		Network: r.network, Type: dodona.ClaimObservation, Subject: b.Feed.Name, Round: b.Round, Digest: digest,
	})
	if refused(err) {
		r.log.Log(ctx, gravity(err, isRestored(r.journal)), "a round is not signed", "feed", b.Feed.Name, "round", b.Round, "error", err, "do", whatToDo(err))
		what := dodona.EventUnsigned
		if conflicts(err) {
			what = dodona.EventConflict
		}
		return false, r.event(ctx, what, b.Feed.Name+"-"+b.Round.ID(), map[string]any{
			"feed": b.Feed.Name, "round": b.Round, "digest": digest, "error": err.Error(), "do": whatToDo(err),
		})
	}
	if err != nil {
		return false, fmt.Errorf("sign observation: %w", err)
	}
	obs.Signature = dodona.Signature(signatures[0])
	body, err := json.Marshal(obs)
	if err != nil {
		return false, fmt.Errorf("write observation: %w", err)
	}
	err = r.journal.Append(ctx, dodona.Record{Topic: dodona.TopicObservation, Key: b.Feed.Name, ID: b.Round.ID(), Body: body})
	if err != nil {
		return false, fmt.Errorf("append observation: %w", err)
	}
	if now := r.now(); now.After(closes) {
		rec, err := dodona.Find(ctx, r.journal.Own(), dodona.TopicObservation, b.Feed.Name, b.Round)
		if err != nil { // nobody knows whether it counts; the feed begins again, and reads that
			return false, fmt.Errorf("read observation back: %w", err)
		}
		if !rec.Appended.After(closes) {
			return true, nil // that is what validators go by
		}
		r.log.Warn("an observation was signed in time and kept too late, so it counts for nothing", "feed", b.Feed.Name, "round", b.Round, "closed", closes)
		return false, r.event(ctx, dodona.EventLate, b.Feed.Name+"-"+b.Round.ID(), map[string]any{
			"feed": b.Feed.Name, "round": b.Round, "value": b.Value, "closed": closes.UTC(), "kept": now.UTC(),
		})
	}
	return true, nil
}

// resume returns the last round that this node made of a feed, and first finishes one that an end of the process left between its
// journaled value and its observation, if it is still open.
func (r *rounds) resume(ctx context.Context, f config.Feed, g *guest) (last dodona.Round, err error) {
	observed, rec, err := r.last(ctx, f.Feed.Name)
	if err != nil || rec.ID == "" {
		return observed, err
	}
	var b dodona.Bundle
	if err := json.Unmarshal(rec.Body, &b); err != nil {
		return 0, fmt.Errorf("read last round: %w", err)
	}
	if b.Feed.ID() == f.Feed.ID() {
		g.restore(&b)
	}
	if b.Value == nil || b.Round <= observed || b.Feed.ID() != f.Feed.ID() {
		return max(observed, b.Round), nil
	}
	_, err = r.sign(ctx, f.Settings.Every, b)
	return b.Round, err
}

// last returns the last round of a feed that was observed, and the record of the last one that was kept, which may have no ID: there is none. Few
// feeds ask at a time: thousands that start together would have nobody answered in time.
func (r *rounds) last(ctx context.Context, feed string) (observed dodona.Round, kept dodona.Record, err error) {
	select {
	case r.starts <- struct{}{}:
	case <-ctx.Done():
		return 0, kept, ctx.Err()
	}
	defer func() {
		<-r.starts
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked = time.Now()
	}()
	if observed, err = lastRound(ctx, r.journal.Own(), dodona.TopicObservation, feed); err != nil {
		return 0, kept, err
	}
	kept, err = r.journal.Own().Last(ctx, dodona.TopicRound, feed)
	if errors.Is(err, dodona.ErrNotFound) {
		return observed, dodona.Record{}, nil
	}
	if err != nil {
		return 0, kept, fmt.Errorf("read last round: %w", err)
	}
	return observed, kept, nil
}

// lastAsked returns when a feed that starts was answered last, or heard that it is not.
func (r *rounds) lastAsked() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}
