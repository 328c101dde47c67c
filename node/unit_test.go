package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
)

// TestWhatWillHardlyMendIsTriedSlowly: an error that is permanent is not asked about ten times a second, and not given up either.
func TestWhatWillHardlyMendIsTriedSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		err := retry(t.Context(), func() error {
			if tries++; tries < 4 {
				return dodona.Permanent(errors.New("the bus takes at most 1 byte"))
			}
			return nil
		}, func(_ error, wait time.Duration) {
			if wait < 5*time.Second {
				t.Errorf("it is tried again in %v", wait)
			}
		})
		if err != nil || tries != 4 {
			t.Errorf("%d tries, %v", tries, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := retry(ctx, func() error { return errors.New("no") }, func(error, time.Duration) {}); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that ended: %v", err)
		}
	})
}
