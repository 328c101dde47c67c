package file

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

func openDocument(t *testing.T, path string) dodona.Source {
	t.Helper()
	s := Kind.Settings().(*Settings)
	s.Path = path
	d, err := Kind.Open(t.Context(), s, source.Env{Source: "boiler"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocumentIsReadAnewEachTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "boiler.json")
	d := openDocument(t, path)
	if _, err := d.Observe(t.Context()); err == nil || dodona.IsPermanent(err) {
		t.Errorf("an absent file gave %v, want an error worth a retry", err)
	}
	for _, want := range []string{`{"t":1}`, `{"t":1}`, `{"t":2}`, ``} {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := d.Observe(t.Context())
		if err != nil || len(b.Readings) != 1 || string(b.Readings[0].Body) != want {
			t.Fatalf("Observe returned %v, %v, want %q", b.Readings, err, want)
		}
		if detail := b.Readings[0].Detail; !strings.HasPrefix(detail, "read boiler.json, ") || strings.Contains(detail, filepath.Dir(path)) {
			t.Errorf("detail is %q, want the file's name without its folder", detail)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Observe(ctx); err == nil {
		t.Error("Observe with an ended context returned no error")
	}
}

func TestDocumentRefusesWhatCannotBeOne(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:         "it is a folder",
		pipe:        "it is a pipe",
		"/dev/zero": "it is a device",
		large:       "larger than max_size (1MiB)",
	} {
		if _, err := openDocument(t, path).Observe(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gave %v, want … %s …", path, err, want)
		}
	}
}

func TestCheckNamesTheSetting(t *testing.T) {
	for key, change := range map[string]func(*Settings){
		"path":     func(s *Settings) { s.Path = "" },
		"format":   func(s *Settings) { s.Format = "xml" },
		"time":     func(s *Settings) { s.Time = "/ts" },
		"from":     func(s *Settings) { s.From = "middle" },
		"every":    func(s *Settings) { s.Every = 1 },
		"expect":   func(s *Settings) { s.Expect = -1 },
		"max_line": func(s *Settings) { s.MaxLine = 1 << 30 },
		"max_size": func(s *Settings) { s.MaxSize = 0 },
	} {
		s := Kind.Settings().(*Settings)
		s.Path = "/var/log/boiler.jsonl"
		if err := Kind.Check(s); err != nil {
			t.Fatalf("the defaults do not pass: %v", err)
		}
		change(s)
		if err := Kind.Check(s); err == nil || !strings.HasPrefix(err.Error(), key+": ") {
			t.Errorf("a wrong %s gave %v", key, err)
		}
		if _, err := Kind.Open(t.Context(), s, source.Env{}); !dodona.IsPermanent(err) {
			t.Errorf("opening with a wrong %s gave %v, want a permanent error", key, err)
		}
	}
}
