package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// A copier copies old streams within a server that nobody else can reach.
type copier struct {
	u     *upgrade
	store *bus.Server
	js    jetstream.JetStream
}

// withServer runs f with a server on the folder. It does not sync every record: what it wrote is synced as a whole.
func (u *upgrade) withServer(ctx context.Context, f func(*copier) error) error {
	store, err := bus.NewServer(bus.ServerConfig{Node: u.cfg.Node, Dir: u.cfg.Dir, Unsynced: true, Log: u.log})
	if err != nil {
		return err
	}
	store.Store = bus.Store{
		Check:   func() (int64, error) { return 1 << 60, u.check() }, // the room was measured
		Stopped: func() { storeStopped(store, u.cfg) },
	}
	if err := store.Start(ctx); err != nil {
		return err
	}
	defer store.Stop()
	nc, err := nats.Connect("", nats.InProcessServer(store), nats.MaxReconnects(0))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	return f(&copier{u, store, js})
}

// networkOfClaims returns the network that the newest claim names, or that of now if nothing was ever claimed. A node whose
// network changes together with its version must not find its old claims under the new network, where they bind nothing.
func (u *upgrade) networkOfClaims(ctx context.Context) (network dodona.Digest, err error) {
	err = u.withServer(ctx, func(c *copier) error {
		stream, err := c.js.Stream(ctx, streamProof)
		if err != nil {
			return err
		}
		last, err := stream.GetLastMsgForSubject(ctx, bus.Root+string(dodona.TopicClaim)+".>")
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			network = u.cfg.Network
			return nil
		}
		if err != nil {
			return err
		}
		var claim dodona.Claim
		if err := json.Unmarshal(last.Data, &claim); err != nil || claim.Network.IsZero() {
			return fmt.Errorf("the newest claim, on %s, cannot be read: %w", last.Subject, errors.Join(err, errMissing))
		}
		network = claim.Network
		return nil
	})
	return network, err
}

func (c *copier) copy(ctx context.Context, name string) error {
	if name == oldModules {
		return c.copyModules(ctx)
	}
	spec := streams[slices.IndexFunc(streams, func(s streamSpec) bool { return s.name == name })]
	cfg := c.u.cfg
	cfg.Network = c.u.state.Network
	made := spec.config(cfg)
	old, err := c.js.Stream(ctx, name)
	if err != nil {
		return err
	}
	// A mirror keeps the places of its records; it becomes a stream of its own when its origin is let go.
	mirror := jetstream.StreamConfig{
		Name: made.Name, Storage: made.Storage, Retention: made.Retention, Discard: made.Discard, Duplicates: made.Duplicates,
		Metadata: made.Metadata, AllowDirect: true, MaxBytes: -1,
		Mirror: &jetstream.StreamSource{Name: name, SubjectTransforms: []jetstream.SubjectTransformConfig{
			{Source: bus.Root + ">", Destination: scopeOf(cfg.Network).Root() + ">"},
		}},
	}
	fresh, err := c.js.CreateStream(ctx, mirror)
	if err != nil {
		return err
	}
	if err := c.await(ctx, old, fresh); err != nil {
		return err
	}
	if fresh, err = c.js.UpdateStream(ctx, made); err != nil {
		return fmt.Errorf("let go of the origin: %w", err)
	}
	return c.copyReaders(ctx, old, fresh, spec)
}

// copyStands is how long a copy may stand still.
const copyStands = 5 * time.Minute

// stalledAfter is how long a mirror may stand still before what it lacks is taken for unreadable.
const stalledAfter = 10 * time.Second

// await returns once the mirror has every record that the old stream can give.
func (c *copier) await(ctx context.Context, old, fresh jetstream.Stream) error {
	before, err := old.Info(ctx)
	if err != nil {
		return err
	}
	moved, told, count := time.Now(), time.Now(), uint64(0)
	for {
		info, err := fresh.Info(ctx)
		switch {
		case c.store.Broken():
			return errors.New("the store cannot write: is the disk full")
		case err != nil:
			return err
		case info.State.Msgs == before.State.Msgs:
			return nil
		case info.State.Msgs > count:
			moved, count = time.Now(), info.State.Msgs
		case time.Since(moved) > stalledAfter && info.Mirror != nil && info.Mirror.Lag == 0:
			// The audit names them.
			c.u.log.Warn("journal: records of the old stream cannot be read", "stream", before.Config.Name, "records", before.State.Msgs-count)
			return nil
		case time.Since(moved) > copyStands:
			return fmt.Errorf("%d of %d records were copied, and then none for %s", count, before.State.Msgs, copyStands)
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			c.u.log.Info("journal: copying", "stream", before.Config.Name, "records", count, "of", before.State.Msgs)
		}
		if !backoff.Wait(ctx, 10*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

// copyReaders makes the readers of an old stream anew where they stood. Those whose names told their node get it; the
// others have none, and the first node that reads under their names takes them over, see adopt.
func (c *copier) copyReaders(ctx context.Context, old, fresh jetstream.Stream, spec streamSpec) error {
	list := old.ListConsumers(ctx)
	for info := range list.Info() {
		if info.Config.Durable == "" {
			continue
		}
		durable := info.Name
		for _, role := range []string{"serve-rounds", "serve-data"} {
			if node, found := strings.CutPrefix(info.Name, role+"-"); found {
				durable = reader(node, role)
			}
		}
		cfg := jetstream.ConsumerConfig{
			Durable: durable, AckPolicy: jetstream.AckAllPolicy, AckWait: ackWait, MaxAckPending: 4 * MaxSlice, MaxWaiting: 16,
			DeliverPolicy: jetstream.DeliverAllPolicy,
		}
		if floor := info.AckFloor.Stream; floor > 0 {
			cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, floor+1
		}
		for _, subject := range slices.Concat(info.Config.FilterSubjects, []string{info.Config.FilterSubject}) {
			if rest, ours := strings.CutPrefix(subject, bus.Root); ours {
				cfg.FilterSubjects = append(cfg.FilterSubjects, scopeOf(c.u.state.Network).Root()+rest)
			}
		}
		if _, err := fresh.CreateConsumer(ctx, cfg); err != nil {
			return fmt.Errorf("make reader %s of stream %s: %w", info.Name, spec.name, err)
		}
	}
	if err := list.Err(); err != nil {
		return fmt.Errorf("list readers: %w", err)
	}
	return nil
}

// copyModules puts every module into the network's bucket.
func (c *copier) copyModules(ctx context.Context) error {
	old, err := c.js.ObjectStore(ctx, bucketModules)
	if err != nil {
		return err
	}
	list, err := old.List(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return err
	}
	slices.SortFunc(list, func(a, b *jetstream.ObjectInfo) int { return a.ModTime.Compare(b.ModTime) })
	fresh, err := openModules(ctx, c.js, c.u.state.Network)
	if err != nil {
		return err
	}
	for _, o := range list {
		wasm, err := old.GetBytes(ctx, o.Name)
		if err != nil {
			c.u.log.Warn("journal: a module that was kept cannot be read, and is left behind", "module", o.Name, "error", err)
			continue
		}
		if _, err := fresh.PutBytes(ctx, o.Name, wasm); err != nil {
			return err
		}
	}
	return nil
}
