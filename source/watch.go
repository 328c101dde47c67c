package source

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/telemetry"
)

const (
	staleIntervals = 3                // no data for this many intervals is worth an alarm
	minRestart     = 10 * time.Second // a shorter silence is no reason to close and open again
	maxRestart     = 10 * time.Minute // between two restarts of a source that stays silent
	limitMargin    = 5 * time.Second  // beyond the exchange's own time-out, so that its own error comes first
	loudAttempt    = 3                // failures in a row that are worth a line in the log without a known pace
)

// watched is what the watchdog knows of one silence. It looks at data alone, never at what a library says of itself.
type watched struct {
	since     time.Time     // when the silence began; zero if no data is due
	alarms    int           // raised in this silence
	restarts  int           // ordered in this silence
	gap       time.Duration // between the instants that feeds ask for, where no pace is set
	lastAsked dodona.Round
}

// learnPace learns from the feeds how often data is wanted. The caller holds mu.
func (p *Pump) learnPace(r dodona.Round) {
	if last := p.watched.lastAsked; last != 0 && r > last {
		p.watched.gap = r.Time().Sub(last.Time())
	}
	p.watched.lastAsked = r
	if p.pace.Expect == 0 && p.status.Expected != p.watched.gap {
		p.status.Expected = p.watched.gap
		poke(p.look) // a watchdog that knew no pace sleeps, however long the silence is already
	}
}

// watch raises the alarm and orders restarts while data fails to come, until ctx ends.
func (p *Pump) watch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-p.look:
		case <-ctx.Done():
			return
		}
		if next, due := p.check(); due {
			timer.Reset(next)
			continue
		}
		timer.Stop()
	}
}

// check raises what is due and returns when to look again; false means after the next poke.
func (p *Pump) check() (next time.Duration, due bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	expected := p.status.Expected
	if p.watched.since.IsZero() || expected <= 0 {
		return 0, false
	}
	silent := p.cfg.Now().Sub(p.watched.since)
	alarm := func() time.Duration { return doubled(staleIntervals*expected, p.watched.alarms, 24*time.Hour) }
	if silent >= alarm() {
		for silent >= alarm() && p.watched.alarms < 62 {
			p.watched.alarms++
		}
		p.status.State = Stale
		p.cfg.Recorder.Gauge(telemetry.SourceUp.Of(p.cfg.Name), 0)
		p.cfg.Log.Warn(p.cfg.Name+": "+p.complaint(p.soon)+"; other sources go on.", "source", p.cfg.Name, "attempt", p.status.Attempt)
		p.refuse()
	}
	restart := func() time.Duration {
		return doubled(max(staleIntervals*expected, minRestart, p.pace.Limit+limitMargin), p.watched.restarts, maxRestart)
	}
	if silent >= restart() && !p.appending {
		p.watched.restarts++
		if !p.limited && p.cfg.Now().Sub(p.freed) >= minRestart { // nothing is wrong with a source that waits for the rate of its peer
			p.orderRestart()
		}
	}
	return max(min(alarm(), restart())-silent, time.Millisecond), true
}

// doubled returns d·2^times, bounded: after ceiling is reached it goes on in steps of the ceiling.
func doubled(d time.Duration, times int, ceiling time.Duration) time.Duration {
	for ; times > 0 && d < ceiling; times-- {
		d *= 2
	}
	return d + time.Duration(times)*ceiling
}

// orderRestart ends the call that is under way or, if there is none, has Run close the source. The caller holds mu.
func (p *Pump) orderRestart() {
	p.restart = true
	if p.cancel != nil {
		p.cancel(errSilent)
	}
	poke(p.wake)
}

// complaint says what is wrong, in one sentence or three, and by when what is done about it. The caller holds mu.
func (p *Pump) complaint(when func(time.Time) string) string {
	silent := p.cfg.Now().Sub(p.watched.since)
	var b strings.Builder
	if p.pushed {
		fmt.Fprintf(&b, "no %s for %s, %s. ", p.noun(), human(silent), p.due())
	} else {
		fmt.Fprintf(&b, "no data for %d intervals (%s). ", silent/max(p.status.Expected, 1), human(silent))
	}
	switch {
	case p.appending:
		b.WriteString("Waiting for the journal")
		return b.String()
	case p.pushed && p.status.Attempt == 0: // it speaks by itself, or not
		if waste := p.waste(); waste != "" {
			return b.String() + strings.ToUpper(waste[:1]) + waste[1:]
		}
		return strings.TrimSuffix(b.String(), ". ")
	case p.status.Attempt > 0:
		fmt.Fprintf(&b, "Last error: %s. ", p.status.LastError)
	}
	next := p.nextTry(when)
	return b.String() + strings.ToUpper(next[:1]) + next[1:]
}

// noun is what comes, as messages call one.
func (p *Pump) noun() string { return cmp.Or(p.pace.Of, "data") }

// due says how often something should come. The caller holds mu.
func (p *Pump) due() string {
	if p.pace.Of == "" {
		return "expected every " + human(p.status.Expected)
	}
	return "one was expected every " + human(p.status.Expected)
}

