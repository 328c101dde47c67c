package s7

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// client is an open source: one connection, with one question at a time.
type client struct {
	settings Settings
	env      source.Env
	blocks   []block         // as they are read
	wanted   []block         // by the registers
	apart    map[string]bool // blocks whose values are read one by one, because the controller refused them together

	mu     sync.Mutex // held by an exchange
	conn   net.Conn
	pdu    int
	number uint16 // of the last question

	closing chan struct{}
	once    sync.Once
}

func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	wanted := s.blocks()
	return &client{settings: s, env: env, blocks: plan(wanted, s.Gap), wanted: wanted, apart: map[string]bool{}, closing: make(chan struct{})}, nil
}

// errClosed: Observe was called, or was waiting, when the source was closed. Open it again.
var errClosed = errors.New("the source is closed")

// Close ends the connection, and the exchange that is under way.
func (c *client) Close() error {
	c.once.Do(func() { close(c.closing) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
	return nil
}

func (c *client) drop() {
	if c.conn != nil {
		_ = c.conn.Close() // what it says does not matter any more
		c.conn = nil
	}
}

// Observe reads all registers once. Each block is a reading.
func (c *client) Observe(ctx context.Context) (b dodona.Batch, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closing:
		return b, errClosed
	default:
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kept := c.conn != nil
	got, err := c.exchange(ctx)
	if err != nil && kept && ctx.Err() == nil && isDead(err) { // a kept connection that has ended is made anew at once
		got, err = c.exchange(ctx)
	}
	if err != nil {
		c.drop()
		select {
		case <-c.closing:
			return b, errClosed
		default:
		}
		var refused refusal
		err = fmt.Errorf("read %s: %w", c.settings.endpoint(), err)
		if errors.As(err, &refused) {
			return b, dodona.Permanent(err)
		}
		return b, err
	}
	return dodona.Batch{Readings: got}, nil
}

// isDead reports whether the peer had closed the connection: nothing of an answer came. A question without an answer in time is not asked again.
func isDead(err error) bool {
	return !errors.Is(err, errFrame) && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.As(err, new(refusal))
}

func (c *client) exchange(ctx context.Context) (readings []dodona.Reading, err error) {
	if c.conn == nil {
		if err := c.connect(ctx); err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
	defer c.until(ctx)()
	var ask []block
	for _, b := range c.blocks {
		ask = append(ask, c.split(b)...)
	}
	began := c.env.Now()
	answers, err := c.readAll(ask)
	if err != nil {
		return nil, err
	}
	for i, b := range ask {
		if got := answers[i]; got.code != 0 && !c.apart[b.item()] && len(c.inside(b)) > 1 {
			c.apart[b.item()] = true
			each := c.split(b)
			again, err := c.readAll(each)
			if err != nil {
				return nil, err
			}
			for j, one := range each {
				readings = append(readings, c.reading(one, again[j], began))
			}
			continue
		}
		readings = append(readings, c.reading(b, answers[i], began))
	}
	return readings, nil
}

// inside returns the values of a block.
func (c *client) inside(b block) (values []block) {
	for _, w := range c.wanted {
		if b.has(w) {
			values = append(values, w)
		}
	}
	return values
}

// split returns a block, or its values if the controller refused it before.
func (c *client) split(b block) []block {
	if !c.apart[b.item()] {
		return []block{b}
	}
	return plan(c.inside(b), -1) // those that overlap alone are one
}

func (c *client) reading(b block, got part, began time.Time) dodona.Reading {
	now := c.env.Now()
	r := dodona.Reading{
		Source: c.env.Source, Item: b.item(), Body: got.bytes, ContentType: "application/octet-stream", Received: now,
		Detail: fmt.Sprintf("S7 read of %s from %s, %d ms", b.item(), c.settings.endpoint(), now.Sub(began).Milliseconds()),
	}
	if got.code != 0 {
		r.Quality, r.Detail = dodona.Bad, why(got.code)
	}
	return r
}

// readAll asks for blocks, and returns what came of each.
func (c *client) readAll(blocks []block) ([]part, error) {
	var pieces []block
	for _, b := range blocks {
		pieces = append(pieces, b.parts(c.pdu-readHead)...)
	}
	var came []part
	for _, group := range telegrams(pieces, c.pdu) {
		c.number++
		number := c.number
		telegram, err := c.ask(readRequest(number, group))
		if err != nil {
			return nil, err
		}
		parts, err := readAnswer(telegram, number, group)
		if err != nil {
			return nil, err
		}
		came = append(came, parts...)
	}
	whole := make([]part, len(blocks))
	for i, b := range blocks {
		for range b.parts(c.pdu - readHead) {
			whole[i].bytes = append(whole[i].bytes, came[0].bytes...)
			whole[i].code = max(whole[i].code, came[0].code)
			came = came[1:]
		}
		if whole[i].code != 0 {
			whole[i].bytes = nil
		}
	}
	return whole, nil
}

// ask sends a question and returns the telegram that answers it.
func (c *client) ask(body []byte) ([]byte, error) {
	if err := c.send(frame(dataUnit, body), c.settings.Timeout); err != nil {
		return nil, err
	}
	telegram, err := readData(c.conn)
	return telegram, c.inTime(err)
}

func (c *client) send(packet []byte, within time.Duration) error {
	if err := c.conn.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	select {
	case <-c.closing: // its deadline was the past
		return errClosed
	default:
	}
	_, err := c.conn.Write(packet)
	return c.inTime(err)
}

// inTime says what a deadline that passed means.
func (c *client) inTime(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Fault (exchange): a controller does not answer in time, or byte by byte.
		return fmt.Errorf("no answer in %v: %w", c.settings.Timeout, os.ErrDeadlineExceeded)
	}
	if errors.Is(err, io.EOF) {
		// Fault (exchange): a controller closes the connection.
		return fmt.Errorf("the controller ended the connection: %w", io.EOF)
	}
	return err
}

// until has what is under way end with ctx or with Close, and returns what ends that.
func (c *client) until(ctx context.Context) (stop func()) {
	conn, ended, done := c.conn, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ctx.Done():
		case <-c.closing:
		case <-ended:
			return
		}
		_ = conn.Close() // so that reading ends
	}()
	return func() {
		close(ended)
		<-done
	}
}

// connect makes a connection, and agrees on the size of telegrams.
func (c *client) connect(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, c.settings.ConnectTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(limited, "tcp", c.settings.endpoint())
	if err != nil {
		return err
	}
	c.conn = conn
	defer c.until(ctx)()
	if err := c.negotiate(); err != nil {
		c.drop()
		return err
	}
	return nil
}

func (c *client) negotiate() error {
	local, remote := c.settings.ends()
	if err := c.send(connectRequest(local, remote), c.settings.ConnectTimeout); err != nil {
		return err
	}
	head, _, err := readFrame(c.conn)
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the controller ended the connection (check rack and slot, and that a connection is free): %w", err)
	case err != nil:
		return c.inTime(err)
	case head[0]&0xf0 != 0xd0:
		// Fault (exchange): a controller does not let us in.
		return fmt.Errorf("the controller refuses the connection (0x%02x): check family, rack and slot, or tsap", head[0])
	}
	c.number++
	number := c.number
	telegram, err := c.ask(setupRequest(number))
	if err != nil {
		return err
	}
	c.pdu, err = setupAnswer(telegram, number)
	return err
}
