package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona/internal/backoff"
)

// A question that was on its way when the connection was lost is never answered. So each has an epoch, that of its connection, and ends with it.

// ErrAway: the connection to the store was lost, or the store is being started again. Ask anew once it is there.
var ErrAway = errors.New("the connection to the store was lost")

// Epoch ends when the connection of now is lost.
func (b *Bus) Epoch() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.epoch
}

// EndEpoch wakes what waits for an answer that will not come.
func (b *Bus) EndEpoch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endEpoch()
}

// endEpoch is EndEpoch with b.mu held.
func (b *Bus) endEpoch() {
	b.end()
	b.epoch, b.end = context.WithCancel(context.Background())
}

// InEpoch bounds questions by a time and by the end of the connection of now; the cause is then [ErrAway].
func (b *Bus) InEpoch(ctx context.Context, within time.Duration) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(b.Epoch(), func() { end(ErrAway) })
	ctx, cancel := context.WithTimeout(ctx, within)
	return ctx, func() { stop(); cancel(); end(nil) }
}

// Unanswered returns why a question was not answered, by its context: what the client says of a lost connection is that somebody canceled.
func Unanswered(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrAway) && errors.Is(err, context.Canceled) {
		return cause
	}
	return err
}

// WhileConnected takes a step of a start, and takes it again if the connection to a server elsewhere is lost under it: what was asked then is
// never answered.
func (b *Bus) WhileConnected(ctx context.Context, step func(context.Context) error) error {
	var since time.Time // when the connection was lost; what takes long by itself may
	for attempt := 1; ; attempt++ {
		epoch := b.Epoch()
		within, done := context.WithCancel(ctx)
		stop := context.AfterFunc(epoch, done)
		err := step(within)
		stop()
		done()
		if err == nil || b.c.Server != nil || epoch.Err() == nil && b.conn.IsConnected() {
			return err
		}
		b.c.Log.Warn("journal: the connection was lost at the start; trying again", "where", b.Where(), "error", err)
		if since.IsZero() || b.conn.IsConnected() {
			since = time.Now()
		}
		wait := backoff.Backoff{Min: 100 * time.Millisecond, Max: LongestRetry}.Ceiling(attempt)
		if time.Since(since) > AbsentFor || !backoff.Wait(ctx, wait) {
			return fmt.Errorf("%s: %w; the connection was lost, and did not come back", b.Where(), err)
		}
	}
}
