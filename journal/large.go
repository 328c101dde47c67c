package journal

import (
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona/internal/backoff"
)

// A store that meets a full disk is broken until it is started again, for everybody. It is started with little room, so what is large could break it
// at each try, and each start costs those who sign some rounds. So what is large waits: for room where the disk is known, else for longer each time.

// largeFlight is how many bytes a flight has which may not fit beside what is free when a store is started again.
const largeFlight = minFreeBytes / 2

// longestSpare is how long a large flight that a store elsewhere did not take waits at most for the next try.
const longestSpare = time.Minute

// roomOnDisk returns why so many bytes must not be written yet; nil if they may.
func (l *lane) roomOnDisk(bytes int) error {
	if l.j.local == nil || bytes < largeFlight {
		return nil
	}
	if why := l.j.diskFull(bytes); why != "" {
		return errors.New(why)
	}
	return nil
}

// diskFull returns why the disk of the embedded store has no room for so many bytes, and for a start; empty if it has.
func (j *Journal) diskFull(bytes int) string {
	need := int64(minFreeBytes + bytes)
	if free, err := freeBytes(j.cfg.Dir); err == nil && free < need {
		return fmt.Sprintf("the disk is full: %d MiB are free, %d MiB are needed", free>>20, (need+1<<20-1)>>20)
	}
	return ""
}

// size returns about how many bytes a flight takes.
func (f *flight) size() (bytes int) {
	for _, m := range f.msgs {
		bytes += len(m.Data) + headersOnBusAllowance
	}
	return bytes
}

// spare waits before a large flight is sent again that the store did not take: it may have broken it.
func (l *lane) spare() {
	if l.refused < 2 {
		return // a connection may be lost
	}
	l.setBlocked("the store does not take what is large, and may have a full disk")
	backoff.Wait(l.j.ctx, backoff.Backoff{Min: 5 * time.Second, Max: longestSpare}.Ceiling(l.refused-1))
}

// countLarge counts whether a store elsewhere, if it was given a large flight, took it.
func (l *lane) countLarge(given bool, err error) {
	switch {
	case err == nil:
		l.refused = 0
	case given:
		l.refused++
	}
}
