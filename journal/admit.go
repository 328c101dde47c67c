package journal

import (
	"errors"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// admit answers appends that are there already, and learns where the others would come to stand.
func (l *lane) admit(group []*pending) ([]*pending, error) {
	l.forget()
	if err := l.learnFirsts(group); err != nil {
		return group, err
	}
	kept := group[:0]
	for i, p := range group {
		if p.state.Load() == withdrawn {
			continue
		}
		fresh, err := l.fresh(p)
		if err != nil {
			return append(kept, group[i:]...), err
		}
		if fresh {
			kept = append(kept, p)
		} else {
			p.finish(nil)
		}
	}
	return kept, nil
}

// learnFirsts learns at once which subjects have no record yet, where many are new.
func (l *lane) learnFirsts(group []*pending) error {
	var unknown []string
	for _, p := range group {
		for _, r := range p.recs {
			if subject := l.subjectOf(r); shared(r.Topic) && r.After == "" {
				if _, known := l.seen[subject]; !known {
					unknown = append(unknown, subject)
				}
			}
		}
	}
	if len(unknown) < 2 {
		return nil
	}
	counts, err := l.counts(l.j.ctx, unknown)
	if err != nil {
		return err
	}
	for _, subject := range unknown {
		if counts[subject] == 0 {
			l.seen[subject] = seen{}
		}
	}
	return nil
}

// fresh takes out of p what is in the stream already and reports whether anything is left.
func (l *lane) fresh(p *pending) (bool, error) {
	recs := p.recs
	p.recs = make([]dodona.Record, 0, len(recs))
	for i, r := range recs {
		last, err := l.lastSeen(l.subjectOf(r), r, recs[:i])
		if err != nil {
			p.recs = append(p.recs, recs[i:]...)
			return true, err
		}
		same := l.recent.identity(r)
		if last.place > 0 && last.same == same || l.recent.has(same) {
			l.j.cfg.Recorder.Count(telemetry.JournalDuplicates.Of(l.spec.name), 1)
			continue
		}
		p.recs = append(p.recs, r)
	}
	return len(p.recs) > 0, nil
}

// lastSeen returns the last record on a subject, as this lane remembers it if that agrees with what r was decided on, else
// as the store has it: a memory may be old, but a decision that is new is never refused for it.
func (l *lane) lastSeen(subject string, r dodona.Record, before []dodona.Record) (seen, error) {
	known, found := l.seen[subject]
	if found && (!shared(r.Topic) || known.id == r.After || known.same == l.recent.identity(r) || follows(r, before)) {
		return known, nil
	}
	s, err := l.fetch(l.j.ctx, query{LastFor: subject, fromFirst: true})
	if err != nil && !errors.Is(err, dodona.ErrNotFound) && s.stream == 0 {
		return seen{}, err
	}
	known = l.seenAt(s.Record, s.stream)
	l.seen[subject] = known
	return known, nil
}

// follows reports whether r was decided on one of the records before it in the same append.
func follows(r dodona.Record, before []dodona.Record) bool {
	for _, b := range before {
		if b.Topic == r.Topic && b.Key == r.Key && b.ID == r.After {
			return true
		}
	}
	return false
}

// A seen is the last record on a subject as far as a lane knows. It is a memory, which saves questions: whether a record
// may follow is decided by what its writer says that it decided on, and by the store.
type seen struct {
	place uint64 // in the stream; 0: there is none
	id    string
	same  identity
	size  int // about, on the disk
}

// seenAt notes that r stands at a place, which is 0 if there is none. What stands there and could not be read is no record that
// anybody decided on.
func (l *lane) seenAt(r dodona.Record, place uint64) seen {
	switch {
	case place == 0:
		return seen{}
	case r.ID == "":
		return seen{place: place, id: unreadable}
	}
	return seen{place, r.ID, l.recent.identity(r), sizeOnDisk(r)}
}

const unreadable = " " // no record has this ID

// maxSeen bounds the memory of subjects; forgetting one costs a question to the store.
const maxSeen = 1 << 16

func (l *lane) forget() {
	if len(l.seen) > maxSeen {
		clear(l.seen)
	}
}

// A ballot judges, one append after the other, whether what each was decided on is still so.
type ballot struct {
	l    *lane
	tail map[string]seen // by shared subject: the last record that the flight itself will leave
}

// conflict returns the subject on which somebody else was there first, or "". What p would leave is remembered if there is none.
func (b *ballot) conflict(p *pending) string {
	left := make(map[string]seen)
	for _, r := range p.recs {
		if !shared(r.Topic) {
			continue
		}
		subject := b.l.subjectOf(r)
		last, found := left[subject]
		if !found {
			if last, found = b.tail[subject]; !found {
				last = b.l.seen[subject]
			}
		}
		next := seen{id: r.ID, same: b.l.recent.identity(r)}
		if last.id != r.After && last.same != next.same && !p.again {
			return subject
		}
		left[subject] = next
	}
	for subject, last := range left {
		b.tail[subject] = last
	}
	return ""
}
