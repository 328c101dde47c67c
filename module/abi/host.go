package abi

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
)

// A Host is what a node has of the world that modules may see. What is nil is not there. What a capability reaches by
// itself is not in it, but made where its functions are ([Set.Open]).
// All functions must be safe for concurrent use and return soon after ctx ends.
type Host struct {
	// Number returns the number at a JSON Pointer (RFC 6901) of a reading's document, exactly.
	// [dodona.ErrNotFound] if nothing is there; any other error if it is no number or no document.
	Number func(r dodona.Reading, pointer string) (dodona.Decimal, error)
	// Reading returns the last journaled reading of a source, or [dodona.ErrNotFound]. It never dials.
	Reading func(ctx context.Context, source string) (dodona.Reading, error)
	// Get fetches a URL that the capability allows, at most limit bytes. Nil: the capability fetches it itself, from the network.
	Get func(ctx context.Context, url string, limit int) (status int, body []byte, err error)
	// Route is how the capability reaches the network, where it fetches itself.
	Route httpc.Route
	// Serial opens a configured serial port. Read must return with the deadline of SetReadDeadline.
	Serial func(ctx context.Context, name string) (Port, error)
	// State returns what the module kept after the feed's last journaled round. The caller must not change it.
	State func(feed dodona.FeedID) map[string][]byte
	// Log takes what guests log, already cut to their limit.
	Log func(module string, level slog.Level, text string)
}

// A Port is an open serial line. Read returns [os.ErrDeadlineExceeded] when its deadline has passed.
type Port interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
}
