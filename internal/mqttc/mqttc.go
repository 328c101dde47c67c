// Package mqttc is one connection to a broker of MQTT, version 5 or 3.1.1: what a source and a sink share. It keeps nothing and tries
// nothing again: a connection that ended is followed by a new one, which its owner dials when its back-off says so, and what was not
// acknowledged is its owner's to send again. No queue of the libraries below is used.
//
// A broker is believed alive while packets come: one that is frozen is given up [Settings.KeepAlive] and a ping later. What comes is
// acknowledged when its owner says so, and not before.
package mqttc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/internal/unit"
)

// A Message is what is published on a topic.
type Message struct {
	Topic       string
	Payload     []byte
	QoS         byte
	Retained    bool        // of one that came: the broker kept it; of one to send: it shall, unless it keeps none
	AtMost      bool        // of one to send: it goes with what QoS the broker takes, if that is less
	Duplicate   bool        // of one that came: it was sent before, and not acknowledged
	ContentType string      // of MQTT 5
	Properties  [][2]string // of MQTT 5: the user's, name and value

	id uint16 // of the packet, for its acknowledgement
	of any    // the library's own, for the same
}

// A Subscription is a topic filter, which may begin with $share/NAME/, and how its messages come.
type Subscription struct {
	Filter  string
	QoS     byte
	NewOnly bool // of MQTT 5: retained messages come only if the session did not have the subscription
}

// A Config says where a connection leads and what it is for. Settings, ClientID and Receive are required; Receive may be nil for
// one that only sends.
type Config struct {
	Settings Settings
	ClientID string
	User     string
	Clean    bool     // the session begins and ends with the connection, whatever the settings say
	Will     *Message // is published by the broker if the connection ends without [Conn.Close]; kept, and with its QoS, if it has that

	// Receive is given what comes, in order, by one goroutine. While it blocks nothing is read, so with MQTT 5 it must not: the broker
	// sends no more than ReceiveMaximum messages of QoS 1 and 2 without an acknowledgement.
	Receive func(Message)

	// Oversized is told of a message that was larger than MaxPacket: it is acknowledged, and not received.
	Oversized func(topic string, size int)

	MaxPacket unit.Size // the largest packet that is read; 0: 1MiB
}

const (
	defaultMaxPacket = unit.MiB
	pingGrace        = 10 * time.Second // for the answer to a ping
	writeLimit       = 10 * time.Second // for the broker to take a packet
	goodbye          = 500 * time.Millisecond
)

// ErrClosed: the connection was closed by its owner.
var ErrClosed = errors.New("the connection was closed")

// A Conn is a connection. Its methods are safe for concurrent use; the order of what several goroutines send is theirs.
type Conn struct {
	cfg      Config
	limits   limits
	wire     *wire
	lib      library
	version  Version
	resumed  bool
	broker   string // host and port
	lifetime time.Duration

	mu    sync.Mutex
	err   error
	ended chan struct{}
}

// A library is one of the two that speak MQTT.
type library interface {
	subscribe(ctx context.Context, subscriptions []Subscription) ([]byte, error)
	send(ctx context.Context, m Message) (wait func(ctx context.Context) error, err error)
	acknowledge(m Message) error
	close() // says goodbye
	abort() // does not
}

// Version returns which version of MQTT is spoken.
func (c *Conn) Version() Version { return c.version }

// Resumed reports whether the broker had a session of an earlier connection: its subscriptions are there, and what came since comes.
func (c *Conn) Resumed() bool { return c.resumed }

// Lifetime returns how long the broker keeps the session after the connection ended, where it says so itself; else what was asked for.
func (c *Conn) Lifetime() time.Duration { return c.lifetime }

// Broker returns the host and port that it leads to.
func (c *Conn) Broker() string { return c.broker }

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.ended }

// Err returns why the connection ended; nil while it has not.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// end notes why the connection ended. What the wire says of it comes first: libraries say of everything that the connection was lost.
func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if cause := c.wire.cause(); cause != nil && !errors.Is(err, errTold) {
		err = cause
	}
	c.err = cmp.Or(err, ErrClosed)
	close(c.ended)
}

// Subscribe subscribes to topics, and returns once the broker has granted each of them; an error names those that it refused, and in
// words why. The granted QoS, in the order of the subscriptions, may be less than what was asked for.
func (c *Conn) Subscribe(ctx context.Context, subscriptions ...Subscription) (granted []byte, err error) {
	if len(subscriptions) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Settings.ConnectTimeout)
	defer cancel()
	codes, err := c.lib.subscribe(ctx, subscriptions)
	if err != nil {
		return nil, c.because(fmt.Errorf("subscribe: %w", err))
	}
	var refused []error
	for i, code := range codes {
		if code >= 0x80 {
			refused = append(refused, &Refused{What: "subscription to " + subscriptions[i].Filter, Code: code, version: c.version})
		}
	}
	return codes, errors.Join(refused...)
}

// Send writes a message, and returns what waits for the broker to have taken it: for its acknowledgement, or with QoS 0 for nothing.
// It waits itself while as many messages are under way as the broker allows.
func (c *Conn) Send(ctx context.Context, m Message) (wait func(ctx context.Context) error, err error) {
	if err := c.Err(); err != nil {
		return nil, err
	}
	m, err = c.limits.fit(m)
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	waits, err := c.lib.send(ctx, m)
	if err != nil {
		return nil, c.because(fmt.Errorf("publish: %w", err))
	}
	return func(ctx context.Context) error {
		if err := waits(ctx); err != nil {
			return c.because(fmt.Errorf("publish: %w", err))
		}
		return nil
	}, nil
}

// Publish sends a message and returns once the broker has taken it. After an error it may have taken it or not.
func (c *Conn) Publish(ctx context.Context, m Message) error {
	wait, err := c.Send(ctx, m)
	if err != nil {
		return err
	}
	return wait(ctx)
}

// Acknowledge tells the broker that a message need not be sent again. Messages are acknowledged in the order in which they came.
func (c *Conn) Acknowledge(m Message) error {
	if m.QoS == 0 {
		return nil
	}
	if err := c.Err(); err != nil {
		return err
	}
	return c.lib.acknowledge(m)
}

// because returns why the connection ended, if it did: that is why the call failed.
func (c *Conn) because(err error) error {
	if ended := c.Err(); ended != nil {
		return ended
	}
	if cause := c.wire.cause(); cause != nil {
		return cause
	}
	return err
}

// Close says goodbye, so that the will is not published, and ends the connection. It may be called twice.
func (c *Conn) Close() error {
	if c.Err() == nil {
		c.wire.leave(ErrClosed)
		c.lib.close()
	}
	c.wire.Close()
	c.end(ErrClosed)
	return nil
}

// Abort ends the connection without a goodbye: the broker publishes the will.
func (c *Conn) Abort() {
	c.wire.leave(ErrClosed)
	c.wire.Close()
	c.lib.abort()
	c.end(ErrClosed)
}
