package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/dodona-oracle/dodona"
)

// Last returns the newest record of a topic and key by whatever node of the network, or [dodona.ErrNotFound]. Its ID is what
// a record that is decided on it names in After; if there is none, that stays empty.
func (j *Journal) Last(ctx context.Context, topic dodona.Topic, key string) (dodona.Record, error) {
	return j.last(ctx, topic, key, "*")
}

func (j *Journal) last(ctx context.Context, topic dodona.Topic, key, node string) (dodona.Record, error) {
	l, err := j.laneOf(topic, key)
	if err != nil {
		return dodona.Record{}, err
	}
	s, err := lasting(ctx, j, answerTimeout, func(ctx context.Context) (stored, error) {
		s, err := l.fetch(ctx, query{LastFor: j.net.subject(topic, key, node), fromFirst: shared(topic)})
		if shared(topic) && j.alone() && (err == nil || errors.Is(err, dodona.ErrNotFound)) {
			if lookErr := l.look(ctx); lookErr != nil { // of a store that others reach, Forgot looks
				err = lookErr
			}
		}
		return s, err
	})
	if err != nil {
		return dodona.Record{}, fmt.Errorf("last %s of %s: %w", topic, key, err)
	}
	return s.Record, nil
}

// Scan yields the records of a topic and key, by whatever node of the network, in order, beginning with the first for which before is false; nil
// begins with the oldest. before must be monotone: once false, false for all later records. It is looked for from the
// end on, with about two questions per power of two of its distance from there. An error ends the sequence.
func (j *Journal) Scan(ctx context.Context, topic dodona.Topic, key string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return j.scan(ctx, topic, key, "*", before)
}

// Own returns the journal as a ledger of the records that this node wrote: where a source of its own stopped, which round it
// made last, what a sink of its own did. Of a shared topic it has those of all nodes.
func (j *Journal) Own() dodona.Ledger { return own{j} }

type own struct{ j *Journal }

func (o own) Last(ctx context.Context, topic dodona.Topic, key string) (dodona.Record, error) {
	return o.j.last(ctx, topic, key, o.j.cfg.Node)
}

func (o own) Scan(ctx context.Context, topic dodona.Topic, key string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return o.j.scan(ctx, topic, key, o.j.cfg.Node, before)
}

func (j *Journal) scan(ctx context.Context, topic dodona.Topic, key, node string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return func(yield func(dodona.Record, error) bool) {
		l, err := j.laneOf(topic, key)
		if err != nil {
			yield(dodona.Record{}, err)
			return
		}
		subject := j.net.subject(topic, key, node)
		at, err := lasting(ctx, j, answerTimeout, func(ctx context.Context) (uint64, error) { return l.bisect(ctx, subject, before) })
		if err == nil {
			err = l.scan(ctx, subject, at, yield)
		}
		if err != nil && !errors.Is(err, dodona.ErrNotFound) {
			yield(dodona.Record{}, fmt.Errorf("scan %s of %s: %w", topic, key, err))
		}
	}
}

