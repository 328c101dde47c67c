package journal

import (
	"errors"
	"maps"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// admit answers appends that are there already, and learns what is needed to guard the others.
func (l *lane) admit(group []*pending) ([]*pending, error) {
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

// fresh takes out of p what is in the stream already and reports whether anything is left.
func (l *lane) fresh(p *pending) (bool, error) {
	kept := p.recs[:0]
	for i, r := range p.recs {
		last, err := l.lastSeen(subjectOf(r.Topic, r.Key, r.Node))
		if err != nil {
			p.recs = append(kept, p.recs[i:]...)
			return true, err
		}
		if last.id == r.ID || l.recent.has(recordKey(r)) {
			l.j.cfg.Recorder.Count(telemetry.JournalDuplicates, l.spec.name, 1)
			continue
		}
		kept = append(kept, r)
	}
	p.recs = kept
	return len(kept) > 0, nil
}

// lastSeen returns the last record on a subject as this process knows it, asking once.
func (l *lane) lastSeen(subject string) (seen, error) {
	l.mu.Lock()
	known, found := l.seen[subject]
	l.mu.Unlock()
	if found {
		return known, nil
	}
	s, err := l.fetch(l.j.ctx, query{LastFor: subject, fromFirst: true})
	if err != nil && !errors.Is(err, dodona.ErrNotFound) && s.stream == 0 {
		return seen{}, err
	}
	known = seen{s.stream, s.ID}
	l.firstSight(subject, known)
	return known, nil
}

// maxSeen bounds the memory of subjects; forgetting one costs a question to the store.
const maxSeen = 1 << 16

// firstSight remembers what was found on a subject unless something is remembered already: a look by another part of
// this process must not hide from a writer that somebody wrote in between.
func (l *lane) firstSight(subject string, s seen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, found := l.seen[subject]; found {
		return
	}
	if len(l.seen) >= maxSeen {
		maps.DeleteFunc(l.seen, func(subject string, _ seen) bool {
			topic, _, _, err := parseSubject(subject)
			return err != nil || !shared(topic)
		})
	}
	l.seen[subject] = s
}
