package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sign"
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

// TestARefusalSaysWhatToDo: two processes with one key log a refusal every other round, and each must say why.
func TestARefusalSaysWhatToDo(t *testing.T) {
	for want, err := range map[string]error{
		"another process signs with this key": &sign.ClaimError{Err: fmt.Errorf("digest %w", dodona.ErrConflict)},
		"compare the clock of this node":      &sign.ClaimError{Err: fmt.Errorf("%w: %w", sign.ErrBefore, sign.ErrClock)},
		"later rounds are signed again":       &sign.ClaimError{Err: sign.ErrBefore},
		"this is a bug":                       &sign.ClaimError{Err: sign.ErrMalformed},
	} {
		if !refused(err) {
			t.Errorf("%v is no refusal", err)
		}
		if got := whatToDo(err); !strings.Contains(got, want) {
			t.Errorf("%v: do %q, want %q", err, got, want)
		}
	}
}
