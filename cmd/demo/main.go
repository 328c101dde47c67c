// Command demo shows Dodona at work: three price servers, of which one lies and one hangs now and then, and a node
// that asks them, signs the median, remembers it, checks it and serves it; once by extraction alone, and once by a signed
// WebAssembly module that marks as bad what cannot be true.
//
// With --json it ends with one JSON object on standard output and exits with 0 only if every attested answer
// verified and the liar never moved an answer beyond what the honest servers said.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/node"
)

// version is set by the linker.
var version = "unknown"

type flags struct {
	duration time.Duration
	json     bool
	live     bool
	listen   string
	seed     uint64

	enough func(sums) bool // of tests: ends the demo when a round came and it says so
}

// compileWorker is the first argument with which this program starts itself to compile a module.
const compileWorker = "compile-worker"

func main() {
	if len(os.Args) > 1 && os.Args[1] == compileWorker {
		os.Exit(module.CompileWorker(os.Stdin, os.Args[2:]))
	}
	var f flags
	flag.DurationVar(&f.duration, "for", 0, "how long to run; 0 runs until Ctrl-C")
	flag.BoolVar(&f.json, "json", false, "no table; one JSON object at the end")
	flag.BoolVar(&f.live, "live", false, "ask the real exchanges, every 10 s")
	flag.StringVar(&f.listen, "listen", "", "address of the page (default 127.0.0.1:8080, or a free port if that is taken)")
	flag.Uint64Var(&f.seed, "seed", 1, "of the price walk")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if f.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.duration)
		defer cancel()
	}
	sums, err := run(ctx, f)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo: interrupted before the node had started")
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	if !sums.good() {
		fmt.Fprintln(os.Stderr, "demo:", sums.complaint())
		os.Exit(1)
	}
}

// run runs the demo until ctx ends.
func run(ctx context.Context, f flags) (*tally, error) {
	data, err := os.MkdirTemp("", "dodona-demo-")
	if err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	defer os.RemoveAll(data)
	s, err := setUp(ctx, f, data)
	if err != nil {
		return nil, err
	}
	defer s.close()
	worker, err := worker()
	if err != nil {
		return nil, err
	}
	sums := newTally(s.market, s.feeds()...)
	ctx, end := context.WithCancel(ctx)
	defer end()
	n, err := node.Open(ctx, node.Options{
		Config: s.config, Kinds: all.Sources(), Sinks: all.Sinks(), Version: version, Log: slog.New(slog.DiscardHandler),
		Compile: worker,
		OnRound: func(o node.Outcome) {
			if sums.add(o); f.enough != nil && f.enough(sums.sums()) {
				end()
			}
		},
	})
	if err != nil {
		return nil, err
	}
	sums.trust(n.Network())
	s.chain.run(sums.mined)
	if !f.json {
		fmt.Fprintf(os.Stderr, "page    %s        node  %s  %s       stop with Ctrl-C\n", n.URL(), s.config.Node.Name, n.Address().Short())
		fmt.Fprintf(os.Stderr, "chain   %s        %s in %s, anchors in %s\n\n", s.chain.url, onChain, dodona.Address(s.chain.feed).Short(), dodona.Address(s.chain.anchor).Short())
	}
	if err := follow(ctx, n, sums, f.json); err != nil {
		return nil, err
	}
	return sums, sums.report(os.Stdout, f.json)
}

// worker is the command line that compiles modules.
func worker() ([]string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program, which compiles modules: %w", err)
	}
	return []string{program, compileWorker}, nil
}

// follow runs the node and shows what it does.
func follow(ctx context.Context, n *node.Node, sums *tally, quiet bool) error {
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }() // waited for below
	if quiet {
		return <-done
	}
	screen := newScreen(os.Stdout)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			screen.draw(sums, true)
			return err
		case <-tick.C:
			screen.draw(sums, false)
		}
	}
}

// address returns where to listen: as told, or at the usual port if it is free.
func address(told string) string {
	if told != "" {
		return told
	}
	const usual = "127.0.0.1:8080"
	l, err := net.Listen("tcp", usual)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close()
	return usual
}

// report writes the sums at the end: JSON on standard output, or nothing more than the table has said.
func (t *tally) report(w io.Writer, asJSON bool) error {
	if !asJSON {
		return nil
	}
	return json.NewEncoder(w).Encode(t.sums())
}

var errNothing = errors.New("no round was attested; is the machine overloaded, or --for too short")
