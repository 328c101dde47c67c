package journal

import (
	"time"
)

// A pace decides how long a group may wait for company. Every flush is a synchronous write, which wears flash, so a
// busy lane gathers; but a wait that brought nobody was for nothing, and the next one is shorter, so that callers
// that append one after the other are not slowed down. It belongs to one goroutine.
type pace struct {
	times  [busyFlushes]time.Time // of the last flushes, a ring
	turn   int
	wait   time.Duration
	probed time.Time // when a wait was last tried after waits were given up
}

const (
	busyFlushes = 20 // within a second
	longestWait = 250 * time.Millisecond
	probeWait   = 4 * time.Millisecond
	probeEvery  = time.Second
)

// patience returns how long a group may wait now: not at all unless 20 flushes were made within the last second.
func (p *pace) patience(now time.Time) time.Duration {
	busyUntil := p.times[p.turn].Add(time.Second)
	if p.times[p.turn].IsZero() || !now.Before(busyUntil) {
		return 0
	}
	if p.wait < probeWait {
		if now.Sub(p.probed) < probeEvery {
			return 0
		}
		p.probed, p.wait = now, probeWait
	}
	return min(p.wait, busyUntil.Sub(now))
}

// waited learns from a wait that ended.
func (p *pace) waited(company bool) {
	if company {
		p.wait = min(2*p.wait, longestWait)
	} else {
		p.wait /= 2
	}
}

func (p *pace) flushed(now time.Time) {
	p.times[p.turn] = now
	p.turn = (p.turn + 1) % len(p.times)
}

// gather takes what waits together with first. A busy lane waits a little for more, unless a claim is among them:
// a signature waits for it.
func (l *lane) gather(first *pending) []*pending {
	g := group{list: []*pending{first}, records: len(first.recs), bytes: first.bytes, claim: first.claim}
	if l.j.cfg.Durability == Strict {
		return g.list
	}
	if !l.takeWaiting(&g) || g.claim {
		return g.list
	}
	wait := l.pace.patience(time.Now())
	if wait <= 0 {
		return g.list
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	alone := len(g.list)
	for room := true; room && !g.claim; {
		select {
		case p := <-l.queue:
			room = l.join(&g, p)
		case <-timer.C:
			room = false
		case <-l.j.ctx.Done():
			room = false
		}
	}
	l.takeWaiting(&g) // what came with a claim
	l.pace.waited(len(g.list) > alone)
	return g.list
}

// A group is what is gathered for one flush.
type group struct {
	list    []*pending
	records int
	bytes   int
	claim   bool
}

// takeWaiting adds what waits already and reports whether there is room for more.
func (l *lane) takeWaiting(g *group) bool {
	for l.carry == nil && g.records < maxGroup && g.bytes < l.groupBytes() {
		select {
		case p := <-l.queue:
			if !l.join(g, p) {
				return false
			}
		default:
			return true
		}
	}
	return false
}

// join adds p, or keeps it for the next group, and reports whether there is room for more.
func (l *lane) join(g *group, p *pending) bool {
	if g.records+len(p.recs) > maxGroup || g.bytes+p.bytes > l.groupBytes() {
		l.carry = p
		return false
	}
	g.list = append(g.list, p)
	g.records, g.bytes, g.claim = g.records+len(p.recs), g.bytes+p.bytes, g.claim || p.claim
	return g.records < maxGroup && g.bytes < l.groupBytes()
}

// groupBytes bounds a group: it must fit into the stream beside what cannot go.
func (l *lane) groupBytes() int { return min(maxGroupBytes, l.maxBytes()/2) }
