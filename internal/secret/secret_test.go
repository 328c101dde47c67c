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

// TestWhatIsNoLineOfTextIsNoSecret: it would be sent as it stands, and whoever gets it would only say that it is wrong.
func TestWhatIsNoLineOfTextIsNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for text, want := range map[string]string{
		"":                                   "is empty",
		"\n":                                 "is empty",
		"\r\n\r\n":                           "is empty",
		"\ufeff":                             "is empty",
		"\ufeff\n":                           "is empty",
		"  \t\n":                             "holds nothing but blanks",
		"hunter2\nhunter3\n":                 "has 2 lines: a secret is one line",
		"hunter2\r\nhunter3":                 "has 2 lines",
		"\nhunter2":                          "has 2 lines",
		"hunter2\rhunter3":                   "has 2 lines",
		"hunter2\x00":                        "holds the control character U+0000 at byte 7",
		"\x1b[1mhunter2":                     "holds the control character U+001B at byte 0",
		"hunter2\x7f":                        "holds the control character U+007F",
		"\xff\xfeh\x00u\x00n\x00t\x00\n\x00": "is UTF-16 text: save it as UTF-8",
		"\xfe\xff\x00h\x00u":                 "is UTF-16 text",
		"h\x00u\x00n\x00t\x00":               "is UTF-16 text",
		"\x00h\x00u\x00n\x00t":               "is UTF-16 text",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		all := map[string]String{path: {File: path}}
		if !strings.Contains(text, "\x00") { // which no variable holds
			t.Setenv("DODONA_TEST_TOKEN", text)
			all["environment variable DODONA_TEST_TOKEN"] = String{Env: "DODONA_TEST_TOKEN"}
		}
		if text != "" {
			all["it"] = New(text)
		}
		for name, s := range all {
			for _, reveal := range []func() (string, error){s.Reveal, s.RevealKey} {
				got, err := reveal()
				if err == nil || got != "" || !strings.HasPrefix(err.Error(), name+" "+want) || strings.Contains(err.Error(), "hunter") {
					t.Errorf("%q in %s: Reveal() = %q, %v, want %s", text, name, got, err, want)
				}
			}
		}
	}
}

// TestAVariableIsReadAsAFileIs: what fills it from a file may leave the line break.
func TestAVariableIsReadAsAFileIs(t *testing.T) {
	for _, text := range []string{"hunter2\n", "hunter2\r\n", "\ufeffhunter2", "hunter2"} {
		t.Setenv("DODONA_TEST_TOKEN", text)
		for _, s := range []String{{Env: "DODONA_TEST_TOKEN"}, New(text)} {
			if got, err := s.Reveal(); err != nil || got != "hunter2" {
				t.Errorf("%q: Reveal() = %q, %v", text, got, err)
			}
		}
	}
	t.Setenv("DODONA_TEST_TOKEN", "pass word\tü\xe9")
	if got, err := (String{Env: "DODONA_TEST_TOKEN"}).Reveal(); err != nil || got != "pass word\tü\xe9" {
		t.Errorf("Reveal() = %q, %v", got, err)
	}
}
