// Package bus is where the processes of a network meet: a connection to a server of NATS that is kept for as long as the
// process runs, the server itself if it is in this process, and what is asked and told there and kept by nobody.
//
// What is kept is the journal's, which starts the server, for it answers for the ground that the server stands on. Operators know
// the bus by the journal's settings, and its words in the log begin as the journal's do. Nothing but this package knows the server.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/dodona-oracle/dodona/internal/backoff"
)

// Config says where the bus is.
type Config struct {
	Node   string          // this node's name, by which a server elsewhere shows the connection
	Server *Server         // that of this process; nil: it is elsewhere
	URL    string          // nats://user:password@host:port[,…] of a server elsewhere
	Again  func()          // told that a connection which was lost is there again
	Waits  func(why error) // told of what a start waits for; nil: nobody
	Log    *slog.Logger
	Now    func() time.Time
}

// A Bus is the connection of a process to the server, which is made again for as long as it takes whenever it is lost.
// Make it with [New], Connect it once, and Close it.
type Bus struct {
	c    Config
	conn *nats.Conn

	mu      sync.Mutex
	state   State
	leaving bool
	epoch   context.Context // ends when the connection is lost: what waits for an answer need not wait longer
	end     context.CancelFunc
}

// State is what the bus said last.
type State struct {
	Connected bool
	Since     time.Time // of Connected
	LastError string
}

// New returns a bus that is not connected yet.
func New(c Config) *Bus {
	if c.Waits == nil {
		c.Waits = func(error) {}
	}
	b := &Bus{c: c}
	b.epoch, b.end = context.WithCancel(context.Background())
	return b
}

// inboxLength is how many messages an inbox takes that nobody has taken yet, and has memory for. A reader of the journal has asked for
// 3,072 at most; a message above that is dropped, found missing by its number, and asked for again.
const inboxLength = 4096

// Connect connects to the server: to that of this process, which runs already, or to one elsewhere, again and again until it is there or ctx ends.
func (b *Bus) Connect(ctx context.Context) error {
	opts := []nats.Option{
		nats.Name("dodona " + b.c.Node),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond),
		nats.ReconnectBufSize(-1), // a record must not leave later than its Append knows
		nats.PingInterval(20 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.SyncQueueLen(inboxLength),
		nats.IgnoreAuthErrorAbort(), // a password that is wrong today may be right after the server's reload
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { b.disconnected(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { b.connectedAgain() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { b.refused(err) }),
	}
	if b.c.Server != nil {
		opts = append(opts, nats.InProcessServer(b.c.Server), b.c.Server.Credentials())
	}
	conn, err := b.dial(ctx, opts)
	if err != nil {
		return fmt.Errorf("connect to the bus: %w", err)
	}
	b.conn = conn
	b.setConnected()
	return nil
}

// Conn is the connection once there is one. It is the same for good.
func (b *Bus) Conn() *nats.Conn { return b.conn }

// State returns what the bus said last.
func (b *Bus) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// Where says where the bus is: "embedded", "embedded, listening on …", or the URL with nothing that opens it: a user without a password is a token, and
// so may a query be.
func (b *Bus) Where() string {
	if b.c.Server == nil {
		list := strings.Split(b.c.URL, ",")
		for i, server := range list {
			if u, err := url.Parse(strings.TrimSpace(server)); err == nil {
				u.User, u.RawQuery, u.Fragment = nil, "", ""
				list[i] = u.String()
			} else {
				list[i] = "(not a URL)"
			}
		}
		return strings.Join(list, ",")
	}
	if at := b.Addr(); at != nil {
		return "embedded, listening on " + at.String()
	}
	return "embedded"
}

// Addr is where other processes can join, nil if this process does not let them.
func (b *Bus) Addr() net.Addr {
	if b.c.Server == nil {
		return nil
	}
	return b.c.Server.Addr()
}

// Leave says that the connection will be closed soon: that it is lost is no news any more.
func (b *Bus) Leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leaving = true
}

// Close sends what was published last and closes the connection. The server, if it is of this process, runs on.
func (b *Bus) Close() {
	b.Leave()
	if b.conn != nil {
		_ = b.conn.FlushTimeout(time.Second)
		b.conn.Close()
	}
}

// LongestRetry is how long to wait at most before anything is tried again.
const LongestRetry = 2 * time.Second

// AbsentFor is how long who is waited for waits for a server elsewhere that is away.
const AbsentFor = 30 * time.Second

// dial connects, again and again if the server is elsewhere, until ctx ends.
func (b *Bus) dial(ctx context.Context, opts []nats.Option) (*nats.Conn, error) {
	var told telling
	for attempt := 1; ; attempt++ {
		conn, err := nats.Connect(b.c.URL, opts...)
		if err == nil || b.c.Server != nil || errors.Is(err, nats.ErrAuthorization) {
			return conn, err
		}
		err = fmt.Errorf("%s: %w; is it running, and is journal.url right", b.Where(), err)
		told.of(err, b, "journal: the server does not answer; trying again until it does")
		if !backoff.Wait(ctx, backoff.Backoff{Min: 100 * time.Millisecond, Max: LongestRetry}.Ceiling(attempt)) {
			return nil, err
		}
	}
}

func (b *Bus) setConnected() {
	b.mu.Lock()
	b.state.Connected, b.state.Since = true, b.c.Now()
	b.mu.Unlock()
}

func (b *Bus) connectedAgain() {
	b.setConnected()
	b.c.Log.Info("journal: connected again")
	if b.c.Again != nil {
		b.c.Again()
	}
}

func (b *Bus) disconnected(err error) {
	b.mu.Lock()
	if b.leaving {
		b.mu.Unlock()
		return
	}
	b.state.Connected, b.state.Since = false, b.c.Now()
	b.endEpoch()
	if err != nil {
		b.state.LastError = err.Error()
	}
	b.mu.Unlock()
	b.c.Log.Warn("journal: lost the connection; trying again for ever", "error", err)
}

func (b *Bus) refused(err error) {
	b.mu.Lock()
	b.state.LastError = err.Error()
	b.mu.Unlock()
	b.c.Log.Warn("journal: the bus refused something", "error", err)
}
