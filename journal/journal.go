// Package journal remembers: an append-only record of everything a node read, decided and signed, kept by JetStream
// inside the process, or by a NATS server elsewhere.
//
// Append returns when a record is on the disk. Readers go on where they stopped, in this process or in another one.
// Every record carries its writer's own sequence and the digest of the record before it, so that a loss below is
// found, bounded and named (see [Status]). Nothing but this package knows JetStream.
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/journal/disk"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Durability says how appends are gathered into synchronous writes. In both modes Append returns only when its
// records are on the disk.
type Durability string

// The durabilities.
const (
	Batch  Durability = "batch"  // appends that wait together share one write; a busy journal waits up to 250 ms for more
	Strict Durability = "strict" // every append has a write of its own
)

// Words returns the durabilities.
func (Durability) Words() []string { return []string{string(Batch), string(Strict)} }

// Config says where the journal lives and how much it keeps.
type Config struct {
	Dir  string // the data folder; made if absent, locked while open
	Node string // this node's name: one token of a-z, 0-9 and hyphens; no other process of the network has it

	Network dodona.Digest // the id of the network that the records belong to; a server may carry many
	Folder  *Folder       // Dir, locked already; nil: Open locks it

	URL    string // nats://user:password@host:port[,…] of a server elsewhere; empty embeds one
	Listen string // [user:password@]host:port where the embedded server lets other processes join; empty opens no port

	Durability Durability // default Batch
	Raw        Limits     // of reading and round records; default 256 MiB, 7 days
	Proof      Limits     // of everything else; default 256 MiB, 365 days

	ReaderGrace time.Duration // how long a reader of this node that nothing configures is kept; see Expect

	Log      *slog.Logger       // default discards
	Recorder telemetry.Recorder // default telemetry.Nop
	Now      func() time.Time   // default time.Now
	Waits    func(why error)    // told of what Open waits for; default nobody

	unchecked bool // the folder is not checked before the store opens; for tests
}

// ErrClosed: the journal is closed. Nothing was written by the call that returns it, unless it wraps ErrUnknown.
var ErrClosed = errors.New("the journal is closed")

// ErrUnknown: the context ended while the store was writing; the record may be there or not.
// Appending it again with the same ID is safe and tells.
var ErrUnknown = errors.New("the outcome is not known yet")

// ErrNoRecord: what the store has is no record of a node, because another program wrote it or it is damaged. Do not ask again: go on without it.
var ErrNoRecord = errors.New("no node wrote this, or it is damaged")

// A Journal keeps records. It implements [dodona.Journal] and is safe for concurrent use.
type Journal struct {
	cfg    Config
	writer string // names the chain of this data folder, 8 hex digits
	used   bool   // the folder held something of this network before

	net    scope // in every name on the bus
	lock   *Folder
	heads  *headFile
	losses *lossFile
	local  *bus.Server // nil with a URL
	bus    *bus.Bus
	name   *bus.Name // of the node; nil if no other process can take it
	nc     *nats.Conn
	js     jetstream.JetStream
	lanes  map[string]*lane // by the name of the stream's kind

	proof atomic.Pointer[lane] // that of claims, once it is open

	readersChanged chan struct{} // wakes keepReaders
	sick           chan struct{} // wakes keepStore
	noting         chan struct{} // holds one token: who notes how far the streams go does so on what the one before has noted

	ctx    context.Context // ends when Close begins
	cancel context.CancelFunc
	wg     sync.WaitGroup // writers, retention, audit, readers
	closed sync.Once

	mu         sync.Mutex
	reading    map[string]*readerState
	expected   map[string]bool  // readers that are configured; nil: it was not said yet
	damage     []disk.Finding   // of files, the newest
	holes      map[string]*hole // by name on the bus
	ends       map[string]streamEnd
	endsAt     time.Time       // when they were noted
	miscounted map[string]bool // streams whose index counts records that are lost
	dropping   map[string]bool // streams that the store has dropped records of, which is not on the disk yet
	starts     int             // of the embedded server
	held       int             // bytes of the disk that flights of now may take
	broken     string          // why the embedded store could not be started again when that was tried last
	drops      map[string]int  // records that it dropped since the last one, by name on the bus, when it was asked last
}

var _ dodona.Journal = (*Journal)(nil)

// Open opens or makes the journal in cfg.Dir and returns once it takes records. Files that are damaged are mended or set
// aside first, see [Status]. While the disk is full, Open waits, as Append does. It fails if another process has the
// folder, or the node's name on the server; if a newer version wrote the folder; if the server's streams are not this
// network's, or in the layout of an older version; or if an external server does not answer before ctx ends.
// The journal releases cfg.Folder when it closes, also after an error, but [bus.ErrMemory]: then the process must end.
func Open(ctx context.Context, cfg Config) (*Journal, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", errors.Join(err, cfg.Folder.Release()))
	}
	var j *Journal
	tell := func(err error) {
		cfg.Log.Warn("journal: the disk is full; the start waits until there is room", "folder", cfg.Dir, "error", err)
		cfg.Waits(fmt.Errorf("the disk is full: %w", err))
	}
	err = durable.WhenRoom(ctx, tell, func() error {
		j = newJournal(cfg)
		err := bus.WatchMemory(cfg.Raw.Bytes+cfg.Proof.Bytes, func() error { return j.open(ctx) })
		if err != nil && !errors.Is(err, bus.ErrMemory) {
			if cfg.Folder != nil {
				j.lock = nil // the next try has it too
			}
			_ = j.shutdown() // what failed to open has nothing to say
		}
		return err
	})
	if errors.Is(err, bus.ErrMemory) { // what is half open cannot be closed
		return nil, fmt.Errorf("open journal in %s: %w", cfg.Dir, err)
	}
	if err != nil {
		_ = cfg.Folder.Release()
		return nil, fmt.Errorf("open journal in %s: %w", cfg.Dir, err)
	}
	return j, nil
}

