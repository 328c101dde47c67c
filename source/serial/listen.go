package serial

import (
	"errors"
	"os"
	"time"

	"github.com/dodona-oracle/dodona/internal/tty"
)

// A session is a port from when it is opened until it fails or is closed.
type session struct {
	*device
	port *tty.Port
	ring *ring
	over chan struct{} // closed when nobody reads any more

	// What follows is read once over is closed.
	why   error
	heard time.Time
}

// quiet is a silence behind which a frame begins, whatever came before the port was open.
const quiet = 100 * time.Millisecond

// listen begins a session; the caller holds mu. It ends when its port fails or is closed.
func (d *device) listen(port *tty.Port, last time.Time, lost error) *session {
	ses := &session{device: d, port: port, ring: newRing(), over: make(chan struct{})}
	go func() { // Close waits for it
		defer close(ses.over)
		ses.why = ses.read(last, lost)
		_ = port.Close() // it is over, whatever it says
	}()
	return ses
}

// read reads frames until the port fails.
func (ses *session) read(last time.Time, lost error) error {
	first := true
	split := newSplitter(&ses.settings, func(body []byte) {
		now := ses.env.Now()
		if ses.settings.Frame == nmea {
			if _, err := parseSentence(body); err != nil {
				ses.env.Dropped(1, err.Error())
				return
			}
		}
		if first {
			first = false
			ses.resumed(last, lost)
		}
		ses.heard = now
		if n := ses.ring.put(frame{body, now}); n > 0 {
			// Fault (dropped): frames come faster than the journal takes them.
			ses.env.Dropped(n, "more frames came than the journal took")
		}
	}, func(cause string) { ses.env.Dropped(1, "a frame is dropped: "+cause) })
	begun := time.Now()
	buffer := make([]byte, 4096)
	for silent := false; ; {
		if err := ses.port.SetDeadline(ses.deadline(begun, split, silent)); err != nil {
			return ses.broken(err)
		}
		n, err := ses.port.Read(buffer)
		switch {
		case n > 0:
			split.add(buffer[:n])
			silent = false
		case errors.Is(err, os.ErrDeadlineExceeded) && !split.synced && ses.settings.Silence == 0:
			split.synced = true // nothing came for a while, so that what comes is a beginning
		case errors.Is(err, os.ErrDeadlineExceeded):
			split.pause()
			silent = true
		default:
			split.left("the port failed within it")
			return ses.broken(err)
		}
	}
}

// deadline returns when a silence means something; never if it does not.
func (ses *session) deadline(begun time.Time, split *splitter, silent bool) time.Time {
	switch pause := ses.settings.Silence; {
	case pause > 0 && !silent:
		return time.Now().Add(pause)
	case pause == 0 && !split.synced && len(split.held) == 0 && time.Since(begun) < quiet:
		return begun.Add(quiet)
	}
	return time.Time{}
}
