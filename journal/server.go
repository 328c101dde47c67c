package journal

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

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/loopback"
)

// An embedded is the NATS server inside this process. It can be started again under the same connection,
// which is the only cure for a store that met a full disk.
type embedded struct {
	opts *server.Options

	log     *slog.Logger
	check   func() error                               // makes the data folder sound before each start
	vouch   func(bus nats.InProcessConnProvider) error // notes what it lost, once the server has started, and before this process uses it
	onBreak func()                                     // called when the store breaks; must not block
	onDrop  func(stream string)                        // called when it dropped records; it holds its locks then
	onStop  func()                                     // called before it is stopped to be started again
	listens bool                                       // other processes may join

	again sync.Mutex // held while restarting

	mu      sync.Mutex
	current *server.Server
	sick    bool      // the store met an error that it does not recover from
	full    bool      // that was in writing
	trouble string    // what it said then
	broke   time.Time // when
	often   int       // times in a row that it broke soon after that
	fatal   string    // what kept the server from starting
}

// readyWithin bounds the start of the embedded server; large stores are read through when they open.
const readyWithin = 5 * time.Minute

// readyEach is how often it is looked whether the server has said meanwhile that it cannot start.
const readyEach = 50 * time.Millisecond

// startEmbedded starts a server that nobody else can reach before listen is called.
func (j *Journal) startEmbedded(ctx context.Context) error {
	j.local = newEmbedded(j.cfg, func() error {
		err := errors.Join(j.dropStaged(), j.local.dropTornIndexes(), j.checkGround())
		j.local.opts.JetStreamMaxStore = storeLimit(j.cfg) // by settings that are sound now
		return err
	}, j.storeBroke)
	j.local.vouch, j.local.onDrop, j.local.onStop = j.vouch, j.storeDropped, func() { j.lookBeforeStop(stopWithin) }
	if j.cfg.Listen != "" {
		if err := j.local.listenAt(j.cfg.Listen); err != nil {
			return err
		}
	}
	return j.local.start(ctx)
}

// newEmbedded returns a server that listens nowhere and is not started. Who starts it says what its streams may take.
func newEmbedded(cfg Config, check func() error, onBreak func()) *embedded {
	opts := &server.Options{
		ServerName:         "dodona-" + cfg.Node,
		DontListen:         true,
		NoSigs:             true,
		NoLog:              true,
		JetStream:          true,
		StoreDir:           cfg.Dir,
		JetStreamMaxMemory: 1 << 20,
		SyncAlways:         true, // the default acknowledges minutes before it syncs
		SyncInterval:       2 * time.Minute,
		MaxPayload:         maxRecordBytes,
		MaxPending:         64 << 20,
		MaxSubs:            256,
	}
	return &embedded{opts: opts, log: cfg.Log, check: check, onBreak: onBreak}
}

// listenAt sets where the server listens: host:port on a loopback address, or user:password@host:port anywhere.
func (e *embedded) listenAt(address string) error {
	opts := e.opts
	who, where, found := strings.Cut(address, "@")
	if !found {
		who, where = "", address
	}
	host, port, err := net.SplitHostPort(where)
	if err != nil {
		return fmt.Errorf("listen %q: want host:port", where)
	}
	opts.Host, e.listens = host, true
	if opts.Port, err = strconv.Atoi(port); err != nil || opts.Port < 0 || opts.Port > 65535 {
		return fmt.Errorf("listen %q: want a port from 0 to 65535", where)
	}
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	opts.Username, opts.Password, _ = strings.Cut(who, ":")
	if opts.Password == "" && !loopback.Is(host) {
		return fmt.Errorf("listen %q: beyond loopback the journal wants a password: write user:password@%s", where, where)
	}
	return nil
}

// start returns once the server runs and this process may use it, or it cannot start, or ctx ends.
func (e *embedded) start(ctx context.Context) error {
	if err := errors.Join(e.check(), e.takes(0)); err != nil {
		return fmt.Errorf("check the data folder: %w", err)
	}
	s, err := server.NewServer(e.opts.Clone())
	if err != nil {
		return fmt.Errorf("make embedded server: %w", err)
	}
	s.SetLoggerV2(serverLog{e}, false, false, false)
	e.mu.Lock()
	e.fatal = ""
	e.mu.Unlock()
	s.Start()
	if err := e.awaitReady(ctx, s); err != nil {
		e.end(s)
		return fmt.Errorf("start embedded server: %w", err)
	}
	e.mu.Lock()
	e.sick, e.full = false, false
	e.mu.Unlock()
	if e.vouch != nil { // what this process writes before that would fill the places of what is lost
		if err := e.vouch(s); err != nil {
			e.end(s)
			return err
		}
	}
	e.mu.Lock()
	e.current = s
	e.mu.Unlock()
	return nil
}

// awaitReady waits until a server runs, or says that it cannot.
func (e *embedded) awaitReady(ctx context.Context, s *server.Server) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for !s.ReadyForConnections(readyEach) {
		e.mu.Lock()
		fatal := e.fatal
		e.mu.Unlock()
		if fatal != "" {
			return errors.New(fatal + "; is the disk full")
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("it is not ready: %w", err)
		}
	}
	return nil
}

