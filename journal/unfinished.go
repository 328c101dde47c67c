package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
)

// Unfinished is what a reader has not finished of one key.
type Unfinished struct {
	Key     string
	Records uint64
	From    time.Time // when the first of them was appended
	Until   time.Time // and the last
}

// Unfinished returns what a reader of this node has not finished of a topic, of the keys that it read last by name and that are asked for; those
// of which it has finished everything are left out. It asks the store, and reads what it counts. Ask before the reader reads others: what it is
// not given any more nobody counts.
func (j *Journal) Unfinished(ctx context.Context, name string, topic dodona.Topic, asked func(key string) bool) (all []Unfinished, err error) {
	stream, known := streamOf(topic)
	if !known {
		return nil, fmt.Errorf("topic %q: no stream keeps it", topic)
	}
	l := j.lanes[stream]
	c, err := l.stream.Consumer(ctx, reader(j.cfg.Node, name))
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at reader %s: %w", name, err)
	}
	for _, subject := range subjectsOf(c.CachedInfo().Config) {
		of, key, _, err := parseSubject(subject)
		if err != nil || of != topic || key == "*" || !asked(key) {
			continue
		}
		u := Unfinished{Key: key}
		err = l.scan(ctx, subject, c.CachedInfo().AckFloor.Stream+1, func(r dodona.Record, err error) bool {
			if u.Records == 0 {
				u.From = r.Appended
			}
			u.Records, u.Until = u.Records+1, r.Appended
			return err == nil
		})
		if err != nil {
			return nil, fmt.Errorf("count what reader %s has not finished of %s: %w", name, key, err)
		}
		if u.Records > 0 {
			all = append(all, u)
		}
	}
	return all, nil
}
