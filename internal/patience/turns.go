package patience

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// SlowAfter is when it is told of something that is not done yet.
const SlowAfter = 10 * time.Second

// Turns are of what a disk or a share may let hang: one at a time of each name, so that what hangs takes one goroutine and one thread,
// however often it is asked for. The zero value is ready for use.
type Turns struct {
	mu    sync.Mutex
	under map[string]chan struct{} // by name: closed once what is under way is over
}

// A Task is something that may hang.
type Task[T any] struct {
	Name string
	Do   func() (T, error)
	Slow func()  // called once, by who waits, after [SlowAfter]; nil: nobody is told
	Late func(T) // takes what was made when nobody waited for it any more; nil: it is forgotten
}

// Await has a task done and waits for it until ctx ends, whose error it returns then. What is under way goes on without who waited for it, and
// until it is over no other task of the name begins.
func Await[T any](ctx context.Context, turns *Turns, task Task[T]) (made T, err error) {
	slow := time.NewTimer(SlowAfter)
	defer slow.Stop()
	tell := func() {
		if task.Slow != nil {
			task.Slow()
		}
	}
	for {
		before := turns.begin(task.Name)
		if before == nil {
			break
		}
		select {
		case <-before:
		case <-slow.C:
			tell()
		case <-ctx.Done():
			return made, ctx.Err()
		}
	}
	taken := make(chan func())
	go func() {
		defer turns.end(task.Name)
		if ctx.Err() != nil {
			return
		}
		result, failed := task.Do()
		select {
		case taken <- func() { made, err = result, failed }:
		case <-ctx.Done():
			if failed == nil && task.Late != nil {
				task.Late(result)
			}
		}
	}()
	for {
		select {
		case take := <-taken:
			take()
			return made, err
		case <-slow.C:
			tell()
		case <-ctx.Done():
			return made, ctx.Err()
		}
	}
}

// begin takes the turn of a name and returns nil, or what is closed once that may be tried again.
func (t *Turns) begin(name string) (before <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if under, found := t.under[name]; found {
		return under
	}
	if t.under == nil {
		t.under = make(map[string]chan struct{})
	}
	t.under[name] = make(chan struct{})
	return nil
}

func (t *Turns) end(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.under[name])
	delete(t.under, name)
}

// Wait waits until nothing is under way or ctx ends, and returns the sorted names of what still is.
func (t *Turns) Wait(ctx context.Context) (left []string) {
	for {
		t.mu.Lock()
		left = slices.Sorted(maps.Keys(t.under))
		var next chan struct{}
		if len(left) > 0 {
			next = t.under[left[0]]
		}
		t.mu.Unlock()
		if next == nil {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return left
		}
	}
}
