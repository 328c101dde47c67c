package main

import (
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/config"
)

// A talk is what a node says while it runs. Whoever reads it is waited for, so that nothing is missing before a crash; but one who stops reading,
// or falls behind, is not: the node goes on, what it says is kept up to a bound, and what did not fit is counted and told of later.
type talk struct {
	to     io.Writer
	format config.Format

	mu     sync.Mutex
	change *sync.Cond // of what is below
	kept   [][]byte   // what is not written yet, in order
	bytes  int        // of it
	lost   int        // pieces that did not fit
	behind bool       // the reader is not waited for, until it has all
	ended  bool
	quiet  chan struct{} // closed when nothing more will be written
}

const (
	maxTalk      = 256 << 10              // bytes that are kept for a reader that is behind
	readerTime   = 100 * time.Millisecond // for which one piece is waited for
	lastTalkTime = time.Second            // for which a node that ends waits for its reader
)

func newTalk(to io.Writer, format config.Format) *talk {
	t := &talk{to: to, format: format, quiet: make(chan struct{})}
	t.change = sync.NewCond(&t.mu)
	go t.run() // until end, or for as long as the reader keeps it
	return t
}

// Write says one piece. It never fails: a node has nobody else to tell.
func (t *talk) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.bytes+len(p) > maxTalk {
		t.lost++
		return len(p), nil
	}
	t.kept = append(t.kept, append([]byte(nil), p...))
	t.bytes += len(p)
	t.change.Broadcast()
	if !t.behind && !t.drained(readerTime) {
		t.behind = true
	}
	return len(p), nil
}

// drained waits until all is written, with the lock held; false: it took too long.
func (t *talk) drained(limit time.Duration) bool {
	late := false
	timer := time.AfterFunc(limit, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		late = true
		t.change.Broadcast()
	})
	defer timer.Stop()
	for t.bytes > 0 && !late {
		t.change.Wait()
	}
	return t.bytes == 0
}

// run writes what is said.
func (t *talk) run() {
	defer close(t.quiet)
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		for len(t.kept) == 0 {
			if t.ended {
				return
			}
			t.change.Wait()
		}
		piece := t.kept[0]
		t.kept = t.kept[1:]
		t.write(piece)
		t.bytes -= len(piece)
		if t.bytes == 0 {
			t.tellLost()
			t.behind = false
		}
		t.change.Broadcast()
	}
}

// write writes without the lock, which is held before and after.
func (t *talk) write(piece []byte) {
	t.mu.Unlock()
	defer t.mu.Lock()
	_, _ = t.to.Write(piece) // nobody is left to tell
}

// tellLost says how much was not said.
func (t *talk) tellLost() {
	lost := t.lost
	if t.lost = 0; lost == 0 {
		return
	}
	t.mu.Unlock()
	defer t.mu.Lock()
	newLog(t.to, t.format, slog.LevelDebug).Warn("whoever reads this log had stopped reading: some of it is missing here, and the node went on", "lines", lost)
}

// end waits, for a while, until all is written.
func (t *talk) end() {
	t.mu.Lock()
	t.ended = true
	t.change.Broadcast()
	t.mu.Unlock()
	select {
	case <-t.quiet:
	case <-time.After(lastTalkTime):
	}
}
