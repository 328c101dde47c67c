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
	return narrow{j, wish{only: map[dodona.Topic][]string{topic: slices.Clone(keys)}}}
}

// A wish is what of its topics a reader wants, and how.
type wish struct {
	only   map[dodona.Topic][]string // keys; a topic without has all
	own    bool                      // of this node alone
	yields bool                      // retention does not wait for it
}

type narrow struct {
	*Journal
	wish wish
}

// From is that of the whole journal, of what is wanted.
func (n narrow) From(ctx context.Context, reader string, topics ...dodona.Topic) iter.Seq2[[]dodona.Record, error] {
	return n.from(ctx, reader, n.wish, topics)
}

// subjects returns what the reader asks for.
func (r *readerState) subjects() (list []string) {
	node := "*"
	if r.own {
		node = r.l.j.cfg.Node
	}
	for _, t := range r.topics {
		keys, some := r.only[t]
		for _, key := range keys {
			list = append(list, r.l.j.net.subject(t, key, node))
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
