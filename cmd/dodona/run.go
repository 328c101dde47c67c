package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/node"
)

type runCommand struct {
	configFile
	Listen     string `help:"Where to serve API and page, instead of api.listen." placeholder:"HOST:PORT"`
	NewNetwork bool   `help:"Go on in a data folder that was another key's or another network's, on purpose."`
}

// load reads the configuration, with what the command line says above it.
func (r runCommand) load(path string, stdin io.Reader) (*config.Config, error) {
	c, err := nodeConfig(path, stdin)
	if err == nil && r.Listen != "" {
		c.API.Listen = r.Listen
		if wrong := c.API.Check(); wrong != nil {
			return nil, errors.New("--" + wrong.Error())
		}
	}
	return c, err
}

// Run runs a node until it is interrupted. SIGHUP reloads the configuration.
func (r runCommand) Run(ctx context.Context, term terminal) error {
	outlive()
	runtime.MemProfileRate = 0 // nobody asks a node for one
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // from here on: one that comes while the node starts must not end it
	defer signal.Stop(hangups)
	path, err := r.path()
	if err != nil {
		return err
	}
	c, err := r.load(path, term.in)
	if err != nil {
		return mistakes(term, err)
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	talk := newTalk(term.err, c.Log.Format)
	defer talk.end()
	term.err = talk
	says := newSpeaker(talk, c.Log.Format)
	says.warn(c.Warnings)
	return says.last(r.run(ctx, c, path, hangups, says, term))
}

// run runs a node by a configuration that was read.
func (r runCommand) run(ctx context.Context, c *config.Config, path string, hangups <-chan os.Signal, says speaker, term terminal) error {
	level := new(slog.LevelVar)
	live := func(c *config.Config) { apply(c, level) }
	live(c)
	log := newLog(term.err, c.Log.Format, level)
	worker, err := compileWorker()
	if err != nil {
		return err
	}
	if r.NewNetwork {
		log.Warn("--new-network is set: while it is, another key or another network in this data folder is not refused", "do", "leave it out of the next start")
	}
	service := supervisor{log}
	begun, patient := make(chan struct{}), service.starting(ctx)
	defer patient()
	var n *node.Node
	options := node.Options{
		Config: c, Begin: r.NewNetwork, Kinds: all.Sources(), Sinks: all.Sinks(), Out: term.served(), Version: release, Log: log, Live: live, Compile: worker,
		Started: func(url string) {
			if url != "" {
				says.say("page and API at "+url, "page and API", "url", url)
			}
			patient()
			service.ready(n)
			close(begun)
		},
	}
	if path != "-" {
		options.Load = func() (*config.Config, error) { return r.reload(path) }
	}
	n, err = node.Open(ctx, options)
	if err != nil && ctx.Err() != nil {
		says.say("dodona: interrupted before the node had started", "interrupted before the node had started")
		return nil
	}
	if err != nil {
		return notStarted(otherPort(ctx, err, c, path))
	}
	network := n.Network()
	says.say(fmt.Sprintf("dodona %s: node %s, key %s, network %q %s", release, c.Node.Name, n.Address(), network.Name, network.ID()),
		"dodona", "version", release, "node", c.Node.Name, "key", n.Address(), "network", network.Name, "id", network.ID())
	beside := attend(ctx, n, service, log, begun, hangups)
	hushed := context.AfterFunc(ctx, func() {
		const interrupted = "interrupted; what is under way is finished first"
		says.say("dodona: "+interrupted, interrupted)
	})
	err = n.Run(ctx)
	beside()
	if lost := n.Unkept(); err == nil && lost != nil {
		return fmt.Errorf("node %s has stopped, and its disk did not take all: %w; the next start looks for what is missing, as after a power cut", c.Node.Name, lost)
	}
	if !hushed() && err == nil { // it was said why
		const stopped = "has stopped; everything acknowledged is on disk"
		says.say(fmt.Sprintf("dodona: node %s %s", c.Node.Name, stopped), stopped, "node", c.Node.Name)
	}
	return err
}

// notStarted gives the error of a start its exit code: what starting again would not mend is a usage error.
func notStarted(err error) error {
	if other := (*node.AnotherError)(nil); errors.As(err, &other) {
		return failure{exitUsage, other}
	}
	err = fmt.Errorf("start node: %w", err)
	if lasting := (*node.LastingError)(nil); errors.As(err, &lasting) {
		return failure{exitUsage, err}
	}
	return err
}

// reload loads a configuration again. What is no regular file, such as a named pipe, might never end.
func (r runCommand) reload(path string) (*config.Config, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file; restart the node with the new configuration", path)
	}
	return r.load(path, nil)
}

// smallMemory is up to where memory counts more than time.
const smallMemory = 256 << 20

// apply sets what can change while the node runs.
func apply(c *config.Config, level *slog.LevelVar) {
	_ = level.UnmarshalText([]byte(c.Log.Level)) // config.Load has checked it
	limit := int64(c.Node.Memory)
	if cgroup, err := memlimit.FromCgroup(); err == nil && cgroup > 0 && cgroup < uint64(limit) {
		limit = int64(cgroup)
	}
	// The limit is a goal for the heap; the program text and what the kernel counts besides take the rest.
	debug.SetMemoryLimit(limit*6/10 + profileTable())
	// A small node trades a little time for a heap that stays near what it needs.
	percent := 100
	if limit <= smallMemory {
		percent = 50
	}
	debug.SetGCPercent(percent)
}

// profileTable returns what the runtime has set apart for a memory profile, in bytes. It does so before main begins, counts all of it, and touches hardly any.
func profileTable() int64 {
	table := []metrics.Sample{{Name: "/memory/classes/profiling/buckets:bytes"}}
	metrics.Read(table)
	return int64(table[0].Value.Uint64())
}

func newLog(w io.Writer, format config.Format, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == jsonFormat {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// attend serves who watches over the process beside the node: it reloads the node at every signal, and tells the service
// manager how it fares, until the returned function is called, which waits.
func attend(ctx context.Context, n *node.Node, service supervisor, log *slog.Logger, begun <-chan struct{}, hangups <-chan os.Signal) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() {
		service.watch(ctx, n.Stalled)
		<-ctx.Done()
		service.stopping()
	})
	beside.Go(func() {
		select {
		case <-begun: // READY=1 ends a reload, and would end a start
		case <-ctx.Done():
		}
		for {
			select {
			case <-hangups:
				service.reloading()
				if _, err := n.Reload(ctx); err != nil {
					log.Error("reload", "error", err)
				}
				service.ready(n)
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		beside.Wait()
	}
}

func count(n int, noun string) string {
	return unit.Count(n, noun)
}
