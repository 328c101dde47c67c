package journal

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/dodona-oracle/dodona/telemetry"
)

// TestWhatAStoreRefusesIsSpared: a large flight that a store elsewhere did not take waits for longer each time, unless it was
// given to nobody.
func TestWhatAStoreRefusesIsSpared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l := &lane{j: &Journal{ctx: ctx}}
		cfg, err := Config{Dir: "none", Node: "gw-1", Recorder: telemetry.Nop}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		l.j.cfg = cfg
		for n, c := range []struct {
			given bool
			err   error
			want  time.Duration
		}{
			{true, errUnknownOutcome, 0},
			{false, errUnknownOutcome, 0},
			{true, errUnknownOutcome, 5 * time.Second},
			{true, errUnknownOutcome, 10 * time.Second},
			{false, errUnknownOutcome, 10 * time.Second},
			{true, errors.New("full"), 20 * time.Second},
			{true, errors.New("full"), 40 * time.Second},
			{true, errors.New("full"), longestSpare},
			{true, nil, 0},
			{true, errUnknownOutcome, 0},
			{true, &apiError{ErrCode: codeWrongLast}, 0}, // it is well
			{true, errUnknownOutcome, 0},
			{true, &apiError{ErrCode: codeStoreFailed, Description: server.ErrMaxBytes.Error()}, 0}, // so it is, and the stream is full
			{true, errUnknownOutcome, 0},
		} {
			l.countLarge(c.given, c.err)
			begun := time.Now()
			if l.spare(); time.Since(begun) != c.want {
				t.Errorf("try %d waits %s, want %s", n, time.Since(begun), c.want)
			}
		}
	})
}
