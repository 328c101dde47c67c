package sink

import (
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
	if l.c.Kind.slot || l.c.Policy.Policy == Every {
		return wanted
	}
	return l.newest(wanted)
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
			l.pass(rec, telemetry.SinkSkipped, func(s *Status) { s.Skipped++ })
			continue
		}
		kept = append(kept, rec)
	}
	return kept
}

func (l *Loop) due(rec dodona.Record) bool {
	said, err := SaidIn(rec)
	return err != nil || l.c.Policy.Due(l.last[rec.Key], said)
}

// pass counts a record that is not delivered.
func (l *Loop) pass(rec dodona.Record, c telemetry.Counters, count func(*Status)) {
	l.c.Recorder.Count(c.Of(l.c.Name), 1)
	l.set(count)
	l.passed[rec.Key]++
}