// scan yields the records on subject from a place on: the first ones by themselves, then by pages that grow, since many want only a few.
// A server elsewhere gives pages sooner, since each question is a line's delay.
// The error is why the sequence ends early; [dodona.ErrNotFound] if there is no record at all.
func (l *lane) scan(ctx context.Context, subject string, at uint64, yield func(dodona.Record, error) bool) error {
	singly := 1
	if l.j.local != nil {
		singly = scanSingly
	}
	for n, batch := 0, 1; ; n++ {
		if n >= singly {
			batch = min(4*batch, pageRecords)
		}
		page, err := lasting(ctx, l.j, answerTimeout, func(ctx context.Context) ([]stored, error) {
			if n < singly {
				return l.first(ctx, subject, at)
			}
			return l.next(ctx, subject, at, batch)
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, s := range page {
			if s.bad != nil {
				return s.bad
			}
			if !yield(s.Record, nil) {
				return nil
			}
			at = s.stream + 1
		}
	}
}

// scanSingly is how many records of a scan the embedded server is asked for one by one. For each page on a subject it counts how many are to come,
// and reads the blocks behind it whole for that, up to half of the stream.
const scanSingly = 256

// next returns so many records from a place on, none at the end.
func (l *lane) next(ctx context.Context, subject string, at uint64, batch int) ([]stored, error) {
	page, err := l.page(ctx, query{NextFor: subject, Seq: at, Batch: batch})
	if err == nil && len(page) == 0 {
		return l.afterEnd(ctx, subject, at)
	}
	return page, err
}

// first returns the next record from a place on by itself, since many want no other; none if there is none.
func (l *lane) first(ctx context.Context, subject string, at uint64) ([]stored, error) {
	s, err := l.fetch(ctx, query{NextFor: subject, Seq: at})
	if errors.Is(err, dodona.ErrNotFound) {
		return l.afterEnd(ctx, subject, at)
	}
	if err != nil {
		return nil, err
	}
	return []stored{s}, nil
}

// afterEnd returns what a scan that found nothing from a place on has missed: a server that cannot read a record ends there.
func (l *lane) afterEnd(ctx context.Context, subject string, at uint64) ([]stored, error) {
	for range askedAgain {
		last, err := l.fetch(ctx, query{LastFor: subject, fromFirst: true})
		if errors.Is(err, dodona.ErrNotFound) || last.stream > 0 && last.stream < at {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		page, err := l.page(ctx, query{NextFor: subject, Seq: at, Batch: pageRecords})
		if err != nil || len(page) > 0 {
			return page, err
		}
	}
	return nil, fmt.Errorf("%w: %s from place %d on", errUnread, subject, at)
}

// bisect returns a place from which the next record on subject is the first that is not before. It begins at the end, since most ask for what is
// new, and goes back in strides that grow: each place that it looks at is a block of some MiB that the store may have to read and index whole.
func (l *lane) bisect(ctx context.Context, subject string, before func(dodona.Record) bool) (uint64, error) {
	if before == nil {
		return 1, nil
	}
	last, err := l.fetch(ctx, query{LastFor: subject})
	if err != nil {
		return 0, err
	}
	if before(last.Record) {
		return last.stream + 1, nil
	}
	low, high := uint64(0), last.stream // before(low) once there is one, not before(high)
	for stride := uint64(firstStride); low == 0 && stride < high; stride *= strideGrowth {
		s, err := l.nextOn(ctx, subject, high-stride)
		if err != nil {
			return 0, err
		}
		if before(s.Record) {
			low = s.stream
		} else {
			high -= stride
		}
	}
	if low == 0 {
		first, err := l.first(ctx, subject, 1)
		if err != nil || len(first) == 0 {
			return 1, err
		}
		if first[0].bad != nil {
			return 0, first[0].bad
		}
		if !before(first[0].Record) {
			return first[0].stream, nil
		}
		low = first[0].stream
	}
	for low+1 < high {
		middle := low + (high-low)/2
		s, err := l.nextOn(ctx, subject, middle)
		if err != nil {
			return 0, err
		}
		if before(s.Record) {
			low = s.stream
		} else {
			high = middle
		}
	}
	return high, nil
}

const (
	firstStride  = 64 // places
	strideGrowth = 4
)

// nextOn returns the next record on subject from a place on that the last one is not before.
func (l *lane) nextOn(ctx context.Context, subject string, at uint64) (stored, error) {
	s, err := l.fetch(ctx, query{NextFor: subject, Seq: at})
	if errors.Is(err, dodona.ErrNotFound) { // the last one is behind it
		err = fmt.Errorf("%w: %s from place %d on", errUnread, subject, at)
	}
	return s, err
}

func (j *Journal) laneOf(topic dodona.Topic, key string) (*lane, error) {
	stream, known := streamOf(topic)
	if !known {
		return nil, fmt.Errorf("topic %q: no stream keeps it", topic)
	}
	if err := dodona.CheckName(key, maxKeyTokens); err != nil {
		return nil, err
	}
	if j.ctx.Err() != nil {
		return nil, ErrClosed
	}
	return j.lanes[stream], nil
}
