package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
)

// Retention waits for a reader, and a stream that is full of what one has not finished stops whoever appends to it. That is right where a reader
// makes evidence of what it reads, and wrong where it hands readings on to somebody who may be away for a week: no sink may stop the sources. Such
// a reader yields. What it has not finished when its time comes is freed all the same, and counted for it first.

// yieldsKey marks a reader that yields, in its metadata, and overtakenKey has what was freed before it: how much, from when and until when.
const (
	yieldsKey    = "dodona-yields"
	overtakenKey = "dodona-overtaken"
)

// mostYieldKeys is how many keys a reader is told apart by on the server; one of more is sent all of the topic.
const mostYieldKeys = 64

// Yielding returns the journal for readers that retention does not wait for: see [Journal.Overtaken]. They read nothing of a topic but records of
// these keys, and if own of this node alone; where there are more than 64 keys, those of others too.
func (j *Journal) Yielding(own bool, topic dodona.Topic, keys ...string) dodona.Journal {
	if len(keys) > mostYieldKeys {
		keys = []string{"*"}
	}
	return narrow{j, wish{only: map[dodona.Topic][]string{topic: slices.Clone(keys)}, own: own, yields: true}}
}

// Overtaken says what retention freed before a reader had finished it, since the reader was made. It counts what the reader had in hand then, too.
type Overtaken struct {
	Records uint64    `json:"records"`
	From    time.Time `json:"from,omitzero"`  // when the first of them was appended
	Until   time.Time `json:"until,omitzero"` // and the last

	place uint64 // up to which it was counted
}

// Overtaken returns what a reader of this node lost that yields. It asks the store.
func (j *Journal) Overtaken(ctx context.Context, name string) (o Overtaken, err error) {
	for _, s := range streams {
		c, err := j.lanes[s.name].stream.Consumer(ctx, reader(j.cfg.Node, name))
		switch {
		case errors.Is(err, jetstream.ErrConsumerNotFound):
			continue
		case err != nil:
			return o, fmt.Errorf("look at reader %s: %w", name, err)
		}
		if more := overtakenIn(c.CachedInfo().Config); more.Records > 0 {
			o = more
		}
	}
	return o, nil
}

// Backlog returns how many records a reader of this node has not finished; one that was never there, none.
func (j *Journal) Backlog(ctx context.Context, name string) (records uint64, err error) {
	for _, s := range streams {
		c, err := j.lanes[s.name].stream.Consumer(ctx, reader(j.cfg.Node, name))
		switch {
		case errors.Is(err, jetstream.ErrConsumerNotFound):
			continue
		case err != nil:
			return 0, fmt.Errorf("look at reader %s: %w", name, err)
		}
		records += backlogOf(c.CachedInfo())
	}
	return records, nil
}

func yields(c jetstream.ConsumerConfig) bool { return c.Metadata[yieldsKey] != "" }

func overtakenIn(c jetstream.ConsumerConfig) (o Overtaken) {
	parts := strings.Fields(c.Metadata[overtakenKey])
	if len(parts) != 4 {
		return o
	}
	o.Records, _ = strconv.ParseUint(parts[0], 10, 64)
	o.From, _ = time.Parse(time.RFC3339Nano, parts[1])
	o.Until, _ = time.Parse(time.RFC3339Nano, parts[2])
	o.place, _ = strconv.ParseUint(parts[3], 10, 64)
	return o
}

func (o Overtaken) String() string {
	return fmt.Sprintf("%d %s %s %d", o.Records, o.From.UTC().Format(time.RFC3339Nano), o.Until.UTC().Format(time.RFC3339Nano), o.place)
}

// add counts one more record.
func (o *Overtaken) add(s stored) {
	if o.Records == 0 {
		o.From = s.Appended
	}
	o.Records, o.Until, o.place = o.Records+1, s.Appended, s.stream
}

// noteYields notes in the metadata of a reader that it yields, and keeps what is counted there.
func (r *readerState) noteYields(ctx context.Context, cfg *jetstream.ConsumerConfig) error {
	if !r.yields {
		return nil
	}
	cfg.Metadata[yieldsKey] = "1"
	there, err := r.l.stream.Consumer(ctx, r.durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if counted := there.CachedInfo().Config.Metadata[overtakenKey]; counted != "" {
		cfg.Metadata[overtakenKey] = counted
	}
	return nil
}

// overtake counts, for each reader that yields, what is about to be freed that it has not finished, and tells of it.
func (l *lane) overtake(ctx context.Context, cut uint64) error {
	list := l.stream.ListConsumers(ctx)
	var behind []*jetstream.ConsumerInfo
	for c := range list.Info() {
		if yields(c.Config) && backlogOf(c) > 0 && c.AckFloor.Stream+1 < cut {
			behind = append(behind, c)
		}
	}
	if err := list.Err(); err != nil {
		return fmt.Errorf("list readers: %w", err)
	}
	for _, c := range behind {
		if err := l.countOvertaken(ctx, c, cut); err != nil {
			return fmt.Errorf("count what reader %s loses: %w", l.j.called(c.Name), err)
		}
	}
	return nil
}

func (l *lane) countOvertaken(ctx context.Context, c *jetstream.ConsumerInfo, cut uint64) error {
	total := overtakenIn(c.Config)
	var now Overtaken
	for s, err := range l.ofSubjects(ctx, subjectsOf(c.Config), max(c.AckFloor.Stream, total.place)+1, cut) {
		if err != nil {
			return err
		}
		total.add(s)
		now.add(s)
	}
	if now.Records == 0 {
		return nil
	}
	cfg := c.Config
	if cfg.Metadata = maps.Clone(cfg.Metadata); cfg.Metadata == nil {
		cfg.Metadata = make(map[string]string)
	}
	cfg.Metadata[overtakenKey] = total.String()
	if _, err := l.stream.UpdateConsumer(ctx, cfg); err != nil {
		return err
	}
	node, name := readerOf(c.Name)
	l.j.cfg.Log.Warn("journal: records are freed before a reader had finished them", "reader", l.j.called(c.Name), "stream", l.spec.name,
		"records", now.Records, "from", now.From, "until", now.Until, "in all", total.Records)
	l.j.tellReaders([]ReaderEvent{{
		Reader: name, Node: node, Stream: l.spec.name, What: readerOvertaken, Finished: c.AckFloor.Stream, Backlog: now.Records, At: l.now().UTC(),
		Why: fmt.Sprintf("%d records from %s to %s were freed before it had finished them, %d in all", now.Records,
			now.From.UTC().Format(time.RFC3339), now.Until.UTC().Format(time.RFC3339), total.Records),
	}})
	return nil
}

// ofSubjects yields the records on some subjects from a place up to another one, that one not included, in order.
func (l *lane) ofSubjects(ctx context.Context, subjects []string, from, to uint64) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		for s, err := range l.records(ctx, from, to-1, 0) {
			if err != nil {
				yield(stored{}, err)
				return
			}
			if s.bad == nil && slices.ContainsFunc(subjects, func(pattern string) bool { return matches(pattern, l.subjectOf(s.Record)) }) && !yield(s, nil) {
				return
			}
		}
	}
}

// matches reports whether a subject is one of a pattern's.
func matches(pattern, subject string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range p {
		switch {
		case token == ">":
			return len(s) > i
		case i >= len(s) || token != "*" && token != s[i]:
			return false
		}
	}
	return len(p) == len(s)
}
