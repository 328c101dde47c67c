package evm

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Evidence is what was said of a place since something is claimed of it.
type evidence struct {
	since   time.Time
	views   int            // that claimed it
	claims  []word         // view after view, above what is known: those of the last minutes
	said    map[int]word   // by endpoint: what it claimed last
	denials map[int]denial // by endpoint: the last one
	lags    bool           // another endpoint is there that may tell yet
	behind  bool           // one that answered in the last view is
	alone   int            // views in a row in which it was claimed and no denial held
	aloneAt time.Time      // the first of them
}

// A denial is the word of an endpoint that does not know what is claimed, and would.
type denial struct {
	word
	of uint64 // the level that was claimed
}

const (
	// deniedFor is how long a denial holds if who denied is not heard of any more: what is wrong does not come true because he is silent.
	deniedFor = 10 * time.Minute
	// thirdFor is how long a denial of a slot waits for another endpoint that lags.
	thirdFor = 30 * time.Second
	// askedAfter is after what time who denied is asked again.
	askedAfter = 5 * time.Minute
	// keepsTime is how far the newest block of a chain that makes them by the clock may be from it, and farOff how far none is.
	keepsTime = time.Minute
	farOff    = 5 * time.Minute
	// blockAhead is how far ahead of the clock a block may be made.
	blockAhead = 5 * time.Second
)

func newEvidence(now time.Time) *evidence {
	return &evidence{since: now, said: make(map[int]word), denials: make(map[int]denial)}
}

// hear takes note of what a view claims, unless that is nothing new, and of what others say. Silent: an endpoint that is there did not answer.
func (e *evidence) hear(now time.Time, c claim, words []word, anew, silent bool) {
	maps.DeleteFunc(e.said, func(_ int, w word) bool { return w.level <= c.known })
	e.claims = slices.DeleteFunc(e.claims, func(w word) bool { return w.level <= c.known })
	c.at = now
	if e.said[c.by] = c.word; anew {
		e.views++
		e.note(c.word)
	}
	delete(e.denials, c.by)
	first := e.first(c)
	e.lags, e.behind = e.lags || silent, false
	for _, w := range words {
		w.at = now
		switch {
		case w.level > c.known:
			e.said[w.by] = w
			delete(e.denials, w.by)
		case w.knows(now, first):
			e.denials[w.by] = denial{w, c.level}
			delete(e.said, w.by)
		default:
			e.lags, e.behind = true, e.behind || !w.clock.IsZero()
		}
	}
	_, denied := e.refutes(now, c)
	switch {
	case denied:
		e.alone = 0
	case anew:
		if e.alone++; e.alone == 1 {
			e.aloneAt = now
		}
	}
}

// first returns the oldest word of what is claimed that matters.
func (e *evidence) first(c claim) word {
	if len(e.claims) > 0 {
		return e.claims[0]
	}
	return c.word
}

// knows reports whether an endpoint has seen a block that was made after something was claimed, and so would know of it; else it may lag. The clock
// of the chain tells, which both go by: it may be hours from ours. Only if ours agrees with that of the endpoint, and the claimer's is far away,
// is that one made up.
func (w word) knows(now time.Time, claimed word) bool {
	since := claimed.clock
	if now.Sub(w.clock).Abs() < keepsTime && claimed.at.Sub(claimed.clock).Abs() > farOff {
		since = claimed.at
	}
	return w.clock.After(since.Add(blockAhead))
}

// old takes out the denial of an endpoint that has less than is known, and reports whether there is one: it shows an old state. If two do, or one that
// denied before and was right, the chain was reorganized, and they are heard.
func (e *evidence) old(now time.Time, c claim, words []word, right func(by int) bool) bool {
	c.at = now
	first := e.first(c)
	low := func(w word) bool { return w.level < c.floor && w.knows(now, first) }
	at := slices.IndexFunc(words, low)
	if at < 0 || right(words[at].by) || slices.ContainsFunc(words[at+1:], low) {
		return false
	}
	delete(e.denials, words[at].by)
	words[at].clock = time.Time{} // as if it lagged
	return true
}

// note keeps what is claimed, of each second the least, and no more than matters.
func (e *evidence) note(w word) {
	n := len(e.claims)
	switch {
	case n == 0 || w.at.Sub(e.claims[n-1].at) >= time.Second:
		e.claims = append(e.claims, w)
	case w.level < e.claims[n-1].level:
		w.at, w.clock = e.claims[n-1].at, e.claims[n-1].clock
		e.claims[n-1] = w
	}
	for len(e.claims) > lostViews && w.at.Sub(e.claims[1].at) >= laggingFor {
		e.claims = e.claims[1:]
	}
}

// patience returns how long something must be claimed if nobody else can tell.
func (e *evidence) patience() time.Duration {
	if e.lags {
		return laggingFor
	}
	return lostFor
}

// refutes returns the denial that holds against a claim, with the highest level.
func (e *evidence) refutes(now time.Time, c claim) (d denial, found bool) {
	for _, other := range e.denials {
		if now.Sub(other.at) < deniedFor && c.level <= other.of && (!found || other.level > d.level) {
			d, found = other, true
		}
	}
	return d, found
}

// asked reports whether an endpoint has denied a claim of a slot not long ago.
func (e *evidence) asked(now time.Time, by int, c claim) bool {
	d, found := e.denials[by]
	return found && c.place != theCount && now.Sub(d.at) < askedAfter && c.level <= d.of
}

// judge weighs what was said: the highest that two say is proven, the least that one has said for a while is believed of it alone. It returns that, or
// the denial. Of a slot one denial is not enough while another endpoint may tell yet.
func (e *evidence) judge(now time.Time, c claim) (verdict, word) {
	byLevel := func(a, b word) int { return cmp.Compare(a.level, b.level) }
	if said := slices.SortedFunc(maps.Values(e.said), byLevel); len(said) > 1 {
		return proven, said[len(said)-2]
	}
	if d, found := e.refutes(now, c); found {
		if c.place != theCount && e.behind && now.Sub(e.since) < thirdFor {
			return unclear, c.word
		}
		return refuted, d.word
	}
	if e.alone < lostViews || now.Sub(e.aloneAt) < e.patience() {
		return unclear, c.word
	}
	for n := len(e.claims) - lostViews; n >= 0; n-- {
		if now.Sub(e.claims[n].at) >= e.patience() {
			return single, slices.MinFunc(e.claims[n:], byLevel)
		}
	}
	return unclear, c.word
}

// setClock takes what was heard by a clock that was ahead for heard now.
func (e *evidence) setClock(past func(...*time.Time)) {
	past(&e.since)
	for by, d := range e.denials {
		past(&d.at)
		e.denials[by] = d
	}
	past(&e.aloneAt)
	for n := range e.claims {
		past(&e.claims[n].at)
	}
}
