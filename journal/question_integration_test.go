//go:build integration

package journal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
)

// waitedFor returns the questions that somebody waits for.
func waitedFor(j *Journal) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"forgot": func(ctx context.Context) error { _, err := j.Forgot(ctx); return err },
		"last":   func(ctx context.Context) error { _, err := j.Last(ctx, dodona.TopicEvent, "x"); return err },
		"scan": func(ctx context.Context) (err error) {
			for _, err = range j.Scan(ctx, dodona.TopicEvent, "x", nil) {
			}
			return err
		},
		"scan from": func(ctx context.Context) (err error) {
			for _, err = range j.Scan(ctx, dodona.TopicEvent, "x", func(r dodona.Record) bool { return r.ID == "before0" }) {
			}
			return err
		},
	}
}

// TestAQuestionOutlivesAStartOfTheStore: it is asked while the store is away.
func TestAQuestionOutlivesAStartOfTheStore(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	appendEvents(t, h.Journal, "before", 3, 10)
	vouch := h.local.Store.Vouch
	for name, ask := range waitedFor(h.Journal) {
		var err error
		for range 5 { // a slow machine may take longer than anybody wants to wait
			until(t, "that the connection is there", h.nc.IsConnected)
			answered, asks := make(chan error, 1), make(chan struct{})
			h.local.Store.Vouch = func(bus nats.InProcessConnProvider) error {
				until(t, "that the connection is lost", func() bool { return !h.nc.IsConnected() })
				go func() { close(asks); answered <- ask(t.Context()) }()
				<-asks
				return vouch(bus)
			}
			h.local.GiveUp()
			if err := h.local.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err = <-answered; err == nil {
				break
			}
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAQuestionSaysThatTheConnectionIsLost, after a while that is bounded, and at once if it is asked no longer.
func TestAQuestionSaysThatTheConnectionIsLost(t *testing.T) {
	for name := range waitedFor(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHub(t, Config{Dir: t.TempDir()})
			appendEvents(t, h.Journal, "before", 3, 10)
			h.local.Store.Check = func() (int64, error) { return 0, errors.New("it is not started again") }
			h.local.Stop()
			ask := waitedFor(h.Journal)[name]
			if err := ask(t.Context()); !errors.Is(err, bus.ErrAway) || errors.Is(err, context.Canceled) {
				t.Errorf("%v, want %v", err, bus.ErrAway)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			begun := time.Now()
			if err := ask(ctx); err == nil || time.Since(begun) > answerTimeout {
				t.Errorf("%v after %s", err, time.Since(begun))
			}
		})
	}
}

// TestAQuestionThatWasOnItsWayIsAskedAgain, when the store is lost under it, and one that is answered with no is not.
func TestAQuestionThatWasOnItsWayIsAskedAgain(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	asked := 0
	n, err := lasting(t.Context(), h.Journal, time.Hour, func(ctx context.Context) (int, error) {
		if asked++; asked > 1 {
			return asked, nil
		}
		ctx, cancel := h.question(ctx)
		defer cancel()
		h.storeBroke()
		<-ctx.Done()
		err := bus.Unanswered(ctx, ctx.Err())
		if !errors.Is(err, bus.ErrAway) || errors.Is(err, context.Canceled) {
			t.Errorf("it is told as %v", err)
		}
		return 0, err
	})
	if err != nil || n != 2 {
		t.Errorf("answered is %d, %v", n, err)
	}
	no := errors.New("no")
	if _, err := lasting(t.Context(), h.Journal, time.Hour, func(context.Context) (int, error) { return 0, no }); err != no {
		t.Errorf("%v, want %v", err, no)
	}
}
