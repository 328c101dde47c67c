package modbus

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/handshake"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
)

// A line carries bytes to units and back.
type line interface {
	io.ReadWriteCloser
	SetDeadline(at time.Time) error
}

// A client asks the units on one line, one request after the other.
type client struct {
	line     line
	framing  framing
	settings *Settings

	came   bytes.Buffer
	active time.Time // when the line was used last
	failed int       // requests in a row without an answer
	lost   func(n uint64, cause string)

	answer  answered  // the last one
	suspect time.Time // until then what follows an answer is awaited: another master was heard
}

// answered is what was taken for the answer to a request.
type answered struct {
	unit    byte
	request request
	pdu     []byte // nil: there was none
}

func newClient(l line, s *Settings) *client {
	c := &client{line: l, settings: s}
	heartbeats := s.Listen.beats()
	if s.Framing == RTU {
		c.framing = &rtu{heartbeats: heartbeats}
	} else {
		c.framing = &mbap{anyUnit: s.AnyUnit, any: s.AnyTransaction, heartbeats: heartbeats, transaction: uint16(time.Now().UnixNano())}
	}
	return c
}

// mostFailed is how many requests in a row may have no answer before a line is made anew on which late answers are told otherwise.
const mostFailed = 3

// survives reports whether the line can be used after a request that had no answer. Over TCP no more is expected of a line with an answer
// that may still come: some peers give it the transaction of the newest request.
func (c *client) survives(err error) bool {
	return c.settings.mistakes() && errors.Is(err, errSilent) && c.failed < mostFailed
}

// ask makes one request and returns what its answer brings. A unit that owes answers is first asked something whose answer can be
// told from those, and what comes before it is dropped.
func (c *client) ask(ctx context.Context, u *unit, r request) ([]byte, error) {
	if len(u.owed) > 0 {
		if err := c.settle(ctx, u, r); err != nil {
			return nil, err
		}
		u.owed = nil
	}
	return c.exchange(ctx, u, r)
}

// settle asks until an answer comes that is of no request before.
func (c *client) settle(ctx context.Context, u *unit, r request) error {
	other := u.owed.tellable(r)
	told := !u.owed.has(other.table) // before the exchange adds to it
	_, err := c.exchange(ctx, u, other)
	var refusal *exception
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &refusal):
		return err
	case told:
		return nil // its function is that of no other request
	}
	u.owed = u.owed.with(other) // something else the next time
	return fmt.Errorf("late answers could not be told from new ones: %w", refusal)
}

// exchange sends one request and waits for its answer.
func (c *client) exchange(ctx context.Context, u *unit, r request) (data []byte, err error) {
	if err := c.rest(ctx, max(c.settings.pause(), 0)-time.Since(c.active)); err != nil {
		return nil, err
	}
	defer func() { c.active = time.Now() }()
	if c.drop() && c.settings.AnyTransaction { // who knows what else comes: a new line has no answers of old requests
		return nil, errGone
	}
	c.answer = answered{unit: u.id, request: r}
	if err := c.line.SetDeadline(time.Now().Add(c.settings.Timeout)); err != nil {
		return nil, c.broken(err)
	}
	defer context.AfterFunc(ctx, func() { _ = c.line.SetDeadline(time.Unix(1, 0)) })() // it only wakes what waits
	if _, err := c.line.Write(c.framing.frame(u.id, r.pdu())); err != nil {
		if conn, is := c.line.(net.Conn); is {
			err = handshake.Told(conn, err)
		}
		return nil, c.broken(err)
	}
	pdu, err := c.await(ctx, u.id, r)
	c.count()
	if err != nil {
		c.failed++
		c.owe(u, r)
		return nil, c.hinted(err, u)
	}
	c.failed, u.spoke = 0, true
	c.answer.pdu = pdu
	if c.isShared(ctx) {
		c.owe(u, r)
		return nil, errShared
	}
	if c.settings.Framing == RTU && c.came.Len() > 0 { // more than an answer: who knows what else comes
		c.owe(u, r)
	}
	return r.data(pdu)
}

// suspicion is how long a line on which another master was heard is listened to behind each answer.
const suspicion = 10 * time.Minute

// isShared reports whether the last answer may be to another master, which asks over the same serial line.
func (c *client) isShared(ctx context.Context) bool {
	f, is := c.framing.(*rtu)
	if !is {
		return false
	}
	for total := 0; !f.foreign && total < mostCame && time.Now().Before(c.suspect) && ctx.Err() == nil; {
		if c.line.SetDeadline(time.Now().Add(quiet)) != nil || ctx.Err() != nil {
			break
		}
		var chunk [512]byte
		n, err := c.line.Read(chunk[:])
		total += n
		c.came.Write(chunk[:n])
		f.foreign = f.differs(c.came.Bytes(), c.answer.unit, c.answer.request, c.answer.pdu)
		if err != nil { // it is quiet; a line that is broken shows it when it is written to
			break
		}
	}
	if f.foreign {
		c.suspect = time.Now().Add(suspicion)
	}
	return f.foreign
}

// count counts answers that are of no request. On a serial line others are heard too, and nothing is wrong with that.
func (c *client) count() {
	if m, is := c.framing.(*mbap); is && m.late > 0 {
		if c.lost != nil {
			// Fault (dropped): an answer comes too late, or is of another unit than was asked.
			c.lost(m.late, "an answer came that is of another request or unit")
		}
		m.late = 0
	}
}

// owe notes that the answer of a request may still come, on a line where it might be taken for that of another.
func (c *client) owe(u *unit, r request) {
	if c.settings.mistakes() {
		u.owed = u.owed.with(r)
	}
}

