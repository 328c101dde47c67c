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

// An admission keeps the promise that all instances together can have the memory that each may grow to.
type admission struct {
	most     int64
	recorder telemetry.Recorder

	mu       sync.Mutex
	promised int64
}

// admit promises memory to some instances, or refuses with [ErrMemory].
func (a *admission) admit(instances int, pages uint32) error {
	need := int64(instances) * int64(pages) * pageBytes
	a.mu.Lock()
	defer a.mu.Unlock()
	if free := a.most - a.promised; need > free {
		return fmt.Errorf("%w: %d instances of %d pages (64 KiB each) may take %s, and of the %s for all modules %s are promised to others; "+
			"lower the module's limits.pages or its instances, or raise the memory for modules", ErrMemory,
			instances, pages, bytesText(need), bytesText(a.most), bytesText(a.promised))
	}
	a.promised += need
	a.recorder.Gauge(telemetry.ModulePromised, "", a.promised)
	return nil
}

// release takes a promise back.
func (a *admission) release(instances int, pages uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.promised -= int64(instances) * int64(pages) * pageBytes
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
