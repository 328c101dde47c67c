package journal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestModulesAreKeptByDigest(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	ctx := t.Context()
	if _, err := j.Module(ctx, dodona.Digest{1}); !errors.Is(err, dodona.ErrNotFound) {
		t.Fatalf("before anything is kept: %v", err)
	}
	wasm := bytes.Repeat([]byte("wasm"), 200_000)
	for range 2 {
		if err := j.KeepModule(ctx, dodona.Digest{1}, wasm); err != nil {
			t.Fatal(err)
		}
	}
	got, err := j.Module(ctx, dodona.Digest{1})
	if err != nil || !bytes.Equal(got, wasm) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if _, err := j.Module(ctx, dodona.Digest{2}); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("another module: %v", err)
	}
}

func TestTheOldestModulesGiveWay(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	ctx := t.Context()
	wasm := make([]byte, 6<<20)
	for i := range byte(6) { // 36 MiB, more than is kept
		if err := j.KeepModule(ctx, dodona.Digest{i + 1}, wasm); err != nil {
			t.Fatalf("module %d: %v", i, err)
		}
	}
	if _, err := j.Module(ctx, dodona.Digest{1}); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("the oldest: %v", err)
	}
	if got, err := j.Module(ctx, dodona.Digest{6}); err != nil || len(got) != len(wasm) {
		t.Errorf("the newest: %d bytes, %v", len(got), err)
	}
}
