package ethrpc

import (
	"context"
	"time"
)

// A Slowness says that requests wait for long, because endpoints refuse them, or do not answer the first time.
type Slowness struct {
	Host    string        // that is waited for
	Refused string        // what it refused last: a method, and what it said
	Since   time.Time     // of the first refusal
	Times   int           // refusals since then, and requests without an answer
	Of      int           // requests since then
	Each    time.Duration // that a request waits, about
	Next    time.Time     // when one is tried again; zero: now
}

// slow is how much requests have to wait. It belongs to the client's lock.
type slow struct {
	Slowness
	told    bool      // it is so slow that it is told
	waiting int       // requests that wait for patience
	last    time.Time // refusal for pace, or request that waited for an answer
	paced   bool      // there was a refusal for pace since it began
	ended   time.Time // when one was over that was told
	again   int       // how many were told one soon after the other
}

// Requests that wait for slowFrom each make what asks them slow, and so does a single one that waits for slowWait. It is over when they
// wait for less than slowTo, and none did nor was refused for slowFor, because before that a pace is tried that was too fast before; where
// nothing was refused, only not answered, for hungFor; and for twice as long each time that one begins within soonAfter of the one before, so that
// an endpoint that hangs now and then is not told again and again.
const (
	slowFrom = time.Second
	slowWait = 3 * time.Second
	slowTo   = slowFrom / 2
	slowFor  = 2 * calmAfter
	hungFor  = 10 * time.Second

	soonAfter = 10 * time.Minute
	mostAgain = 6 // hungFor is then about soonAfter
)

// Over reports whether requests are answered again as they come; what was before is still worth telling.
func (s Slowness) Over() bool { return s.Next.IsZero() && s.Each < slowTo }

func (s *slow) refused(now time.Time, what string) {
	if s.Since.IsZero() {
		s.Since = now
	}
	s.last, s.paced = now, true
	s.Times++
	s.Of++
	s.Slowness.Refused = what
}

// failed takes in what was asked in vain before the answer came. An endpoint that never answers is not slow: it is down.
func (s *slow) failed(v vain) {
	if s.Since.IsZero() {
		s.Since, s.Of = v.since, 1 // the answer
	}
	s.Times, s.Of = s.Times+v.times, s.Of+v.times
	s.Slowness.Refused = v.last
}

func (s *slow) answered() {
	if !s.Since.IsZero() {
		s.Of++
	}
}

// Slow returns how slow the endpoints are that are asked, and whether they are so slow that people should know.
func (c *Client) Slow() (Slowness, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slow.Slowness
	if c.slow.waiting == 0 {
		s.Host, s.Next = c.endpoints[c.current].host, time.Time{}
	}
	return s, c.slow.told
}

// pause waits until an endpoint may be asked again.
func (c *Client) pause(ctx context.Context, index int, at time.Time, q *question) error {
	wait := max(time.Until(at), leastGap/4) // never again and again at once
	at = time.Now().Add(wait)
	c.mu.Lock()
	c.slow.Host, c.slow.Next = c.endpoints[index].host, at
	c.slow.waiting++
	begins := !c.slow.told && at.Sub(q.begun) >= slowWait
	if begins {
		c.slow.tell(time.Now())
		c.slow.Each = max(c.slow.Each, at.Sub(q.begun))
	}
	c.mu.Unlock()
	if begins && c.onSlow != nil {
		c.onSlow(ctx)
	}
	q.waited += wait
	err := sleep(ctx, wait)
	c.mu.Lock()
	c.slow.waiting--
	c.mu.Unlock()
	return err
}

// ended learns from a question how long one waits.
func (c *Client) ended(ctx context.Context, q *question) {
	c.mu.Lock()
	begins := c.slow.learn(time.Now(), q.waited)
	c.mu.Unlock()
	if begins && c.onSlow != nil {
		c.onSlow(ctx)
	}
}

// learn reports whether slowness begins.
func (s *slow) learn(now time.Time, waited time.Duration) (begins bool) {
	s.Each = (3*s.Each + waited) / 4
	if waited >= slowTo {
		s.last = now
	}
	calm := hungFor << s.again
	if s.paced {
		calm = max(calm, slowFor)
	}
	switch {
	case s.Each >= slowFrom && !s.told && !s.Since.IsZero():
		s.tell(now)
		return true
	case s.Each < slowTo && s.waiting == 0 && now.Sub(s.last) >= calm:
		if s.told {
			s.ended = now
		}
		*s = slow{Slowness: Slowness{Each: s.Each}, ended: s.ended, again: s.again}
	}
	return false
}

// tell notes that it is told.
func (s *slow) tell(now time.Time) {
	if s.told = true; s.ended.IsZero() || now.Sub(s.ended) > soonAfter {
		s.again = 0
		return
	}
	s.again = min(s.again+1, mostAgain)
}