// takes returns why no file of so many bytes can be made where the store is. The server says only that it cannot.
func (e *embedded) takes(bytes int) error {
	dir := filepath.Join(e.opts.StoreDir, "jetstream")
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

// listen lets other processes in, if any may. Without an embedded server it does nothing.
func (e *embedded) listen() error {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	s := e.current
	e.mu.Unlock()
	if !e.listens || s == nil {
		return nil
	}
	ready := make(chan struct{})
	s.AcceptLoop(ready)
	<-ready
	if at, found := s.Addr().(*net.TCPAddr); found {
		e.opts.Port = at.Port // of a port that the system chose: who joined finds the next start there
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Errorf("listen for other processes: %s; is the address in use", cmp.Or(e.fatal, "the server does not"))
}

// broken reports whether only a new start helps: a store that could not write refuses all later writes.
func (e *embedded) broken() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sick || e.current == nil
}

// runs reports whether there is a server that can be asked.
func (e *embedded) runs() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.current != nil
}

// restart starts the server again; the client reconnects by itself. One caller does it, the others wait and find it done.
func (e *embedded) restart(ctx context.Context) error {
	e.again.Lock()
	defer e.again.Unlock()
	if !e.broken() {
		return nil
	}
	if e.onStop != nil {
		e.onStop()
	}
	e.stop()
	if err := e.start(ctx); err != nil {
		return err
	}
	if err := e.listen(); err != nil {
		e.stop()
		return err
	}
	return nil
}

// pause stops a store that is broken and cannot be started again yet, if others use it: they would go on sending, and of each batch that it cannot
// stage the server keeps a file open for ever. One that nobody else can reach goes on to be read.
func (e *embedded) pause() {
	e.again.Lock()
	defer e.again.Unlock()
	if !e.listens || !e.broken() || !e.runs() {
		return
	}
	e.log.Warn("journal: the store is stopped until it can be started again; other processes wait for it")
	if e.onStop != nil {
		e.onStop()
	}
	e.stop()
}

// id names the server that runs now; empty if none does.
func (e *embedded) id() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil {
		return ""
	}
	return e.current.ID()
}

// cannotWrite reports whether the store could not write since its start. What it could not write, and acknowledged to nobody, it then counts among
// what it dropped.
func (e *embedded) cannotWrite() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.full
}

// longestRest is how long a store that breaks again and again is left alone at most: each start costs those who sign some rounds.
const longestRest = 15 * time.Second

// count notes that the store broke, by what it said. e.mu is held.
func (e *embedded) count(trouble string) {
	if e.often++; time.Since(e.broke) > livesAfter {
		e.often = 0
	}
	e.broke, e.trouble = time.Now(), trouble
}

// rests returns why the store is not started again yet although it could be: it broke again and again, and would do so at once. Empty: it does not rest.
func (e *embedded) rests() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.often < 2 || time.Since(e.broke) > (backoff.Backoff{Min: time.Second, Max: longestRest}).Ceiling(e.often-1) {
		return ""
	}
	return e.trouble + "; it broke again soon after a start, and rests before the next"
}

// brokeOften returns what the store said when it broke the last time, while it has not lived for long since it broke again and again; else "".
func (e *embedded) brokeOften() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.often < 2 || time.Since(e.broke) > livesAfter {
		return ""
	}
	return e.trouble + "; the store was started again, and breaks again and again"
}

// ails says what is wrong with a store that is broken.
func (e *embedded) ails() string {
	switch {
	case e.cannotWrite():
		return "the store cannot write"
	case !e.runs():
		return "the store does not run"
	}
	return "the store has dropped a record, or cannot read one"
}

// breakDown notes that the store could not write, by what it said.
func (e *embedded) breakDown(trouble string) {
	e.mu.Lock()
	again := e.sick
	e.sick, e.full = true, true
	if !again {
		e.count(trouble)
	}
	e.mu.Unlock()
	if !again {
		e.onBreak()
	}
}

// giveUp has the next restart begin anew, although the store says nothing of its trouble.
func (e *embedded) giveUp() {
	e.mu.Lock()
	e.sick = true
	e.mu.Unlock()
}

// A serverLog passes on what the server finds wrong, and notices when its store breaks.
type serverLog struct{ e *embedded }

func (l serverLog) Noticef(string, ...any) {}
func (l serverLog) Debugf(string, ...any)  {}
func (l serverLog) Tracef(string, ...any)  {}

func (l serverLog) Warnf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.e.log.Warn("journal: " + text)
	if stream := droppedFrom(text); stream != "" && l.e.onDrop != nil && !l.e.broken() { // at a start, what the check and vouch find counts
		l.e.onDrop(stream)
	}
}

// droppedFrom returns the stream of which the store drops the end of a block, by what it says; "" if it says something else. Of most damage it
// says nothing, see seekDropped.
func droppedFrom(text string) string {
	name, found := strings.CutPrefix(text, "Filestore [")
	name, what, _ := strings.Cut(name, "] ")
	if !found || !strings.HasPrefix(what, "indexCacheBuf corrupt") {
		return ""
	}
	return name
}

func (l serverLog) Errorf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if strings.Contains(strings.ToLower(text), "write error") || durable.Full(errors.New(text)) {
		l.e.breakDown(text)
	}
	l.e.log.Error("journal: " + text)
}

func (l serverLog) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.e.mu.Lock()
	l.e.fatal = text
	l.e.mu.Unlock()
	l.e.log.Error("journal: " + text)
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
	s := e.current
	e.mu.Unlock()
	if s == nil || !e.listens {
		return nil
	}
	return s.Addr() // which waits for locks that the server may hold while it tells something
}

func (e *embedded) stop() {
	e.mu.Lock()
	s := e.current
	e.current = nil
	e.mu.Unlock()
	if s != nil {
		e.end(s)
	}
}

// end stops a server. What it cannot write then for want of room would be taken for damage.
func (e *embedded) end(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
	if err := e.dropTornIndexes(); err != nil {
		e.log.Warn("journal: remove the indexes that a full disk left torn", "error", err)
	}
}
