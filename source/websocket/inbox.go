package websocket

import (
	"context"
	"sync"
	"time"
)

const (
	maxBatchBytes    = 256 << 10 // of one batch, beside its first message
	maxBatchMessages = 512
	maxWaitingBytes  = 1 << 20 // of messages that wait; a larger one waits alone
	maxWaiting       = 4096
)

// A message is what the server said at one instant.
type message struct {
	body     []byte
	text     bool
	packed   string // what there is to say of how it was compressed
	item     string
	received time.Time
}

// An inbox holds messages until they are taken. It is bounded: who puts waits for room, so that the server feels it.
type inbox struct {
	mu      sync.Mutex
	waiting []message
	bytes   int
	full    bool // somebody waits for room, or did since the keeper looked

	more, room chan struct{} // of capacity 1
}

func newInbox() *inbox { return &inbox{more: make(chan struct{}, 1), room: make(chan struct{}, 1)} }

// put waits for room until ctx ends. One goroutine puts.
func (b *inbox) put(ctx context.Context, m message) error {
	for !b.fits(m) {
		select {
		case <-b.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	poke(b.more)
	return nil
}

func (b *inbox) fits(m message) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) > 0 && (b.bytes+len(m.body) > maxWaitingBytes || len(b.waiting) >= maxWaiting) {
		b.full = true
		return false
	}
	b.waiting = append(b.waiting, m)
	b.bytes += len(m.body)
	return true
}

// take returns what waits, as much as one batch holds.
func (b *inbox) take() (taken []message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := 0
	for len(taken) < maxBatchMessages && len(taken) < len(b.waiting) {
		m := b.waiting[len(taken)]
		if size += len(m.body); size > maxBatchBytes && len(taken) > 0 {
			break
		}
		b.bytes -= len(m.body)
		taken = append(taken, m)
	}
	b.waiting = append([]message(nil), b.waiting[len(taken):]...)
	if len(b.waiting) > 0 {
		poke(b.more)
	}
	poke(b.room)
	return taken
}

func (b *inbox) isEmpty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting) == 0
}

// wasFull reports whether there was no room at any time since it was asked last, and forgets it unless it is so now.
func (b *inbox) wasFull() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.full
	b.full = b.bytes >= maxWaitingBytes/2 || len(b.waiting) >= maxWaiting/2
	return was || b.full
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
