package plant

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	maxClients = 32               // of one server at a time; more are cut
	lateness   = 3 * time.Second  // of an answer of what is slow
	idleTime   = 10 * time.Minute // after which a client that says nothing is cut
)

// A gate is a listener that can be faulty: the server behind it need not know.
type gate struct {
	net.Listener

	mu     sync.Mutex
	fault  Fault
	moved  chan struct{} // closed when fault becomes another one
	conns  map[*conn]struct{}
	closed chan struct{}
	once   sync.Once
}

func listen(ctx context.Context, at string) (*gate, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	if err != nil {
		return nil, err
	}
	return &gate{Listener: l, fault: Plug, moved: make(chan struct{}), conns: map[*conn]struct{}{}, closed: make(chan struct{})}, nil
}

// set makes the gate faulty, or well.
func (g *gate) set(f Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
	close(g.moved)
	g.moved = make(chan struct{})
	if f == Unplug {
		g.cut()
	}
}

// cut ends all connections, with mu held.
func (g *gate) cut() {
	for c := range g.conns {
		reset(c.Conn)
		c.once.Do(func() { close(c.closed) })
	}
	clear(g.conns)
}

// reset closes a connection so that its peer learns it at once.
func reset(c net.Conn) {
	if tcp, is := c.(*net.TCPConn); is {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// Accept returns the next connection; nobody gets through to what is unplugged.
func (g *gate) Accept() (net.Conn, error) {
	for {
		raw, err := g.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil { // such as no descriptor left
			select {
			case <-g.closed:
				return nil, net.ErrClosed
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		c := &conn{Conn: raw, gate: g, closed: make(chan struct{})}
		if !g.admit(c) {
			reset(raw)
			continue
		}
		return c, nil
	}
}

func (g *gate) admit(c *conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.closed:
		return false
	default:
	}
	if g.fault == Unplug || len(g.conns) >= maxClients {
		return false
	}
	g.conns[c] = struct{}{}
	return true
}

// Close ends the listener and all connections.
func (g *gate) Close() (err error) {
	g.once.Do(func() {
		err = g.Listener.Close()
		g.mu.Lock()
		defer g.mu.Unlock()
		close(g.closed)
		g.cut()
	})
	return err
}

// A conn is a connection through a gate.
type conn struct {
	net.Conn
	gate   *gate
	closed chan struct{}
	once   sync.Once
}

// Read hands on what came when the gate lets it.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil {
		err = c.hold(0)
	}
	return n, err
}

// Write waits until the gate lets it. Each write of the servers behind it is one answer.
func (c *conn) Write(b []byte) (int, error) {
	if err := c.hold(lateness); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// hold waits while the gate is frozen, and for some time if it is slow.
func (c *conn) hold(late time.Duration) error {
	for {
		c.gate.mu.Lock()
		fault, moved := c.gate.fault, c.gate.moved
		c.gate.mu.Unlock()
		var after <-chan time.Time
		switch {
		case fault == Freeze:
		case fault == Slow && late > 0:
			after = time.After(late)
		default:
			return nil
		}
		select {
		case <-c.closed:
			return net.ErrClosed
		case <-moved:
		case <-after:
			return nil
		}
	}
}

// Close ends the connection.
func (c *conn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c)
	c.gate.mu.Unlock()
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
