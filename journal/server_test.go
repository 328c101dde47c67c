package journal

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// TestAServerThatCannotStartIsNotAwaited: it says so at once, or the folder does, or whoever waits has gone.
func TestAServerThatCannotStartIsNotAwaited(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		spoil func(store string) error
		start func(e *embedded) error
		want  string
	}{
		"it says so": {
			func(store string) error { return os.Symlink(store+"-away", store) },
			func(e *embedded) error { return e.start(t.Context()) }, "storage directory",
		},
		"its folder is none": {
			func(store string) error { return os.WriteFile(store, nil, 0o600) },
			func(e *embedded) error { return e.start(t.Context()) }, "not writable",
		},
		"nobody waits": {func(string) error { return nil }, func(e *embedded) error {
			s, err := server.NewServer(e.opts.Clone())
			if err != nil {
				return err
			}
			return e.awaitReady(gone, s) // it was not even started
		}, context.Canceled.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Dir: t.TempDir(), Node: "gw-1", Log: slog.New(slog.DiscardHandler)}
			e := newEmbedded(cfg, func() error { return nil }, func() {})
			if err := c.spoil(filepath.Join(cfg.Dir, "jetstream")); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			err := c.start(e)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the start says %v, want %q", err, c.want)
			}
			if took := time.Since(begun); took > readyWithin/10 {
				t.Errorf("the start took %s", took)
			}
		})
	}
}
