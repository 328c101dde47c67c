package explain_test

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// fakeJournal keeps records in memory, in the order they were appended.
type fakeJournal struct{ recs []dodona.Record }

func (j *fakeJournal) Last(_ context.Context, topic dodona.Topic, key string) (dodona.Record, error) {
	for _, r := range slices.Backward(j.recs) {
		if r.Topic == topic && r.Key == key {
			return r, nil
		}
	}
	return dodona.Record{}, dodona.ErrNotFound
}

func (j *fakeJournal) Scan(_ context.Context, topic dodona.Topic, key string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return func(yield func(dodona.Record, error) bool) {
		started := false
		for _, r := range j.recs {
			if r.Topic != topic || r.Key != key {
				continue
			}
			if started = started || !before(r); started && !yield(r, nil) {
				return
			}
		}
	}
}

// Module finds nothing: package node's tests replay modules from a real journal.
func (j *fakeJournal) Module(context.Context, dodona.Digest) ([]byte, error) {
	return nil, dodona.ErrNotFound
}

func (j *fakeJournal) put(t testing.TB, topic dodona.Topic, key, id string, at time.Time, body any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if id == "" {
		id = dodona.Keccak256(raw).String()
	}
	j.recs = append(j.recs, dodona.Record{Topic: topic, Key: key, ID: id, Node: "gw-7", Body: raw, Appended: at})
}

// drop forgets the records that match, as retention does.
func (j *fakeJournal) drop(match func(dodona.Record) bool) {
	j.recs = slices.DeleteFunc(j.recs, match)
}

func roundID(r dodona.Round) string { return strconv.FormatUint(uint64(r), 10) }