func newJournal(cfg Config) *Journal {
	j := &Journal{cfg: cfg, net: scopeOf(cfg.Network), lock: cfg.Folder, lanes: make(map[string]*lane), reading: make(map[string]*readerState), holes: make(map[string]*hole), drops: make(map[string]int), miscounted: make(map[string]bool), dropping: make(map[string]bool), readersChanged: make(chan struct{}, 1), sick: make(chan struct{}, 1), noting: make(chan struct{}, 1)}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	return j
}

func (c Config) withDefaults() (Config, error) {
	if err := dodona.CheckName(c.Node, 1); err != nil {
		return c, err
	}
	if c.Dir == "" {
		return c, errors.New("no data folder is named")
	}
	if c.URL == "" && !bus.Embeds {
		return c, bus.ErrNoServer
	}
	if c.URL != "" && c.Listen != "" {
		return c, errors.New("url and listen exclude each other: only an embedded server listens")
	}
	switch c.Durability {
	case "":
		c.Durability = Batch
	case Batch, Strict:
	default:
		return c, fmt.Errorf("durability %q: want batch or strict", c.Durability)
	}
	c.Raw = c.Raw.withDefaults(rawLimits)
	c.Proof = c.Proof.withDefaults(proofLimits)
	for _, l := range []Limits{c.Raw, c.Proof} {
		if l.Bytes < minStreamBytes || l.Age < 0 {
			return c, fmt.Errorf("limits %s, %s: want at least %s and no negative age", l.Bytes, l.Age, minStreamBytes)
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Recorder == nil {
		c.Recorder = telemetry.Nop
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Waits == nil {
		c.Waits = func(error) {}
	}
	return c, nil
}

func (l Limits) withDefaults(usual Limits) Limits {
	if l == (Limits{}) {
		l.Age = usual.Age
	}
	if l.Bytes == 0 {
		l.Bytes = usual.Bytes
	}
	return l
}

func (j *Journal) open(ctx context.Context) (err error) {
	if j.lock == nil {
		if j.lock, err = LockFolder(j.cfg.Dir); err != nil {
			return err
		}
	}
	j.noteDamage(j.lock.damage)
	if err := j.openEnds(); err != nil {
		return err
	}
	if err := upgradeFolder(ctx, j.cfg, j.checkGround, nil); err != nil {
		return err
	}
	if err := j.openHeads(); err != nil {
		return err
	}
	if err := j.openHoles(); err != nil {
		return err
	}
	if j.losses, err = j.openLosses(); err != nil {
		return err
	}
	if err := j.connect(ctx); err != nil {
		return err
	}
	if err := j.bus.WhileConnected(ctx, j.refuseOldLayout); err != nil {
		return err
	}
	if !j.alone() {
		if j.name, err = j.bus.Take(ctx, j.net.Scope, j.cfg.Node, j.writer); err != nil {
			return err
		}
	}
	for _, s := range slices.Backward(streams) { // the proofs first: once they are open it is noted what the store lost, and others may come
		err := j.bus.WhileConnected(ctx, func(ctx context.Context) (err error) {
			j.lanes[s.name], err = j.openLane(ctx, s)
			return err
		})
		if err == nil && s.name == streamProof {
			j.proof.Store(j.lanes[s.name])
			err = j.local.Listen()
		}
		if err != nil {
			return fmt.Errorf("open stream %s: %w", s.name, err)
		}
	}
	for _, l := range j.lanes {
		j.wg.Go(l.run)
		j.wg.Go(l.keepStream)
	}
	j.wg.Go(j.auditLater)
	j.wg.Go(j.keepReaders)
	if j.local != nil {
		j.wg.Go(j.keepStore)
	}
	if !j.alone() {
		j.wg.Go(func() { j.name.Watch(j.ctx) })
	}
	return nil
}

// Close ends readers, lets writes in flight end, and closes the store. Appends that still wait return [ErrClosed].
// It may be called twice.
func (j *Journal) Close() error {
	var err error
	j.closed.Do(func() { err = j.shutdown() })
	return err
}

func (j *Journal) shutdown() error {
	j.cancel()
	if j.bus != nil {
		j.bus.Leave()
	}
	j.wg.Wait()
	j.lookBeforeStop(stopWithin)
	if j.bus != nil {
		j.bus.Close() // which sends what readers finished last
	}
	if j.local != nil {
		j.local.Stop()
	}
	var errs []error
	if j.heads != nil {
		errs = append(errs, j.heads.close())
	}
	errs = append(errs, j.lock.Release())
	return errors.Join(errs...)
}
