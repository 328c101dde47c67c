package journal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestAQuestionIsAskedAgainOnlyAfterALossOfTheConnection, and not once its time is over.
func TestAQuestionIsAskedAgainOnlyAfterALossOfTheConnection(t *testing.T) {
	j := open(t, Config{})
	ended, end := context.WithCancel(t.Context())
	end()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		within time.Duration
		errs   []error // what is answered
	}{
		{"an answer", t.Context(), time.Minute, []error{nil}},
		{"an error of its own", t.Context(), time.Minute, []error{errShaky}},
		{"nobody is there", t.Context(), time.Minute, []error{nats.ErrNoResponders, nats.ErrReconnectBufExceeded, nil}},
		{"an error later", t.Context(), time.Minute, []error{nats.ErrNoResponders, errShaky}},
		{"its time is over", t.Context(), 0, []error{nats.ErrNoResponders}},
		{"nobody waits", ended, time.Minute, []error{nats.ErrNoResponders}},
	} {
		asked := 0
		answer, err := lasting(c.ctx, j, c.within, func(context.Context) (int, error) {
			asked++
			return asked, c.errs[min(asked, len(c.errs))-1]
		})
		if want := c.errs[len(c.errs)-1]; asked != len(c.errs) || answer != asked || !errors.Is(err, want) {
			t.Errorf("%s: asked %d times, %v; want %d times, %v", c.name, asked, err, len(c.errs), want)
		}
	}
}
