package module

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// A patience is a context that ends after it has been asked a number of times.
type patience struct {
	context.Context
	left atomic.Int64
}

func (p *patience) Err() error {
	if p.left.Add(-1) < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// TestWarmUpThatIsCutShortIsAnErrorOfTheLoad lets the context end at every look during the warm-up. A snapshot of a guest
// that is not warm would give other answers than those of other machines.
func TestWarmUpThatIsCutShortIsAnErrorOfTheLoad(t *testing.T) {
	for name, o := range map[string]Options{"compiled": {}, "interpreted": {Interpreter: true}} {
		t.Run(name, func(t *testing.T) {
			m := load(t, newTestEngine(t, o), guest(t, "warm"))
			m.plain.pop().close(t.Context())
			ended := 0
			for looks := int64(0); ; looks++ {
				ctx := &patience{Context: t.Context()}
				ctx.left.Store(looks)
				in, err := m.warmUp(ctx)
				if err == nil {
					m.plain.put(in)
					break
				}
				var failed *Error
				if !errors.As(err, &failed) || failed.Cause != CauseDeadline || !strings.Contains(err.Error(), "could not be warmed up") {
					t.Fatalf("a context that ends at look %d: got %v, want cause deadline, and when", looks, err)
				}
				ended++
			}
			if ended < warmUps {
				t.Errorf("the warm-up looked at its context %d times, want once for each of its events", ended)
			}
			if _, err := m.Run(t.Context(), reading(`{}`)); err != nil {
				t.Errorf("after a whole warm-up: %v", err)
			}
			if got := m.live.Load(); got != 1 {
				t.Errorf("%d instances are left, want the one that is warm", got)
			}
		})
	}
}

func TestErrorsOfThisMachineSayNothingAboutTheModule(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{&wasm.Refusal{}, false},
		{&Error{Cause: CauseTrap}, false},
		{&Error{Cause: CauseDepth}, false},
		{&Error{Cause: CauseFuel}, false},
		{&Error{Cause: CauseReplay}, false},
		{&Error{Cause: CauseDeadline}, true},
		{&Error{Cause: CauseBusy}, true},
		{&Error{Cause: CauseHost}, true},
		{ErrMemory, true},
		{context.Canceled, true},
	} {
		if got := Local(c.err); got != c.want {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
}
