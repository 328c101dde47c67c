package journal

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/backoff"
)

// A store that meets a full disk is broken until it is started again, for everybody. It is started with little room, so what is large could break it
// at each try, and each start costs those who sign some rounds. So what is large waits: for room where the disk is known, else for longer each time.

// largeFlight is how many bytes a flight has which may not fit beside what is free when a store is started again.
const largeFlight = minFreeBytes / 2

// longestSpare is how long a large flight that a store elsewhere did not take waits at most for the next try.
const longestSpare = time.Minute

// errNoRoom: the flight was not sent, for the disk has no room for it.
var errNoRoom = errors.New("the disk is full")

// roomOnDisk returns why so many bytes must not be written yet; nil if they may.
func (l *lane) roomOnDisk(bytes int) error {
	if l.j.local == nil || bytes < largeFlight {
		return nil
	}
	release, err := l.j.holdRoom(bytes)
	if err == nil {
		release()
	}
	return err
}

// holdRoom takes room on the disk of the embedded store for so many bytes, if they fit beside what other lanes are writing, and what a start wants.
func (j *Journal) holdRoom(bytes int) (release func(), err error) {
	free, unknown := freeBytes(j.cfg.Dir)
	j.mu.Lock()
	defer j.mu.Unlock()
	if unknown == nil {
		if err := j.lacksRoom(free, int64(minFreeBytes+j.held+bytes)); err != nil {
			return nil, err
		}
	}
	j.held += bytes
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.held -= bytes
	}, nil
}

// lacksRoom returns an error if less is free than is needed.
func (j *Journal) lacksRoom(free, need int64) error {
	if free >= need {
		return nil
	}
	return fmt.Errorf("%w: %d MiB are free, %d MiB are needed for the store in %s", errNoRoom, free>>20, (need+1<<20-1)>>20, j.cfg.Dir)
}

// takes returns about how many bytes of the disk a flight takes.
func (f *flight) takes() int {
	bytes := 0
	for _, m := range f.msgs {
		bytes += len(m.Data) + headersOnBusAllowance
	}
	return takenBy(bytes, len(f.msgs))
}

// takenBy returns how many bytes of the disk so many records take: a batch is staged before it is written to the stream.
func takenBy(bytes, records int) int {
	if records > 1 {
		return 2 * bytes
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

// saysMaxBytes is what the server says of a stream that has reached its limit.
const saysMaxBytes = "maximum bytes exceeded"

// full reports whether a store refused a flight because the stream has reached its limit.
func full(err error) bool {
	return errCode(err) == codeStoreFailed && strings.Contains(err.Error(), saysMaxBytes)
}

// countLarge counts whether a store elsewhere, if it was given a large flight, took it. One that answers that another record came in between is well.
func (l *lane) countLarge(given bool, err error) {
	switch code := errCode(err); {
	case full(err): // by its limit, which says nothing of the disk
		l.refused = 0
	case err == nil, code == codeWrongLast, code == codeWrongLastConst, code == codeTooLarge, code == codeHeaderTooLarge:
		l.refused = 0
	case given:
		l.refused++
	}
}
