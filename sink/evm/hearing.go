package evm

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona/internal/intent"
)

// Hearings are what was heard from endpoints and is not known, or what became of it.
type hearings struct {
	of        map[string]*hearing  // by place, of what is ahead and not seconded
	told      map[string]time.Time // by place: when a lead that is denied was last told
	refuted   map[string]refutal   // by place: where an endpoint was ahead last and not believed
	wrong     map[int]mistake      // by endpoint: how often a block showed that it denies what is true
	loneNonce *intent.Alone        // how many were sent, on the word of one endpoint alone; nil: it is known
	loneSlots map[string]word      // slots on the word of one endpoint alone, by place
	loneAt    time.Time            // since when one endpoint is believed alone
}

func newHearings() hearings {
	return hearings{
		of: make(map[string]*hearing), told: make(map[string]time.Time), refuted: make(map[string]refutal), wrong: make(map[int]mistake), loneSlots: make(map[string]word),
	}
}

// forget lets go of a place. A hearing ends with its lead.
func (all *hearings) forget(place string) {
	delete(all.told, place)
	delete(all.refuted, place)
	delete(all.loneSlots, place)
}

// A hearing is what was heard of a place since an endpoint is ahead there.
type hearing struct {
	since      time.Time
	views      int            // that show the lead
	leads      []word         // view after view, above what is known: those of the last minutes
	said       map[int]word   // by endpoint: what it said last, if it is ahead too
	denials    map[int]denial // by endpoint: the last one
	lags       bool           // another endpoint is there that may tell yet
	behind     bool           // one that answered in the last view is
	undenied   int            // views in a row in which no denial held
	undeniedAt time.Time      // the first of them
}

// A denial is the word of an endpoint that does not know of a lead, and would.
type denial struct {
	word
	of uint64 // the level of the lead
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

func newHearing(now time.Time) *hearing {
	return &hearing{since: now, said: make(map[int]word), denials: make(map[int]denial)}
}

// hear takes note of a view's lead, unless that is nothing new, and of what others say. Silent: an endpoint that is there did not answer.
func (h *hearing) hear(now time.Time, l lead, words []word, anew, silent bool) {
	maps.DeleteFunc(h.said, func(_ int, w word) bool { return w.level <= l.known })
	h.leads = slices.DeleteFunc(h.leads, func(w word) bool { return w.level <= l.known })
	l.at = now
	if h.said[l.by] = l.word; anew {
		h.views++
		h.note(l.word)
	}
	delete(h.denials, l.by)
	first := h.first(l)
	h.lags, h.behind = h.lags || silent, false
	for _, w := range words {
		w.at = now
		switch {
		case w.level > l.known:
			h.said[w.by] = w
			delete(h.denials, w.by)
		case w.knows(now, first):
			h.denials[w.by] = denial{w, l.level}
			delete(h.said, w.by)
		default:
			h.lags, h.behind = true, h.behind || !w.clock.IsZero()
		}
	}
	_, denied := h.refutes(now, l)
	switch {
	case denied:
		h.undenied = 0
	case anew:
		if h.undenied++; h.undenied == 1 {
			h.undeniedAt = now
		}
	}
}

// first returns the oldest word of a lead that matters.
func (h *hearing) first(l lead) word {
	if len(h.leads) > 0 {
		return h.leads[0]
	}
	return l.word
}

// knows reports whether an endpoint has seen a block that was made after something was said, and so would know of it; else it may lag. The clock
// of the chain tells, which both go by: it may be hours from ours. Only if ours agrees with that of the endpoint, and the one of who said it is far away,
// is that one made up.
func (w word) knows(now time.Time, said word) bool {
	since := said.clock
	if now.Sub(w.clock).Abs() < keepsTime && said.at.Sub(said.clock).Abs() > farOff {
		since = said.at
	}
	return w.clock.After(since.Add(blockAhead))
}

// old takes out the denial of an endpoint that has less than is known, and reports whether there is one: it shows an old state. If two do, or one that
// denied before and was right, the chain was reorganized, and they are heard.
func (h *hearing) old(now time.Time, l lead, words []word, right func(by int) bool) bool {
	l.at = now
	first := h.first(l)
	low := func(w word) bool { return w.level < l.floor && w.knows(now, first) }
	at := slices.IndexFunc(words, low)
	if at < 0 || right(words[at].by) || slices.ContainsFunc(words[at+1:], low) {
		return false
	}
	delete(h.denials, words[at].by)
	words[at].clock = time.Time{} // as if it lagged
	return true
}

// note keeps what a lead was, of each second the least, and no more than matters.
func (h *hearing) note(w word) {
	n := len(h.leads)
	switch {
	case n == 0 || w.at.Sub(h.leads[n-1].at) >= time.Second:
		h.leads = append(h.leads, w)
	case w.level < h.leads[n-1].level:
		w.at, w.clock = h.leads[n-1].at, h.leads[n-1].clock
		h.leads[n-1] = w
	}
	for len(h.leads) > lostViews && w.at.Sub(h.leads[1].at) >= laggingFor {
		h.leads = h.leads[1:]
	}
}

// patience returns how long something must be said if nobody else can tell.
func (h *hearing) patience() time.Duration {
	if h.lags {
		return laggingFor
	}
	return lostFor
}

// refutes returns the denial that holds against a lead, with the highest level.
func (h *hearing) refutes(now time.Time, l lead) (d denial, found bool) {
	for _, other := range h.denials {
		if now.Sub(other.at) < deniedFor && l.level <= other.of && (!found || other.level > d.level) {
			d, found = other, true
		}
	}
	return d, found
}

// asked reports whether an endpoint has denied a lead of a slot not long ago.
func (h *hearing) asked(now time.Time, by int, l lead) bool {
	d, found := h.denials[by]
	return found && l.place != theNonce && now.Sub(d.at) < askedAfter && l.level <= d.of
}

// judge weighs what was said: the highest that two say is seconded, the least that one has said for a while is believed of it alone. It returns that, or
// the denial. Of a slot one denial is not enough while another endpoint may tell yet.
func (h *hearing) judge(now time.Time, l lead) (ruling, word) {
	byLevel := func(a, b word) int { return cmp.Compare(a.level, b.level) }
	if said := slices.SortedFunc(maps.Values(h.said), byLevel); len(said) > 1 {
		return seconded, said[len(said)-2]
	}
	if d, found := h.refutes(now, l); found {
		if l.place != theNonce && h.behind && now.Sub(h.since) < thirdFor {
			return unclear, l.word
		}
		return refuted, d.word
	}
	if h.undenied < lostViews || now.Sub(h.undeniedAt) < h.patience() {
		return unclear, l.word
	}
	for n := len(h.leads) - lostViews; n >= 0; n-- {
		if now.Sub(h.leads[n].at) >= h.patience() {
			return lone, slices.MinFunc(h.leads[n:], byLevel)
		}
	}
	return unclear, l.word
}
