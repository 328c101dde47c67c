package feed

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A State is what a feed does now.
type State string

// The states of a feed.
const (
	Stopped State = "stopped" // Run has not begun, or has returned
	Waiting State = "waiting" // for the next round
	Asking  State = "asking"  // its sources, or keeping what they said
	Behind  State = "behind"  // the clock is before the last round: no round is made until Status.Until
)

// A Status is a feed at one instant.
type Status struct {
	Name     string       `json:"name"`
	State    State        `json:"state"`
	Last     dodona.Round `json:"last"`             // the last round that was made, answered or missed; 0 if none
	Next     dodona.Round `json:"next"`             // the next round that is due; 0 if stopped
	Until    time.Time    `json:"until,omitzero"`   // while behind: when rounds go on by this node's clock
	Answered uint64       `json:"answered"`         // rounds with an answer since the start
	Missed   uint64       `json:"missed"`           // rounds without one since the start, passed ones included
	Reason   string       `json:"reason,omitempty"` // why the last round was missed; empty if it was not
	Out      []string     `json:"out,omitempty"`    // sources that still have not answered an earlier round
}

// Status returns what the feed does now. It does not block.
func (f *Feed) Status() Status {
	out := f.out()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status
	s.Last = max(s.Last, f.known)
	if s.State != Asking { // while asking, that is nothing to report
		s.Out = out
	}
	return s
}

// Known tells of a round that was made before, for who asks meanwhile what the feed waits for.
func (f *Feed) Known(last dodona.Round) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = max(f.known, last)
}

// out returns the sources that are being asked.
func (f *Feed) out() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.asking))
}

// enter sets what the feed does and when it goes on.
func (f *Feed) enter(s State, next dodona.Round) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status.State, f.status.Next, f.status.Until = s, next, time.Time{}
	if s == Behind {
		f.status.Until = next.Time()
	}
}

// record counts what became of a round that was asked, and of its inputs.
func (f *Feed) record(b dodona.Bundle, took time.Duration) {
	name := f.doc.Feed.Name
	f.o.Recorder.Time(telemetry.FeedAnswer.Of(name), took)
	f.mu.Lock()
	if f.inARow++; b.Value != nil {
		f.inARow = 0
	}
	f.o.Recorder.Gauge(telemetry.FeedInARow.Of(name), f.inARow)
	f.mu.Unlock()
	for _, input := range b.Inputs {
		if c, counted := inputCounters[input.Status]; counted {
			f.o.Recorder.Count(c.Of(name), 1)
		}
	}
}

// begun measures that nothing came yet, and since when rounds should: what is not measured raises no alert.
func (f *Feed) begun(last dodona.Round) {
	name, recorder := f.doc.Feed.Name, f.o.Recorder
	recorder.Count(telemetry.FeedAnswered.Of(name), 0)
	recorder.Count(telemetry.FeedMissed.Of(name), 0)
	if last > 0 {
		f.lastIs(last)
	}
}

// lastIs measures which round was the last one, and when the next one is due.
func (f *Feed) lastIs(r dodona.Round) {
	name, recorder := f.doc.Feed.Name, f.o.Recorder
	recorder.Gauge(telemetry.FeedRound.Of(name), int64(min(r, math.MaxInt64)))
	recorder.Gauge(telemetry.FeedDue.Of(name), int64(min(r, math.MaxInt64/2))+f.o.Settings.Every.Milliseconds())
}

// made counts a bundle that speaks for a number of rounds, and makes it the last.
func (f *Feed) made(b dodona.Bundle, rounds uint64) {
	name, recorder := f.doc.Feed.Name, f.o.Recorder
	f.lastIs(b.Round)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status.Last, f.status.Reason = b.Round, b.Missed
	if b.Value == nil {
		f.status.Missed += rounds
		recorder.Count(telemetry.FeedMissed.Of(name), rounds)
		return
	}
	f.status.Answered++
	recorder.Count(telemetry.FeedAnswered.Of(name), 1)
	recorder.Gauge(telemetry.FeedGood.Of(name), int64(min(b.Round, math.MaxInt64)))
	if b.Quality == dodona.Uncertain {
		recorder.Count(telemetry.FeedUncertain.Of(name), 1)
	}
}

var inputCounters = map[dodona.InputStatus]telemetry.Counters{
	dodona.InputOutlier: telemetry.FeedOutliers,
	dodona.InputStale:   telemetry.FeedStale,
	dodona.InputBad:     telemetry.FeedBad,
	dodona.InputFailed:  telemetry.FeedFailed,
	dodona.InputLate:    telemetry.FeedLate,
}
