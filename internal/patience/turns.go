package patience

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// SlowAfter is when it is told of something that is not done yet.
const SlowAfter = 10 * time.Second

// Turns are of what a disk or a share may let hang: one at a time of each name, so that what hangs takes one goroutine and one thread,
// however often it is asked for, and one more each time it has hung for twice as long. The zero value is ready for use.
type Turns struct {
	mu     sync.Mutex
	names  map[string]*line
	beside []*turn       // under way, that began beside others of their name
	ended  chan struct{} // closed at the next end of any; nil: nobody waits for it
}

// A line is what is under way of a name.
type line struct {
	turns []*turn       // in the order in which they began
	ended chan struct{} // closed at the next end; nil: nobody waits for it
}

type turn struct {
	name  string
	begun time.Time
	left  bool // one of the name that began later has had its answer: this one will hardly have its own, and holds up nobody
}

// So many may hang beside others of their name, of all names together. From there on one at a time begins, and is waited for twice as long
// after every few: there is always a next one, for it alone finds out that a share is well, and in a year some 240 are added.
const (
	mostBeside = 128
	everyFew   = 16
)

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
	for ctx.Err() == nil {
		now, ended, beside := turns.begin(task.Name, task.Beside)
		if now != nil {
			go func() {
				defer turns.end(now)
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
			case <-ended:
				again = true
			case <-beside:
				again = true
			case <-slow.C:
				if task.Slow != nil {
					task.Slow()
				}
			case <-ctx.Done():
				again = true
			}
		}
	}
	return made, ctx.Err()
}

// begin takes a turn of a name, or returns nil while it is another's. It returns too what is closed at the end of what is waited for, and when
// another one may begin beside those of the name.
func (t *Turns) begin(name string, patience time.Duration) (now *turn, ended <-chan struct{}, beside <-chan time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.names[name]
	if l == nil {
		l = new(line)
		if t.names == nil {
			t.names = make(map[string]*line)
		}
		t.names[name] = l
	}
	wait, full := t.wait(l, patience)
	if wait <= 0 {
		now = &turn{name: name, begun: time.Now()}
		if len(l.turns) > 0 {
			t.beside = append(t.beside, now)
		}
		l.turns = append(l.turns, now)
		wait, full = t.wait(l, patience)
	}
	if patience > 0 {
		beside = time.After(wait)
	}
	if full {
		return now, heard(&t.ended), beside
	}
	return now, heard(&l.ended), beside
}

// wait returns for how long a line lets no other begin: not at all if all of it are left, and for good without patience. It is full where
// those of other names count too.
func (t *Turns) wait(l *line, patience time.Duration) (wait time.Duration, full bool) {
	live := 0
	for _, other := range l.turns {
		if !other.left {
			live++
		}
	}
	switch {
	case live == 0:
		return 0, false
	case patience == 0:
		return math.MaxInt64, false
	}
	wait = hangs(l.turns, patience, live-1)
	if more := len(t.beside) - mostBeside; more >= 0 {
		return max(wait, hangs(t.beside, patience, more/everyFew)), true
	}
	return wait, false
}

// hangs returns how much of patience, doubled some times, the newest turn has left.
func hangs(turns []*turn, patience time.Duration, doubled int) time.Duration {
	for range doubled {
		patience = min(patience, math.MaxInt64/2) * 2
	}
	return patience - time.Since(turns[len(turns)-1].begun)
}

// heard returns what is closed at the next end.
func heard(ended *chan struct{}) <-chan struct{} {
	if *ended == nil {
		*ended = make(chan struct{})
	}
	return *ended
}

// tell closes what is closed at an end.
func tell(ended *chan struct{}) {
	if *ended != nil {
		close(*ended)
		*ended = nil
	}
}

// end takes a turn away. Its answer is newer than any that one from before it may still have.
func (t *Turns) end(now *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	isIt := func(other *turn) bool { return other == now }
	l := t.names[now.name]
	for _, before := range l.turns[:slices.Index(l.turns, now)] {
		before.left = true
	}
	l.turns = slices.DeleteFunc(l.turns, isIt)
	t.beside = slices.DeleteFunc(t.beside, isIt)
	tell(&l.ended)
	tell(&t.ended)
	if len(l.turns) == 0 {
		delete(t.names, now.name)
	}
}

// Wait waits until nothing is under way or ctx ends, and returns the sorted names of what still is.
func (t *Turns) Wait(ctx context.Context) []string {
	for {
		left, ended := t.underWay()
		if len(left) == 0 || ctx.Err() != nil {
			return slices.Compact(left)
		}
		select {
		case <-ended:
		case <-ctx.Done():
		}
	}
}

// underWay returns the sorted names of what is under way, each as often as it is, and what is closed at the next end.
func (t *Turns) underWay() (names []string, ended <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, l := range t.names {
		names = append(names, slices.Repeat([]string{name}, len(l.turns))...)
	}
	slices.Sort(names)
	return names, heard(&t.ended)
}
