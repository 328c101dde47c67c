//go:build integration

package tty

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/peertest"
)

func TestAPortIsAConnectionWithDeadlines(t *testing.T) {
	near, far := peertest.Pty(t)
	a, err := Open(Settings{Device: near})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(Settings{Device: far, Parity: "even"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := a.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := b.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	for n := 0; n < len(got); {
		m, err := b.Read(got[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if string(got) != "hello" {
		t.Errorf("got %q", got)
	}
	if err := b.SetDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read at its deadline: %v", err)
	}
	if err := a.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { _, err := a.Read(make([]byte, 1)); done <- err }()
	if err := a.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	select {
	case err := <-done:
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("a read of a closed port: %v", err)
		}
	case <-ctx.Done():
		t.Fatal("a read does not end when its port is closed")
	}
	if err := a.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if _, err := Open(Settings{Device: near, RS485: RS485{RTS: "high"}}); err == nil || !strings.Contains(err.Error(), "leave rs485 out") {
		t.Errorf("a pty that shall switch a line: %v", err)
	}
}
