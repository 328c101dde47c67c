package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona/internal/logtest"
)

// TestAStepOfAStartThatIsAnsweredLateIsTakenAgain, however often, and told once; any other error ends the start at once.
func TestAStepOfAStartThatIsAnsweredLateIsTakenAgain(t *testing.T) {
	other := errors.New("a newer version wrote the folder")
	for _, late := range []error{context.DeadlineExceeded, nats.ErrTimeout, &jetstream.APIError{Code: 503, ErrorCode: 10008}} {
		for _, last := range []error{nil, other} {
			synctest.Test(t, func(t *testing.T) {
				said, waits := new(logtest.Text), 0
				b := New(Config{Server: new(Server), Log: slog.New(slog.NewTextHandler(said, nil)), Waits: func(error) { waits++ }})
				for name, take := range map[string]func(context.Context, func(context.Context) error) error{
					"WhileConnected": b.WhileConnected, "UntilAnswered": b.UntilAnswered,
				} {
					before, tries := said.Times("does not answer in time"), 0
					waits = 0
					err := take(t.Context(), func(context.Context) error {
						if tries++; tries <= 20 {
							return fmt.Errorf("open stream PROOF: %w", late)
						}
						return last
					})
					if !errors.Is(err, last) || tries != 21 || waits != 20 || said.Times("does not answer in time") != before+1 {
						t.Errorf("%s: %v after %d tries; told %d times, and in the log:\n%s", name, err, tries, waits, said)
					}
				}
			})
		}
	}
}

// TestAStartThatIsToEndWaitsForNoAnswer.
func TestAStartThatIsToEndWaitsForNoAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := New(Config{Server: new(Server), Log: slog.New(slog.DiscardHandler)})
	tries := 0
	err := b.WhileConnected(ctx, func(context.Context) error {
		tries++
		cancel()
		return context.DeadlineExceeded
	})
	if !errors.Is(err, context.DeadlineExceeded) || tries != 1 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

// TestWhereABusIsSaysNothingThatOpensIt.
func TestWhereABusIsSaysNothingThatOpensIt(t *testing.T) {
	for url, want := range map[string]string{
		"nats://token@a:4222":                            "nats://a:4222",
		"nats://user:word@a:4222, tls://b:4222?jwt=x#nk": "nats://a:4222,tls://b:4222",
		"nats://to ken@a":                                "(not a URL)",
	} {
		if got := New(Config{URL: url}).Where(); got != want {
			t.Errorf("%s is said to be at %s, want %s", url, got, want)
		}
	}
}
