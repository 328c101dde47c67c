//go:build !no.bus.server

package bus

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start starts a server that stops with the test.
func start(t *testing.T, c ServerConfig) *Server {
	t.Helper()
	c.Node, c.Dir, c.Log = "gw-1", t.TempDir(), slog.New(slog.DiscardHandler)
	s, err := NewServer(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Store.Check = func() (int64, error) { return 1 << 20, nil }
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// TestAServerThatCannotStartIsNotAwaited: it says so at once, or the folder does, or whoever waits has gone.
func TestAServerThatCannotStartIsNotAwaited(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		spoil func(store string) error
		start func(s *Server) error
		want  string
	}{
		"it says so": {
			func(store string) error { return os.Symlink(store+"-away", store) },
			func(s *Server) error { return s.Start(t.Context()) }, "storage directory",
		},
		"its folder is none": {
			func(store string) error { return os.WriteFile(store, nil, 0o600) },
			func(s *Server) error { return s.Start(t.Context()) }, "not writable",
		},
		"nobody waits": {func(string) error { return nil }, func(s *Server) error {
			e, err := s.newEngine(1 << 20)
			if err != nil {
				return err
			}
			return s.awaitReady(gone, e) // it was not even started
		}, context.Canceled.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := NewServer(ServerConfig{Node: "gw-1", Dir: dir, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			s.Store.Check = func() (int64, error) { return 1 << 20, nil }
			if err := c.spoil(filepath.Join(dir, "jetstream")); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			err = c.start(s)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the start says %v, want %q", err, c.want)
			}
			if took := time.Since(begun); took > readyWithin/10 {
				t.Errorf("the start took %s", took)
			}
		})
	}
}
