package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretsNeverPrint(t *testing.T) {
	s := New("hunter2")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s)
	body, err := json.Marshal(map[string]any{"a": s, "b": &s})
	if err != nil {
		t.Fatal(err)
	}
	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, struct{ S String }{s}))
	}
	for _, out := range append(printed, string(body), log.String()) {
		if strings.Contains(out, "hunter2") || strings.Contains(out, "68756e74657232") || !strings.Contains(out, Mask) {
			t.Errorf("printed %s", out)
		}
	}
	hidden := struct{ s String }{s}
	if out := fmt.Sprintf("%v %+v %#v", hidden, hidden, hidden); strings.Contains(out, "hunter2") {
		t.Errorf("printed %s", out)
	}
}

func TestRevealReadsWhereTheSecretLies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("hunter2\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DODONA_TEST_TOKEN", "hunter2")
	for _, s := range []String{New("hunter2"), {File: path}, {Env: "DODONA_TEST_TOKEN"}} {
		if got, err := s.Reveal(); err != nil || got != "hunter2" {
			t.Errorf("Reveal() = %q, %v", got, err)
		}
	}
	if err := os.Chmod(path, 0o604); err != nil {
		t.Fatal(err)
	}
	if got, err := (String{File: path}).Reveal(); err != nil || got != "hunter2" {
		t.Errorf("Reveal() of a file that all may read = %q, %v", got, err)
	}
	if got, err := (String{File: path}).RevealKey(); !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("RevealKey() of a file that all may read = %q, %v, want ErrMode and what to run", got, err)
	}
	marked := filepath.Join(t.TempDir(), "marked")
	if err := os.WriteFile(marked, []byte("\ufeffhunter2\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := (String{File: marked}).Reveal(); err != nil || got != "hunter2" {
		t.Errorf("Reveal() of a file that an editor began with a byte order mark = %q, %v", got, err)
	}
	for _, s := range []String{{File: path + "x"}, {File: filepath.Dir(path)}, {File: "/dev/zero"}, {Env: "DODONA_TEST_UNSET"}} {
		if got, err := s.Reveal(); err == nil {
			t.Errorf("Reveal() = %q, want an error", got)
		}
	}
}
