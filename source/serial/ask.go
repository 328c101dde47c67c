package serial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/tty"
	"github.com/dodona-oracle/dodona/internal/unit"
)

const (
	calmTimeouts = 2                      // of silence, in time-outs, before a request that follows one without an answer
	glance       = 5 * time.Millisecond   // how long is looked for what nobody asked for
	firstLook    = 250 * time.Millisecond // the same of a port that was just opened
)

// An asker asks over one open port.
type asker struct {
	*device
	port *tty.Port

	// doubtful: the answer to an earlier request may still come.
	doubtful bool
	fresh    bool // nothing was asked yet
}

// ask asks the device for everything. A request without an answer is a bad reading, unless none has one.
func (d *device) ask(ctx context.Context) (b dodona.Batch, err error) {
	a, err := d.asker()
	if err != nil {
		return b, err
	}
	stop := context.AfterFunc(ctx, func() { _ = a.port.Close() }) // a read ends with it
	defer stop()
	var first error
	answered := 0
	for _, name := range slices.Sorted(maps.Keys(d.settings.Requests)) {
		r, err := a.exchange(name, d.settings.Requests[name])
		var unanswered *unansweredError
		switch {
		case err == nil:
			answered++
		case errors.As(err, &unanswered):
			r = dodona.Reading{Source: d.env.Source, Item: name, Received: d.env.Now(), Quality: dodona.Bad, Detail: err.Error()}
			if first == nil {
				first = d.broken(err)
			}
		default:
			return dodona.Batch{}, d.leave(ctx, a, err)
		}
		b.Readings = append(b.Readings, r)
	}
	if answered == 0 {
		return dodona.Batch{}, first
	}
	return b, nil
}

// asker returns the open port, or opens it.
func (d *device) asker() (*asker, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	if d.asks != nil {
		return d.asks, nil
	}
	port, err := d.openPort()
	if err != nil {
		return nil, err
	}
	d.asks = &asker{device: d, port: port, doubtful: d.lost != nil, fresh: true}
	return d.asks, nil
}

// leave closes a port that failed, and says why.
func (d *device) leave(ctx context.Context, a *asker, err error) error {
	_ = a.port.Close() // it failed
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asks, d.lost = nil, err
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case d.closed:
		return errClosed
	}
	return d.broken(err)
}

// An unansweredError says why there is no answer to one request; the port is well.
type unansweredError struct{ why string }

func (e *unansweredError) Error() string { return e.why }

func unanswered(format string, args ...any) error {
	return &unansweredError{fmt.Sprintf(format, args...)}
}

// exchange sends one request and returns its answer.
func (a *asker) exchange(name string, q Request) (r dodona.Reading, err error) {
	look := glance
	if a.fresh { // whoever had the port before may have asked
		look = min(a.settings.Timeout, firstLook)
	}
	unasked, err := a.drain(look)
	if err != nil {
		return r, err
	}
	a.fresh = false
	if a.doubtful = a.doubtful || unasked; a.doubtful {
		if err := a.calm(name); err != nil {
			return r, err
		}
	}
	doubtful := a.doubtful
	a.doubtful = true // until the answer is there
	begun := a.env.Now()
	if _, err := a.port.Write([]byte(q.Send)); err != nil {
		return r, err
	}
	answers, other, err := a.answers(q, doubtful)
	switch {
	case err != nil:
		return r, err
	case len(answers) == 0 && other != nil:
		// Fault (point): what a device answers does not begin as settings say that it does.
		return r, unanswered("%s: no answer in %s (timeout) that begins with %s; what came is %s", name, unit.FormatDuration(a.settings.Timeout), plain.Quote(string(q.Begins), 40), plain.Quote(string(other), 60))
	case len(answers) == 0:
		// Fault (point): a device does not answer in time.
		return r, unanswered("%s: no answer in %s (timeout)", name, unit.FormatDuration(a.settings.Timeout))
	case len(answers) > 1:
		a.env.Dropped(uint64(len(answers)), "a frame is dropped: several came as the answer to one request")
		// Fault (point): a device answers twice.
		return r, unanswered("%s: %d answers came to one request, and one of them may be to an earlier one", name, len(answers))
	}
	a.doubtful = false
	how := fmt.Sprintf("asked for %s, %d ms, ", name, answers[0].received.Sub(begun).Milliseconds())
	return a.reading(answers[0], name, how), nil
}

// calm waits until the line was silent for so long that no answer to an earlier request is to come.
func (a *asker) calm(name string) error {
	pause := calmTimeouts * a.settings.Timeout
	end := time.Now().Add(4 * pause)
	for {
		came, err := a.drain(pause)
		if err != nil || !came {
			return err
		}
		if time.Now().After(end) {
			// Fault (point): a device speaks all the time.
			return unanswered("%s: the device does not stop to speak, so that no answer can be told; leave out requests if it speaks by itself", name)
		}
	}
}

// drain throws away what comes until nothing does for a while, or a time-out is over, and reports whether anything came.
func (a *asker) drain(pause time.Duration) (came bool, err error) {
	buffer := make([]byte, 4096)
	end := time.Now().Add(max(pause, a.settings.Timeout))
	for {
		if err := a.port.SetDeadline(time.Now().Add(pause)); err != nil {
			return came, err
		}
		n, err := a.port.Read(buffer)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return came, nil
		case err != nil:
			return came, err
		}
		if !came && len(bytes.Trim(buffer[:n], " \r\n\x00")) > 0 {
			// Fault (dropped): an answer comes too late, or unasked.
			a.env.Dropped(1, "a frame is dropped: it came when nothing was asked for, or too late")
			came = true
		}
		if time.Now().After(end) {
			return true, nil
		}
	}
}

// answers returns the first frame that answers a request, all of the whole time-out if the line is doubtful, and the last that does not begin so.
func (a *asker) answers(q Request, doubtful bool) (found []frame, other []byte, err error) {
	split := newSplitter(&a.settings, func(body []byte) {
		switch {
		case bytes.Equal(bytes.TrimSpace(body), bytes.TrimSpace([]byte(q.Send))): // an echo, as of some adapters of RS-485
		case !bytes.HasPrefix(body, []byte(q.Begins)):
			// Fault (dropped): an answer is of another request or device.
			a.env.Dropped(1, "a frame is dropped: it does not begin as the answer does")
			other = body
		default:
			if a.settings.Frame == nmea {
				if _, err := parseSentence(body); err != nil {
					a.env.Dropped(1, err.Error())
					return
				}
			}
			found = append(found, frame{body, a.env.Now()})
		}
	}, func(cause string) { a.env.Dropped(1, "a frame is dropped: "+cause) })
	split.synced = true
	end := time.Now().Add(a.settings.Timeout)
	buffer := make([]byte, 4096)
	for len(found) == 0 || doubtful {
		until, pauses := end, false
		if at := time.Now().Add(a.settings.Silence); a.settings.Silence > 0 && at.Before(end) {
			until, pauses = at, true
		}
		if err := a.port.SetDeadline(until); err != nil {
			return nil, nil, err
		}
		n, err := a.port.Read(buffer)
		switch {
		case n > 0:
			split.add(buffer[:n])
			if time.Now().After(end) {
				split.left(causeSlow)
				return found, other, nil
			}
		case errors.Is(err, os.ErrDeadlineExceeded) && pauses:
			split.pause()
		case errors.Is(err, os.ErrDeadlineExceeded):
			split.left(causeSlow)
			return found, other, nil
		case errors.Is(err, fs.ErrClosed):
			return nil, nil, errClosed
		default:
			return nil, nil, err
		}
	}
	return found, other, nil
}
