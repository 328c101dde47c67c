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
	knows bool      // where it goes on
}

func (c *computing) set(loop *feed.Feed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loop, c.moved, c.knows = loop, time.Now(), false
}

// move notes that a round was kept.
func (c *computing) move() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved = time.Now()
}

// resumed notes that it is known where the loop goes on.
func (c *computing) resumed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.knows, c.moved = true, time.Now()
}

// still returns for how long no round was kept: zero without a loop, and while the loop waits for the clock. One that waits to hear where it goes
// on moves with all that do: asked is when one of them heard something.
func (c *computing) still(asked time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loop == nil || c.loop.Status().State == feed.Behind {
		return 0
	}
	if !c.knows && asked.After(c.moved) {
		return time.Since(asked)
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
