package bus

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/dodona-oracle/dodona/internal/unit"
)

// The store reads what the disk gives it, and a number that is wrong there can cost more memory than the machine has.
// The folder is checked first; behind that, memory is watched while the store opens. Go cannot limit what a part of a
// process takes, nor stop a goroutine that takes it: all that is left is to say so, and to end.

// ErrMemory: opening the journal took more memory than it can need. What takes it cannot be stopped: end the process.
var ErrMemory = errors.New("opening the store takes more memory than it can need, as damaged files make it do; " +
	"what is damaged is named in the log before this, or not known yet: restore the folder from a copy, or move the folder jetstream/ in it away to go on without its records")

const (
	watchEvery = 20 * time.Millisecond
	openRoom   = 96 << 20 // of memory that opening may take, beside a sixteenth of what the streams may take on the disk
)

// WatchMemory returns what open returns, or [ErrMemory] as soon as the process has more memory than opening streams of so many bytes can need.
// Then open still runs, and whatever it holds must be left alone.
func WatchMemory(streams unit.Size, open func() error) error { return newGuard(streams).do(open) }

// A guard watches the memory of this process.
type guard struct {
	used  func() uint64 // bytes that the process has from the system
	limit uint64
}

// newGuard allows what opening streams of so many bytes can need, but no more than the limit of the process if it has one.
func newGuard(streams unit.Size) guard {
	g := guard{used: memoryUsed}
	g.limit = g.used() + openRoom + uint64(streams)/16
	if soft := debug.SetMemoryLimit(-1); soft < math.MaxInt64 {
		// The runtime keeps below its limit unless what is alive is more, and the system ends a process somewhere above it.
		g.limit = min(g.limit, uint64(soft)+uint64(soft)/16)
	}
	return g
}

// memoryUsed returns the bytes of memory that the runtime has and did not give back.
func memoryUsed() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64() - sample[1].Value.Uint64()
}

// do is WatchMemory by this guard.
func (g guard) do(open func() error) error {
	done := make(chan error, 1)
	go func() { done <- open() }() // this function waits for it, unless nothing can
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			if g.used() <= g.limit {
				continue
			}
			debug.FreeOSMemory() // what is garbage does not count
			if used := g.used(); used > g.limit {
				return fmt.Errorf("%w (%d MiB used, %d allowed)", ErrMemory, used>>20, g.limit>>20)
			}
		}
	}
}
