package patience

import (
	"context"
	"slices"
	"sync"
	"time"
)

// SlowAfter is when it is told of something that is not done yet.
const SlowAfter = 10 * time.Second

// Turns are of what a disk or a share may let hang: one at a time of each name, so that what hangs takes one goroutine and one thread,
// however often it is asked for, and one more each time it has hung for twice as long. The zero value is ready for use.
type Turns struct {
	mu  sync.Mutex
	all []*turn // under way
}

type turn struct {
	name  string
	begun time.Time
	over  chan struct{}
}

// A Task is something that may hang.
type Task[T any] struct {
	Name   string
	Do     func() (T, error)
	Beside time.Duration // one that hangs for so long lets another begin beside it, which lets a third after twice as long, and so on; 0: never
	Slow   func()        // called once, by who waits, after [SlowAfter]; nil: nobody is told
	Late   func(T)       // takes what was made when nobody waited for it any more; nil: it is forgotten
}

// Await has a task done and waits for it until ctx ends, whose error it returns then. What is under way goes on without who waited for it, and
// until it is over no other task of the name begins, but for Beside: a share that is mounted anew answers, and the old one never does.
func Await[T any](ctx context.Context, turns *Turns, task Task[T]) (made T, err error) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	slow := time.NewTimer(SlowAfter)
	defer slow.Stop()
	taken := make(chan func())
	for {
		now, mine, beside := turns.begin(task.Name, task.Beside)
		if mine {
			go func() {
				defer turns.end(now)
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
		}
		for again := false; !again; {
			select {
			case take := <-taken:
				take()
				return made, err
			case <-now.over:
				again = true
			case <-beside:
				again = true
			case <-slow.C:
				if task.Slow != nil {
					task.Slow()
				}
			case <-ctx.Done():
				return made, ctx.Err()
			}
		}
	}
}

// begin takes the turn of a name, or returns whose it is, and when another one may begin beside that.
func (t *Turns) begin(name string, patience time.Duration) (now *turn, mine bool, beside <-chan time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	under := 0
	for _, other := range t.all {
		if other.name == name {
			now, under = other, under+1
		}
	}
	wait := func() time.Duration { return patience<<(under-1) - time.Since(now.begun) }
	mine = under == 0 || patience > 0 && wait() <= 0
	if mine {
		now, under = &turn{name, time.Now(), make(chan struct{})}, under+1
		t.all = append(t.all, now)
	}
	if patience > 0 {
		beside = time.After(wait())
	}
	return now, mine, beside
}

func (t *Turns) end(now *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = slices.DeleteFunc(t.all, func(other *turn) bool { return other == now })
	close(now.over)
}

// Wait waits until nothing is under way or ctx ends, and returns the sorted names of what still is.
func (t *Turns) Wait(ctx context.Context) (left []string) {
	for {
		all := t.underWay()
		if len(all) == 0 {
			return nil
		}
		select {
		case <-all[0].over:
		case <-ctx.Done():
			for _, now := range t.underWay() {
				left = append(left, now.name)
			}
			slices.Sort(left)
			return slices.Compact(left)
		}
	}
}

func (t *Turns) underWay() []*turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.all)
}
