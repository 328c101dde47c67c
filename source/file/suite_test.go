package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/source/file"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

func TestSuiteOfDocument(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		s := file.Kind.Settings().(*file.Settings)
		s.Path = filepath.Join(t.TempDir(), "boiler.json")
		say := func(t *testing.T, n int) {
			t.Helper()
			if err := os.WriteFile(s.Path+".new", []byte(sourcetest.Body(n)), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(s.Path+".new", s.Path); err != nil {
				t.Fatal(err)
			}
		}
		return sourcetest.Subject{
			Kind: file.Kind, Settings: s, Say: say,
			Start: func(t *testing.T) { say(t, 0) },
			Stop:  func(*testing.T) { _ = os.Remove(s.Path) }, // it may be gone already
		}
	})
}

func TestSuiteOfLines(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		s := file.Kind.Settings().(*file.Settings)
		s.Path = filepath.Join(t.TempDir(), "boiler.jsonl")
		s.Format, s.Every = "lines", 20*time.Millisecond
		appendText := func(t *testing.T, text string) {
			t.Helper()
			f, err := os.OpenFile(s.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }() // the test reads what was written
			if _, err := f.WriteString(text); err != nil {
				t.Fatal(err)
			}
		}
		return sourcetest.Subject{
			Kind: file.Kind, Settings: s, Resumes: true,
			Say: func(t *testing.T, n int) { appendText(t, sourcetest.Body(n)+"\n") },
			Faults: sourcetest.Faults{
				Flood: func(t *testing.T, n int) {
					var all strings.Builder
					for i := range n {
						all.WriteString(sourcetest.Fat(i+1) + "\n")
					}
					appendText(t, all.String())
				},
				Drip: func(t *testing.T) { appendText(t, `{"n":`) }, // a writer that stops within a line
				Flow: func(t *testing.T) { appendText(t, "0}\n") },
			},
			Start: func(t *testing.T) { appendText(t, "") },
			Stop: func(*testing.T) {
				_ = os.Rename(s.Path, s.Path+"."+time.Now().Format("20060102.150405.000000000")) // as a rotation would
			},
		}
	})
}
