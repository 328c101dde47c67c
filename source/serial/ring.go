package serial

import (
	"sync"
	"time"
)

const (
	maxBatchBytes  = 64 << 10 // of one batch, beside its first frame
	maxBatchFrames = 256
	maxHeldBytes   = 256 << 10
	maxHeldFrames  = 1024
)

// A frame is what came at one instant.
type frame struct {
	body     []byte
	received time.Time
}

// A ring holds the newest frames until they are taken: a line cannot be told to wait.
type ring struct {
	mu    sync.Mutex
	held  []frame
	bytes int
	more  chan struct{} // of capacity 1
}

func newRing() *ring { return &ring{more: make(chan struct{}, 1)} }

// put takes a frame in and returns how many older ones were given up for it.
func (r *ring) put(f frame) (lost uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = append(r.held, f)
	r.bytes += len(f.body)
	for len(r.held) > 1 && (len(r.held) > maxHeldFrames || r.bytes > maxHeldBytes) {
		r.bytes -= len(r.held[0].body)
		r.held[0] = frame{}
		r.held = r.held[1:]
		lost++
	}
	r.poke()
	return lost
}

// take returns the oldest frames, as much as one batch holds.
func (r *ring) take() (taken []frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := 0
	for len(taken) < maxBatchFrames && len(taken) < len(r.held) {
		f := r.held[len(taken)]
		if size += len(f.body); size > maxBatchBytes && len(taken) > 0 {
			break
		}
		r.bytes -= len(f.body)
		taken = append(taken, f)
	}
	r.held = append([]frame(nil), r.held[len(taken):]...)
	if len(r.held) > 0 {
		r.poke()
	}
	return taken
}

func (r *ring) isEmpty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.held) == 0
}

func (r *ring) poke() {
	select {
	case r.more <- struct{}{}:
	default:
	}
}
