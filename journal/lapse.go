package journal

import (
	"slices"
	"time"
)

// A lapse says what may be lost: all that was written before a time. Several clocks, or one that is set meanwhile, tell that time, so all that was
// said is kept, and judged anew each time: if only the latest were, one by a clock that was ahead would hide all others.
type lapse struct {
	found time.Time   // when this process last found that out, by the clock that only runs forward; zero: it never did
	said  []time.Time // up to when something may be lost, in order
}

// mostSaid bounds what a lapse keeps: more than the losses that are told at a start. The earliest go first, for those behind them say more.
const mostSaid = 512

// sameTime is how close to each other two times of a lapse are one, the later: a clock may run a little slower or faster than another one.
const sameTime = time.Second

// add notes that what was written before a time may be lost. A zero time says nothing.
func (p *lapse) add(times ...time.Time) {
	for _, at := range times {
		i, there := slices.BinarySearchFunc(p.said, at, time.Time.Compare)
		switch {
		case at.IsZero() || there:
		case i > 0 && at.Sub(p.said[i-1]) < sameTime:
			p.said[i-1] = at
		default:
			p.said = slices.Insert(p.said, i, at)
		}
	}
	p.said = p.said[max(0, len(p.said)-mostSaid):]
}

// upTo returns the latest time that is kept and not after a limit, zero if there is none.
func (p *lapse) upTo(limit time.Time) time.Time {
	i, there := slices.BinarySearchFunc(p.said, limit, time.Time.Compare)
	switch {
	case there:
		return limit
	case i == 0:
		return time.Time{}
	}
	return p.said[i-1]
}

// goesBeyond reports whether a time is kept that is after a limit.
func (p *lapse) goesBeyond(limit time.Time) bool {
	return len(p.said) > 0 && p.said[len(p.said)-1].After(limit)
}

// A watch is what the clock of the machine said. What it said before a step back of less than clocksApart stands: only one that steps back
// further was wrong.
type watch struct {
	at     time.Time // when it was read last, by the clock that only runs forward
	said   time.Time // then
	latest time.Time // what it would have said then without its steps back
	most   time.Time // the latest that it did say, or would have when it stepped back
}

// read takes up what the clock says now, and returns what it would say without its steps back.
func (w *watch) read(now time.Time) time.Time {
	if w.at.IsZero() {
		w.at, w.said = time.Now(), now
	}
	since := time.Since(w.at)
	w.latest = latest(now, w.latest.Add(since))
	w.most = latest(now, w.most, w.said.Add(since)) // it may have run until a moment ago
	if now.Before(w.said.Add(since - clocksApart)) {
		w.latest, w.most = now, now
	}
	w.at, w.said = time.Now(), now
	return w.latest
}

// lostUntil returns until when something may have been lost, zero if nothing was. l.mu is held.
func (l *lane) lostUntil() time.Time { return latest(l.foundUntil(), l.until(&l.changed)) }

// foundUntil returns until when something may have been lost that was found, by whomever. l.mu is held.
func (l *lane) foundUntil() time.Time {
	if l.forgot.goesBeyond(l.limit()) { // somebody's clock was ahead, before this process or in it
		l.say(&l.forgot, l.opened)
	}
	return l.until(&l.forgot)
}

// until returns before which time all was written that may be lost by a lapse. l.mu is held.
func (l *lane) until(p *lapse) time.Time {
	if !p.found.IsZero() {
		l.say(p, p.found)
	}
	return p.upTo(l.limit())
}

// say has the clock of now, which may have been set, say of a lapse that it was found at a moment of this process. That stands: the clock may step
// back. l.mu is held.
func (l *lane) say(p *lapse, moment time.Time) {
	if at := l.ago(moment); at.After(p.upTo(l.limit())) {
		p.add(at)
	}
}

// limit returns the latest time that is not called ahead: what was written last says so too. l.mu is held.
func (l *lane) limit() time.Time {
	return latest(l.watch.read(l.now()), l.lastAtOpen).Add(clocksApart)
}

// ahead reports whether a time that somebody noted is to come.
func (l *lane) ahead(t time.Time) bool { return t.After(l.now().Add(clocksApart)) }

// wasAhead reports whether the clock that said when something was found was ahead.
func (l *lane) wasAhead(found time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return found.After(l.limit())
}

// ago returns what the clock of now says of a moment of this process.
func (l *lane) ago(t time.Time) time.Time { return l.now().Add(-time.Since(t)) }

// noteLoss notes that now it was found that records of before at may be lost.
func (l *lane) noteLoss(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noteFound(at)
}

// noteFound is noteLoss for whom l.mu is held.
func (l *lane) noteFound(at time.Time) { l.note(&l.forgot, at) }

// noteChange notes that now another stream or server was met than before, or a new loss that others noted. It is not noted in the stream: each
// process meets that itself, and would take another one's note for news. l.mu is held.
func (l *lane) noteChange() { l.note(&l.changed, l.now()) }

// note notes that a lapse was found now. What was lost may have been written before the clock stepped back. l.mu is held.
func (l *lane) note(p *lapse, at time.Time) {
	l.watch.read(l.now())
	p.add(latest(at.Round(0), l.watch.most))
	p.found = time.Now()
}

// noteLostEnd notes that now it was found that records of before at may be lost, as noteLoss does, and how late a clock of before says that
// any was written: one of now that is behind that is not set.
func (l *lane) noteLostEnd(at, written time.Time) {
	l.mu.Lock()
	l.lastAtOpen = latest(l.lastAtOpen, written)
	l.mu.Unlock()
	l.noteLoss(at)
}
