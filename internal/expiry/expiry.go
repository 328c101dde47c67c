// Package expiry ends a connection when the certificate of its peer does. TLS looks at it once, in the handshake: a session that stands for months
// would be believed for as long.
package expiry

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// An Error says that the certificate of a peer ended while a session with it stood. The next handshake says so too, until the peer has another.
type Error struct {
	Who   string
	Until time.Time
}

func (e *Error) Error() string {
	// Fault (exchange): a certificate expires in the middle of a session.
	return fmt.Sprintf("the certificate of %s expired at %s, in the middle of the session", e.Who, e.Until.UTC().Format(time.RFC3339))
}

// Of returns who is believed by a handshake, and until when: while one of the chains that were found holds. Until is zero if nobody looked at certificates.
func Of(state tls.ConnectionState) (who string, until time.Time) {
	for _, chain := range state.VerifiedChains {
		ends := chain[0].NotAfter
		for _, c := range chain[1:] {
			if c.NotAfter.Before(ends) {
				ends = c.NotAfter
			}
		}
		if ends.After(until) {
			until = ends
		}
	}
	if until.IsZero() {
		return "", until
	}
	return nameOf(state), until
}

// nameOf says who the peer is: what it was asked for by, which an address is not, or what it calls itself.
func nameOf(state tls.ConnectionState) string {
	subject := ""
	if len(state.PeerCertificates) > 0 {
		subject = state.PeerCertificates[0].Subject.CommonName
	}
	return plain.Line(cmp.Or(state.ServerName, subject, "the peer"), 100)
}

// Over returns an [*Error] if what a handshake believed has ended; nil otherwise, or without TLS.
func Over(state *tls.ConnectionState, now time.Time) error {
	if state == nil {
		return nil
	}
	if who, until := Of(*state); !until.IsZero() && now.After(until) {
		return &Error{who, until}
	}
	return nil
}

// A Watch is of one connection: it takes the end of the peer's certificate from the handshake, and closes the connection then. The zero Watch is ready.
type Watch struct {
	mu   sync.Mutex
	ends *Error // nil: not known
	conn *conn  // the last that was given; a driver may dial again
}

// Config returns a copy of c that tells the watch what the handshake believed; nil if c is. Where c believes by VerifyConnection alone, the peer's own
// certificate is what ends.
func (w *Watch) Config(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	verify := c.VerifyConnection
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if verify != nil {
			if err := verify(state); err != nil {
				return err
			}
		}
		who, until := Of(state)
		if until.IsZero() && verify != nil && len(state.PeerCertificates) > 0 {
			who, until = nameOf(state), state.PeerCertificates[0].NotAfter
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if !until.IsZero() {
			w.ends = &Error{who, until}
			w.arm()
		}
		return nil
	}
	return c
}

// Conn returns what TLS is spoken over, or TLS itself, so that it is closed in time. It must be closed.
func (w *Watch) Conn(c net.Conn) net.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		w.ends = nil // it was of another handshake
	}
	w.conn = &conn{Conn: c}
	w.arm()
	return w.conn
}

// arm sets the alarm once both are known; the caller holds mu.
func (w *Watch) arm() {
	if w.conn != nil && w.ends != nil {
		w.conn.until(w.ends)
	}
}

type conn struct {
	net.Conn

	mu     sync.Mutex
	alarm  *time.Timer
	over   *Error // it was closed because of it
	closed bool
}

func (c *conn) until(ends *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.alarm != nil {
		return
	}
	c.alarm = time.AfterFunc(time.Until(ends.Until), func() {
		c.mu.Lock()
		c.over = ends
		c.mu.Unlock()
		_ = c.Conn.Close() // who reads is told why
	})
}

func (c *conn) why(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.over != nil {
		return c.over
	}
	return err
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.why(err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.why(err)
}

func (c *conn) SetDeadline(t time.Time) error { return c.why(c.Conn.SetDeadline(t)) }

func (c *conn) SetReadDeadline(t time.Time) error { return c.why(c.Conn.SetReadDeadline(t)) }

func (c *conn) SetWriteDeadline(t time.Time) error { return c.why(c.Conn.SetWriteDeadline(t)) }

// Close closes the connection, and is safe to call again.
func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	if c.alarm != nil {
		c.alarm.Stop()
	}
	c.mu.Unlock()
	return c.Conn.Close()
}
