package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A role is one thing that a process of a node does, with what it needs in itself.
type role struct {
	name config.Role
	// begin reads what it rests on, until that is read or ctx ends; nil: nothing. Only then it runs.
	begin func(ctx context.Context, b *beginning)
	// run does it until ctx ends, and returns nil then. Any other end ends the process.
	run func(ctx context.Context) error
	// follow makes what runs of it follow a configuration that was read again; nil: nothing of it changes.
	follow func(next *config.Config, changes config.Changes) error
	// readers names what it reads the journal as, by a configuration; nil: it does not.
	readers func(c *config.Config) []string
}

// readers returns what this process reads as by a configuration.
func (n *Node) readers(c *config.Config) (names []string) {
	for _, r := range n.roles {
		if r.readers != nil {
			names = append(names, r.readers(c)...)
		}
	}
	return names
}

// basics are what every part of a node has.
type basics struct {
	log      *slog.Logger
	now      func() time.Time
	recorder telemetry.Recorder
	config   func() *config.Config // as it is now: a reload changes it
}

// A desk is where others have something done by the goroutine of a role, which alone starts and stops its units.
type desk struct {
	begun  chan struct{} // closed before the role reads the configuration
	ended  chan struct{} // closed when it takes no more orders
	orders chan order
}

type order struct {
	do   func(context.Context) error
	done chan error
}

func newDesk() *desk {
	return &desk{begun: make(chan struct{}), ended: make(chan struct{}), orders: make(chan order)}
}

// work has the role begin, by the configuration as it is then, and takes orders until ctx ends.
func (d *desk) work(ctx context.Context, begin func(context.Context) error) error {
	close(d.begun)
	defer close(d.ended)
	if err := begin(ctx); err != nil {
		return err
	}
	for {
		select {
		case o := <-d.orders:
			o.done <- o.do(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// ask has something done and waits for it. A role that has not begun will read the configuration itself, and one that has
// ended has nothing to change.
func (d *desk) ask(do func(context.Context) error) error {
	select {
	case <-d.begun:
	default:
		return nil
	}
	o := order{do: do, done: make(chan error, 1)}
	select {
	case d.orders <- o:
		return <-o.done
	case <-d.ended:
		return nil
	}
}
