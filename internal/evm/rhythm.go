package evm

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// A rhythm is how fast an endpoint answers if it does: one that lets a request hang now and then is not waited for to the full timeout
// each time.
type rhythm struct {
	usual time.Duration // that an answer takes, rather more than less; 0: none came yet
	hung  time.Time     // when a request last had no answer in time
	row   int           // of these, since an answer
}

const (
	hangsFor  = 5 * time.Minute // after a request that hung, others are suspected of it
	leastWait = time.Second
	longer    = 10 // times what is usual
)

// timeout returns how long a request is waited for: the most that is allowed, unless requests hang here. Then it begins with much more
// than is usual, and doubles as long as nothing comes.
func (r *rhythm) timeout(now time.Time, most time.Duration) time.Duration {
	if r.usual == 0 || r.hung.IsZero() || now.Sub(r.hung) > hangsFor {
		return most
	}
	return min(most, max(leastWait, longer*r.usual)<<min(r.row, 6))
}

// learn takes in how long a request took, and what came of it.
func (r *rhythm) learn(now time.Time, took time.Duration, err error) {
	var said *Error
	var timeout net.Error
	switch {
	case err == nil || errors.As(err, &said):
		r.usual, r.row = max(took, r.usual-r.usual/8, time.Millisecond), 0
	case errors.As(err, &timeout) && timeout.Timeout():
		r.hung, r.row = now, r.row+1
	}
}

// errHung: nothing came in that time.
type errHung time.Duration

func (e errHung) Error() string {
	return fmt.Sprintf("no complete answer in %s (timeout)", time.Duration(e))
}
func (e errHung) Timeout() bool { return true }

// Temporary is asked for by [net.Error].
func (e errHung) Temporary() bool { return true }
