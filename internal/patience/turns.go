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
	mu      sync.Mutex
	all     []*turn       // under way, in the order in which they began
	changed chan struct{} // closed at the next end; nil: nobody waits for it
}

type turn struct {
	name  string
	begun time.Time
	left  bool // one of the name that began later has had its answer: this one will hardly have its own, and holds up nobody
}

// mostBeside bounds what hangs beside others of its name, of all names together. Where there are so many, another begins after an end.
const mostBeside = 128

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
		now, changed, beside := turns.begin(task.Name, task.Beside)
		if now != nil {
			go func() {
				answered := false
				defer func() { turns.end(now, answered) }()
				if ctx.Err() != nil {
					return
				}
				result, failed := task.Do()
				answered = true
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
			case <-changed:
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

// begin takes a turn of a name, or returns nil while it is another's. It returns too what is closed at the next end, and when another one
// may begin beside those of the name.
func (t *Turns) begin(name string, patience time.Duration) (now *turn, changed <-chan struct{}, beside <-chan time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	names := make(map[string]bool)
	under, newest := 0, time.Time{}
	for _, other := range t.all {
		names[other.name] = true
		if other.name == name && !other.left {
			under, newest = under+1, other.begun
		}
	}
	may := !names[name] || len(t.all)-len(names) < mostBeside
	wait := func() time.Duration { return patience<<(under-1) - time.Since(newest) }
	if may && (under == 0 || patience > 0 && wait() <= 0) {
		now = &turn{name: name, begun: time.Now()}
		t.all = append(t.all, now)
		under, newest = under+1, now.begun
	}
	if patience > 0 && may {
		beside = time.After(wait())
	}
	return now, t.changed, beside
}

// end takes a turn away. Its answer, if it had one, is newer than any that one from before it may still have.
func (t *Turns) end(now *turn, answered bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(t.all, now)
	for _, before := range t.all[:at] {
		before.left = before.left || answered && before.name == now.name
	}
	t.all = slices.Delete(t.all, at, at+1)
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// Wait waits until nothing is under way or ctx ends, and returns the sorted names of what still is.
func (t *Turns) Wait(ctx context.Context) (left []string) {
	for {
		all, changed := t.underWay()
		if len(all) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			all, _ = t.underWay()
			slices.Sort(all)
			return slices.Compact(all)
		}
	}
}

// underWay returns the names of what is under way, and what is closed at the next end.
func (t *Turns) underWay() (names []string, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	for _, now := range t.all {
		names = append(names, now.name)
	}
	return names, t.changed
}
