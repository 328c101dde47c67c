//go:build integration

package serial

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/source"
)

// A node pumps a source, asks it again and again, and remembers what came.
type node struct {
	*source.Pump
	t *testing.T

	mu    sync.Mutex
	all   []dodona.Reading
	drops []string
}

func pumped(t *testing.T, s *Settings) *node {
	t.Helper()
	if err := Kind.Check(s); err != nil {
		t.Fatal(err)
	}
	n := &node{t: t}
	n.Pump = source.NewPump(source.Config{
		Name: "scale", Kind: Kind, Settings: s, Version: "test", Backoff: backoff.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond},
		Append: func(_ context.Context, b dodona.Batch) error {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.all = append(n.all, b.Readings...)
			return nil
		},
		Lost: func(_ context.Context, _ uint64, cause string) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.drops = append(n.drops, cause)
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = n.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return n
}

// look asks once, and returns what came so far.
func (n *node) look() ([]dodona.Reading, string) {
	ctx, cancel := context.WithTimeout(n.t.Context(), 100*time.Millisecond)
	_, _ = n.Ask(ctx, dodona.RoundAt(time.Now()))
	cancel()
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]dodona.Reading(nil), n.all...), strings.Join(n.drops, "\n")
}

func (n *node) until(done func(all []dodona.Reading) bool) []dodona.Reading {
	n.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		all, drops := n.look()
		if done(all) {
			return all
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("%d readings, drops %q, status %+v", len(all), drops, n.Status())
		}
	}
}

func (n *node) untilError(part string) {
	n.t.Helper()
	n.until(func([]dodona.Reading) bool { return strings.Contains(n.Status().LastError, part) })
}
