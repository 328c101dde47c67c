package journal

import (
	"context"
	"iter"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
)

// Only returns the journal for readers that want nothing of a topic but these keys: what is not theirs is not sent to them, and not in their
// backlog. Without keys they want all. A reader that had nothing left and wants other keys than before has what comes from then on; one
// that had something left has of the new keys what came since.
func (j *Journal) Only(topic dodona.Topic, keys ...string) dodona.Journal {
	if len(keys) == 0 {
		return j
	}
	return narrow{j, map[dodona.Topic][]string{topic: slices.Clone(keys)}}
}

type narrow struct {
	*Journal
	only map[dodona.Topic][]string
}

// From is that of the whole journal, of what is wanted.
func (n narrow) From(ctx context.Context, reader string, topics ...dodona.Topic) iter.Seq2[[]dodona.Record, error] {
	return n.from(ctx, reader, n.only, topics)
}

// subjects returns what the reader asks for.
func (r *readerState) subjects() (list []string) {
	for _, t := range r.topics {
		keys, some := r.only[t]
		for _, key := range keys {
			list = append(list, r.l.j.net.subject(t, key, "*"))
		}
		if !some {
			list = append(list, r.l.j.net.topic(t))
		}
	}
	return list
}

// subjectsOf returns what a reader on the server asks for, sorted.
func subjectsOf(c jetstream.ConsumerConfig) []string {
	list := slices.Clone(c.FilterSubjects)
	if c.FilterSubject != "" {
		list = append(list, c.FilterSubject)
	}
	slices.Sort(list)
	return list
}
