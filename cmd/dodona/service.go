package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/dodona-oracle/dodona/node"
)

// A supervisor is the service manager that started this process and wants to hear how it fares, by the protocol of
// sd_notify(3); where none did, nobody is told.
type supervisor struct {
	log *slog.Logger
}

func (s supervisor) tell(states ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(states, "\n")); err != nil {
		s.log.Warn("the service manager cannot be told", "what", states[0], "error", err)
	}
}

// ready tells that the node runs.
func (s supervisor) ready(n *node.Node) {
	s.tell(daemon.SdNotifyReady, fmt.Sprintf("STATUS=node %s of network %s", n.Address().Short(), n.Network().Name))
}

// A start that asks for more time does so long before what it was given is over.
const (
	startMore  = time.Minute
	startEvery = 15 * time.Second
)

// starting asks for time, again and again, until ctx ends or the returned function is called, which waits and may be called twice: a start reads what
// was known of every feed, and waits for its disk and its journal's server for as long as it takes.
func (s supervisor) starting(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var asks sync.WaitGroup
	asks.Go(func() {
		again := time.NewTicker(startEvery)
		defer again.Stop()
		for {
			s.tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", startMore.Microseconds()), "STATUS=starting; /readyz says what it waits for")
			select {
			case <-again.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		asks.Wait()
	}
}

// reloading tells that the node reads its configuration again, until ready.
func (s supervisor) reloading() {
	s.tell(daemon.SdNotifyReloading, strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

func (s supervisor) stopping() { s.tell(daemon.SdNotifyStopping) }

// watch feeds the watchdog until ctx ends, as long as stalled names no feed: one whose rounds do not move, and nobody knows
// why, is what a restart is for.
func (s supervisor) watch(ctx context.Context, stalled func() []string) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("the service manager's watchdog is not understood, and not fed", "error", err)
	}
	if err != nil || limit <= 0 {
		return
	}
	look := time.NewTicker(limit / 3)
	defer look.Stop()
	for {
		if stuck := stalled(); len(stuck) == 0 {
			s.tell(daemon.SdNotifyWatchdog)
		} else {
			s.log.Error("feeds make no rounds; the watchdog is not fed, and the service manager will restart the node", "feeds", strings.Join(stuck, "; "))
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}
