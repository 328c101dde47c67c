package sink

import (
	"context"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// pendingAfter is how long one step of a sink may take before the loop tells of it.
const pendingAfter = 30 * time.Second

// watch tells of a step that takes long, which else would be known to nobody: a step that neither succeeds nor fails leaves the
// sink as it was. The step itself goes on. Call returned when it has returned; that says whether the sink was called stuck.
func (l *Loop) watch(ctx context.Context, what string, tell func(ctx context.Context, why string)) (returned func() bool) {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	stuck := false
	beside.Go(func() {
		if !backoff.Wait(ctx, pendingAfter) {
			return
		}
		stuck = true
		why := what + ": not done after " + pendingAfter.String() + "; it is waited for"
		if w, ok := l.opened().(interface{ Waits() string }); ok {
			why = w.Waits()
		}
		l.set(func(s *Status) {
			s.State, s.LastError, s.ErrorTime, s.NextTry = Stuck, told(why), l.c.Now(), time.Time{}
		})
		tell(ctx, why)
	})
	return func() bool {
		cancel()
		beside.Wait()
		return stuck
	}
}

// pending journals, once, that the peer keeps the sink waiting.
func (l *Loop) pending(ctx context.Context, why string) {
	if l.stalled {
		return
	}
	l.stalled = true
	l.c.Log.Warn("delivery waits", "step", "deliver", "error", why)
	event, err := EventRecord(l.c.Name, "stalled", why, l.c.Now())
	if err == nil {
		err = l.c.Journal.Append(ctx, event)
	}
	if err != nil && ctx.Err() == nil {
		l.c.Log.Error("an event cannot be kept", "error", err)
	}
}

// slow logs that a step before any delivery takes long.
func (l *Loop) slow(_ context.Context, why string) {
	l.c.Log.Warn("a sink takes long to begin", "error", why)
}

func (l *Loop) opened() dodona.Sink {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sink
}
