package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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

// WhileConnected takes a step of a start, and takes it again if the connection to a server elsewhere is lost under it, for what was asked then is
// never answered, or if it was not answered in time: a disk or a machine that is slow now may not be later. It goes on until ctx ends.
func (b *Bus) WhileConnected(ctx context.Context, step func(context.Context) error) error {
	var told telling
	for attempt := 1; ; attempt++ {
		epoch := b.Epoch()
		within, done := context.WithCancel(ctx)
		stop := context.AfterFunc(epoch, done)
		err := step(within)
		stop()
		done()
		lost := b.c.Server == nil && (epoch.Err() != nil || !b.conn.IsConnected())
		if err == nil || !lost && !isLate(err) {
			return err
		}
		what := "journal: it does not answer in time at the start; asking again until it does"
		if lost {
			what = "journal: the connection was lost at the start; trying again until it is back"
			err = fmt.Errorf("%s: %w; the connection was lost", b.Where(), err)
		}
		told.of(err, b, what)
		if !backoff.Wait(ctx, startPace.Ceiling(attempt)) {
			return err
		}
	}
}

// UntilAnswered takes a step of a start, and takes it again if something in it was not answered in time, until ctx ends.
func (b *Bus) UntilAnswered(ctx context.Context, step func(context.Context) error) error {
	var told telling
	for attempt := 1; ; attempt++ {
		err := step(ctx)
		if !isLate(err) {
			return err
		}
		told.of(err, b, "journal: it does not answer in time at the start; asking again until it does")
		if !backoff.Wait(ctx, startPace.Ceiling(attempt)) {
			return err
		}
	}
}

var startPace = backoff.Backoff{Min: 100 * time.Millisecond, Max: LongestRetry}

// isLate reports whether an error is that of an answer that did not come in time, which says nothing of what it would have been, or that of
// servers that have yet to elect who leads them.
func isLate(err error) bool {
	const noLeader = 10008 // JSClusterNotAvailErr of nats-server
	var api *jetstream.APIError
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.As(err, &api) && api.ErrorCode == noLeader
}

// A telling says what a start waits for: once, and again now and then for who looks at the end of a log.
type telling struct{ at time.Time }

const tellAgain = 5 * time.Minute

func (t *telling) of(err error, b *Bus, what string) {
	b.c.Waits(err)
	if t.at.IsZero() || time.Since(t.at) > tellAgain {
		t.at = time.Now()
		b.c.Log.Warn(what, "where", b.Where(), "error", err)
	}
}
