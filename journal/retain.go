package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/nats-io/nats.go/jetstream"
)

// Retention frees the oldest records, when a stream has grown beyond seven eighths of its limit or when they are too
// old, but never one that a durable reader has not finished, and never the last claim, answer or anchor of a key, nor where a source
// stopped: those are written again at the end first (carry.go, positions.go). It runs beside the lane, which goes on appending, and asks it for the
// rewriting alone, a few records at a time.

// retain frees what may go. It returns why nothing could be freed although the stream is above its soft limit.
func (l *lane) retain(ctx context.Context) (why string, err error) {
	s, err := l.measure(ctx)
	if err != nil {
		return "", err
	}
	s = l.raise(ctx, s)
	l.judgeRoom(s)
	if s.due {
		if err := l.noteLimits(ctx, s.at); err != nil {
			return "", fmt.Errorf("note limits: %w", err)
		}
	}
	if s.count == 0 {
		return "", nil
	}
	held := fmt.Sprintf("reader %s has not finished the oldest record", s.slowest)
	if owner := l.owner(); owner != "" && owner != l.j.writer {
		switch {
		case !l.crowded(s):
			return "", nil
		case s.cut <= s.first: // so its owner cannot free any, and knows nothing of what waits here
			return held, l.overflow(ctx, s)
		case s.bytes <= s.said/8*7, l.waits() > retainEvery: // nor will it, by what it knows, or it is away
			return "its owner has not freed any", l.overflow(ctx, s)
		}
		return "its owner has not freed any yet", nil
	}
	if err := l.narrow(ctx, s); err != nil {
		return "", fmt.Errorf("take back room: %w", err)
	}
	byBytes := l.cutByBytes(s)
	if byBytes > s.cut {
		l.press(byBytes)
	}
	wanted := max(byBytes, l.cutByAge(ctx, s))
	if wanted <= s.first {
		return "", nil
	}
	if s.cut <= s.first {
		return held, l.overflow(ctx, s)
	}
	return l.free(ctx, s, min(wanted, s.cut))
}

// overflow gives room beyond the limit: to readers, if they are all that fills the stream, for they alone can free it; and to what waits in a process
// that may not free.
func (l *lane) overflow(ctx context.Context, s space) error {
	limit, needs := l.room(s.said), uint64(l.needs.Load())
	if owner := l.owner(); !l.spec.reserves() && (needs == 0 || owner == "" || owner == l.j.writer || s.cut <= s.first) {
		return nil
	}
	if s.bytes+max(limit/16, needs) < s.limit {
		if needs > 0 { // and it was refused
			l.given.Store(0)
		}
		return nil
	}
	to, err := l.widen(ctx, s, limit/8+needs)
	if err == nil && to > s.limit {
		l.j.cfg.Log.Warn("journal: the stream takes more than its limit until what is in it has been finished and freed",
			"stream", l.spec.name, "limit", unit.Size(limit), "now", unit.Size(to))
	}
	return err
}

// crowded reports whether the stream is so full that something should go: beyond seven eighths, or too full for what waits.
func (l *lane) crowded(s space) bool {
	limit := l.room(s.said)
	return s.bytes > limit/8*7 || s.bytes+uint64(l.needs.Load()) > limit
}

// cutByBytes returns where to cut, if the stream is too full, so that three quarters of the limit are left, or less if what
// waits takes more than the rest.
func (l *lane) cutByBytes(s space) uint64 {
	if !l.crowded(s) {
		return 0
	}
	limit := l.room(s.said)
	keep := min(limit/4*3, limit-min(limit, uint64(l.needs.Load())))
	surplus := s.bytes - min(s.bytes, keep)
	return s.first + uint64(float64(s.last-s.first+1)*float64(surplus)/float64(s.bytes)) + 1
}

// cutByAge returns the place of the first record that is young enough.
func (l *lane) cutByAge(ctx context.Context, s space) uint64 {
	age := l.bounds().Age
	if age == 0 {
		return 0
	}
	now := l.now()
	if l.j.local == nil && s.at.Before(now) { // the clock of one machine may be ahead; places have the time of the server's
		now = s.at
	}
	since := now.Add(-age).UTC()
	if !s.oldest.IsZero() && !s.oldest.Before(since) {
		return s.first // the server would read its oldest block whole to say so
	}
	first, err := l.fetch(ctx, query{StartTime: &since, Batch: 0})
	switch {
	case err == nil || first.stream > 0:
		return first.stream
	case errors.Is(err, dodona.ErrNotFound):
		return s.last + 1
	default:
		return 0
	}
}

