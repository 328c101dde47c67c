package node

import (
	"context"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/internal/backoff"
)

// A unit is a goroutine with its owner: whoever holds the unit stops it and waits.
type unit struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// start runs f until the unit is stopped or ctx ends.
func start(ctx context.Context, f func(context.Context)) *unit {
	ctx, cancel := context.WithCancel(ctx)
	u := &unit{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(u.done)
		defer cancel()
		f(ctx)
	}()
	return u
}

// stop ends the unit and waits until it has ended. It may be called twice.
func (u *unit) stop() {
	u.cancel()
	<-u.done
}

// stopAll ends all units at once and waits for all of them.
func stopAll(units ...*unit) {
	var group sync.WaitGroup
	for _, u := range units {
		u.cancel()
	}
	for _, u := range units {
		group.Go(u.stop)
	}
	group.Wait()
}

// A fleet is units of one sort, by name, that start and stop while others go on. The goroutine of their role starts and stops
// them; anybody may look.
type fleet[T any] struct {
	mu      sync.RWMutex // never held while a unit is waited for: units look for others
	members map[string]member[T]
}

type member[T any] struct {
	*unit
	is T
}

func newFleet[T any]() *fleet[T] { return &fleet[T]{members: make(map[string]member[T])} }

// start runs f as a unit. What had the name before must be stopped.
func (f *fleet[T]) start(ctx context.Context, name string, is T, run func(context.Context)) {
	u := start(ctx, run)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members[name] = member[T]{u, is}
}

// stop ends the named units, as far as they are there, and waits for them.
func (f *fleet[T]) stop(names ...string) {
	f.mu.Lock()
	var units []*unit
	for _, name := range names {
		if m, found := f.members[name]; found {
			units = append(units, m.unit)
			delete(f.members, name)
		}
	}
	f.mu.Unlock()
	stopAll(units...)
}

// wait ends all units and waits for them. They can still be looked at.
func (f *fleet[T]) wait() {
	f.mu.RLock()
	var units []*unit
	for _, m := range f.members {
		units = append(units, m.unit)
	}
	f.mu.RUnlock()
	stopAll(units...)
}

// get returns the unit of a name.
func (f *fleet[T]) get(name string) (is T, found bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	m, found := f.members[name]
	return m.is, found
}

// all returns the units by name.
func (f *fleet[T]) all() map[string]T {
	f.mu.RLock()
	defer f.mu.RUnlock()
	all := make(map[string]T, len(f.members))
	for name, m := range f.members {
		all[name] = m.is
	}
	return all
}

// pace is how soon what the node does is tried again.
var pace = backoff.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}
