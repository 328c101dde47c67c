package serial

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/tty"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// A device is an open source.
type device struct {
	settings Settings
	env      source.Env

	mu       sync.Mutex
	closed   bool
	asks     *asker    // with requests: the open port; nil: it is not open
	session  *session  // without: the port while it is listened to; nil: none yet, or the last one is over
	last     time.Time // when something was last heard; zero: never
	lost     error     // why the last session ended
	gap      string    // before the next reading; empty: none
	observed sync.Mutex
}

var errClosed = errors.New("the source is closed")

// open prepares a source; it does not look at the port.
func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	s.Complete()
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	d := &device{settings: s, env: env}
	if at, err := time.Parse(time.RFC3339Nano, string(env.Cursor)); err == nil && s.Pushed() {
		d.last = at
	}
	return d, nil
}

// Observe asks the device, or returns what it said since the last call, or waits for it.
func (d *device) Observe(ctx context.Context) (dodona.Batch, error) {
	d.observed.Lock()
	defer d.observed.Unlock()
	if err := ctx.Err(); err != nil {
		return dodona.Batch{}, err
	}
	if d.settings.Pushed() {
		return d.hear(ctx)
	}
	return d.ask(ctx)
}

// openPort opens the port. What waits in it is of before.
func (d *device) openPort() (*tty.Port, error) {
	port, err := tty.Open(d.settings.Settings)
	if err != nil {
		return nil, err
	}
	if err := port.Discard(); err != nil {
		_ = port.Close() // nothing was written
		return nil, fmt.Errorf("open %s: %w", d.settings.Device, err)
	}
	return port, nil
}

// broken says which port failed.
func (d *device) broken(err error) error { return fmt.Errorf("%s: %w", d.settings.Device, err) }

// reading returns a frame as a reading; not a good one if the frame says so itself.
func (d *device) reading(f frame, item, how string) dodona.Reading {
	r := dodona.Reading{Source: d.env.Source, Item: item, Body: f.body, Received: f.received, ContentType: "application/octet-stream"}
	if isText(f.body) {
		r.ContentType = "text/plain; charset=utf-8"
	}
	r.Detail = fmt.Sprintf("%s, %s%d B", plain.Line(d.settings.Device, 80), how, len(f.body))
	if d.settings.Frame != nmea {
		return r
	}
	said, err := parseSentence(f.body)
	if err != nil { // it was parsed once
		r.Quality, r.Detail = dodona.Bad, err.Error()
		return r
	}
	r.SourceTime = said.instant()
	if item == "" {
		r.Item = said.address
	}
	if why := said.unfit(); why != "" {
		r.Quality = dodona.Bad
		r.Detail += ", " + why
	}
	return r
}

// isText reports whether a frame is text: UTF-8 without control characters but those that texts have.
func isText(body []byte) bool {
	for _, b := range body {
		if b < ' ' && b != '\t' && b != '\r' && b != '\n' && b != '\x02' && b != '\x03' || b == 0x7f {
			return false
		}
	}
	return utf8.Valid(body)
}

// hear returns what a device that speaks by itself said.
func (d *device) hear(ctx context.Context) (dodona.Batch, error) {
	ses, err := d.current()
	if err != nil {
		return dodona.Batch{}, err
	}
	select {
	case <-ses.ring.more:
		return d.batch(ses.ring.take()), nil
	case <-ctx.Done():
		return dodona.Batch{}, ctx.Err()
	case <-ses.over:
	}
	if left := ses.ring.take(); len(left) > 0 { // what was said before its end
		return d.batch(left), nil
	}
	return dodona.Batch{}, d.end(ses)
}

// Drained reports whether nothing waits.
func (d *device) Drained() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session == nil || d.session.ring.isEmpty()
}

// current returns the session there is, or begins one.
func (d *device) current() (*session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	if d.session != nil {
		return d.session, nil
	}
	port, err := d.openPort()
	if err != nil {
		return nil, err
	}
	d.session = d.listen(port, d.last, d.lost)
	return d.session, nil
}

// end takes leave of a session that is over, and returns why it is.
func (d *device) end(ses *session) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session == ses {
		d.session = nil
	}
	if d.closed {
		return errClosed
	}
	d.lost = ses.why
	if ses.heard.After(d.last) {
		d.last = ses.heard
	}
	return ses.why
}

// resumed tells the gap between what was last heard and the first frame of a session.
func (d *device) resumed(last time.Time, lost error) {
	if last.IsZero() {
		return
	}
	gap := unit.Roughly(d.env.Now().Sub(last))
	d.mu.Lock()
	d.gap = gap
	d.mu.Unlock()
	why := ""
	if lost != nil {
		why = fmt.Sprintf(" (%v)", lost)
	}
	// Fault (dropped): an adapter is unplugged: what came meanwhile is unknown.
	d.env.Dropped(1, fmt.Sprintf("a gap of %s before the port was open: what the device said meanwhile did not come%s", gap, why))
}

func (d *device) batch(frames []frame) (b dodona.Batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range frames {
		r := d.reading(f, "", "")
		if d.gap != "" {
			r.Detail += ", the first behind a gap of " + d.gap
			d.gap = ""
		}
		b.Readings = append(b.Readings, r)
		d.last = f.received
	}
	if len(b.Readings) > 0 {
		b.Cursor = []byte(d.last.UTC().Format(time.RFC3339Nano))
	}
	return b
}

// Close closes the port and waits until nobody reads from it.
func (d *device) Close() error {
	d.mu.Lock()
	d.closed = true
	ses, asks := d.session, d.asks
	d.mu.Unlock()
	if ses != nil {
		_ = ses.port.Close() // which ends it
		<-ses.over
	}
	if asks != nil {
		_ = asks.port.Close() // which ends the exchange
	}
	return nil
}
