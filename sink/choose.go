package sink

import (
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// chosen returns what of a slice is for this sink by its policy, and counts the rest.
func (l *Loop) chosen(recs []dodona.Record, begin time.Time) []dodona.Record {
	wanted := make([]dodona.Record, 0, len(recs))
	for _, rec := range recs {
		switch {
		case rec.Topic == dodona.TopicAnchor:
		case len(l.c.Policy.Feeds) > 0 && !slices.Contains(l.c.Policy.Feeds, rec.Key):
			continue
		}
		if l.foreign(rec) {
			continue
		}
		if rec.Appended.Before(begin) {
			l.pass(rec, telemetry.SinkSkipped, func(s *Status) { s.Skipped++ })
			continue
		}
		wanted = append(wanted, rec)
	}
	switch {
	case l.c.Kind.slot:
		return wanted
	case l.c.Policy.Policy == Every:
		return l.telling(wanted)
	}
	return l.newest(wanted)
}

// telling keeps the answers that say something new, each after the one before it, where feeds choose.
func (l *Loop) telling(recs []dodona.Record) []dodona.Record {
	if !l.c.Policy.chooses() {
		return recs
	}
	last := maps.Clone(l.last)
	kept := recs[:0]
	for _, rec := range recs {
		if rec.Topic == dodona.TopicData {
			said, err := SaidIn(rec)
			if err == nil && !l.dueAfter(last[rec.Key], rec, said) {
				continue
			}
			if err == nil {
				last[rec.Key] = &said
			}
		}
		kept = append(kept, rec)
	}
	return kept
}

// newest keeps the newest answer of each feed, if it is due.
func (l *Loop) newest(recs []dodona.Record) []dodona.Record {
	last := make(map[string]int)
	for i, rec := range recs {
		if rec.Topic == dodona.TopicData {
			last[rec.Key] = i
		}
	}
	kept := recs[:0]
	for i, rec := range recs {
		switch {
		case rec.Topic != dodona.TopicData:
		case last[rec.Key] != i:
			l.pass(rec, telemetry.SinkSuperseded, func(s *Status) { s.Superseded++ })
			continue
		case !l.due(rec):
			continue
		}
		kept = append(kept, rec)
	}
	return kept
}

func (l *Loop) due(rec dodona.Record) bool {
	said, err := SaidIn(rec)
	return err != nil || l.dueAfter(l.last[rec.Key], rec, said)
}

// dueAfter reports whether an answer is due after the last one, and counts it, with the reason, if it is not.
func (l *Loop) dueAfter(last *Said, rec dodona.Record, said Said) bool {
	if l.c.Policy.Due(rec.Key, last, said) {
		return true
	}
	l.pass(rec, telemetry.SinkSkipped, func(s *Status) {
		s.Skipped++
		if why := l.c.Policy.Held(rec.Key, *last, said); why != "" {
			s.Held = &Held{rec.Key, said.Round, why, l.c.Now()}
		}
	})
	return false
}

// pass counts a record that is not delivered.
func (l *Loop) pass(rec dodona.Record, c telemetry.Counters, count func(*Status)) {
	l.c.Recorder.Count(c.Of(l.c.Name), 1)
	l.set(count)
	l.passed[rec.Key]++
}
