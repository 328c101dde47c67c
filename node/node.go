// Package node joins the stages into a process: it opens the journal, reads who it is, and runs one loop for each
// role. A role is a value with what it needs, in a file of its own; what it decides is its stage's.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/sign"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/dodona-oracle/dodona/telemetry/prom"
)

// Options are what a node needs. Config, Kinds and Load come from the same build.
type Options struct {
	Config   *config.Config
	Load     func() (*config.Config, error) // reads the configuration again for a reload; nil: it cannot be reloaded
	Begin    bool                           // go on in a data folder that was another key's or another network's; else Open fails with an [*AnotherError]
	Kinds    []source.Kind
	Sinks    []sink.Kind
	Out      io.Writer // where sinks of kind stdout write; nil: nowhere
	Version  string
	Log      *slog.Logger
	Now      func() time.Time     // nil means time.Now
	OnRound  func(Outcome)        // told of every round that ends, in order for each feed; must not block. nil: nobody
	Live     func(*config.Config) // told after a reload, to apply log.level and node.memory. nil: nobody
	Started  func(url string)     // told once that every role has begun; url is empty without the serve role. nil: nobody
	Recorder telemetry.Recorder   // takes what /metrics shows too, and spans; nil: nobody does
	Compile  []string             // command line of this program as a worker that compiles modules (module.CompileWorker); nil: the process compiles itself
}

// A Node is one process of Dodona. Open it, then Run it; Run closes it.
type Node struct {
	basics
	options Options
	id      identity
	metrics *prom.Recorder
	journal *journal.Journal
	voice   voice

	attester  *attester
	anchorer  *anchorer
	modules   *modules
	observer  *observer
	deliverer *deliverer
	board     *board
	state     state
	starts    *beginning
	stream    *api.Stream
	door      *door  // nil without the serve role
	roles     []role // those of this process

	unkept    error // of the journal's end
	reloading sync.Mutex
	mu        sync.RWMutex
	cfg       *config.Config
}

