package module

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/telemetry"
)

// ErrMemory says that a module may take more memory than modules have left: do not retry before another one is closed.
var ErrMemory = errors.New("not enough memory for modules")

// pageBytes is the size of a page of linear memory.
const pageBytes = 64 << 10

// An admission keeps the promise that all instances together can have the memory that each may grow to, and the stack, beside the code of
// their modules.
type admission struct {
	most     int64
	recorder telemetry.Recorder

	mu       sync.Mutex
	promised int64
	tracing  int64 // of it, what tracing has and would give back
	shared   map[[sha256.Size]byte]*kept
}

// A need is what instances may take that can be alive at the same time. A pool never has more than it may give out at once, so it needs as
// much as all of these.
type need struct {
	instances int
	pages     uint32 // that the memory of each may grow to
	stack     int64  // bytes that the engine may take for a call of each
	depth     uint32 // of calls, by which the stack is bounded
	tracing   bool   // they are for traced events alone
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
			"or raise `modules.memory`", ErrMemory,
			n.instances, unit.About(want), unit.About(n.memory()), n.pages, unit.About(n.stacks()), unit.About(n.stack), n.depth,
			unit.About(a.most), unit.About(a.promised))
	}
	a.promise(want, n.tracing)
	return nil
}

// couldHave reports whether there would be so much memory without tracing.
func (a *admission) couldHave(bytes int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return bytes <= a.most-a.promised+a.tracing
}

// A kept is what the engine keeps of a module for as long as it is loaded, once for all pools that run it: native code, or what an
// interpreter runs, with the text that this was made of.
type kept struct {
	id    [sha256.Size]byte // of the rewritten module, whose code wazero keeps once for all pools; zero if the pool has its own
	bytes int64
	pools int // that run it
}

// tracing reports whether the code is for traced events alone: of all pools, only theirs have their own.
func (k *kept) tracing() bool { return k.id == [sha256.Size]byte{} }

// A share is what one pool has of what is kept, and beside it.
type share struct {
	*kept
	own int64 // bytes
}

// admitCode promises memory to code that one more pool runs, and to what that pool has of its own, or refuses with [ErrMemory]. The first
// pool has the text that is kept with the code, and each other one its own. It returns too how many bytes it wants.
func (a *admission) admitCode(k *kept, decoded, own int64) (*share, int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &share{k, own}
	want := k.bytes + decoded + own
	if other := a.shared[k.id]; other != nil {
		s = &share{other, decoded + own}
		want = s.own
	}
	if free := a.most - a.promised; want > free {
		return nil, want, fmt.Errorf("%w: the module's code takes %s, with its text and what is made of it, and of the %s for all modules %s are promised already; "+
			"build it for size (-Os) or with fewer packages, or raise `modules.memory`", ErrMemory,
			unit.About(want), unit.About(a.most), unit.About(a.promised))
	}
	if s.kept == k {
		k.bytes += decoded
		if !k.tracing() {
			a.shared[k.id] = k
		}
	}
	s.pools++
	a.promise(want, s.tracing())
	return s, want, nil
}

// admitSnapshot promises memory to the snapshot of a pool's instances, or refuses with [ErrMemory]. It is given back with the code.
func (a *admission) admitSnapshot(s *share, want int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if free := a.most - a.promised; want > free {
		return fmt.Errorf("%w: what the module leaves in memory before its first event takes %s again, as each event begins with it, "+
			"and of the %s for all modules %s are promised already; let it fill its memory later, or raise `modules.memory`", ErrMemory,
			unit.About(want), unit.About(a.most), unit.About(a.promised))
	}
	s.own += want
	a.promise(want, s.tracing())
	return nil
}

// releaseCode takes the promise to one pool's code back.
func (a *admission) releaseCode(s *share) {
	a.mu.Lock()
	defer a.mu.Unlock()
	bytes := s.own
	if s.pools--; s.pools == 0 {
		delete(a.shared, s.id)
		bytes += s.bytes
	}
	a.promise(-bytes, s.tracing())
}

// release takes a promise back.
func (a *admission) release(n need) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.promise(-n.memory()-n.stacks(), n.tracing)
}

func (a *admission) promise(bytes int64, tracing bool) {
	a.promised += bytes
	if tracing {
		a.tracing += bytes
	}
	a.recorder.Gauge(telemetry.ModulePromised, a.promised)
}
