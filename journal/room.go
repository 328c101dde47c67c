package journal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/nats-io/nats.go/jetstream"
)

// The readers of a stream append to the same stream: a validator claims and answers what it has read, a sink writes what it
// is about to do and what became of it. If observations could fill the stream, no reader could finish its oldest record,
// and nothing could be freed. So observers stop at a mark, by what the slowest reader has not finished, and the room above
// it belongs to those who read. Why that is enough: docs/decisions/046.

// observes reports whether all records come from a node that observes: observations, and the claims before them. Those of
// a stream that no reader appends to need no mark.
func observes(recs []dodona.Record) bool {
	for _, r := range recs {
		switch {
		case r.Topic == dodona.TopicObservation:
		case r.Topic == dodona.TopicClaim && strings.HasPrefix(r.Key, string(dodona.TopicObservation)+"."):
		default:
			return false
		}
	}
	return true
}

// reserves reports whether readers of the stream append to it.
func (s streamSpec) reserves() bool { return s.name == streamProof }

// Mark returns how many bytes of a stream of room bytes may be unfinished before observers wait: what they stand for is claimed,
// answered and delivered within the rest, by as many readers as there are.
func Mark(room uint64, readers int) uint64 { return 2 * room / uint64(4+readers) }

func (l *lane) roomMark(s space) uint64 { return Mark(l.room(s.said), s.readers) }

// room returns how many bytes there are for records in a stream of a limit: that may be lower than the one that counts, and higher for a while.
func (l *lane) room(said uint64) uint64 { return min(uint64(l.bounds().Bytes), said) }

// sliceBytes returns how large a slice of a reader may be, so that what comes of it always fits into one append and into
// the room that is left.
func (l *lane) sliceBytes() int {
	if !l.spec.reserves() {
		return sliceBytes
	}
	return min(sliceBytes, l.maxBytes()/16)
}

// awaitRoom returns once observers may append, or an error if ctx or the journal ends before.
func (l *lane) awaitRoom(ctx context.Context) error {
	for {
		l.mu.Lock()
		tight, relaxed := l.stat.tight, l.relaxed
		l.mu.Unlock()
		if tight == "" {
			return nil
		}
		select {
		case <-relaxed:
		case <-ctx.Done():
			return l.gaveUp(ctx)
		case <-l.j.ctx.Done():
			return ErrClosed
		}
	}
}

// judgeRoom lets observers wait or go on, by what the slowest reader has not finished.
func (l *lane) judgeRoom(s space) {
	if !l.spec.reserves() {
		return
	}
	mark, unfinished := l.roomMark(s), s.unfinished()
	l.mu.Lock()
	was := l.stat.tight
	l.mu.Unlock()
	if was != "" {
		mark -= mark / 4 // else they would start and stop all the time
	}
	why := ""
	if unfinished > mark {
		why = fmt.Sprintf("observations wait: reader %s has not finished the last %s of the stream; above %s the room is kept for what readers append",
			s.slowest, sizeOf(unfinished), sizeOf(l.roomMark(s)))
	}
	l.setTight(why)
	if why != "" {
		l.press(s.last + 1 - min(s.last, uint64(float64(s.last-s.first+1)*float64(mark)/float64(s.bytes))))
	}
}

// sizeOf is a size for people, in whole KiB.
func sizeOf(bytes uint64) string { return fmt.Sprintf("%d KiB", bytes/uint64(unit.KiB)) }

func (l *lane) setTight(why string) {
	l.mu.Lock()
	was := l.stat.tight
	l.stat.tight = why
	switch {
	case was == "" && why != "":
		l.relaxed = make(chan struct{})
	case was != "" && why == "":
		close(l.relaxed)
	}
	l.mu.Unlock()
	switch {
	case was == "" && why != "":
		l.j.cfg.Log.Warn("journal: observations wait", "stream", l.spec.name, "why", why)
		l.j.cfg.Recorder.Gauge(telemetry.JournalBlocked.Of(l.spec.name), 1)
	case was != "" && why == "":
		l.j.cfg.Log.Info("journal: observations go on", "stream", l.spec.name)
		l.j.cfg.Recorder.Gauge(telemetry.JournalBlocked.Of(l.spec.name), 0)
	}
}

