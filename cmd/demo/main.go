// Command demo shows Dodona at work: a small plant with a boiler (Modbus), a flow meter (CoAP), a power meter (MQTT), and three price servers
// (HTTP), of which one lies and one hangs now and then; and a node that asks them, signs the answers, remembers them, checks them and serves
// them. The price is made twice, by extraction alone, and by a signed WebAssembly module that marks as bad what cannot be true. The page has a
// button for each device that pulls its plug; --unplug does it for a part of the run.
//
// With --json it ends with one JSON object on standard output and exits with 0 only if every attested answer
// verified, the liar never moved an answer beyond what the honest servers said, and what was unplugged left a gap and answered again.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/internal/table"
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
	unplug   string // a device, by its name or protocol; empty: none

	enough  func(sums) bool  // of tests: ends the demo when a round came and it says so
	started func(url string) // of tests: told where the page is
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
	flag.Uint64Var(&f.seed, "seed", 1, "of what devices measure and of the price walk")
	flag.StringVar(&f.unplug, "unplug", "", "pull the plug of a device for a part of the run: modbus, coap, mqtt or http")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if f.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.duration)
		defer cancel()
	}
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
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
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program, which compiles modules: %w", err)
	}
	s, err := setUp(ctx, f, data)
	if err != nil {
		return nil, err
	}
	defer s.close()
	sums := newTally(s.market, s.feeds()...)
	sums.outage = s.outage
	var pulling sync.WaitGroup
	defer pulling.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	n, err := node.Open(ctx, node.Options{
		Config: s.config, Kinds: all.Sources(), Sinks: all.Sinks(), Version: version, Log: slog.New(slog.DiscardHandler),
		Compile: []string{program, compileWorker},
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
	if err := s.front.serve(n.URL()); err != nil {
		return nil, err
	}
	if f.started != nil {
		f.started(s.front.url())
	}
	s.chain.run(sums.mined)
	if s.outage != nil {
		pulling.Go(func() {
			if err := s.outage.run(ctx, s.devices); err != nil {
				sums.broke(err)
			}
		})
	}
	if f.json {
		if err := n.Run(ctx); err != nil {
			return nil, err
		}
		end()
		pulling.Wait()
		line := json.NewEncoder(os.Stdout)
		line.SetEscapeHTML(false) // causes have arrows
		return sums, line.Encode(sums.sums())
	}
	return sums, s.show(ctx, n, sums, placeOf(program))
}

// show runs the node until ctx ends and draws what it does, and ends with what can be tried when it is gone.
func (s *stage) show(ctx context.Context, n *node.Node, sums *tally, p place) error {
	running, end := context.WithCancel(context.WithoutCancel(ctx)) // it answers a last time when ctx has ended
	defer end()
	done := make(chan error, 1)
	go func() { done <- n.Run(running) }() // waited for by each way out
	ended, err := follow(ctx, done, sums, newScreen(os.Stdout, s.title(n), p.meanwhile(s.front.url())))
	if ended {
		return err
	}
	kept, keepErr := p.keep(running, n.URL())
	end()
	if err := <-done; err != nil {
		return err
	}
	if keepErr != nil && sums.sums().Attested > 0 {
		fmt.Fprintln(os.Stderr, "demo: no evidence was kept:", keepErr)
	}
	if keepErr != nil {
		return nil
	}
	for _, line := range p.afterwards(kept) {
		fmt.Println(line)
	}
	return nil
}

// title says what runs and where.
func (s *stage) title(n *node.Node) (lines []string) {
	lines = append(lines, "a plant on 127.0.0.1: a boiler (modbus), a flow meter (coap), a power meter (mqtt); the page has a button that unplugs each")
	if s.market != nil {
		lines = append(lines, "three price servers on 127.0.0.1: coingecko lies by ×10 now and then, kraken hangs now and then")
	}
	return append(lines,
		fmt.Sprintf("page   %s   node %s %s   stop with Ctrl-C", s.front.url(), s.config.Node.Name, n.Address().Short()),
		fmt.Sprintf("chain  %s   %s %s, anchors %s", s.chain.url, onChain, dodona.Address(s.chain.feed).Short(), dodona.Address(s.chain.anchor).Short()),
	)
}

// follow draws until ctx ends, or the node does with an error: then ended is true.
func follow(ctx context.Context, done <-chan error, sums *tally, screen *screen) (ended bool, err error) {
	defer screen.close(sums)
	resized, stop := table.Resized()
	defer stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		screen.draw(sums)
		select {
		case err := <-done:
			return true, err
		case <-ctx.Done():
			return false, nil
		case <-tick.C:
		case <-resized:
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

var errNothing = errors.New("no round was attested; is the machine overloaded, or --for too short")
