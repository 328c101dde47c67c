package sink

import (
	"context"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A PointSink delivers points: every observation of the sources that the policy names, from the journal, whether a feed asks for them or not. Where
// the policy names feeds, or anchors, it is given records like any other sink.
type PointSink interface {
	dodona.Sink
	// Send gives observations to the peer, in this order, and returns when it has acknowledged all of them or after an error.
	// [dodona.Permanent] says that the first one that is not done will hardly ever be taken, and [Stalled] that nothing will be.
	Send(ctx context.Context, events []ObservationEvent) (Sent, error)
}

// Sent says how far a [PointSink] came.
type Sent struct {
	Done  int // observations, from the first on, that the peer has acknowledged
	Tried int // that it may have been given, at least Done
}

// NewPoints returns a kind of sink that delivers points, in order. See [NewStream] for S.
func NewPoints[S any](name string, open func(context.Context, S, Env) (PointSink, error)) Kind {
	k := newKind(name, false, func(ctx context.Context, s S, env Env) (dodona.Sink, error) {
		opened, err := open(ctx, s, env)
		if err != nil {
			return nil, err
		}
		return opened, nil
	})
	k.points = true
	return k
}

// OfPoints reports whether a sink of this kind delivers points under a policy, and not answers.
func (k Kind) OfPoints(p Policy) bool { return k.points && !p.NamesAnswers() }

// PointKeys are the settings of a [Policy] that mean something to sinks of points alone.
func PointKeys() []string {
	return []string{"sources", "points", "drain"}
}

// A Described is a point that a sink delivers, as the configuration says it.
type Described struct {
	Point, Device, Protocol string
	Unit                    string // empty where only the point itself says it
}

// Overtaken says what retention freed before a sink of points had delivered it.
type Overtaken struct {
	Records uint64    `json:"records"` // readings of one exchange each
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
}

// A reported is what was chosen last of a point.
type reported struct {
	value   dodona.Decimal
	quality dodona.Quality
	at      time.Time
}

// reports notes an observation, and returns whether it goes, by what went last of its point.
func (l *Loop) reports(e ObservationEvent) bool {
	last, known := l.reported[e.Point]
	p := l.c.Policy
	if known && p.ReportsOnChange() && !p.changed(last, e) && !p.beats(last.at, e.Received) {
		return false
	}
	next := reported{quality: e.Quality, at: e.Received}
	if e.Value != nil {
		next.value = *e.Value
	}
	l.reported[e.Point] = next
	return true
}

// beats reports whether a point is due that went last at an instant, and says nothing new. A clock that was ahead and was set right silences none.
func (p Policy) beats(last, now time.Time) bool {
	return p.Heartbeat > 0 && (now.Before(last) || now.Sub(last) >= p.Heartbeat)
}

// ReportsOnChange reports whether points go only if they say something new.
func (p Policy) ReportsOnChange() bool {
	return p.OnChange || p.Heartbeat > 0 || !p.Deadband.IsZero() || len(p.Deadbands) > 0
}

// changed reports whether an observation differs enough from the one that went last.
func (p Policy) changed(last reported, e ObservationEvent) bool {
	if e.Quality != last.quality {
		return true
	}
	if e.Value == nil {
		return false
	}
	band, own := p.Deadbands[e.Point]
	if !own {
		band = p.Deadband
	}
	return band.Exceeded(unit.Rat(last.value), unit.Rat(*e.Value))
}
