package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/node"
)

// trySource makes one exchange with a source, as a node of the configuration of does, for at most as long as ctx, which ends after wait.
func trySource(ctx context.Context, of *config.Config, s config.Source, wait time.Duration) node.SourceTrial {
	t := node.TrySource(ctx, node.Options{Config: of, Kinds: all.Sources(), Version: release}, s)
	if t.Err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) { // a time-out of its own is told by itself
		t.Err = fmt.Errorf("no answer within %s from %s", unit.FormatDuration(wait), peerOf(s))
	}
	if why := waits(s); t.Err != nil && why != "" {
		t.Err = fmt.Errorf("%w: %s", t.Err, why)
	}
	return t
}

// waits says why a source may have nothing to say yet, if its kind knows.
func waits(s config.Source) string {
	if w, tells := s.Settings.(interface{ Waits() string }); tells {
		return w.Waits()
	}
	return ""
}

// peerOf names what a source asks.
func peerOf(s config.Source) string {
	if p, ok := s.Settings.(interface{ Peer() string }); ok {
		return p.Peer()
	}
	return s.Kind + " source " + s.Name
}

// triedAtOnce bounds how many sources are asked beside each other.
const triedAtOnce = 16

// tryAll asks sources, in the order in which they are given; each is waited for once its turn comes, so that those that hang cost the others nothing.
// What holds one up is told while it is waited for.
func tryAll(ctx context.Context, term terminal, of *config.Config, sources []config.Source, wait time.Duration) []node.SourceTrial {
	var telling sync.Mutex
	trials := make([]node.SourceTrial, len(sources))
	room := make(chan struct{}, triedAtOnce)
	var all sync.WaitGroup
	for i, s := range sources {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			limited, cancel := context.WithTimeout(ctx, wait)
			defer cancel()
			answered := make(chan struct{})
			all.Go(func() {
				select {
				case <-answered:
				case <-time.After(300 * time.Millisecond): // what is there is read by then
					if why := waits(s); why != "" {
						telling.Lock()
						defer telling.Unlock()
						term.say("waiting for %s, at most %v: %s", s.Name, wait, printable(why))
					}
				}
			})
			trials[i] = trySource(limited, of, s, wait)
			close(answered)
		})
	}
	all.Wait()
	return trials
}

// trySlowly makes one exchange, and tells after a second, and then again and again, that it is waiting.
func trySlowly(ctx context.Context, term terminal, s config.Source, where string, wait time.Duration) node.SourceTrial {
	began, done := time.Now(), make(chan node.SourceTrial, 1)
	go func() { done <- trySource(ctx, nil, s, wait) }()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for told := false; ; told = true {
		select {
		case t := <-done:
			if told && term.watched {
				fmt.Fprint(term.err, "\r\x1b[K")
			}
			return t
		case <-look.C:
			switch {
			case term.watched:
				fmt.Fprintf(term.err, "\rwaiting for %s: %v of at most %v\x1b[K", printable(where), time.Since(began).Round(time.Second), wait)
			case !told:
				fmt.Fprintf(term.err, "waiting for %s, at most %v\n", printable(where), wait)
			}
		}
	}
}

// checkWait refuses to wait for nothing.
func checkWait(wait time.Duration) error {
	if wait <= 0 {
		return failure{exitUsage, fmt.Errorf("--wait %v: want more than nothing, such as 30s", wait)}
	}
	return nil
}
