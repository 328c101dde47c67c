package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// connectionState is what the bus said last, guarded by Journal.mu.
type connectionState struct {
	Connected bool
	Since     time.Time
	LastError string
	Reconnect uint64 // times the connection was made again
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
		local, err := startEmbedded(j.cfg)
		if err != nil {
			return err
		}
		j.local = local
		opts = append(opts, nats.InProcessServer(local))
	}
	if deadline, ok := ctx.Deadline(); ok {
		opts = append(opts, nats.Timeout(max(time.Until(deadline), 100*time.Millisecond)))
	}
	nc, err := nats.Connect(j.cfg.URL, opts...)
	if err != nil {
		return fmt.Errorf("connect to the bus: %w", err)
	}
	j.nc = nc
	j.connected(false)
	if j.js, err = jetstream.New(nc); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	return nil
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
	}
}

func (j *Journal) disconnected(err error) {
	if j.ctx.Err() != nil {
		return
	}
	j.mu.Lock()
	j.state.Connected, j.state.Since = false, j.cfg.Now()
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
