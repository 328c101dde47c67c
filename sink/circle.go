package sink

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/observed"
	"github.com/dodona-oracle/dodona/telemetry"
)

// circles notes this node in the trail of an observation, unless the observation has been here before: then it is passed over and counted, for two
// nodes that read what the other one publishes would pass it to and fro for ever.
func (l *Loop) circles(rec dodona.Record, e *ObservationEvent) bool {
	mark, why := l.c.Env.Mark, ""
	switch {
	case mark == "":
		return false
	case slices.Contains(e.Via, mark):
		why = "this node delivered it before: whoever reads it passes it back"
	case len(e.Via) >= observed.MostVia:
		why = fmt.Sprintf("it has passed %d nodes, which is as many as may be", len(e.Via))
	default:
		e.Via = append(slices.Clip(e.Via), mark)
		return false
	}
	if l.circled++; bits.OnesCount64(l.circled) == 1 { // the log stays bounded
		l.c.Log.Warn("an observation of another node is not delivered", "point", e.Point, "why", why, "so far", l.circled)
	}
	l.pass(rec, telemetry.SinkSkipped, func(s *Status) {
		s.Skipped++
		s.LastError, s.ErrorTime = told(e.Point+" is not delivered: "+why), l.c.Now()
	})
	return true
}
