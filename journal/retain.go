package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/nats-io/nats.go/jetstream"
)

// Retention frees the oldest records, when a stream has grown beyond seven eighths of its limit or when they are too
// old, but never one that a durable reader has not finished, and never the last claim or answer of a key: those are
// written again at the end first. It runs in the lane, between flushes, so nothing else of this process writes meanwhile.

const (
	retainEvery  = 15 * time.Second
	carryRoom    = 1 << 20 // by which a full stream is widened while last claims move to its end
	retainWithin = 20 * time.Second
)

// A space is what retention found.
type space struct {
	first, last  uint64 // of the stream
	bytes, count uint64
	cut          uint64 // records before it may go
	slowest      string // the reader that keeps others from going; empty if none does
}

// retain frees what may go. It returns why nothing could be freed although the stream is above its soft limit.
func (l *lane) retain() (why string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), retainWithin)
	defer cancel()
	if l.owner != "" && l.owner != l.j.writer {
		return "its owner has not freed any", nil
	}
	s, err := l.measure(ctx)
	if err != nil || s.count == 0 {
		return "", err
	}
	byBytes := l.cutByBytes(s)
	if byBytes > s.cut {
		l.press(byBytes)
	}
	wanted := max(byBytes, l.cutByAge(ctx, s))
	if wanted <= s.first {
		return "", nil
	}
	if s.cut = min(wanted, s.cut); s.cut <= s.first {
		return fmt.Sprintf("reader %s has not finished the oldest record", s.slowest), nil
	}
	if err := l.carryForward(ctx, s); err != nil {
		return "", fmt.Errorf("keep last claims: %w", err)
	}
	return "", l.purge(ctx, s)
}

// measure reads the size of the stream and how far all durable readers have come.
func (l *lane) measure(ctx context.Context) (space, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return space{}, fmt.Errorf("measure stream: %w", err)
	}
	st := info.State
	s := space{first: st.FirstSeq, last: st.LastSeq, bytes: st.Bytes, count: st.Msgs, cut: st.LastSeq + 1}
	l.j.cfg.Recorder.Gauge(telemetry.JournalBytes, l.spec.name, int64(st.Bytes))
	list := l.stream.ListConsumers(ctx)
	for c := range list.Info() {
		finished := c.AckFloor.Stream
		if c.NumPending == 0 && c.NumAckPending == 0 {
			continue
		}
		if finished+1 < s.cut {
			s.cut, s.slowest = finished+1, l.j.called(c.Name)
		}
	}
	if err := list.Err(); err != nil {
		return space{}, fmt.Errorf("list readers: %w", err)
	}
	return s, nil
}

// cutByBytes returns where to cut so that three quarters of the limit are left, if more than seven eighths are used.
func (l *lane) cutByBytes(s space) uint64 {
	limit := uint64(l.limits.Bytes)
	if s.bytes <= limit/8*7 {
		return 0
	}
	surplus := s.bytes - limit/4*3
	return s.first + uint64(float64(s.last-s.first+1)*float64(surplus)/float64(s.bytes)) + 1
}

// cutByAge returns the place of the first record that is young enough.
func (l *lane) cutByAge(ctx context.Context, s space) uint64 {
	if l.limits.Age == 0 {
		return 0
	}
	since := l.now().Add(-l.limits.Age).UTC()
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

// carryForward writes again the last record of each shared subject that would go.
func (l *lane) carryForward(ctx context.Context, s space) error {
	var recs []dodona.Record
	for _, topic := range l.spec.topics {
		if !shared(topic) {
			continue
		}
		info, err := l.stream.Info(ctx, jetstream.WithSubjectFilter(l.j.net.topic(topic)))
		if err != nil {
			return fmt.Errorf("list subjects: %w", err)
		}
		for subject := range info.State.Subjects {
			last, err := l.fetch(ctx, query{LastFor: subject, fromFirst: true})
			if err != nil {
				return fmt.Errorf("read last record of %s: %w", subject, err)
			}
			if last.stream < s.cut {
				l.seen[subject] = l.seenAt(last.Record, last.stream)
				recs = append(recs, last.Record)
			}
		}
	}
	if len(recs) == 0 {
		return nil
	}
	if err := l.widen(ctx, carryRoom); err != nil {
		return err
	}
	for len(recs) > 0 {
		n := min(len(recs), maxGroup)
		if err := l.rewrite(recs[:n]); err != nil {
			return err
		}
		recs = recs[n:]
	}
	return l.widen(ctx, 0)
}

// widen lets the stream grow beyond its limit for a moment.
func (l *lane) widen(ctx context.Context, by int64) error {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return err
	}
	cfg := info.Config
	if cfg.MaxBytes = int64(l.limits.Bytes) + by; cfg.MaxBytes == info.Config.MaxBytes {
		return nil
	}
	if _, err = l.j.js.UpdateStream(ctx, cfg); err != nil {
		return fmt.Errorf("make room in stream: %w", err)
	}
	return nil
}

// rewrite appends records that are in the stream already.
func (l *lane) rewrite(recs []dodona.Record) error {
	p := &pending{recs: recs, again: true, done: make(chan error, 1)}
	p.state.Store(flying)
	rest, err := l.fly(l.chain([]*pending{p}))
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errors.New("somebody else wrote at the same time")
	}
	return <-p.done
}

// purge frees the records before s.cut and counts them.
func (l *lane) purge(ctx context.Context, s space) error {
	from, err := l.firstOwnFrom(ctx, s)
	if err != nil {
		return err
	}
	if err := l.j.heads.free(l.spec.name, from); err != nil {
		return fmt.Errorf("note what is freed: %w", err)
	}
	before, err := l.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("free records: %w", err)
	}
	if err := l.stream.Purge(ctx, jetstream.WithPurgeSequence(s.cut)); err != nil {
		return fmt.Errorf("free records: %w", err)
	}
	after, err := l.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("free records: %w", err)
	}
	records := before.State.Msgs - min(before.State.Msgs, after.State.Msgs)
	bytes := before.State.Bytes - min(before.State.Bytes, after.State.Bytes)
	l.mu.Lock()
	l.stat.Freed += records
	l.mu.Unlock()
	maps.DeleteFunc(l.seen, func(_ string, known seen) bool { return known.place > 0 && known.place < s.cut })
	l.j.cfg.Recorder.Count(telemetry.JournalFreed, l.spec.name, records)
	l.j.cfg.Recorder.Count(telemetry.JournalFreedBytes, l.spec.name, bytes)
	l.j.cfg.Recorder.Gauge(telemetry.JournalBytes, l.spec.name, int64(after.State.Bytes))
	l.j.cfg.Log.Info("journal: freed the oldest records", "stream", l.spec.name, "records", records, "bytes", bytes)
	return nil
}

// firstOwnFrom returns the first sequence of this writer that will be left.
func (l *lane) firstOwnFrom(ctx context.Context, s space) (uint64, error) {
	for r, err := range l.records(ctx, s.cut, s.last, 0) {
		if err != nil {
			return 0, fmt.Errorf("find the first record to keep: %w", err)
		}
		if r.bad == nil && r.writer == l.j.writer {
			return r.Sequence, nil
		}
	}
	return l.head.Sequence + 1, nil
}
