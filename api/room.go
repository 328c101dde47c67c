package api

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// A room bounds how many connections there are. When it is full, those that ask nothing make place for who comes, the one that has
// asked nothing for longest first; if all ask something, a few more are let in, whose requests are served if they are about the node
// itself; if there are that many too, others wait in the system's queue. So no number of clients that keep connections keeps a monitor out.
type room struct {
	net.Listener
	most, reserve int

	mu     sync.Mutex
	change *sync.Cond // of what is below
	here   int
	quiet  list.List // of *connection: those that ask nothing, longest first
	closed bool
}

func newRoom(l net.Listener, most, reserve int) *room {
	r := &room{Listener: l, most: most, reserve: reserve}
	r.change = sync.NewCond(&r.mu)
	return r
}

// Accept returns the next connection once there is a place for it.
func (r *room) Accept() (net.Conn, error) {
	if !r.wait() {
		return nil, net.ErrClosed
	}
	conn, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &connection{Conn: conn, room: r, late: r.here >= r.most && !r.makePlace()}
	r.here++
	c.place = r.quiet.PushBack(c)
	return c, nil
}

// wait returns once the room and its reserve are not full; false: it was closed.
func (r *room) wait() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.closed && r.here >= r.most+r.reserve && !r.makePlace() {
		r.change.Wait()
	}
	return !r.closed
}

// makePlace sends the connection away that has asked nothing for longest, if there is one. Its client, if there still is any, opens another.
func (r *room) makePlace() bool {
	first := r.quiet.Front()
	if first == nil {
		return false
	}
	c := first.Value.(*connection)
	r.leave(c)
	_ = c.Conn.Close() // whatever comes of it, its place is free
	return true
}

// leave takes a connection from the room.
func (r *room) leave(c *connection) {
	if !c.gone {
		c.gone = true
		r.here--
		r.quieten(c, false)
		r.change.Signal()
	}
}

// quieten notes whether a connection asks nothing.
func (r *room) quieten(c *connection, quiet bool) {
	switch {
	case quiet && c.place == nil && !c.gone:
		c.place = r.quiet.PushBack(c)
		r.change.Signal()
	case !quiet && c.place != nil:
		r.quiet.Remove(c.place)
		c.place = nil
	}
}

// Close lets nobody in any more.
func (r *room) Close() error {
	r.mu.Lock()
	r.closed = true
	r.change.Broadcast()
	r.mu.Unlock()
	return r.Listener.Close()
}

// A connection is one that has a place in a room.
type connection struct {
	net.Conn
	room *room
	late bool // it has a place of the reserve

	place *list.Element // among those that ask nothing; nil: it asks
	gone  bool
}

// Close closes the connection and gives its place up.
func (c *connection) Close() error {
	c.room.mu.Lock()
	c.room.leave(c)
	c.room.mu.Unlock()
	return c.Conn.Close()
}

// noteState hears from the server what a connection does.
func noteState(conn net.Conn, state http.ConnState) {
	if c, is := conn.(*connection); is {
		c.room.mu.Lock()
		defer c.room.mu.Unlock()
		c.room.quieten(c, state == http.StateNew || state == http.StateIdle)
	}
}

type connectionKey struct{}

func withConnection(ctx context.Context, conn net.Conn) context.Context {
	if c, is := conn.(*connection); is && c.late {
		return context.WithValue(ctx, connectionKey{}, c)
	}
	return ctx
}

// isLate reports whether a request came over a connection of the reserve.
func isLate(r *http.Request) bool { return r.Context().Value(connectionKey{}) != nil }

// aboutTheNode are the paths for which the reserve is.
var aboutTheNode = map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true, "/v1/status": true, "/v1/process": true}
