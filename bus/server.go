package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/dodona-oracle/dodona/internal/loopback"
)

// ServerConfig says what a server is made with.
type ServerConfig struct {
	Node     string // named to whoever asks the server
	Dir      string // the data folder; the store is in the folder jetstream/ of it
	Listen   string // [user:password@]host:port where other processes may join; empty opens no port
	Unsynced bool   // what is written is not brought to the disk one by one
	Log      *slog.Logger
}

// A Store is whoever answers for what the server keeps on the disk. All but Check may be nil.
type Store struct {
	Check    func() (promise int64, err error)          // makes the folder sound before each start, and returns how many bytes streams may be promised
	Vouch    func(bus nats.InProcessConnProvider) error // notes what was lost, once the server has started, and before this process uses it
	Broke    func()                                     // called when the store breaks; must not block
	Dropped  func(stream string)                        // called when it dropped records; it holds its locks then
	Stopping func()                                     // called before it is stopped to be started again
	Stopped  func()                                     // called when it has stopped
}

// MaxPayload is the most bytes of a message that the server takes, headers included.
const MaxPayload = 8 << 20

// A Server is the NATS server inside this process. It can be started again under the same connection,
// which is the only cure for a store that met a full disk.
type Server struct {
	Store Store // set before the first start

	c        ServerConfig
	host     string
	port     int // 0: the system chooses
	user     string
	password string

	again sync.Mutex // held while restarting

	mu      sync.Mutex
	current engine
	sick    bool      // the store met an error that it does not recover from
	full    bool      // that was in writing
	trouble string    // what it said then
	broke   time.Time // when
	often   int       // times in a row that it broke soon after that
	fatal   string    // what kept the server from starting
}

// An engine is what is used of a server of nats-server.
type engine interface {
	nats.InProcessConnProvider
	Start()
	ReadyForConnections(within time.Duration) bool
	AcceptLoop(ready chan struct{})
	Addr() net.Addr
	ID() string
	Shutdown()
	WaitForShutdown()
}

// ErrNoServer: this build was made with the tag no.bus.server. Connect to a server elsewhere.
var ErrNoServer = errors.New("this build has no server of its own (-tags no.bus.server): " +
	"name a NATS server with JetStream in journal.url, or use a build that has one")

