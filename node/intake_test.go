package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestABacklogIsTakenAtTheMemorysPace: a burst passes at once, a backlog of 60 MiB takes most of a minute with 64 MiB.
func TestABacklogIsTakenAtTheMemorysPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		intake := newIntake(new(events), 64<<20).pace
		began := time.Now()
		if err := intake.WaitN(t.Context(), maxExchange); err != nil || time.Since(began) != 0 {
			t.Errorf("the largest exchange waits %s, %v", time.Since(began), err)
		}
		for range 10 {
			if err := intake.WaitN(t.Context(), maxExchange); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 40*time.Second || took > 80*time.Second {
			t.Errorf("a backlog of 60 MiB took %s, want about a minute", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := intake.WaitN(ctx, maxExchange); err == nil {
			t.Error("a node that ends waits on")
		}
	})
}
