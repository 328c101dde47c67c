package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// answerTimeout is how long the store has to answer one question.
const answerTimeout = 5 * time.Second

// question bounds the wait for one answer of the store, whatever ctx allows: a question that was on its way when the
// connection was lost is never answered, so the end of the connection ends it too.
func (j *Journal) question(ctx context.Context) (context.Context, context.CancelFunc) {
	return j.bus.InEpoch(ctx, answerTimeout)
}

// lasting asks, and asks again if the connection is lost meanwhile, as by a start of the store, once it is there again, but begins no question
// later than within. It is for who waits for the answer, not for a lane: that may have to start the store itself.
func lasting[T any](ctx context.Context, j *Journal, within time.Duration, ask func(context.Context) (T, error)) (T, error) {
	begun := time.Now()
	for attempt := 1; ; attempt++ {
		epoch := j.bus.Epoch()
		answer, err := ask(ctx)
		lost := epoch.Err() != nil || !j.nc.IsConnected() || errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrNoResponders) // what is said while it is away
		if err == nil || !lost || ctx.Err() != nil || j.ctx.Err() != nil {
			return answer, err
		}
		wait := backoff.Backoff{Min: 20 * time.Millisecond, Max: 250 * time.Millisecond}.Ceiling(attempt)
		if time.Since(begun)+wait > within || !backoff.Wait(ctx, wait) {
			if !errors.Is(err, bus.ErrAway) {
				err = fmt.Errorf("%w: %w", bus.ErrAway, err)
			}
			return answer, err
		}
	}
}