// NewServer returns a server that listens nowhere and is not started, or [ErrNoServer].
func NewServer(c ServerConfig) (*Server, error) {
	if !Embeds {
		return nil, ErrNoServer
	}
	s := &Server{c: c}
	if c.Listen != "" {
		if err := s.listenAt(c.Listen); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// listenAt sets where the server listens: host:port on a loopback address, or user:password@host:port anywhere.
func (s *Server) listenAt(address string) error {
	who, where, found := strings.Cut(address, "@")
	if !found {
		who, where = "", address
	}
	host, port, err := net.SplitHostPort(where)
	if err != nil {
		return fmt.Errorf("listen %q: want host:port", where)
	}
	s.host = host
	if s.port, err = strconv.Atoi(port); err != nil || s.port < 0 || s.port > 65535 {
		return fmt.Errorf("listen %q: want a port from 0 to 65535", where)
	}
	s.user, s.password, _ = strings.Cut(who, ":")
	if s.password == "" && !loopback.Is(host) {
		return fmt.Errorf("listen %q: beyond loopback the journal wants a password: write user:password@%s", where, where)
	}
	return nil
}

// Listens reports whether other processes may join.
func (s *Server) Listens() bool { return s.c.Listen != "" }

// Credentials are what a client of this process names itself by.
func (s *Server) Credentials() nats.Option { return nats.UserInfo(s.user, s.password) }

// readyWithin bounds the start of the server; large stores are read through when they open.
const readyWithin = 5 * time.Minute

// readyEach is how often it is looked whether the server has said meanwhile that it cannot start.
const readyEach = 50 * time.Millisecond

// Start returns once the server runs and this process may use it, or it cannot start, or ctx ends.
// Nobody else can reach it before [Server.Listen].
func (s *Server) Start(ctx context.Context) error {
	promise, err := s.Store.Check()
	if err := errors.Join(err, s.Takes(0)); err != nil {
		return fmt.Errorf("check the data folder: %w", err)
	}
	e, err := s.newEngine(promise)
	if err != nil {
		return fmt.Errorf("make embedded server: %w", err)
	}
	s.mu.Lock()
	s.fatal = ""
	s.mu.Unlock()
	e.Start()
	if err := s.awaitReady(ctx, e); err != nil {
		s.end(e)
		return fmt.Errorf("start embedded server: %w", err)
	}
	s.mu.Lock()
	s.sick, s.full = false, false
	s.mu.Unlock()
	if vouch := s.Store.Vouch; vouch != nil { // what this process writes before that would fill the places of what is lost
		if err := vouch(e); err != nil {
			s.end(e)
			return err
		}
	}
	s.mu.Lock()
	s.current = e
	s.mu.Unlock()
	return nil
}

// awaitReady waits until a server runs, or says that it cannot.
func (s *Server) awaitReady(ctx context.Context, e engine) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for !e.ReadyForConnections(readyEach) {
		s.mu.Lock()
		fatal := s.fatal
		s.mu.Unlock()
		if fatal != "" {
			return errors.New(fatal + "; is the disk full")
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("it is not ready: %w", err)
		}
	}
	return nil
}

// Takes returns why no file of so many bytes can be made where the store is. The server says only that it cannot.
func (s *Server) Takes(bytes int) error {
	dir := filepath.Join(s.c.Dir, "jetstream")
	file, err := os.CreateTemp(dir, "_test_*") // as the server's own
	if errors.Is(err, os.ErrNotExist) {
		return nil // the server makes it
	}
	if err == nil {
		_, err = file.Write(make([]byte, bytes))
		err = errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // the name of the file says nothing
	}
	if err != nil {
		return fmt.Errorf("folder %s is not writable: %w", dir, err)
	}
	return nil
}

// Listen lets other processes in, if any may. Without a server it does nothing.
func (s *Server) Listen() error {
	if s == nil {
		return nil
	}
	e := s.running()
	if !s.Listens() || e == nil {
		return nil
	}
	ready := make(chan struct{})
	e.AcceptLoop(ready)
	<-ready
	if at, found := e.Addr().(*net.TCPAddr); found {
		s.port = at.Port // of a port that the system chose: who joined finds the next start there
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Errorf("listen for other processes: %s; is the address in use", cmp.Or(s.fatal, "the server does not"))
}

// running returns the server that runs now, nil if none does.
func (s *Server) running() engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// Runs reports whether there is a server that can be asked.
func (s *Server) Runs() bool { return s.running() != nil }

// ID names the server that runs now; empty if none does.
func (s *Server) ID() string {
	if e := s.running(); e != nil {
		return e.ID()
	}
	return ""
}

// InProcessConn connects to the server that runs now; the client calls it again whenever it reconnects.
func (s *Server) InProcessConn() (net.Conn, error) {
	e := s.running()
	if e == nil {
		return nil, errors.New("the embedded server is stopped")
	}
	return e.InProcessConn()
}

// Addr is where other processes can join, or nil.
func (s *Server) Addr() net.Addr {
	e := s.running()
	if e == nil || !s.Listens() {
		return nil
	}
	return e.Addr() // which waits for locks that the server may hold while it tells something
}

// Restart starts a broken server again; the client reconnects by itself. One caller does it, the others wait and find it done.
func (s *Server) Restart(ctx context.Context) error {
	s.again.Lock()
	defer s.again.Unlock()
	if !s.Broken() {
		return nil
	}
	s.stopping()
	s.Stop()
	if err := s.Start(ctx); err != nil {
		return err
	}
	if err := s.Listen(); err != nil {
		s.Stop()
		return err
	}
	return nil
}

// Pause stops a store that is broken and cannot be started again yet, if others use it: they would go on sending, and of each batch that it cannot
// stage the server keeps a file open for ever. One that nobody else can reach goes on to be read.
func (s *Server) Pause() {
	s.again.Lock()
	defer s.again.Unlock()
	if !s.Listens() || !s.Broken() || !s.Runs() {
		return
	}
	s.c.Log.Warn("journal: the store is stopped until it can be started again; other processes wait for it")
	s.stopping()
	s.Stop()
}

func (s *Server) stopping() {
	if s.Store.Stopping != nil {
		s.Store.Stopping()
	}
}

// Stop stops the server, if it runs.
func (s *Server) Stop() {
	s.mu.Lock()
	e := s.current
	s.current = nil
	s.mu.Unlock()
	if e != nil {
		s.end(e)
	}
}

func (s *Server) end(e engine) {
	e.Shutdown()
	e.WaitForShutdown()
	if s.Store.Stopped != nil {
		s.Store.Stopped()
	}
}
