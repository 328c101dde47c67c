package source

import (
	"errors"
	"time"
)

// ErrStopped: the pump has ended or its node is shutting down. Do not ask again.
var ErrStopped = errors.New("the source is stopped")

// maxRetryAfter bounds what a peer may ask for: an hour of silence is enough for any rate limit,
// and a mistaken date must not switch a source off for a year.
const maxRetryAfter = time.Hour

// RetryAfter marks err as one whose peer asked not to be tried again before d has passed.
// The pump keeps to it, up to one hour. It returns nil for nil.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return retryAfterError{err, d}
}

type retryAfterError struct {
	error
	after time.Duration
}

func (r retryAfterError) Unwrap() error { return r.error }

// retryAfter returns what the peer asked for, or 0.
func retryAfter(err error) time.Duration {
	var r retryAfterError
	if errors.As(err, &r) {
		return min(max(r.after, 0), maxRetryAfter)
	}
	return 0
}
