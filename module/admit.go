package module

import (
	"errors"
	"fmt"
	"sync"

	"github.com/dodona-oracle/dodona/telemetry"
)

// ErrMemory says that a module may take more memory than modules have left: do not retry before another one is closed.
var ErrMemory = errors.New("not enough memory for modules")

// pageBytes is the size of a page of linear memory.
const pageBytes = 64 << 10

// An admission keeps the promise that all instances together can have the memory that each may grow to, and the stack.
type admission struct {
	most     int64
	recorder telemetry.Recorder

	mu       sync.Mutex
	promised int64
}

// A need is what instances may take that can be alive at the same time. A pool never has more than it may give out at once, so it needs as
// much as all of these.
type need struct {
	instances int
	pages     uint32 // that the memory of each may grow to
	stack     int64  // bytes that the engine may take for a call of each
	depth     uint32 // of calls, by which the stack is bounded
}

func (n need) memory() int64 { return int64(n.instances) * int64(n.pages) * pageBytes }

func (n need) stacks() int64 { return int64(n.instances) * n.stack }

// admit promises memory to some instances, or refuses with [ErrMemory].
func (a *admission) admit(n need) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	want := n.memory() + n.stacks()
	if free := a.most - a.promised; want > free {
		return fmt.Errorf("%w: %d instances may take %s, which are %s of memory (%d pages of 64 KiB each) and %s of stack (%s each at depth %d), "+
			"and of the %s for all modules %s are promised to others; lower the module's limits.pages, its limits.depth or its instances, "+
			"or raise the memory for modules", ErrMemory,
			n.instances, bytesText(want), bytesText(n.memory()), n.pages, bytesText(n.stacks()), bytesText(n.stack), n.depth,
			bytesText(a.most), bytesText(a.promised))
	}
	a.promise(want)
	return nil
}

// release takes a promise back.
func (a *admission) release(n need) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.promise(-n.memory() - n.stacks())
}

func (a *admission) promise(bytes int64) {
	a.promised += bytes
	a.recorder.Gauge(telemetry.ModulePromised, "", a.promised)
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
