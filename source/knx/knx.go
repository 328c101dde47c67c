package knx

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

const (
	maxWaiting = 1000 // telegrams that wait to be observed
	maxBatch   = 100  // of them in one batch
)

// A bus is an open source.
type bus struct {
	settings Settings
	env      source.Env
	groups   map[uint16]bool
	scan     func(telegram) // takes telegrams instead of the queue; nil: nobody scans
	queue    chan dodona.Reading
	ended    context.Context //nolint:containedctx // ends with Close
	end      context.CancelFunc

	mu   sync.Mutex // held by Observe
	line *line      // nil: there is none yet, or it broke
}

// open prepares a source. It sends nothing.
func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	b := &bus{settings: s, env: env, groups: map[uint16]bool{}, queue: make(chan dodona.Reading, maxWaiting)}
	for _, g := range s.Groups {
		address, err := parseGroup(g.Address)
		if err != nil {
			return nil, dodona.Permanent(err)
		}
		b.groups[address] = true
	}
	b.ended, b.end = context.WithCancel(context.Background())
	return b, nil
}

// Close leaves the bus.
func (b *bus) Close() error {
	b.end()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leave()
	return nil
}

// leave waits until the line has ended.
func (b *bus) leave() {
	if b.line != nil {
		b.line.cancel()
		<-b.line.done
		b.line = nil
	}
}

// Observe returns the telegrams that wait, and waits for one if there is none. It connects first where there is no line, and returns nothing
// then, as a sign of life.
func (b *bus) Observe(ctx context.Context) (dodona.Batch, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended.Err() != nil {
		return dodona.Batch{}, errClosed
	}
	if err := ctx.Err(); err != nil {
		return dodona.Batch{}, err
	}
	if len(b.queue) > 0 {
		return b.take(), nil
	}
	if b.line == nil {
		return dodona.Batch{}, b.connect(ctx)
	}
	for {
		select {
		case <-ctx.Done():
			return dodona.Batch{}, ctx.Err()
		case <-b.ended.Done():
			return dodona.Batch{}, errClosed
		case r := <-b.queue:
			return b.take(r), nil
		case <-b.line.done:
			err := b.line.err
			b.line = nil
			if !errors.Is(err, errQuiet) {
				return dodona.Batch{}, err
			}
			if err := b.connect(ctx); err != nil {
				return dodona.Batch{}, err
			}
		}
	}
}

var (
	errClosed = errors.New("the source is closed")
	errQuiet  = errors.New("nothing came for a while")
)

// take makes a batch of what waits.
func (b *bus) take(first ...dodona.Reading) dodona.Batch {
	batch := dodona.Batch{Readings: first}
	for len(batch.Readings) < maxBatch && len(b.queue) > 0 {
		batch.Readings = append(batch.Readings, <-b.queue)
	}
	return batch
}

// connect makes a line.
func (b *bus) connect(ctx context.Context) error {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.ended, cancel)()
	dial := b.tunnel
	if b.settings.Routing != "" {
		dial = b.route
	}
	l, err := dial(within)
	switch {
	case b.ended.Err() != nil:
		if l != nil {
			l.close(true)
		}
		return errClosed
	case ctx.Err() != nil:
		if l != nil {
			l.close(true)
		}
		return ctx.Err()
	case err != nil:
		return err
	}
	running, stop := context.WithCancel(context.Background())
	l.cancel, l.done = stop, make(chan struct{})
	b.line = l
	go func() { // whoever leaves the line waits for done
		defer close(l.done)
		defer stop()
		l.err = l.run(running)
	}()
	return nil
}

// heard takes a telegram from the line.
func (b *bus) heard(t telegram, frame []byte, by string) {
	if b.scan != nil && t.code == codeIndication && t.command != groupRead {
		b.scan(t)
		return
	}
	if !b.groups[t.group] || t.code != codeIndication || t.command != groupWrite && t.command != groupResponse {
		return
	}
	what := map[byte]string{groupWrite: "write", groupResponse: "response"}[t.command]
	r := dodona.Reading{
		Source: b.env.Source, Item: groupText(t.group), Body: append([]byte(nil), frame...), ContentType: "application/octet-stream", Received: b.env.Now(),
		Detail: fmt.Sprintf("%s from %s to %s by %s", what, individualText(t.source), groupText(t.group), by),
	}
	select {
	case b.queue <- r:
	default:
		// Fault (dropped): telegrams come faster than they are taken.
		b.env.Dropped(1, fmt.Sprintf("%d telegrams wait already: more come than are taken", maxWaiting))
	}
}
