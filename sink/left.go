package sink

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A Left is what waits for a sink of points of a source, and is not delivered any more: the configuration that knew how is gone.
type Left struct {
	Source  string
	Points  []string // that are not delivered any more; none: nothing of the source is
	Records uint64   // exchanges, at most: what was in hand may have gone
	From    time.Time
	Until   time.Time
}

func (w Left) String() string {
	of := w.Source
	if len(w.Points) > 0 {
		of = strings.Join(w.Points, ", ")
	}
	return fmt.Sprintf("%s is not among what this sink delivers any more: at most %s from %s to %s, each with all values that were read at once, waited and will not be delivered; the journal has them as long as journal.raw says",
		of, unit.Count(w.Records, "exchange"), w.From.UTC().Format(time.RFC3339), w.Until.UTC().Format(time.RFC3339))
}

// sayLeft tells of what waited and is not delivered any more, and counts it; false: ctx ended.
func (l *Loop) sayLeft(ctx context.Context) bool {
	if l.c.Left == nil {
		return true
	}
	var all []Left
	if !l.again(ctx, "look for what is not delivered any more", func() (err error) {
		all, err = l.c.Left(ctx)
		return err
	}) {
		return false
	}
	for _, left := range all {
		now, text := l.c.Now(), left.String()
		l.c.Log.Warn(text)
		l.c.Recorder.Count(telemetry.SinkSkipped.Of(l.c.Name), left.Records)
		l.set(func(s *Status) {
			s.Skipped += left.Records
			s.LastError, s.ErrorTime = told(text), now
		})
		event, err := EventRecord(l.c.Name, "left", text, now)
		if err != nil {
			l.c.Log.Error("an event cannot be written", "error", err)
			continue
		}
		if !l.keep(ctx, "write event", event) {
			return false
		}
	}
	return true
}