// free gives up the records before a place, and more where last records among them take too much of it, but none that a
// reader has not finished. Whatever it got done before an error stays done.
func (l *lane) free(ctx context.Context, s space, wanted uint64) (why string, err error) {
	lasts, err := l.lasts(ctx, s.cut)
	if err != nil {
		return "", fmt.Errorf("look for last claims and answers: %w", err)
	}
	cut, carried, bytes := planCut(s, wanted, lasts)
	if bytes > s.share(cut-s.first)/2 {
		if !l.crowded(s) {
			return "", nil // too old, but too little else among them to be worth the writing
		}
		if s.slowest != "" {
			return fmt.Sprintf("reader %s has not finished what comes after last claims and answers", s.slowest), l.overflow(ctx, s)
		}
		return l.tooSmall(len(lasts), sizeOfAll(lasts)), nil
	}
	if err := l.keepPositions(ctx, &s, cut); err != nil {
		return "", fmt.Errorf("keep positions: %w", err)
	}
	for len(carried) > 0 {
		part, _ := firstOf(carried, carryRoom)
		if err := l.carryOver(ctx, &s, part); err != nil {
			return "", fmt.Errorf("keep last claims and answers: %w", err)
		}
		if carried = carried[len(part):]; len(carried) > 0 {
			if err := l.purge(ctx, s, carried[0].place); err != nil {
				return "", err
			}
		}
	}
	return "", l.purge(ctx, s, cut)
}

// purge frees the records before a place and counts them.
func (l *lane) purge(ctx context.Context, s space, cut uint64) error {
	place, from, err := l.firstFrom(ctx, s, cut)
	if err != nil {
		return err
	}
	if err := l.overtake(ctx, cut); err != nil {
		return err
	}
	if _, err := l.lookAgain(ctx, s); err != nil {
		return fmt.Errorf("look at stream %s: %w", l.spec.name, err)
	}
	if err := l.j.heads.free(l.spec.name, from); err != nil {
		return fmt.Errorf("note what is freed: %w", err)
	}
	before, err := l.noteFreed(ctx, s, place)
	if err != nil {
		return fmt.Errorf("note what is freed: %w", err)
	}
	if err := l.stream.Purge(ctx, jetstream.WithPurgeSequence(cut)); err != nil {
		return fmt.Errorf("free records: %w", err)
	}
	after, err := l.lookAgain(ctx, s)
	if err == nil && after.State.FirstSeq > freed(after.Config.Metadata) { // another process has overwritten the note since
		_, err = l.change(ctx, func(cfg *jetstream.StreamConfig, _ *jetstream.StreamInfo) error {
			setFreed(cfg.Metadata, place)
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("free records: %w", err)
	}
	written := after.State.LastSeq - min(after.State.LastSeq, before.State.LastSeq) // meanwhile, by the lane or others
	records := before.State.Msgs + written - min(before.State.Msgs+written, after.State.Msgs)
	bytes := before.State.Bytes - min(before.State.Bytes, after.State.Bytes)
	l.mu.Lock()
	l.stat.Freed += records
	l.mu.Unlock()
	l.j.cfg.Recorder.Count(telemetry.JournalFreed.Of(l.spec.name), records)
	l.j.cfg.Recorder.Count(telemetry.JournalFreedBytes.Of(l.spec.name), bytes)
	l.j.cfg.Recorder.Gauge(telemetry.JournalBytes.Of(l.spec.name), int64(after.State.Bytes))
	l.j.cfg.Log.Info("journal: freed the oldest records", "stream", l.spec.name, "records", records, "bytes", bytes)
	return l.visit(ctx, func() {
		maps.DeleteFunc(l.seen, func(_ string, known seen) bool { return known.place > 0 && known.place < cut })
	})
}

// noteFreed notes that what is before a place will be given up, and returns how the stream was.
func (l *lane) noteFreed(ctx context.Context, s space, place uint64) (before *jetstream.StreamInfo, err error) {
	var until time.Time
	return l.announce(ctx, func(lost bool) {
		if lost || l.missedAt.After(l.told) { // or who asked has just found it
			until = l.lostUntil()
		}
	}, func(cfg *jetstream.StreamConfig, info *jetstream.StreamInfo) error {
		if !until.IsZero() {
			setMark(cfg.Metadata, latest(until, timeIn(info, lostKey)), starts(info), info.State)
		}
		setFreed(cfg.Metadata, place)
		return s.same(info) // also of the last look, when all is noted
	})
}

// firstFrom returns the place of the first record that will be left, behind places that have none, and the first sequence of this writer.
func (l *lane) firstFrom(ctx context.Context, s space, cut uint64) (place, own uint64, err error) {
	for r, err := range l.records(ctx, cut, s.last, 0) {
		if err != nil {
			return 0, 0, fmt.Errorf("find the first record to keep: %w", err)
		}
		if place == 0 {
			place = r.stream
		}
		if r.bad == nil && r.writer == l.j.writer {
			return place, r.Sequence, nil
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return cmp.Or(place, s.last+1), l.stat.head.Sequence + 1, nil
}