// mostWide is by how many times its limit a stream may exceed it while its readers finish what is in it. It takes a folder
// that was filled before observers had a mark, or more sinks than the mark reckons with; and the mark stands meanwhile, so
// what comes of the rest is bounded.
const mostWide = 8

// widen lets readers append to a stream that is full of what they have not finished. It returns the new limit.
func (l *lane) widen(ctx context.Context, s space, by uint64) (uint64, error) {
	limit := l.room(s.said)
	to := min(s.bytes+by, limit*mostWide)
	if to <= s.limit {
		return s.limit, nil
	}
	if err := l.setLimit(ctx, max(to, s.said)); err != nil {
		return s.limit, fmt.Errorf("give the stream %s beyond its %s: %w", sizeOf(to-limit), unit.Size(limit), err)
	}
	return to, nil
}

// makeRoom gives the stream room for what retention writes again. It runs in the lane just before the writing, and looks how full the stream is now:
// whoever waits to append would else take what was given meanwhile.
func (l *lane) makeRoom(ctx context.Context, s *space, bytes uint64) error {
	info, err := l.lookAgain(ctx, *s)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", l.spec.name, err)
	}
	s.bytes = info.State.Bytes
	if need := bytes + bytes/4; s.bytes+need > s.limit {
		s.limit, err = l.widen(ctx, *s, max(need, l.room(s.said)/16)+uint64(l.needs.Load()))
	}
	return err
}

// wideFor is how long room beyond the limit stands unused before it is taken back: whoever got it may be far away, and tries only now and then.
const wideFor = 30 * time.Second

// A width is a limit beyond the configured one.
type width struct {
	limit uint64
	since time.Time // when it was first seen, or was last of use, by the clock that only runs forward
}

// narrow takes back what widen gave, in this process or another one, once it has not been needed for a while.
func (l *lane) narrow(ctx context.Context, s space) error {
	limit, needs := uint64(l.bounds().Bytes), uint64(l.needs.Load())
	wide := s.said > limit && s.said != unlimited
	l.mu.Lock()
	if !wide || l.wide.limit != s.said || s.bytes > limit/8*7 || s.bytes+needs > limit {
		l.wide = width{s.said, time.Now()}
	}
	stands := time.Since(l.wide.since)
	l.mu.Unlock()
	if !wide || stands < wideFor {
		return nil
	}
	return l.setLimit(ctx, limit)
}

// raise gives a stream on a server elsewhere, which somebody with a lower limit has made, the limit that counts, before it is full or observers would wait: else records
// would go for that one. It returns the stream as it is then. If the server has not the room, observers wait, and the stream is freed, by the limit that it has.
func (l *lane) raise(ctx context.Context, s space) space {
	limit, needs := uint64(l.bounds().Bytes), uint64(l.needs.Load())
	if s.said >= limit {
		l.scant.Store(0)
		return s
	}
	if l.owner() != "" || s.bytes+needs <= s.said/8*7 && (!l.spec.reserves() || s.unfinished() <= l.roomMark(s)/2) {
		return s
	}
	err := l.setLimit(ctx, limit)
	switch {
	case err == nil:
		l.scant.Store(0)
		s.said, s.limit = limit, limit
	case ctx.Err() == nil && l.scant.Swap(s.said) == 0:
		l.j.cfg.Log.Warn("journal: the stream does not get its limit", "stream", l.spec.name, "limit", l.bounds().Bytes, "has", unit.Size(s.said), "error", err)
	}
	return s
}

// limitNow is the limit of the stream, for people.
func (l *lane) limitNow() unit.Size {
	if scant := l.scant.Load(); scant > 0 {
		return unit.Size(scant)
	}
	return l.bounds().Bytes
}

func (l *lane) setLimit(ctx context.Context, bytes uint64) error {
	_, err := l.change(ctx, func(cfg *jetstream.StreamConfig, _ *jetstream.StreamInfo) error {
		cfg.MaxBytes = int64(bytes)
		return nil
	})
	if err != nil {
		bytes = 0
	}
	l.given.Store(bytes)
	return err
}
