// Package node joins the stages into a process: it opens the journal, reads who it is, and runs one loop for each
// role. There is no logic of the pipeline here; each role is a short file.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/quorum"
	"github.com/dodona-oracle/dodona/sign"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/dodona-oracle/dodona/telemetry/prom"
)

// Options are what a node needs. Config, Kinds and Load come from the same build.
type Options struct {
	Config  *config.Config
	Load    func() (*config.Config, error) // reads the configuration again for a reload; nil: it cannot be reloaded
	Kinds   []source.Kind
	Sinks   []sink.Kind
	Out     io.Writer // where sinks of kind stdout write; nil: nowhere
	Version string
	Log     *slog.Logger
	Now     func() time.Time     // nil means time.Now
	OnRound func(Outcome)        // told of every round that ends, in order for each feed; must not block. nil: nobody
	Live    func(*config.Config) // told after a reload, to apply log.level and node.memory. nil: nobody
	Started func(url string)     // told once that everything runs; url is empty without the serve role. nil: nobody
	Metrics *prom.Recorder       // nil means a new one
	Compile []string             // command line of this program as a worker that compiles modules (module.CompileWorker); nil: the process compiles itself
}

// A Node is one process of Dodona. Open it, then Run it; Run closes it.
type Node struct {
	version   string
	log       *slog.Logger
	now       func() time.Time
	load      func() (*config.Config, error)
	kinds     map[string]source.Kind
	sinkKinds map[string]sink.Kind
	options   Options

	id        identity
	started   time.Time
	recorder  telemetry.Recorder
	metrics   *prom.Recorder
	journal   *journal.Journal
	signer    *sign.Signer
	recovery  *recovery     // of who signed observations
	scheme    dodona.Scheme // of the quorum
	attester  dodona.Signer // of what the quorum signs
	intake    *rate.Limiter // of readings, bytes a second
	validator *quorum.Validator
	observer  *observer
	deliverer *deliverer
	modules   *modules
	board     *board
	server    *api.Server // nil without the serve role

	reloading sync.Mutex
	known     map[dodona.FeedID]quorum.Feed // every feed that this process has had; guarded by reloading
	mu        sync.RWMutex
	cfg       *config.Config
}

