package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// connect starts the embedded server if there is none elsewhere, and connects to it.
func (j *Journal) connect(ctx context.Context) (err error) {
	if j.cfg.URL == "" {
		if j.local, err = j.newServer(); err != nil {
			return err
		}
	}
	j.bus = bus.New(bus.Config{Node: j.cfg.Node, Server: j.local, URL: j.cfg.URL, Again: j.connectedAgain, Waits: j.cfg.Waits, Log: j.cfg.Log, Now: j.cfg.Now})
	if j.local != nil {
		if err := j.bus.UntilAnswered(ctx, j.local.Start); err != nil {
			return err
		}
	}
	if err := j.bus.Connect(ctx); err != nil {
		return err
	}
	j.nc = j.bus.Conn()
	if got := j.nc.MaxPayload(); got < leastPayload {
		return fmt.Errorf("%s takes %s at once (max_payload), and records of this node may be larger: set max_payload to at least %s, better 8MiB",
			j.bus.Where(), unit.Size(got), unit.Size(leastPayload))
	}
	if j.js, err = jetstream.New(j.nc); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	return nil
}

// alone reports whether no other process can reach the server.
func (j *Journal) alone() bool { return j.local != nil && j.cfg.Listen == "" }

// newServer returns the embedded server, which is not started. Its store stands on ground that this journal answers for.
func (j *Journal) newServer() (*bus.Server, error) {
	s, err := bus.NewServer(bus.ServerConfig{Node: j.cfg.Node, Dir: j.cfg.Dir, Listen: j.cfg.Listen, Log: j.cfg.Log})
	if err != nil {
		return nil, err
	}
	s.Store = bus.Store{
		Check: func() (promise int64, err error) {
			err = errors.Join(j.dropStaged(), dropTornIndexes(s, j.cfg), j.checkGround())
			return storeLimit(j.cfg), err // by settings that are sound now
		},
		Vouch:    j.vouch,
		Broke:    j.storeBroke,
		Dropped:  j.storeDropped,
		Stopping: func() { j.lookBeforeStop(stopWithin) },
		Stopped:  func() { storeStopped(s, j.cfg) },
	}
	return s, nil
}

// leastPayload is the least that a server elsewhere must take at once: the largest record that the node makes without a
// device's help is a part of an anchor's tree, 388 KiB. Larger readings are refused one by one.
const leastPayload = 512 << 10

// MaxRecord returns how large the body of a record may be, by what the bus takes at once.
func (j *Journal) MaxRecord() unit.Size { return unit.Size(j.nc.MaxPayload() - headersOnBusAllowance) }

// connectedAgain looks at the server anew: one that was started anew may have less.
func (j *Journal) connectedAgain() {
	if l := j.proof.Load(); l != nil {
		l.mu.Lock()
		l.sight(l.sighted.born)
		l.mu.Unlock()
	}
}

// storeBroke is called when the embedded store says that it will write no more. Others may have filled the disk, so that no lane of this process
// notices.
func (j *Journal) storeBroke() {
	j.bus.EndEpoch()
	poke(j.sick)
}
