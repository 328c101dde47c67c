package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// connectionState is what the bus said last, guarded by Journal.mu.
type connectionState struct {
	Connected bool
	Since     time.Time
	LastError string
	Reconnect uint64 // times the connection was made again

	epoch context.Context // ends when the connection is lost: what waits for an answer need not wait longer
	end   context.CancelFunc
}

// connect starts the embedded server if there is none elsewhere, and connects to it.
func (j *Journal) connect(ctx context.Context) error {
	opts := []nats.Option{
		nats.Name("dodona " + j.cfg.Node),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond),
		nats.ReconnectBufSize(-1), // a record must not leave later than its Append knows
		nats.PingInterval(20 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.IgnoreAuthErrorAbort(), // a password that is wrong today may be right after the server's reload
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { j.disconnected(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { j.connected(true) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { j.busError(err) }),
	}
	if j.cfg.URL == "" {
		if err := j.startEmbedded(ctx); err != nil {
			return err
		}
		opts = append(opts, nats.InProcessServer(j.local), nats.UserInfo(j.local.opts.Username, j.local.opts.Password))
	}
	nc, err := j.dial(ctx, opts)
	if err != nil {
		return fmt.Errorf("connect to the bus: %w", err)
	}
	j.nc = nc
	j.connected(false)
	if got := nc.MaxPayload(); got < leastPayload {
		return fmt.Errorf("%s takes %s at once (max_payload), and records of this node may be larger: set max_payload to at least %s, better 8MiB",
			j.where(), unit.Size(got), unit.Size(leastPayload))
	}
	if j.js, err = jetstream.New(nc); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	return nil
}

// leastPayload is the least that a server elsewhere must take at once: the largest record that the node makes without a
// device's help is a part of an anchor's tree, 388 KiB. Larger readings are refused one by one.
const leastPayload = 512 << 10

// MaxRecord returns how large the body of a record may be, by what the bus takes at once.
func (j *Journal) MaxRecord() unit.Size { return unit.Size(j.nc.MaxPayload() - headersOnBusAllowance) }

// longestRetry is how long the journal waits at most before it tries anything again.
const longestRetry = 2 * time.Second

// absentFor is how long Open waits for a server elsewhere that is not there yet.
const absentFor = 30 * time.Second

// dial connects, again and again if the server is elsewhere, until ctx or the patience ends.
func (j *Journal) dial(ctx context.Context, opts []nats.Option) (*nats.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, absentFor)
	defer cancel()
	for attempt := 1; ; attempt++ {
		nc, err := nats.Connect(j.cfg.URL, opts...)
		if err == nil || j.local != nil || errors.Is(err, nats.ErrAuthorization) {
			return nc, err
		}
		j.cfg.Log.Warn("journal: the server does not answer; trying again", "where", j.where(), "error", err)
		b := backoff.Backoff{Min: 100 * time.Millisecond, Max: longestRetry}
		if !backoff.Wait(ctx, b.Ceiling(attempt)) {
			return nil, fmt.Errorf("%s: %w; is it running, and is journal.url right", j.where(), err)
		}
	}
}

// whileConnected takes a step of the start, and takes it again if the connection is lost under it: what was asked then is never answered.
func (j *Journal) whileConnected(ctx context.Context, step func(context.Context) error) error {
	var since time.Time // when the connection was lost; what takes long by itself may
	for attempt := 1; ; attempt++ {
		epoch := j.epoch()
		within, done := context.WithCancel(ctx)
		stop := context.AfterFunc(epoch, done)
		err := step(within)
		stop()
		done()
		if err == nil || j.local != nil || epoch.Err() == nil && j.nc.IsConnected() {
			return err
		}
		j.cfg.Log.Warn("journal: the connection was lost at the start; trying again", "where", j.where(), "error", err)
		if since.IsZero() || j.nc.IsConnected() {
			since = time.Now()
		}
		b := backoff.Backoff{Min: 100 * time.Millisecond, Max: longestRetry}
		if time.Since(since) > absentFor || !backoff.Wait(ctx, b.Ceiling(attempt)) {
			return fmt.Errorf("%s: %w; the connection was lost, and did not come back", j.where(), err)
		}
	}
}

func (j *Journal) connected(again bool) {
	j.mu.Lock()
	j.state.Connected, j.state.Since = true, j.cfg.Now()
	if again {
		j.state.Reconnect++
	}
	j.mu.Unlock()
	if again {
		j.cfg.Log.Info("journal: connected again")
		if l := j.proof.Load(); l != nil {
			l.mu.Lock()
			l.sight(l.sighted.born) // a server that was started anew may have less
			l.mu.Unlock()
		}
	}
}

func (j *Journal) disconnected(err error) {
	if j.ctx.Err() != nil {
		return
	}
	j.mu.Lock()
	j.state.Connected, j.state.Since = false, j.cfg.Now()
	j.endEpoch()
	if err != nil {
		j.state.LastError = err.Error()
	}
	j.mu.Unlock()
	j.cfg.Log.Warn("journal: lost the connection; trying again for ever", "error", err)
}

func (j *Journal) busError(err error) {
	j.mu.Lock()
	j.state.LastError = err.Error()
	j.mu.Unlock()
	j.cfg.Log.Warn("journal: the bus refused something", "error", err)
}

// endEpoch wakes what waits for an answer that will not come. j.mu is held.
func (j *Journal) endEpoch() {
	j.state.end()
	j.state.epoch, j.state.end = context.WithCancel(context.Background())
}

// storeBroke is called when the embedded store says that it will write no more. Others may have filled the disk, so that no lane of this process
// notices.
func (j *Journal) storeBroke() {
	j.mu.Lock()
	j.endEpoch()
	j.mu.Unlock()
	poke(j.sick)
}

// epoch ends when the connection of now is lost.
func (j *Journal) epoch() context.Context {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.epoch
}
