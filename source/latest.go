package source

import (
	"cmp"
	"maps"
	"slices"

	"github.com/dodona-oracle/dodona"
)

const (
	maxItems     = 10_000   // items of a pushed source whose latest reading is kept
	maxItemBytes = 64 << 20 // of their bodies
	maxHeldBytes = 4 << 20  // of the bodies kept for Since
	maxTaken     = 128      // readings kept that every taker has taken: for feeds that begin later
)

// latest keeps what a pushed source brought: the last reading of each item, and, in order, the last hold readings, as far as somebody is to
// take them, else fewer.
// The zero value keeps the former only. It is not safe for concurrent use.
type latest struct {
	hold  int
	items map[string]dodona.Reading
	size  int              // of the bodies in items
	queue []dodona.Reading // oldest first
	at    []dodona.Round   // when each of them came, by a clock that was never set back since
	bytes int              // of the bodies in queue
	gone  uint64           // readings that were at the head of queue before

	stands map[*Taker]uint64 // see stand

	before []dodona.Reading // of an earlier start, oldest first
	wants  map[*Want]*having
}

// maxBefore is how many bytes are kept of what came before this start.
const maxBefore = 1 << 20

// prime takes in what came before this start, oldest first: it is the latest until something comes, and news to who has not taken it.
func (l *latest) prime(readings []dodona.Reading) {
	all, size := readings, 0
	for i := len(readings) - 1; i >= 0; i-- {
		if size += len(readings[i].Body); size > maxBefore && i+1 < len(readings) {
			readings = readings[i+1:]
			break
		}
	}
	for _, r := range readings {
		l.see(r)
	}
	queue := readings
	if len(l.stands) > 0 {
		queue = all // as much waits for who takes all as waited before
	}
	for _, r := range queue {
		if l.hold > 0 {
			l.enqueue(r)
			l.shorten() // who has not taken what there is no room for is told by the start before
		}
	}
	l.before = readings
	for t := range l.stands {
		l.pass(t)
	}
}

// add takes readings in and returns how many were given up for lack of room.
func (l *latest) add(readings []dodona.Reading) (lost int) {
	for _, r := range readings {
		lost += l.see(r)
		if l.hold > 0 {
			l.enqueue(r)
			lost += l.shorten()
		}
	}
	return lost
}

// see makes a reading the latest of its item, and returns how many items were given up for it.
func (l *latest) see(r dodona.Reading) (lost int) {
	if l.items == nil {
		l.items = map[string]dodona.Reading{}
	}
	before, known := l.items[r.Item]
	l.size += len(r.Body) - len(before.Body)
	l.items[r.Item] = r
	for len(l.items) > 1 && (!known && len(l.items) > maxItems || l.size > maxItemBytes) {
		item := l.oldest(r.Item)
		l.size -= len(l.items[item].Body)
		delete(l.items, item)
		for _, h := range l.wants {
			h.forget(item)
		}
		lost++
	}
	for w, h := range l.wants {
		h.note(w, r)
	}
	return lost
}

// enqueue takes a reading in as the newest. What came before it and says that it came later is of a clock that was set back: it
// must not hold up what comes now until that clock has caught up.
func (l *latest) enqueue(r dodona.Reading) {
	at := dodona.RoundAt(r.Received)
	for i := len(l.at) - 1; i >= 0 && l.at[i] > at; i-- {
		l.at[i] = at
	}
	l.queue, l.at = append(l.queue, r), append(l.at, at)
	l.bytes += len(r.Body)
}

// shorten takes from the head of the queue what there is no room for, or nobody is to take, and returns how many of these somebody was still to take.
func (l *latest) shorten() (lost int) {
	for {
		full := len(l.queue) > l.hold || (l.bytes > maxHeldBytes && len(l.queue) > 1)
		switch wanting := len(l.queue) > 0 && l.wanting(); {
		case !full && (wanting || len(l.queue) <= maxTaken):
			return lost
		case wanting:
			lost++
		}
		l.bytes -= len(l.queue[0].Body)
		l.queue[0] = dodona.Reading{}
		l.queue, l.at, l.gone = l.queue[1:], l.at[1:], l.gone+1
	}
}

// oldest returns the item whose reading is the oldest, but for one that has just come.
func (l *latest) oldest(but string) (oldest string) {
	found := false
	for item, r := range l.items {
		if item != but && (!found || cmp.Or(r.Received.Compare(l.items[oldest].Received), cmp.Compare(item, oldest)) < 0) {
			oldest, found = item, true
		}
	}
	return oldest
}

// readings returns the last reading of each item, sorted.
func (l *latest) readings() []dodona.Reading {
	all := slices.Collect(maps.Values(l.items))
	dodona.SortReadings(all)
	return all
}
