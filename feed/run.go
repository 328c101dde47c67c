package feed

import (
	"context"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/grid"
	"github.com/dodona-oracle/dodona/telemetry"
)

const (
	// look is how often the clock is read while a feed waits, so that a step of the clock is noticed.
	look = time.Second
	// maxPassed is how many rounds that passed are named one by one; more become one bundle.
	maxPassed = 100
	// grace is how long Run waits, after ctx ends, for sources that do not return.
	grace = 5 * time.Second
)

// Run makes rounds until ctx ends, and hands their bundles to emit, in ascending order of rounds. last is the last round
// that was ever made (of the journal, say), or 0: rounds up to it are never made again.
//
// Every turn reads the clock once and decides by that one instant. The grid is followed upwards only: a clock that
// steps back makes no round until it has passed the last one ([Behind]); rounds that passed, because the node did not
// run, the clock was set forward or emit blocked, are missed: up to 100 one by one, more as one bundle for the last of
// them, which speaks for all since the round before it and says how many. They are emitted together with the round that
// is due: if each waited for emit alone, an emit slower than every would let rounds pass for ever. A round is asked only
// while it is open: until three times every, at most a minute, after its instant. Before the first round ever (last is 0)
// nothing is missed.
//
// Run returns nil when ctx ends, and what emit returned if that is an error; the rounds are then not made again.
// It waits for the sources that it asked, 5 s at most. A Feed has one Run at a time.
func (f *Feed) Run(ctx context.Context, last dodona.Round, emit func(context.Context, []dodona.Bundle) error) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		f.enter(Stopped, 0)
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if late := f.Wait(patience); err == nil {
			err = late
		}
	}()
	f.mu.Lock()
	l := loop{feed: f, every: f.doc.Every(), last: last, emit: emit, cause: f.idle(), fresh: f.o.FirstNow && f.status.Last == 0}
	f.status.Last = max(f.status.Last, last)
	f.mu.Unlock()
	f.begun(last)
	for {
		wait, err := l.turn(ctx)
		if err != nil {
			return fmt.Errorf("keep round %v of feed %q: %w", l.last, f.doc.Feed.Name, err)
		}
		if !backoff.Wait(ctx, wait) {
			return nil
		}
	}
}

// notRunning is why rounds passed before the first turn, unless something else is known.
const notRunning = "the node was not running"

func (f *Feed) idle() string {
	if f.o.Idle != nil {
		if why := f.o.Idle(); why != "" {
			return why
		}
	}
	return notRunning
}

// A loop is one Run.
type loop struct {
	feed  *Feed
	every time.Duration
	last  dodona.Round // the last one made; only grows
	emit  func(context.Context, []dodona.Bundle) error
	cause string // why rounds passed, unless the clock shows another reason
	fresh bool   // the first round is due at once, off the grid

	wall, ticks time.Time // the clock and the machine's own at the last turn
}

// turn makes the rounds that are due, and returns how long to wait for the next turn.
func (l *loop) turn(ctx context.Context) (wait time.Duration, err error) {
	now := l.feed.o.Now()
	l.watch(now)
	at := dodona.RoundAt(now)
	switch {
	case l.fresh && at >= l.last:
		return 0, l.first(ctx, at)
	case l.last == 0 && at > 0:
		l.last = at - 1 // what was before this node is not missed
	}
	next := grid.Next(l.last, l.every)
	if at < next {
		state := Waiting
		if at < l.last {
			state = Behind
		}
		l.feed.enter(state, next)
		return min(next.Time().Sub(now), look), nil
	}
	due := grid.At(at, l.every)
	passed := l.passed(ctx, next, due, l.cause)
	if _, closes := grid.Open(due, l.every); now.After(closes) {
		return 0, l.keep(ctx, append(passed, l.passed(ctx, due, due+1, l.cause)...))
	}
	return 0, l.make(ctx, due, passed)
}

// watch compares the clock with the machine's own since the last turn: a step, or a sleep of the machine,
// is a better reason for rounds that passed than any other.
func (l *loop) watch(now time.Time) {
	ticks := time.Now()
	if !l.wall.IsZero() {
		step := now.Round(0).Sub(l.wall.Round(0)) - ticks.Sub(l.ticks)
		if step > min(l.every/2, look) {
			l.cause = fmt.Sprintf("the clock was set forward by %v, or the machine slept", step.Round(time.Millisecond))
		}
	}
	l.wall, l.ticks = now, ticks
}

// first makes the round that is due at once.
func (l *loop) first(ctx context.Context, at dodona.Round) error {
	l.fresh = false
	r := max(l.last+1, at)
	var passed []made
	if l.last > 0 {
		passed = l.passed(ctx, grid.Next(l.last, l.every), r, l.cause)
	}
	return l.make(ctx, r, passed)
}

// A made is a bundle with the number of rounds that it speaks for.
type made struct {
	dodona.Bundle
	rounds uint64
}

// make asks one round, and emits it after those that passed before it.
func (l *loop) make(ctx context.Context, r dodona.Round, passed []made) error {
	l.cause = "the rounds before took too long"
	l.feed.enter(Asking, r)
	b := l.feed.Answer(ctx, r)
	return l.keep(ctx, append(passed, made{b, 1}))
}

// passed makes the grid rounds from first on and below end missed ones.
func (l *loop) passed(ctx context.Context, first, end dodona.Round, cause string) (passed []made) {
	if first >= end {
		return nil
	}
	step, last := dodona.Round(l.every.Milliseconds()), grid.At(end-1, l.every)
	count := uint64((last-first)/step) + 1
	l.feed.o.Recorder.Count(telemetry.FeedPassed.Of(l.feed.doc.Feed.Name), count)
	if count > maxPassed {
		cause = fmt.Sprintf("%s; %d rounds from %v on passed", cause, count, first)
		return []made{{l.feed.missed(ctx, last, cause), count}}
	}
	for r := first; r <= last; r += step {
		passed = append(passed, made{l.feed.missed(ctx, r, cause), 1})
	}
	return passed
}

// keep hands on bundles, and counts them. After it their rounds are never made again. If ctx ended meanwhile, rounds were
// cut short: nothing is kept, and the next start finds them passed.
func (l *loop) keep(ctx context.Context, rounds []made) error {
	if ctx.Err() != nil {
		return nil
	}
	bundles := make([]dodona.Bundle, len(rounds))
	for i, m := range rounds {
		bundles[i], l.last = m.Bundle, m.Round
		l.feed.made(m.Bundle, m.rounds)
	}
	return l.emit(ctx, bundles)
}

// missed returns the bundle of a round that nobody was asked for. It is computed like any other, so it replays.
func (f *Feed) missed(ctx context.Context, r dodona.Round, reason string) dodona.Bundle {
	absent := map[string]Absence{}
	for _, source := range f.sources {
		absent[source] = Absence{dodona.InputFailed, "was not asked: " + reason}
	}
	doc, transform := f.due(r)
	return Compute(ctx, doc, transform, Material{Round: r, Node: f.o.Node, Absent: absent})
}
