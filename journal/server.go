package journal

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// An embedded is the NATS server inside this process. It can be started again under the same connection,
// which is the only cure for a store that met a full disk.
type embedded struct {
	opts *server.Options

	mu      sync.Mutex
	current *server.Server
}

// readyWithin bounds the start of the embedded server; large stores are read through when they open.
const readyWithin = 5 * time.Minute

func startEmbedded(cfg Config) (*embedded, error) {
	opts := &server.Options{
		ServerName:         "dodona-" + cfg.Node,
		DontListen:         cfg.Listen == "",
		NoSigs:             true,
		NoLog:              true,
		JetStream:          true,
		StoreDir:           cfg.Dir,
		JetStreamMaxMemory: 1 << 20,
		JetStreamMaxStore:  int64(cfg.Raw.Bytes) + int64(cfg.Proof.Bytes) + spareStore,
		SyncAlways:         true, // the default acknowledges minutes before it syncs
		SyncInterval:       2 * time.Minute,
		MaxPayload:         maxRecordBytes,
		MaxPending:         64 << 20,
		MaxSubs:            256,
	}
	if cfg.Listen != "" {
		host, port, err := net.SplitHostPort(cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("listen %q: want host:port: %w", cfg.Listen, err)
		}
		opts.Host = host
		if opts.Port, err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("listen %q: want a numeric port", cfg.Listen)
		}
		if opts.Port == 0 {
			opts.Port = server.RANDOM_PORT
		}
	}
	e := &embedded{opts: opts}
	if err := e.start(); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *embedded) start() error {
	s, err := server.NewServer(e.opts.Clone())
	if err != nil {
		return fmt.Errorf("make embedded server: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(readyWithin) {
		s.Shutdown()
		s.WaitForShutdown()
		return errors.New("start embedded server: it is not ready; is the address in use, or the disk full")
	}
	e.mu.Lock()
	e.current = s
	e.mu.Unlock()
	return nil
}

// InProcessConn connects to the server that runs now; the client calls it again whenever it reconnects.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	s := e.current
	e.mu.Unlock()
	if s == nil {
		return nil, errors.New("the embedded server is stopped")
	}
	return s.InProcessConn()
}

// address is where other processes can join, or nil.
func (e *embedded) address() net.Addr {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil || e.opts.DontListen {
		return nil
	}
	return e.current.Addr()
}

func (e *embedded) stop() {
	e.mu.Lock()
	s := e.current
	e.current = nil
	e.mu.Unlock()
	if s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
}
