package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/nats-io/nats.go/jetstream"
)

// What a reader has finished, a store counts up to the last record that was the reader's own. All that follows up to the next one of its own is
// none of its business, and of a reader of few keys that may be most of the stream: it would be held for one record at its end.

const (
	nearPlaces = 64 // so few places are held for nothing at most, until the next record is sought
	mostSought = 64 // subjects of one reader; one of more has records all the time
	soonSought = 16 // of one that waits for it
	mostHolds  = 256
)

// A hold is the first record that a reader has not finished, as far as it was sought.
type hold struct {
	born     time.Time // of the reader
	floor    uint64    // what the store counts
	subjects []string
	place    uint64
}

// finishedBy returns up to which place of a stream that ends with last a reader with something left has finished all that is its own. It
// is no less than what the store counts, and that if nobody knows more.
func (l *lane) finishedBy(ctx context.Context, c *jetstream.ConsumerInfo, last uint64) uint64 {
	floor, subjects := c.AckFloor.Stream, subjectsOf(c.Config)
	if last <= floor+nearPlaces || len(subjects) > mostSought {
		return floor
	}
	l.mu.Lock()
	known, found := l.holds[c.Name]
	l.mu.Unlock()
	if found && known.born.Equal(c.Created) && known.floor == floor && slices.Equal(known.subjects, subjects) {
		return max(floor, known.place-1)
	}
	place, err := l.firstOf(ctx, subjects, floor+1)
	if err != nil || place == 0 {
		return floor // it holds what it may need
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holds == nil || len(l.holds) >= mostHolds {
		l.holds = make(map[string]hold)
	}
	l.holds[c.Name] = hold{c.Created, floor, subjects, place}
	return max(floor, place-1)
}

// firstOf returns the place of the first record from a place on that is on one of some subjects, 0 if there is none.
func (l *lane) firstOf(ctx context.Context, subjects []string, from uint64) (place uint64, err error) {
	for _, subject := range subjects {
		found, err := l.first(ctx, subject, from)
		if err == nil && len(found) == 0 && strings.HasSuffix(subject, ">") {
			err = l.noneBehind(ctx, subject, from)
		}
		if err != nil {
			return 0, err
		}
		if len(found) > 0 && (place == 0 || found[0].stream < place) {
			place = found[0].stream
		}
	}
	return place, nil
}

// noneBehind returns an error if a topic may have records from a place on that the store cannot read now.
func (l *lane) noneBehind(ctx context.Context, topic string, from uint64) error {
	s, err := l.ask(ctx, query{LastFor: topic, fromFirst: true})
	if s.stream > 0 && s.stream < from {
		return nil
	}
	if !errors.Is(err, dodona.ErrNotFound) {
		return fmt.Errorf("%w: %s from place %d on", errUnread, topic, from)
	}
	n, err := l.count(ctx, topic)
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: %s", errUnread, topic)
	}
	return err
}
