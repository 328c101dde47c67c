package native

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/telemetrytest"
)

// A told loader does what it is told to at each call, and notes them.
type told struct {
	*seat
	calls       []string
	full        bool // it has no memory
	cannotFirst bool // its first Load fails
}

var errTold = errors.New("as it was told")

func (l *told) Keep(ctx context.Context, native int64) error {
	l.calls = append(l.calls, "keep")
	if l.full {
		return errTold
	}
	return l.seat.Keep(ctx, native)
}

func (l *told) Forget() {
	l.calls = append(l.calls, "forget")
	l.seat.Forget()
}

func (l *told) Load(ctx context.Context) error {
	l.calls = append(l.calls, "load")
	if l.cannotFirst {
		l.cannotFirst = false
		return errTold
	}
	return l.seat.Load(ctx)
}

// TestMemoryIsAskedForBeforeCodeIsLoaded, and none is loaded where there is none, whether it was kept or made.
func TestMemoryIsAskedForBeforeCodeIsLoaded(t *testing.T) {
	dir := t.TempDir()
	for _, from := range []string{"a child", "the cache"} {
		s := newStore(t, keeping(t, dir, 1, new(telemetrytest.Tally)))
		for full, want := range map[bool][]string{true: {"keep"}, false: {"keep", "load"}} {
			by := &told{seat: newSeat(t, s, answering(1)), full: full}
			code, err := s.Find(guestOne(by.wasm))
			if err != nil {
				t.Fatal(err)
			}
			if err := code.Load(t.Context(), Rewritten{Wasm: by.wasm}, by); errors.Is(err, errTold) != full {
				t.Errorf("from %s, full %t: %v", from, full, err)
			}
			code.Discard()
			if !slices.Equal(by.calls, want) {
				t.Errorf("from %s, full %t: called were %q, want %q", from, full, by.calls, want)
			}
			if left, err := filesBelow(s.private.name); err != nil || len(left) > 0 {
				t.Errorf("from %s, full %t: the private folder has %v (%v)", from, full, left, err)
			}
		}
	}
}

// TestKeptCodeThatCannotBeLoadedIsMadeAnew: its memory is given back before that of the other is asked for, and the file stays.
func TestKeptCodeThatCannotBeLoadedIsMadeAnew(t *testing.T) {
	dir, counts := t.TempDir(), new(telemetrytest.Tally)
	runs(t, newStore(t, keeping(t, dir, 1, new(telemetrytest.Tally))), answering(1))
	s := newStore(t, keeping(t, dir, 1, counts))
	var log bytes.Buffer
	s.o.Log = slog.New(slog.NewTextHandler(&log, nil))
	by := &told{seat: newSeat(t, s, answering(1)), cannotFirst: true}
	code, err := s.Find(guestOne(by.wasm))
	if err != nil {
		t.Fatal(err)
	}
	defer code.Discard()
	if err := code.Load(t.Context(), Rewritten{Wasm: by.wasm}, by); err != nil {
		t.Fatal(err)
	}
	by.answers(t)
	if want := []string{"keep", "load", "forget", "keep", "load"}; !slices.Equal(by.calls, want) {
		t.Errorf("called were %q, want %q", by.calls, want)
	}
	counts.Want(t, "a file that is forgotten", fates, 1, 0, 0)
	if path, said := cacheFile(t, dir), log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, path) || !strings.Contains(said, errTold.Error()) {
		t.Errorf("logged is %q, want one line of %s and why", said, path)
	}
}

// TestDiscardLeavesWhatIsNoLongerItsOwn: code that came to its place has left its name to others.
func TestDiscardLeavesWhatIsNoLongerItsOwn(t *testing.T) {
	dir := t.TempDir()
	runs(t, newStore(t, keeping(t, dir, 1, new(telemetrytest.Tally))), answering(1))
	s := newStore(t, keeping(t, dir, 1, new(telemetrytest.Tally)))
	code, err := s.Find(guestOne(answering(1)))
	if err != nil {
		t.Fatal(err)
	}
	path, by := code.had.file, newSeat(t, s, answering(1))
	if err := code.Load(t.Context(), Rewritten{Wasm: by.wasm}, by); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code.Discard()
	if err := os.Remove(path); err != nil {
		t.Errorf("it was removed under another: %v", err)
	}
}