// silence says since when nothing came that should have: for what is looked at later, so that it stays the same while nothing comes. The caller
// holds mu.
func (p *Pump) silence() string {
	text := fmt.Sprintf("no %s since %s, %s", p.noun(), p.watched.since.UTC().Format(time.RFC3339), p.due())
	switch {
	case p.appending:
		text += "; what came waits for the journal"
	case p.pushed && p.status.LastReading.IsZero():
		text += "; none came yet"
	}
	if waste := p.waste(); waste != "" {
		text += "; " + waste
	}
	return text
}

// soon says of a time how long it is until then: for a line of the log, which has a time of its own.
func (p *Pump) soon(t time.Time) string { return "in " + human(t.Sub(p.cfg.Now())) }

// at says a time itself: for what is kept and read later, such as why a round was missed.
func at(t time.Time) string { return "at " + t.UTC().Round(time.Second).Format(time.RFC3339) }

// nextTry says what the pump does about it. The caller holds mu.
func (p *Pump) nextTry(when func(time.Time) string) string {
	if p.status.NextTry.IsZero() {
		return fmt.Sprintf("waiting for an answer (attempt %d)", p.status.Attempt+1)
	}
	again := fmt.Sprintf("trying again %s (attempt %d)", when(p.status.NextTry), p.status.Attempt)
	if p.permanent {
		return "this will hardly mend by itself, " + again
	}
	return again
}

// failed notes a failure, answers those who cannot wait for the next try, and returns how long to wait for it.
func (p *Pump) failed(err error) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = time.Time{}
	p.status.Attempt++
	p.status.Failures++
	p.cfg.Recorder.Count(telemetry.SourceFailures.Of(p.cfg.Name), 1)
	if p.status.State != Stale {
		p.status.State = Retrying
	}
	wasPermanent := p.permanent
	p.permanent, p.failure = dodona.IsPermanent(err), err
	var delay time.Duration
	if p.permanent {
		delay = p.tries(slowLeast).Slow(p.cfg.Rand)
	} else {
		delay = p.tries(0).Next(p.status.Attempt, p.cfg.Rand)
	}
	now := p.cfg.Now()
	delay = max(delay, retryAfter(err), p.tillDue(now))
	p.status.LastError, p.status.ErrorTime, p.status.NextTry = err.Error(), now, now.Add(delay)
	p.logFailure(p.permanent && !wasPermanent)
	p.refuse()
	return delay
}

// patientRounds is for how many rounds of the feeds that ask it a source is left alone at most, and slowLeast what is long enough for
// one that trying again will hardly mend.
const (
	patientRounds = 2
	slowLeast     = 10 * time.Second
)

// tries returns how long to wait between tries: a source that is well again is to answer a round soon, and asking once in two rounds is
// less than it is asked when all is well. No wait need be shorter than least. The caller holds mu.
func (p *Pump) tries(least time.Duration) backoff.Backoff {
	b := p.cfg.Backoff
	if p.pushed || p.watched.gap <= 0 {
		return b
	}
	if b.Min <= 0 {
		b.Min = backoff.DefaultMin
	}
	b.Max = min(b.Max, max(patientRounds*p.watched.gap, b.Min, least))
	return b
}

// logFailure says what failed: at once if it will not mend by itself, otherwise at the third failure in a row
// and at every doubling, unless the watchdog says it.
func (p *Pump) logFailure(important bool) {
	n := p.status.Attempt
	line := fmt.Sprintf("%s: %s. ", p.cfg.Name, p.status.LastError)
	next := p.nextTry(p.soon)
	line += strings.ToUpper(next[:1]) + next[1:] + "; other sources go on."
	if important || (p.status.Expected == 0 && n%loudAttempt == 0 && (n/loudAttempt)&(n/loudAttempt-1) == 0) {
		p.cfg.Log.Warn(line, "source", p.cfg.Name, "attempt", n)
		return
	}
	p.cfg.Log.Debug(line, "source", p.cfg.Name, "attempt", n)
}

// refuse answers those whose deadline comes before the next try. The caller holds mu.
func (p *Pump) refuse() {
	waiting := p.waiting
	p.waiting = nil
	for _, a := range waiting {
		if err := p.hopeless(a); err != nil {
			a.reply <- answer{err: err}
			continue
		}
		p.waiting = append(p.waiting, a)
	}
}

// recovered says that data comes again. The caller holds mu.
func (p *Pump) recovered(now time.Time) {
	silence := ""
	if !p.watched.since.IsZero() {
		silence = " after " + human(now.Sub(p.watched.since))
	}
	if p.pushed && p.status.Attempt == 0 { // it was asked nothing
		p.cfg.Log.Info(p.cfg.Name+": "+p.noun()+" again"+silence+".", "source", p.cfg.Name)
		return
	}
	p.cfg.Log.Info(fmt.Sprintf("%s: data again%s (attempt %d).", p.cfg.Name, silence, p.status.Attempt+1),
		"source", p.cfg.Name, "attempt", p.status.Attempt+1)
}