// Open reads the node's identity, opens its journal and its listener, and starts nothing.
// After an error everything it opened is closed again.
func Open(ctx context.Context, o Options) (*Node, error) {
	n := &Node{
		version: o.Version, log: o.Log, now: o.Now, load: o.Load, options: o, cfg: o.Config,
		kinds: make(map[string]source.Kind), started: time.Now(), metrics: o.Metrics,
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.now == nil {
		n.now = time.Now
	}
	if n.metrics == nil {
		n.metrics = prom.New()
	}
	n.recorder = n.metrics
	for _, k := range o.Kinds {
		n.kinds[k.Name()] = k
	}
	n.sinkKinds = make(map[string]sink.Kind)
	for _, k := range o.Sinks {
		n.sinkKinds[k.Name()] = k
	}
	if err := n.open(ctx); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) (err error) {
	c := n.cfg
	// The lock on the data folder comes first: it keeps a second process from making a second key.
	var folder *journal.Folder
	full := func(err error) {
		n.log.Warn("the disk is full; the start waits until there is room", "folder", c.Node.Data, "error", err)
	}
	err = durable.WhenRoom(ctx, full, func() (err error) {
		if folder, err = journal.LockFolder(c.Node.Data); err != nil {
			return fmt.Errorf("open journal in %s: %w", c.Node.Data, err)
		}
		if n.id, err = loadIdentity(c); err != nil {
			return errors.Join(err, folder.Release())
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n.id.lost != "" {
		n.log.Warn("a secret of this node was lost", "what", n.id.lost)
	}
	n.journal, err = journal.Open(ctx, journal.Config{
		Dir: c.Node.Data, Folder: folder, Node: c.Node.Name, Network: n.id.network.ID(), URL: c.Journal.URL, Listen: c.Journal.Listen,
		Durability:  journal.Durability(c.Journal.Durability),
		Raw:         journal.Limits{Bytes: c.Journal.Raw.Bytes, Age: c.Journal.Raw.Age},
		Proof:       journal.Limits{Bytes: c.Journal.Proof.Bytes, Age: c.Journal.Proof.Age},
		ReaderGrace: c.Journal.Readers.Grace,
		Log:         n.log, Recorder: n.recorder, Now: n.now,
	})
	if err != nil {
		return err
	}
	n.compareSizes(c)
	n.signer = sign.New(sign.Options{Key: n.id.key, Journal: n.journal, Now: n.now, Recorder: n.recorder, Forgot: n.journal.Forgot})
	n.intake = newIntake(int64(c.Node.Memory))
	recoverer := secp.NewRecoverer(n.id.quorum.Members...)
	n.recovery = newRecovery(n.id.key.Address(), recoverer.Recover, madeObservations)
	reports := newRecovery(n.id.key.Address(), recoverer.Recover, madeReports)
	n.scheme, n.attester = dodona.ECDSA(reports.Recover), knownSigner{n.signer, reports}
	if n.validator, err = n.newValidator(); err != nil {
		return err
	}
	n.modules = newModules(n)
	n.observer = &observer{n: n, pumps: make(map[string]*pumpUnit), feeds: make(map[string]*feedUnit)}
	n.deliverer = &deliverer{n: n, sinks: make(map[string]*sinkUnit), held: make(map[string]string)}
	n.board = newBoard(n)
	if !c.Has(config.Serve) {
		return nil
	}
	n.server, err = api.Listen(ctx, c.API.Listen, api.Config{
		State: state{n}, Stream: n.board.stream, Tokens: c.API.Tokens, Metrics: n.metrics,
		Recorder: n.recorder, Log: n.log, Now: n.now,
	})
	return err
}

func (n *Node) close() {
	if n.server != nil {
		_ = n.server.Close() // closed already if it ran
	}
	if n.modules != nil {
		if err := n.modules.close(context.Background()); err != nil { // all feeds have ended: nothing is waited for
			n.log.Error("close modules", "error", err)
		}
	}
	if n.journal != nil {
		if err := n.journal.Close(); err != nil {
			n.log.Error("close journal", "error", err)
		}
	}
}

// Address returns the address of the node's key.
func (n *Node) Address() dodona.Address { return n.id.key.Address() }

// Network returns the network whose answers the node signs.
func (n *Node) Network() dodona.Network { return n.id.network }

// URL returns where the API and the page are, or "" without the serve role.
func (n *Node) URL() string {
	if n.server == nil {
		return ""
	}
	return n.server.URL()
}

func (n *Node) config() *config.Config {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.cfg
}

// Run runs the roles until ctx ends or one of them breaks, waits for all, and closes the node.
// It returns nil if ctx ended it. Call it once.
func (n *Node) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer n.close()
	defer cancel(nil)
	var roles sync.WaitGroup
	run := func(name string, role func(context.Context) error) {
		roles.Go(func() {
			if err := role(ctx); err != nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	c := n.config()
	n.journal.Expect(readers(c)...)
	if c.Has(config.Validate) {
		run("validate", n.validate)
	}
	if c.Has(config.Commit) {
		run("anchor", n.commit)
	}
	if c.Has(config.Deliver) {
		run("deliver", n.deliver)
	}
	if c.Has(config.Serve) {
		run("serve", n.serve)
	}
	if c.Has(config.Observe) {
		run("observe", n.observe)
	}
	if n.options.Started != nil {
		n.options.Started(n.URL())
	}
	roles.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// validated returns what the validator must know of the feeds.
func validated(c *config.Config) map[dodona.FeedID]quorum.Feed {
	feeds := make(map[dodona.FeedID]quorum.Feed, len(c.Feeds))
	for _, f := range c.Feeds {
		feeds[f.Feed.ID()] = quorum.Feed{Feed: f.Feed, Every: f.Settings.Every}
	}
	return feeds
}
