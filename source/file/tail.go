package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

const (
	maxLines      = 256       // in one batch
	maxBatchBytes = 512 << 10 // after which a batch is closed
	chunkSize     = 64 << 10
	maxScan       = 4 << 20          // read in search of a line before looking around again
	hangsAfter    = 10 * time.Second // a look that takes longer is told: the disk or the share does not answer
)

// tail follows the lines of a log, or of all whose names match a pattern, or reads files that are dropped.
type tail struct {
	settings Settings
	every    time.Duration
	logs     logs
	unsaid   bool // that all is well: at first, and after anything failed

	drained atomic.Bool   // the last look found nothing
	closing chan struct{} // closed by Close, so that Observe ends
	once    sync.Once
	mu      sync.Mutex  // held by a look, and by Close
	looking chan looked // a look that is under way
}

// logs are what is followed.
type logs interface {
	look(ended func() error) (dodona.Batch, error) // a batch without cursor: there is nothing new
	close()
}

// A looked is what a look came to.
type looked struct {
	batch dodona.Batch
	wait  bool // there is nothing new
	err   error
}

func openTail(s Settings, env source.Env) *tail {
	t := &tail{settings: s, every: cmp.Or(s.Every, defaultLook), unsaid: true, closing: make(chan struct{})}
	switch {
	case s.After != "":
		t.logs = openDrops(s, env)
	case isPattern(s.Path):
		t.logs = openMany(s, env, t.every)
	default:
		t.logs = openOne(s, env, t.every)
	}
	return t
}

// errClosed: Observe was called, or was waiting, when the source was closed. Open it again.
var errClosed = errors.New("the source is closed")

// Observe waits for lines and returns them, each a reading. The batch's cursor is the position after them. A batch without
// anything says that what is followed is there.
func (t *tail) Observe(ctx context.Context) (dodona.Batch, error) {
	for {
		l := t.lookWithin(ctx)
		t.drained.Store(l.wait)
		if l.err != nil || !l.wait {
			return l.batch, l.err
		}
		timer := time.NewTimer(t.every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return dodona.Batch{}, ctx.Err()
		case <-t.closing:
			timer.Stop()
			return dodona.Batch{}, errClosed
		}
	}
}

// Drained reports whether the last look found nothing after what was returned before it.
func (t *tail) Drained() bool { return t.drained.Load() }

// Close closes the files and ends Observe. It waits for a look that is under way.
func (t *tail) Close() error {
	t.once.Do(func() { close(t.closing) })
	t.mu.Lock()
	defer t.mu.Unlock()
	t.logs.close()
	return nil
}

// lookWithin looks, and does not wait longer than is bearable. A look that takes longer is waited for the next time.
func (t *tail) lookWithin(ctx context.Context) looked {
	if err := ctx.Err(); err != nil {
		return looked{err: err}
	}
	if t.looking == nil {
		done := make(chan looked, 1)
		t.looking = done
		go func() { done <- t.look() }() // Close waits for it
	}
	timer := time.NewTimer(hangsAfter)
	defer timer.Stop()
	select {
	case l := <-t.looking:
		t.looking = nil
		return l
	case <-ctx.Done():
		return looked{err: ctx.Err()}
	case <-timer.C:
		return looked{err: fmt.Errorf("look at %s: it hangs for %v; the disk or the share does not answer", t.settings.Path, hangsAfter)}
	}
}

// look returns what is there now.
func (t *tail) look() (l looked) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.batch, l.err = t.logs.look(func() error {
		select {
		case <-t.closing:
			return errClosed
		default:
			return nil
		}
	})
	switch {
	case l.err != nil:
		t.unsaid = true
	case l.batch.Cursor != nil:
		t.unsaid = false
	case t.unsaid: // lines or not
		t.unsaid = false
	default:
		l.wait = true
	}
	return l
}

// one is a single log.
type one struct{ *follower }

func openOne(s Settings, env source.Env, every time.Duration) one {
	f := newFollower(s, env, every, s.Path)
	if env.Cursor == nil {
		return one{f}
	}
	p, err := parsePosition(env.Cursor)
	if err != nil || p.Path != s.Path { // the source was another one before
		env.Log.Warn(fmt.Sprintf("%s: what was read last is not from this file; beginning at its %s", env.Source, s.From), "source", env.Source)
		return one{f}
	}
	f.last = &p
	return one{f}
}

func (o one) look(ended func() error) (dodona.Batch, error) {
	got, err := o.follower.look(ended)
	if err != nil || !got.any() {
		return dodona.Batch{}, err
	}
	return dodona.Batch{Readings: o.readings(got), Cursor: o.last.cursor()}, nil
}
