package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// outrun finds out why a guard refused a flight: because an unanswered attempt landed, whole or in part, or because
// somebody wrote to one of its subjects in between. It returns what is to be tried again.
func (l *lane) outrun(f *flight, knew reach, doubt bool) ([]*pending, error) {
	ctx := l.j.epoch()
	if anew, err := l.meet(l.j.ctx); err != nil || anew {
		return ground(f.group), err
	}
	if doubt {
		first, err := l.placeOf(ctx, f.recs[0])
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
		last, err := l.fetch(ctx, query{LastFor: subject, fromFirst: true})
		if err != nil && !errors.Is(err, dodona.ErrNotFound) && last.stream == 0 {
			return nil, err
		}
		if doubt && last.writer == l.j.writer && last.Node == l.j.cfg.Node && last.Sequence >= f.recs[0].Sequence {
			return nil, errors.New("a replica lags behind")
		}
		moved = moved || last.stream != expected
		l.seen[subject] = l.seenAt(last.Record, last.stream)
	}
	if !moved {
		return nil, errors.New("the store refuses a place that nobody took")
	}
	return ground(f.group), nil // whether each may still follow is judged anew
}

// placeOf returns where the stream keeps a record of this writer, which comes after the head; 0 if nowhere.
func (l *lane) placeOf(ctx context.Context, r dodona.Record) (uint64, error) {
	for s, err := range l.records(ctx, l.head.Stream+1, math.MaxUint64, 0) {
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
	return s.writer == l.j.writer && s.Sequence == r.Sequence && s.Node == l.j.cfg.Node && s.Topic == r.Topic && s.Key == r.Key && s.ID == r.ID
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
	switch code := errCode(err); {
	case code == codeStoreFailed || code == codeNoResources || code == codeNoStorage:
		holding := l.awaitTurn(bytes)
		if holding == "" && attempt < soonAgain {
			return
		}
		why = fmt.Sprintf("the stream is full (%s): %s", l.limits.Bytes, cmp.Or(holding, why))
	case l.j.local != nil && l.j.local.broken():
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
	backoff.Wait(l.j.ctx, backoff.Backoff{Min: 10 * time.Millisecond, Max: longestRetry}.Ceiling(attempt+1))
}

// revive starts the embedded server again after its store broke, once the disk has room. It returns why it could not.
func (l *lane) revive() (why string) {
	if free, err := freeBytes(l.j.cfg.Dir); err == nil && free < minFreeBytes {
		return fmt.Sprintf("the disk is full: %d bytes are free, %d are needed", free, minFreeBytes)
	}
	if err := newGuard(l.j.cfg.Raw.Bytes + l.j.cfg.Proof.Bytes).do(l.j.local.restart); err != nil {
		return "the store cannot write: " + err.Error()
	}
	return ""
}
