package node

import (
	"context"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// A unit is a goroutine with its owner: whoever holds the unit stops it and waits.
type unit struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// start runs f until the unit is stopped or ctx ends.
func start(ctx context.Context, f func(context.Context)) *unit {
	ctx, cancel := context.WithCancel(ctx)
	u := &unit{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(u.done)
		defer cancel()
		f(ctx)
	}()
	return u
}

// stop ends the unit and waits until it has ended. It may be called twice.
func (u *unit) stop() {
	u.cancel()
	<-u.done
}

// stopAll ends all units at once and waits for all of them.
func stopAll(units ...*unit) {
	var group sync.WaitGroup
	for _, u := range units {
		u.cancel()
	}
	for _, u := range units {
		group.Go(u.stop)
	}
	group.Wait()
}

// retry calls f until it succeeds or ctx ends, telling about each failure, and returns nil or ctx's error. What will hardly mend by
// itself is tried again slowly: somebody may give the server more room, or the program a new version.
func retry(ctx context.Context, f func() error, failed func(err error, wait time.Duration)) error {
	b := backoff.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}
	for attempt := 1; ; attempt++ {
		err := f()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			return nil
		}
		wait := b.Next(attempt, nil)
		if dodona.IsPermanent(err) {
			wait = b.Slow(nil)
		}
		failed(err, wait)
		if !backoff.Wait(ctx, wait) {
			return ctx.Err()
		}
	}
}
