package dodona

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
)

// shelf is a ledger of one key, which fails at one of its records, or nowhere.
type shelf struct {
	Ledger
	rounds []Round
	broken int // the number of the record, from 1
	given  *int
}

var errShelf = errors.New("broken")

func (s shelf) Scan(_ context.Context, _ Topic, _ string, before func(Record) bool) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for i, r := range s.rounds {
			rec := Record{ID: r.ID()}
			if before(rec) {
				continue
			}
			*s.given++
			if i+1 == s.broken {
				yield(Record{}, errShelf)
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// TestFindLooksAtOneRecord: the first that is not before the round is the one, or there is none.
func TestFindLooksAtOneRecord(t *testing.T) {
	for _, c := range []struct {
		round  Round
		broken int
		want   error
		given  int
	}{
		{10, 0, nil, 1},
		{20, 0, nil, 1},
		{40, 0, nil, 1},
		{5, 0, ErrNotFound, 1},
		{25, 0, ErrNotFound, 1},
		{41, 0, ErrNotFound, 0},
		{20, 2, errShelf, 1},
		{15, 2, errShelf, 1},
		{20, 3, nil, 1},
	} {
		given := 0
		rec, err := Find(t.Context(), shelf{rounds: []Round{10, 20, 30, 40}, broken: c.broken, given: &given}, TopicData, "a", c.round)
		if !errors.Is(err, c.want) || (err == nil) != (rec.ID == c.round.ID()) || given != c.given {
			t.Errorf("round %d, record %d broken: %q, %v after %d records, want %v after %d", uint64(c.round), c.broken, rec.ID, err, given, c.want, c.given)
		}
	}
}

func TestPermanentIsWhatIsMarkedSo(t *testing.T) {
	cause := errors.New("password refused")
	marked := fmt.Errorf("connect: %w", Permanent(cause))
	if !IsPermanent(marked) || !errors.Is(marked, cause) || IsPermanent(cause) || IsPermanent(nil) || Permanent(nil) != nil {
		t.Errorf("%v is permanent: %t, unmarked %t, nothing %t", marked, IsPermanent(marked), IsPermanent(cause), IsPermanent(nil))
	}
}