// The bounds of what is read for one answer.
const (
	mostCame = 16 << 10               // bytes that are none
	quiet    = 100 * time.Millisecond // that a frame does not pause for
)

// await reads until the answer is there.
func (c *client) await(ctx context.Context, id byte, r request) ([]byte, error) {
	deadline := time.Now().Add(c.settings.Timeout)
	var chunk [512]byte
	for total := 0; total < mostCame; {
		at := deadline
		if c.came.Len() > 0 && time.Until(deadline) > quiet {
			at = time.Now().Add(quiet)
		}
		if err := c.line.SetDeadline(at); err != nil {
			return nil, c.broken(err)
		}
		if ctx.Err() != nil { // it may have ended before the deadline was set
			return nil, ctx.Err()
		}
		n, err := c.line.Read(chunk[:])
		total += n
		c.came.Write(chunk[:n])
		late := errors.Is(err, os.ErrDeadlineExceeded)
		pdu, broken := c.framing.next(&c.came, id, r, late)
		switch {
		case broken != nil || pdu != nil:
			return pdu, broken
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case late && !time.Now().Before(deadline):
			return nil, c.silence()
		case err != nil && !late:
			return nil, c.broken(err)
		}
	}
	// Fault (exchange): a device floods the line with bytes in which there is no answer.
	return nil, fmt.Errorf("%w: %d bytes and no answer in them", errFraming, mostCame)
}

// hinted says more of a unit that never answered, and of which nothing came.
func (c *client) hinted(err error, u *unit) error {
	m, overTCP := c.framing.(*mbap)
	switch {
	case u.spoke || !errors.Is(err, errSilent) || c.came.Len() > 0:
		return err
	case !overTCP:
		return fmt.Errorf("%w; is %d its id?", err, u.id)
	case m.stray != nil || len(m.other) > 0:
		return err
	}
	return fmt.Errorf("%w; is %d its id, and framing tcp (a transparent gateway has rtu)?", err, u.id)
}

// silence says that no answer came, and what did.
func (c *client) silence() error {
	after := quantity.FormatDuration(c.settings.Timeout)
	switch n := c.came.Len(); {
	case n == 0 && c.instead() >= 0:
		// Fault (point): a device or gateway answers for another unit.
		return fmt.Errorf("%w, %s; unit %d answered instead: if that is how this gateway answers, set any_unit", errSilent, after, c.instead())
	case n == 0 && c.stray() != nil:
		// Fault (point): a device answers with another transaction than it was asked with, or too late.
		return fmt.Errorf("%w, %s; what came has transaction %d: it is late, or the device does not repeat what it is asked with: set any_transaction then", errSilent, after, *c.stray())
	case n == 0:
		return fmt.Errorf("%w, %s", errSilent, after)
	case c.settings.Framing == RTU:
		// Fault (point): bytes come over a serial line that are no frame, or are damaged.
		return fmt.Errorf("%w, %s, but %d bytes that are none; check framing, baud and parity", errSilent, after, n)
	default: // where the next frame would begin nobody can tell
		// Fault (exchange): an answer comes byte by byte, more slowly than timeout lets it.
		return fmt.Errorf("%w: %d bytes of an answer came in %s", errFraming, n, after)
	}
}

// instead returns a unit that answered the last request instead of the one that was asked; −1: none did.
func (c *client) instead() int {
	if m, is := c.framing.(*mbap); is && len(m.other) > 0 {
		return int(m.other[0])
	}
	return -1
}

// stray returns the transaction of an answer that came instead; nil: none did.
func (c *client) stray() *uint16 {
	if m, is := c.framing.(*mbap); is {
		return m.stray
	}
	return nil
}

// drop drops what came before a request, and reports whether there was any. On a line without transactions it may be an answer given twice.
func (c *client) drop() (any bool) {
	if c.settings.Framing != RTU && !c.settings.AnyTransaction {
		return false
	}
	defer c.came.Reset()
	if d, ok := c.line.(interface{ Discard() error }); ok {
		_ = d.Discard() // a line that is broken shows it when it is written to
	} else {
		discard(c.line, &c.came)
	}
	if f, is := c.framing.(*rtu); is && c.came.Len() > 0 && c.answer.pdu != nil && f.differs(c.came.Bytes(), c.answer.unit, c.answer.request, c.answer.pdu) {
		c.suspect = time.Now().Add(suspicion)
		if c.lost != nil {
			// Fault (dropped): an answer that fits as well comes behind one that was taken already.
			c.lost(1, "a second answer to one request came: does another master speak on this line?")
		}
	}
	return c.came.Len() > 0
}

// discard moves what is there already into came, without waiting where that can be.
func discard(l line, came *bytes.Buffer) {
	if l.SetDeadline(time.Time{}) != nil || discarded(l, came) {
		return
	}
	if l.SetDeadline(time.Now().Add(time.Millisecond)) != nil {
		return
	}
	var chunk [512]byte
	for total := 0; total < mostCame; {
		n, err := l.Read(chunk[:])
		total += n
		came.Write(chunk[:n])
		if err != nil {
			return
		}
	}
}

// broken says that the line cannot be used.
func (c *client) broken(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrClosed):
		return errGone
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSilent
	}
	return handshake.Explain(err, time.Now()) // TLS 1.3 tells behind the handshake that a certificate is wanted
}

// rest waits, if d is more than nothing.
func (c *client) rest(ctx context.Context, d time.Duration) error {
	if d > 0 && !backoff.Wait(ctx, d) {
		return cmp.Or(ctx.Err(), errClosed)
	}
	return nil
}
