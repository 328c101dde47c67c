package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
)

// Where a source stopped stands in its last reading, and what a module knows in its feed's last round. A source may say nothing for longer than
// readings are kept, and what its device said while the node was off would then be passed over, or taken twice. So retention writes a position again
// at the end before it frees the record that has it (docs/decisions/101), unless its owner has written since: the store decides which of the two was first.

// mostPositions is the share of a stream's limit, as a divisor, that positions may take.
const mostPositions = 4

// renewed returns what must stay of the last record of a subject, if anything must.
func renewed(r dodona.Record) (rec dodona.Record, must bool) {
	switch r.Topic {
	case dodona.TopicReading:
		var e dodona.Exchange
		if json.Unmarshal(r.Body, &e) != nil || len(e.Cursor) == 0 {
			return r, false
		}
		body, err := json.Marshal(dodona.Exchange{Cursor: e.Cursor}) // its readings have had their time
		if err != nil {
			return r, false
		}
		return dodona.Record{Topic: r.Topic, Key: r.Key, Node: r.Node, ID: dodona.Keccak256(body).String(), Body: body}, true
	case dodona.TopicRound:
		var b struct {
			State map[string][]byte `json:"state"`
		}
		if json.Unmarshal(r.Body, &b) != nil || len(b.State) == 0 {
			return r, false
		}
		return dodona.Record{Topic: r.Topic, Key: r.Key, Node: r.Node, ID: r.ID, Body: r.Body}, true
	}
	return r, false
}

// keepPositions writes again the positions that stand before a place, of all nodes.
func (l *lane) keepPositions(ctx context.Context, s *space, cut uint64) error {
	if l.spec.name != streamRaw {
		return nil
	}
	left := l.room(s.said) / mostPositions
	if err := l.visit(ctx, func() { left -= min(left, l.standing(cut)) }); err != nil {
		return err
	}
	for _, topic := range l.spec.topics {
		info, err := l.stream.Info(ctx, jetstream.WithSubjectFilter(l.j.net.topic(topic)))
		if err != nil {
			return fmt.Errorf("list subjects: %w", err)
		}
		var old []string
		if err := l.visit(ctx, func() {
			for subject := range info.State.Subjects {
				if l.seen[subject].place < cut {
					old = append(old, subject)
				}
			}
		}); err != nil {
			return err
		}
		for _, subject := range old {
			if err := l.keepPosition(ctx, s, subject, cut, &left); err != nil {
				return fmt.Errorf("of %s: %w", subject, err)
			}
		}
	}
	return nil
}

// standing returns how much those positions take that were written again and stand at a place or behind it: all of them share the room, whenever
// it was that retention came to each. It runs in the lane.
func (l *lane) standing(cut uint64) (size uint64) {
	for subject, was := range l.again {
		switch now := l.seen[subject]; {
		case now.place != was.place:
			delete(l.again, subject) // its owner has written since, or it is forgotten
		case now.place >= cut:
			size += uint64(was.size)
		}
	}
	return size
}

// keepPosition writes the position of a subject again if its last record stands before a place. left is what positions may take still.
func (l *lane) keepPosition(ctx context.Context, s *space, subject string, cut uint64, left *uint64) error {
	for range maxRaces {
		last, err := l.fetch(ctx, query{LastFor: subject, fromFirst: true})
		switch {
		case errors.Is(err, dodona.ErrNotFound):
			return nil
		case errors.Is(err, errUnread), err != nil && last.stream > 0: // a damaged reading must not stop its sources
			l.j.cfg.Log.Error("journal: a position cannot be read and is freed; its source or module begins anew", "subject", subject, "error", err)
			return nil
		case err != nil:
			return err
		case last.stream >= cut:
			return l.learnPlaces(ctx, []stored{last})
		}
		rec, must := renewed(last.Record)
		size := uint64(sizeOnDisk(rec))
		if !must {
			return nil
		}
		if size > *left {
			l.j.cfg.Log.Error("journal: positions take too much of the stream, and one is freed; its source or module begins anew: give journal.raw.bytes more",
				"subject", subject, "size", sizeOf(size), "limit", l.limitNow())
			return nil
		}
		done := false
		var failed error
		if err := l.visit(ctx, func() {
			if failed = l.makeRoom(ctx, s, size); failed == nil {
				done, failed = l.renew(last, rec)
			}
		}); err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
		if done {
			*left -= size
			return nil
		}
	}
	return errors.New("somebody else writes at the same time again and again")
}

// renew writes a record behind the last one of its subject; false: somebody wrote meanwhile. It runs in the lane.
func (l *lane) renew(last stored, rec dodona.Record) (done bool, err error) {
	subject := l.subjectOf(rec)
	if l.seen[subject].place > last.stream {
		return false, nil
	}
	l.seen[subject] = l.seenAt(last.Record, last.stream) // which guards the flight
	p := &pending{recs: []dodona.Record{rec}, again: true, done: make(chan error, 1)}
	p.state.Store(flying)
	rest, err := l.fly(l.chain([]*pending{p}))
	if err != nil || len(rest) > 0 {
		return false, err
	}
	if err := <-p.done; err != nil {
		return true, err
	}
	if l.again == nil {
		l.again = map[string]seen{}
	}
	l.again[subject] = l.seen[subject]
	return true, nil
}