// Open reads the node's identity, opens its listener, which answers from then on how the start goes, and its journal, and starts nothing else.
// After an error everything it opened is closed again.
func Open(ctx context.Context, o Options) (*Node, error) {
	n := &Node{options: o, cfg: o.Config, metrics: prom.New()}
	n.metrics.Version = o.Version
	n.basics = basics{log: o.Log, now: o.Now, recorder: n.metrics, config: n.current}
	if o.Recorder != nil {
		n.recorder = telemetry.Both(n.metrics, o.Recorder)
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.now == nil {
		n.now = time.Now
	}
	n.starts, n.stream = &beginning{basics: n.basics}, api.NewStream(api.StreamConfig{Recorder: n.recorder})
	err := n.open(ctx)
	if err == nil {
		err = n.join()
	}
	if err == nil { // before, nothing is signed
		err = n.id.past().remember(o.Config.Node.Data)
	}
	if err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// open reads who the node is and opens its journal.
func (n *Node) open(ctx context.Context) (err error) {
	c := n.cfg
	named, err := openNamed(c) // before there is a folder: a start that fails by it leaves none
	if err != nil {
		return lastingSecret(err)
	}
	// The lock on the data folder comes before the node's own key: it keeps a second process from making a second one.
	var folder *journal.Folder
	opening := n.starts.begin("", "the data folder", 0)
	defer n.starts.end(opening)
	full := func(err error) {
		n.log.Warn("the disk is full; the start waits until there is room", "folder", c.Node.Data, "error", err)
		n.starts.trouble(opening, fmt.Errorf("the disk is full: %w", err))
		if unheard := n.listen(ctx); unheard != nil {
			n.log.Warn("how the start goes cannot be asked", "error", unheard) // told again, as its end, once there is room
		}
	}
	err = durable.WhenRoom(ctx, full, func() (err error) {
		if folder, err = journal.LockFolder(c.Node.Data); err != nil {
			return fmt.Errorf("open journal in %s: %w", c.Node.Data, lasting(err))
		}
		if n.id, err = loadIdentity(c, named, n.options.Begin); err == nil {
			err = n.compare(c)
		}
		if err != nil {
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
	n.starts.open(opening, "the journal")
	if err := n.listen(ctx); err != nil {
		return errors.Join(err, folder.Release())
	}
	j := c.Journal.Config()
	j.Dir, j.Folder, j.Node, j.Network = c.Node.Data, folder, c.Node.Name, n.id.network.ID()
	j.Log, j.Recorder, j.Now = n.log, n.recorder, n.now
	j.Waits = func(why error) { n.starts.trouble(opening, why) }
	n.journal, err = journal.Open(ctx, j)
	return err
}

// compare refuses a data folder that was another key's or another network's, unless that is meant.
func (n *Node) compare(c *config.Config) error {
	other, err := n.id.another(c.Node.Data, c.Written("node.key"))
	switch {
	case err != nil:
		return err
	case other == nil:
		return nil
	case !n.options.Begin:
		return other
	}
	n.log.Warn("the data folder goes on as another network: answers, anchors and contracts of before are not those of now", "folder", c.Node.Data,
		"key", n.id.key.Address(), "network", n.id.network.ID())
	return nil
}

// join makes the roles of their parts, and keeps those that the configuration names.
func (n *Node) join() (err error) {
	c := n.cfg
	n.voice = newVoice(n.id, sign.New(sign.Options{Key: n.id.key, Journal: n.journal, Now: n.now, Recorder: n.recorder, Forgot: n.journal.Forgot}))
	told := &events{n.basics, n.journal}
	intake := newIntake(told, int64(c.Node.Memory))
	intake.compareSizes(c)
	n.modules = newModules(intake, n.id, n.options)
	if n.attester, err = newAttester(told, n.voice); err != nil {
		return err
	}
	if n.anchorer, err = newAnchorer(n.basics, n.journal, n.voice); err != nil {
		return err
	}
	n.observer = newObserver(intake, n.modules, newRounds(told, n.voice), n.id, n.options)
	n.deliverer = newDeliverer(n.basics, n.journal, n.id, n.options)
	shown := shownBy(c, n.journal)
	n.board = newBoard(n.basics, shown, n.stream, n.options.OnRound)
	n.state = state{
		basics: n.basics, id: n.id, version: n.options.Version, started: time.Now(), journal: n.journal, shown: shown,
		board: n.board, observer: n.observer, deliverer: n.deliverer, anchorer: n.anchorer, modules: n.modules, starts: n.starts, reload: n.Reload,
	}
	server := &server{board: n.board, journal: n.journal, others: !c.Has(config.Observe), name: c.Node.Name}
	for _, r := range []role{
		{name: config.Validate, begin: n.attester.restore, run: n.attester.validate, readers: n.attester.readers},
		{name: config.Anchor, run: n.anchorer.anchor},
		{name: config.Deliver, run: n.deliverer.deliver, follow: n.deliverer.follow, readers: n.deliverer.readers},
		{name: config.Serve, begin: n.board.fill, run: server.serve, readers: server.readers},
		{name: config.Observe, run: n.observer.observe, follow: n.observer.follow},
	} {
		if c.Has(r.name) {
			n.roles = append(n.roles, r)
		}
	}
	return nil
}

func (n *Node) close() {
	n.door.shut()
	if n.modules != nil {
		if err := n.modules.close(context.Background()); err != nil { // all feeds have ended: nothing is waited for
			n.log.Error("close modules", "error", err)
		}
	}
	if n.journal != nil {
		if n.unkept = n.journal.Close(); n.unkept != nil {
			n.log.Error("close journal", "error", n.unkept)
		}
	}
}

// Unkept returns why the journal could not be closed as it should be, once Run has returned: what the disk did not take is made anew at the next start,
// as after a power cut. nil: all is on the disk.
func (n *Node) Unkept() error { return n.unkept }

// Address returns the address of the node's key.
func (n *Node) Address() dodona.Address { return n.id.key.Address() }

// Network returns the network whose answers the node signs.
func (n *Node) Network() dodona.Network { return n.id.network }

// URL returns where the API and the page are, or "" without the serve role.
func (n *Node) URL() string {
	if n.door == nil {
		return ""
	}
	return n.door.server.URL()
}

// current returns the configuration as it is now.
func (n *Node) current() *config.Config {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.cfg
}

// Run runs the roles until ctx ends or one of them breaks, waits for all, and closes the node.
// It returns nil if ctx ended it. Call it once.
func (n *Node) Run(ctx context.Context) error {
	outer := ctx
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
	n.journal.Expect(n.readers(n.config())...)
	if n.door != nil {
		n.door.server.Attach(n.state) // whatever the roles wait for
		run(string(config.Serve), n.door.watch)
	}
	var begun sync.WaitGroup
	for _, r := range n.roles {
		begun.Add(1)
		run(string(r.name), func(ctx context.Context) error {
			if r.begin != nil {
				r.begin(ctx, n.starts)
			}
			begun.Done()
			return r.run(ctx)
		})
	}
	roles.Go(func() {
		begun.Wait()
		if n.options.Started != nil && ctx.Err() == nil {
			n.options.Started(n.URL())
		}
	})
	roles.Wait()
	if err := context.Cause(ctx); err != context.Cause(outer) { // a role broke, with the end of a time limit of its own perhaps
		return err
	}
	return nil
}
