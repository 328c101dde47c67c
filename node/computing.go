package node

import (
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/feed"
)

// A computing is a feed that runs: its loop, or none while its module is looked for.
type computing struct {
	mu    sync.Mutex
	loop  *feed.Feed
	moved time.Time // when its last round was kept, or the loop began
}

func (c *computing) set(loop *feed.Feed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loop, c.moved = loop, time.Now()
}

// move notes that a round was kept.
func (c *computing) move() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved = time.Now()
}

// still returns for how long no round was kept: zero without a loop, and while the loop waits for the clock.
func (c *computing) still() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loop == nil || c.loop.Status().State == feed.Behind {
		return 0
	}
	return time.Since(c.moved)
}

// status returns how the loop stands, if there is one.
func (c *computing) status() (s feed.Status, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loop == nil {
		return s, false
	}
	return c.loop.Status(), true
}
