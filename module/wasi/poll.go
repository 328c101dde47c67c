package wasi

import (
	"encoding/binary"
	"math"

	"github.com/dodona-oracle/dodona/module/abi"
)

const (
	maxSubscriptions   = 64 // of one poll_oneoff; there are few descriptors and two clocks
	subscriptionSize   = 48
	pollEventSize      = 32
	pollClock          = 0
	pollWrite          = 2
	clockFlagAbsolute  = 1
	pollReadyBytes     = 1
	subscriptionTag    = 8
	subscriptionUnion  = 16
	subscriptionTime   = 24
	subscriptionFlags  = 40
	pollEventErrno     = 8
	pollEventTag       = 10
	pollEventAvailable = 16
)

// pollOneoff(in, out, subscriptions, events) never waits: it lets the event's own clock pass instead.
func (w *kept) pollOneoff(g abi.Guest, s []uint64) {
	n := uint64(uint32(s[2]))
	if n == 0 || n > maxSubscriptions {
		g.Pay(0, 0)
		s[0] = Inval
		return
	}
	asked, to, count := g.View(s[0], n*subscriptionSize), g.View(s[1], n*pollEventSize), g.View(s[3], 4)
	g.Pay(0, len(asked)+len(to))
	var subscriptions [maxSubscriptions * subscriptionSize]byte // a copy: the ranges may overlap
	asked = subscriptions[:copy(subscriptions[:], asked)]
	ready, due := uint32(0), uint64(math.MaxUint64)
	for ; len(asked) > 0; asked = asked[subscriptionSize:] {
		if asked[subscriptionTag] == pollClock {
			due = min(due, w.due(g, asked))
			continue
		}
		errno := uint16(Badf)
		if fd := binary.LittleEndian.Uint32(asked[subscriptionUnion:]); fd <= stderr || w.file(fd) != nil {
			errno = Success
		}
		answerPoll(to[ready*pollEventSize:], asked, errno)
		ready++
	}
	if ready == 0 {
		ready = w.pass(g, subscriptions[:n*subscriptionSize], to, due)
	}
	binary.LittleEndian.PutUint32(count, ready)
	s[0] = Success
}

// pass lets the monotonic clock pass to due, and answers the clocks that are due then.
func (w *kept) pass(g abi.Guest, asked, to []byte, due uint64) (ready uint32) {
	for ; len(asked) > 0; asked = asked[subscriptionSize:] {
		if w.due(g, asked) <= due {
			errno := uint16(Success)
			if binary.LittleEndian.Uint32(asked[subscriptionUnion:]) > clockMonotonic {
				errno = Inval
			}
			answerPoll(to[ready*pollEventSize:], asked, errno)
			ready++
		}
	}
	w.slept = add(w.slept, due)
	return ready
}

// due returns for how many nanoseconds from now a subscription to a clock sleeps.
func (w *kept) due(g abi.Guest, asked []byte) uint64 {
	id := binary.LittleEndian.Uint32(asked[subscriptionUnion:])
	timeout := binary.LittleEndian.Uint64(asked[subscriptionTime:])
	now, ok := w.clock(g, id)
	switch {
	case !ok:
		return 0
	case binary.LittleEndian.Uint16(asked[subscriptionFlags:])&clockFlagAbsolute == 0:
		return timeout
	case timeout <= now:
		return 0
	}
	return timeout - now
}

func answerPoll(to, asked []byte, errno uint16) {
	to = to[:pollEventSize]
	clear(to)
	copy(to, asked[:8]) // user data
	binary.LittleEndian.PutUint16(to[pollEventErrno:], errno)
	to[pollEventTag] = asked[subscriptionTag]
	if asked[subscriptionTag] != pollClock {
		binary.LittleEndian.PutUint64(to[pollEventAvailable:], pollReadyBytes)
	}
}
