package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAFileIsReadOneByteBeyondItsLimit(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int64]string{3: "0123", 9: "0123456789", 10: "0123456789", 99: "0123456789"} {
		if text, err := readUpTo(file, limit); err != nil || string(text) != want {
			t.Errorf("limit %d: %q, %v; want %q", limit, text, err, want)
		}
	}
	if _, err := readUpTo(filepath.Join(dir, "none"), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := readUpTo(dir, 1); err == nil || !strings.HasSuffix(err.Error(), "is not a file: remove it") {
		t.Errorf("a folder: %v", err)
	}
}

func TestAFolderHasTheFormatOfItsStreams(t *testing.T) {
	for _, c := range []struct {
		streams []string
		text    string // of its format; "": none
		want    string // of the file afterwards, or of the error
		aside   bool
	}{
		{nil, "", "2\n", false},
		{nil, "2\n", "2\n", false},
		{nil, " 1 ", " 1 ", false},
		{nil, "3\n", "this folder has format 3, but this program knows formats up to 2", false},
		{nil, "0\n", "2\n", true},
		{nil, "x\n", "2\n", true},
		{nil, "0000000000000002", "0000000000000002", false},
		{nil, "00000000000000002", "2\n", true},
		{[]string{"RAW"}, "", "1\n", false},
		{[]string{"PROOF"}, "x", "1\n", true},
		{[]string{"RAW", "RAW-ab"}, "", "2\n", false},
		{[]string{"PROOF", "PROOF-ab"}, "", "2\n", false},
		{[]string{"PROOF-ab"}, "", "2\n", false},
		{[]string{"OTHER"}, "", "2\n", false},
	} {
		dir := t.TempDir()
		for _, name := range c.streams {
			if err := os.MkdirAll(filepath.Join(streamsDir(dir), name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if c.text != "" {
			if err := os.WriteFile(filepath.Join(dir, "format"), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f, err := LockFolder(dir)
		if err != nil {
			if !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v with format %q: %v", c.streams, c.text, err)
			}
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "format"))
		if err != nil || string(text) != c.want || len(f.damage) == 1 != c.aside {
			t.Errorf("%v with format %q: %q, %v, damage %+v; want %q", c.streams, c.text, text, err, f.damage, c.want)
		}
		if _, err := LockFolder(dir); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("(pid %d)", os.Getpid())) {
			t.Errorf("taken twice: %v", err)
		}
		if err := errors.Join(f.Release(), f.Release(), (*Folder)(nil).Release()); err != nil {
			t.Errorf("released: %v", err)
		}
		if f, err = LockFolder(dir); err != nil {
			t.Errorf("taken again: %v", err)
		}
		_ = f.Release()
	}
}
