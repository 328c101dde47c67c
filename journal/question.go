package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/dodona-oracle/dodona/internal/backoff"
)

// answerTimeout is how long the store has to answer one question.
const answerTimeout = 5 * time.Second

// errAway: the connection to the store was lost, or the store is being started again.
var errAway = errors.New("the connection to the store was lost")

// question bounds the wait for one answer of the store, whatever ctx allows: a question that was on its way when the
// connection was lost is never answered, so the end of the connection ends it too.
func (j *Journal) question(ctx context.Context) (context.Context, context.CancelFunc) {
	return j.inEpoch(ctx, answerTimeout)
}

// inEpoch bounds questions by a time and by the end of the connection of now.
func (j *Journal) inEpoch(ctx context.Context, within time.Duration) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(j.epoch(), func() { end(errAway) })
	ctx, cancel := context.WithTimeout(ctx, within)
	return ctx, func() { stop(); cancel(); end(nil) }
}

// lasting asks, and asks again if the connection is lost meanwhile, as by a start of the store, once it is there again, but begins no question
// later than within. It is for who waits for the answer, not for a lane: that may have to start the store itself.
func lasting[T any](ctx context.Context, j *Journal, within time.Duration, ask func(context.Context) (T, error)) (T, error) {
	begun := time.Now()
	for attempt := 1; ; attempt++ {
		epoch := j.epoch()
		answer, err := ask(ctx)
		lost := epoch.Err() != nil || !j.nc.IsConnected() || errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrNoResponders) // what is said while it is away
		if err == nil || !lost || ctx.Err() != nil || j.ctx.Err() != nil {
			return answer, err
		}
		wait := backoff.Backoff{Min: 20 * time.Millisecond, Max: 250 * time.Millisecond}.Ceiling(attempt)
		if time.Since(begun)+wait > within || !backoff.Wait(ctx, wait) {
			if !errors.Is(err, errAway) {
				err = fmt.Errorf("%w: %w", errAway, err)
			}
			return answer, err
		}
	}
}

// unanswered returns why a question was not answered, by its context: what the client says of a lost connection is that somebody canceled.
func unanswered(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errAway) && errors.Is(err, context.Canceled) {
		return cause
	}
	return err
}
