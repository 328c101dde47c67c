package sinktest

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
)

// A Journal is one in memory, with the promises that a sink relies on: order, readers that go on where they stopped,
// and records that are taken once.
type Journal struct {
	mu      sync.Mutex
	recs    []dodona.Record
	taken   map[[3]string]bool
	readers map[string]int // records finished
	more    chan struct{}  // closed at the next append
}

// NewJournal returns an empty one.
func NewJournal() *Journal {
	return &Journal{taken: make(map[[3]string]bool), readers: make(map[string]int), more: make(chan struct{})}
}

// Append takes records that are not there yet.
func (j *Journal) Append(ctx context.Context, recs ...dodona.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, rec := range recs {
		id := [3]string{string(rec.Topic), rec.Key, rec.ID}
		if j.taken[id] {
			continue
		}
		j.taken[id] = true
		if rec.Appended.IsZero() {
			rec.Appended = time.Now()
		}
		j.recs = append(j.recs, rec)
	}
	close(j.more)
	j.more = make(chan struct{})
	return nil
}

// From yields what the reader has not finished, a few at a time.
func (j *Journal) From(ctx context.Context, reader string, topics ...dodona.Topic) iter.Seq2[[]dodona.Record, error] {
	wanted := make(map[dodona.Topic]bool)
	for _, t := range topics {
		wanted[t] = true
	}
	return func(yield func([]dodona.Record, error) bool) {
		for ctx.Err() == nil {
			j.mu.Lock()
			at, more := j.readers[reader], j.more
			var slice []dodona.Record
			for at < len(j.recs) && len(slice) < 4 {
				if wanted[j.recs[at].Topic] {
					slice = append(slice, j.recs[at])
				}
				at++
			}
			j.mu.Unlock()
			if len(slice) == 0 {
				select {
				case <-ctx.Done():
				case <-more:
				}
				continue
			}
			if !yield(slice, nil) {
				return
			}
			j.mu.Lock()
			j.readers[reader] = at
			j.mu.Unlock()
		}
	}
}

// Forget has every reader begin again, as after a kill before anything was finished.
func (j *Journal) Forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	clear(j.readers)
}

// All returns the records of a topic and key, oldest first.
func (j *Journal) All(topic dodona.Topic, key string) (list []dodona.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, rec := range j.recs {
		if rec.Topic == topic && rec.Key == key {
			list = append(list, rec)
		}
	}
	return list
}

// Last returns the newest record of a topic and key.
func (j *Journal) Last(_ context.Context, topic dodona.Topic, key string) (dodona.Record, error) {
	list := j.All(topic, key)
	if len(list) == 0 {
		return dodona.Record{}, dodona.ErrNotFound
	}
	return list[len(list)-1], nil
}

// Scan yields the records of a topic and key from the first for which before is false.
func (j *Journal) Scan(_ context.Context, topic dodona.Topic, key string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return func(yield func(dodona.Record, error) bool) {
		for _, rec := range j.All(topic, key) {
			if before != nil && before(rec) {
				continue
			}
			before = nil
			if !yield(rec, nil) {
				return
			}
		}
	}
}
