package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/grid"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/journal"
)

// An Outcome is a round that ended, as the serving process learned of it.
type Outcome struct {
	Round  dodona.Round
	Answer *dodona.Answer // nil if the round was missed
	Bundle *dodona.Bundle // nil if its record is gone, or not there yet
	Kept   time.Duration  // from the value, journaled, to the attestation read back from the journal; 0 if unknown
}

// A board is what the API shows of the feeds, kept in memory: the newest round and the newest answer of each.
type board struct {
	basics
	shown   dodona.Ledger
	stream  *api.Stream
	onRound func(Outcome) // nil: nobody is told

	mu    sync.RWMutex
	feeds map[string]*tile

	unread map[string]bool // feeds of which the start has yet to read what was known

	of     *config.Config // that byName is of
	byName map[string]config.Feed
}

// A tile is one feed on the board.
type tile struct {
	bundle  *dodona.Bundle // of the newest round
	at      time.Time      // when that was appended
	answer  *dodona.Answer // the newest one
	used    *dodona.Bundle // of the newest answer; nil if unknown
	pending map[dodona.Round]pendingRound
}

// A pendingRound has a value and no attestation yet.
type pendingRound struct {
	bundle *dodona.Bundle
	at     time.Time
}

// maxPending bounds the rounds of a feed that wait for their attestation on the board.
const maxPending = 64

func newBoard(b basics, shown dodona.Ledger, stream *api.Stream, onRound func(Outcome)) *board {
	return &board{basics: b, shown: shown, stream: stream, onRound: onRound, feeds: make(map[string]*tile), unread: make(map[string]bool)}
}

// fill reads the newest round and answer of every feed, so that a restart shows what was known.
func (b *board) fill(ctx context.Context, starts *beginning) {
	feeds := b.config().Feeds
	b.mu.Lock()
	for _, f := range feeds {
		b.unread[f.Feed.Name] = true
	}
	b.mu.Unlock()
	starts.each(ctx, config.Serve, "the newest round and answer", feeds, func(f config.Feed) error {
		if err := b.fillTile(ctx, f.Feed.Name); err != nil {
			return err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.unread, f.Feed.Name)
		return nil
	})
}

// fillTile reads the newest round and answer of one feed. One that is no record of ours does not keep the other from being shown.
func (b *board) fillTile(ctx context.Context, feed string) error {
	for topic, put := range map[dodona.Topic]func(dodona.Record){dodona.TopicRound: b.round, dodona.TopicData: b.answer} {
		rec, err := b.shown.Last(ctx, topic, feed)
		switch {
		case errors.Is(err, dodona.ErrNotFound):
		case errors.Is(err, journal.ErrNoRecord):
			b.log.Error("a record cannot be read and is not shown", "feed", feed, "error", err)
		case err != nil:
			return fmt.Errorf("read last %s of %s: %w", topic, feed, err)
		default:
			put(rec)
		}
	}
	return nil
}

// tile returns that of a feed, made if need be. The caller holds the lock.
func (b *board) tile(feed string) *tile {
	t := b.feeds[feed]
	if t == nil {
		t = &tile{pending: make(map[dodona.Round]pendingRound)}
		b.feeds[feed] = t
	}
	return t
}

// round puts a round record on the board.
func (b *board) round(rec dodona.Record) {
	bundle := new(dodona.Bundle)
	if err := json.Unmarshal(rec.Body, bundle); err != nil {
		b.log.Error("a round record cannot be read", "feed", rec.Key, "id", rec.ID, "error", err)
		return
	}
	b.mu.Lock()
	t := b.tile(rec.Key)
	if t.bundle != nil && bundle.Round <= t.bundle.Round {
		b.mu.Unlock()
		return
	}
	t.bundle, t.at = bundle, rec.Appended
	var ended *Outcome
	switch {
	case bundle.Value == nil:
		ended = &Outcome{Round: bundle.Round, Bundle: bundle}
	case t.answer != nil && t.answer.Attestation.Report.Round == bundle.Round:
		t.used = bundle // the two records come by different ways, and the answer's was shorter
		ended = &Outcome{Round: bundle.Round, Answer: t.answer, Bundle: bundle}
	case len(t.pending) < maxPending:
		t.pending[bundle.Round] = pendingRound{bundle, rec.Appended}
	}
	b.mu.Unlock()
	b.publish(rec.Key, ended)
}

