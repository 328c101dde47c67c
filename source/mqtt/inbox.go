package mqtt

import (
	"sync"

	"github.com/dodona-oracle/dodona/internal/mqttc"
)

const (
	looseMessages = 1024    // of QoS 0 that wait
	looseBytes    = 2 << 20 // of their payloads
)

// A letter is a message that came over one of the source's connections, which are counted.
type letter struct {
	mqttc.Message
	over  uint64
	large bool // larger than is taken, and empty now
}

// An inbox keeps what came until it is observed. Messages of QoS 0 are bounded by its room, and dropped; the others by the broker, which waits for
// their acknowledgements, or else by blocking.
type inbox struct {
	window int // of messages of QoS 1 and 2
	drop   func(n uint64, cause string)

	mu     sync.Mutex
	queue  []letter
	loose  int // messages of QoS 0 in queue
	bytes  int // of their payloads
	closed bool
	room   *sync.Cond
	ready  chan struct{} // something is there
}

func newInbox(window int, drop func(n uint64, cause string)) *inbox {
	b := &inbox{window: window, drop: drop, ready: make(chan struct{}, 1)}
	b.room = sync.NewCond(&b.mu)
	return b
}

// put takes a message in. With wait it blocks while there is no room for one of QoS 1 or 2.
func (b *inbox) put(l letter, wait bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.QoS == 0 {
		if b.loose >= looseMessages || b.bytes+len(l.Payload) > looseBytes && b.loose > 0 {
			// Fault (dropped): messages come faster than the journal takes them.
			b.drop(1, "messages of QoS 0 came while there was no room for more")
			return
		}
		b.loose++
		b.bytes += len(l.Payload)
	}
	for wait && l.QoS > 0 && !b.closed && len(b.queue)-b.loose >= b.window {
		b.room.Wait()
	}
	if b.closed {
		return // it is not acknowledged
	}
	b.queue = append(b.queue, l)
	b.poke()
}

func (b *inbox) poke() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take returns the oldest messages, of at most so many and about so many bytes.
func (b *inbox) take(most, bytes int) (taken []letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, size := 0, 0
	for n < len(b.queue) && n < most && size < bytes {
		l := b.queue[n]
		size += len(l.Payload)
		if l.QoS == 0 {
			b.loose--
			b.bytes -= len(l.Payload)
		}
		n++
	}
	taken = append(taken, b.queue[:n]...)
	b.queue = append(b.queue[:0], b.queue[n:]...)
	clear(b.queue[len(b.queue):cap(b.queue)])
	if len(b.queue) > 0 {
		b.poke()
	}
	b.room.Broadcast()
	return taken
}

// close lets go of whoever waits for room, and of what is there.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.queue = true, nil
	b.room.Broadcast()
}

// reopen takes messages in again, those of another connection.
func (b *inbox) reopen() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = false
}
