package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/durable"
)

// outrun finds out why a guard refused a flight: because an unanswered attempt landed, whole or in part, or because
// somebody wrote to one of its subjects in between. It returns what is to be tried again.
func (l *lane) outrun(f *flight, knew reach, doubt bool) ([]*pending, error) {
	ctx := l.j.bus.Epoch()
	if anew, err := l.meet(l.j.ctx); err != nil || anew {
		return ground(f.group), err
	}
	lasts, err := l.lastsOf(ctx, f)
	if err != nil {
		return nil, err
	}
	if doubt {
		first, err := l.placeOf(ctx, f, lasts)
		if err != nil {
			return nil, err
		}
		if first > 0 {
			n, err := l.countLanded(ctx, f, first)
			if err != nil {
				return nil, err
			}
			return l.landed(f, knew, n, first), nil
		}
	}
	moved := false
	for subject, expected := range f.guard {
		last := lasts[subject]
		moved = moved || last.stream != expected
		l.seen[subject] = l.seenAt(last.Record, last.stream)
	}
	if !moved {
		return nil, errors.New("the store refuses a place that nobody took")
	}
	return ground(f.group), nil // whether each may still follow is judged anew
}

// lastsOf returns the last record on each subject that a flight guards, one without a place where there is none.
func (l *lane) lastsOf(ctx context.Context, f *flight) (map[string]stored, error) {
	lasts := make(map[string]stored, len(f.guard))
	for subject := range f.guard {
		last, err := l.fetch(ctx, query{LastFor: subject, fromFirst: true})
		if err != nil && !errors.Is(err, dodona.ErrNotFound) && last.stream == 0 {
			return nil, err
		}
		lasts[subject] = last
	}
	return lasts, nil
}

// placeOf returns where the stream keeps the first record of a flight, 0 if nowhere. It is mostly the last of its subject; else others followed,
// and it is looked for.
func (l *lane) placeOf(ctx context.Context, f *flight, lasts map[string]stored) (uint64, error) {
	for _, last := range lasts {
		for i, r := range f.recs {
			if l.isOurs(last, r) && last.stream > uint64(i) {
				return last.stream - uint64(i), nil
			}
		}
	}
	from, err := l.behind(ctx, f)
	if err != nil {
		return 0, err
	}
	return l.seek(ctx, f.recs[0], from)
}

// behind returns a place before which a flight cannot have come to stand: that of the head, if that is still there, for the store may have dropped
// it and given its place anew. Else those which the flight expected, for the store let it in behind them.
func (l *lane) behind(ctx context.Context, f *flight) (from uint64, err error) {
	s, err := l.fetch(ctx, query{Seq: max(l.head.Stream, 1), fromFirst: true})
	if err != nil && !errors.Is(err, dodona.ErrNotFound) && s.stream == 0 {
		return 0, err
	}
	if err == nil && digestOf(s.Record, s.writer) == l.head.Digest {
		return l.head.Stream + 1, nil
	}
	for _, place := range f.guard {
		from = max(from, place+1)
	}
	return from, nil
}

// seek returns where the stream keeps a record of this writer, from a place on; 0 if nowhere.
func (l *lane) seek(ctx context.Context, r dodona.Record, from uint64) (uint64, error) {
	for s, err := range l.records(ctx, from, math.MaxUint64, 0) {
		if err != nil {
			return 0, err
		}
		if s.bad == nil && l.isOurs(s, r) {
			return s.stream, nil
		}
	}
	return 0, nil
}

// isOurs reports whether s is the record r that this lane made. Writer and number are not enough: a copy of the data folder has both.
func (l *lane) isOurs(s stored, r dodona.Record) bool {
	return s.writer == l.j.writer && s.Sequence == r.Sequence && s.Node == r.Node && s.Topic == r.Topic && s.Key == r.Key && s.ID == r.ID
}

// countLanded returns how many records of f the stream holds from place first on: all, unless the store broke down
// in the middle of a batch and could not mend it.
func (l *lane) countLanded(ctx context.Context, f *flight, first uint64) (int, error) {
	for n := len(f.recs); n > 0; n-- {
		s, err := l.fetch(ctx, query{Seq: first + uint64(n) - 1, fromFirst: true})
		if err == nil && l.isOurs(s, f.recs[n-1]) {
			return n, nil
		}
		if err != nil && !errors.Is(err, dodona.ErrNotFound) && s.stream == 0 {
			return 0, err
		}
	}
	return 0, nil
}

// soonAgain is how often a full stream that was looked after is tried again without a pause.
const soonAgain = 4

// relieve does what may help after an attempt to write so many bytes that did not succeed, and waits before the next one.
// If the stream is full, nothing may be on its way: retention has records written meanwhile.
func (l *lane) relieve(err error, attempt, bytes int) {
	why := err.Error()
	switch {
	case l.j.local != nil:
	case !l.j.nc.IsConnected():
		why = "the server is not there, or is stopped until its disk has room: " + why
	case errCode(err) == codeBatchIncomplete:
		why = "the server could not stage it; whether its disk is full, or can only be read, its own log and status say: " + why
	}
	if l.j.local != nil {
		l.j.lookForRoom(errCode(err) == codeBatchIncomplete) // of a batch that it cannot stage the server does not say why
	}
	switch code := errCode(err); {
	case code == codeStoreFailed || code == codeNoResources || code == codeNoStorage:
		holding := l.awaitTurn(bytes)
		if holding == "" && attempt < soonAgain {
			return
		}
		why = fmt.Sprintf("the stream is full (%s): %s", l.limitNow(), cmp.Or(holding, why))
	case l.j.local != nil && l.j.local.Broken():
		why = l.revive()
		if why == "" {
			return
		}
	default:
		anew, err := l.meet(l.j.ctx)
		if anew {
			return
		}
		if err != nil {
			why += ": " + err.Error()
		}
	}
	l.setBlocked(why)
	backoff.Wait(l.j.ctx, backoff.Backoff{Min: 10 * time.Millisecond, Max: bus.LongestRetry}.Ceiling(attempt+1))
}

// revive starts the embedded server again after its store broke, once the disk has room. It returns why it could not.
func (l *lane) revive() (why string) {
	if why := l.j.mustWait(); why != "" {
		l.j.local.Pause()
		return why
	}
	if err := l.j.local.Takes(0); err != nil && !durable.Full(err) { // until then it can be read; room is what a start may make
		return "the store cannot write: " + err.Error()
	}
	if err := bus.WatchMemory(l.j.cfg.Raw.Bytes+l.j.cfg.Proof.Bytes, func() error { return l.j.local.Restart(l.j.ctx) }); err != nil {
		return l.j.local.Ails() + ": " + err.Error()
	}
	return ""
}