// answer puts a data record on the board.
func (b *board) answer(rec dodona.Record) {
	answer := new(dodona.Answer)
	if err := json.Unmarshal(rec.Body, answer); err != nil {
		b.log.Error("a data record cannot be read", "feed", rec.Key, "id", rec.ID, "error", err)
		return
	}
	round := answer.Attestation.Report.Round
	b.mu.Lock()
	t := b.tile(rec.Key)
	if t.answer != nil && round <= t.answer.Attestation.Report.Round {
		b.mu.Unlock()
		return
	}
	t.answer, t.used = answer, nil
	var ended *Outcome
	if p, found := t.pending[round]; found {
		t.used = p.bundle
		ended = &Outcome{Round: round, Answer: answer, Bundle: p.bundle, Kept: max(0, b.now().Sub(p.at))}
	}
	for r := range t.pending {
		if r <= round {
			delete(t.pending, r)
		}
	}
	b.mu.Unlock()
	b.stream.Answer(*answer)
	b.publish(rec.Key, ended)
}

// publish tells listeners how a feed stands.
func (b *board) publish(feed string, ended *Outcome) {
	if f, found := b.feed(feed); found {
		b.stream.FeedOf(func() api.FeedStatus { return b.status(f) })
	}
	if ended != nil && b.onRound != nil {
		b.onRound(*ended)
	}
}

// feed returns a feed of the configuration as it is now. It is asked for with every record, so it is not looked for among thousands each time.
func (b *board) feed(name string) (f config.Feed, found bool) {
	c := b.config()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of != c {
		b.of, b.byName = c, make(map[string]config.Feed, len(c.Feeds))
		for _, f := range c.Feeds {
			b.byName[f.Feed.Name] = f
		}
	}
	f, found = b.byName[name]
	return f, found
}

// status returns how a feed stands.
func (b *board) status(f config.Feed) api.FeedStatus {
	b.mu.RLock()
	defer b.mu.RUnlock()
	s := api.FeedStatus{
		Feed: f.Feed, ID: f.Feed.ID(), EveryMS: f.Settings.Every.Milliseconds(), StaleMS: stale(f.Settings.Every).Milliseconds(),
		Quality: dodona.Bad, Reason: "no answer yet",
	}
	if b.unread[f.Feed.Name] {
		s.Reason = "the node is starting and has not read what was known"
		return s
	}
	t := b.feeds[f.Feed.Name]
	if t == nil {
		return s
	}
	// What a feed of the same name and another identity said, before its decimals changed say, is not this one's.
	if t.answer != nil && t.answer.Feed.ID() == s.ID {
		s.Latest = latest(t)
		s.Quality, s.Reason = s.Latest.Quality, ""
		if t.used != nil && s.Quality != dodona.Good {
			s.Reason = doubts(t.used)
		}
		if age := b.now().Sub(s.Latest.Time); age > stale(f.Settings.Every) {
			s.Quality, s.Reason = max(s.Quality, dodona.Uncertain), fmt.Sprintf("the newest answer is %s old", quantity.FormatDuration(age.Round(time.Second)))
		}
	}
	if t.bundle == nil || t.bundle.Feed.ID() != s.ID {
		return s
	}
	of := t.bundle
	if of.Value != nil && t.used != nil {
		of = t.used // the newer round still waits for its answer, and what is shown beside one is what went into it
	}
	s.Inputs, s.Points = of.Inputs, feed.Said(of)
	s.Next = grid.Next(of.Round, f.Settings.Every)
	if t.bundle.Value == nil {
		s.Missed = &api.MissedRound{Round: t.bundle.Round, Time: t.bundle.Round.Time(), Reason: t.bundle.Missed}
		s.Quality, s.Reason = max(s.Quality, dodona.Uncertain), "the last round was missed: "+t.bundle.Missed
	}
	return s
}

// stale is the age at which an answer is no longer good, whatever it was worth: two rounds failed to follow it.
func stale(every time.Duration) time.Duration { return max(3*every, 3*time.Second) }

// latest describes the newest answer of a tile for people.
func latest(t *tile) *api.LatestAnswer {
	report := t.answer.Attestation.Report
	l := &api.LatestAnswer{
		Round: report.Round, Time: report.Round.Time(), Value: report.Value, Text: t.answer.Feed.Text(report.Value),
		Attested: len(t.answer.Attestation.Signatures) >= t.answer.Quorum.K, Signed: len(t.answer.Attestation.Signatures),
	}
	if t.used != nil {
		l.Quality, l.TookMS = t.used.Quality, t.used.TookMS
	}
	return l
}

// doubts names the sources that were not used and why.
func doubts(b *dodona.Bundle) string {
	reason := ""
	for _, in := range b.Inputs {
		if in.Status == dodona.InputUsed {
			continue
		}
		if reason != "" {
			reason += "; "
		}
		reason += in.Source + ": " + in.Reason
	}
	return reason
}
