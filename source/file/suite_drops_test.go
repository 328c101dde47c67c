package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/source/file"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// TestSuiteOfDrops takes the folder away to stop the source, as a share does that is not mounted.
func TestSuiteOfDrops(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	for _, after := range []file.After{"keep", "move", "delete"} {
		t.Run(string(after), func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
				root := t.TempDir()
				dir, away := filepath.Join(root, "drops"), filepath.Join(root, "away")
				s := file.Kind.Settings().(*file.Settings)
				s.Path, s.Format, s.After, s.Settle, s.Every = filepath.Join(dir, "*.jsonl"), "lines", after, 0, 20*time.Millisecond
				if after == "move" {
					s.Into = filepath.Join(root, "read")
				}
				dropped := 0
				must := func(t *testing.T, err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				drop := func(t *testing.T, text string) {
					t.Helper()
					dropped++
					name := filepath.Join(dir, fmt.Sprintf("%04d.jsonl", dropped))
					must(t, os.WriteFile(name+".part", []byte(text), 0o600))
					must(t, os.Rename(name+".part", name))
				}
				return sourcetest.Subject{
					Kind: file.Kind, Settings: s, Resumes: true,
					Say: func(t *testing.T, n int) { drop(t, sourcetest.Body(n)) },
					Faults: sourcetest.Faults{
						Flood: func(t *testing.T, n int) {
							var all strings.Builder
							for i := range n {
								all.WriteString(sourcetest.Fat(i+1) + "\n")
							}
							drop(t, all.String())
						},
						Drip: func(t *testing.T) {
							must(t, os.WriteFile(filepath.Join(dir, "z.jsonl.part"), []byte(`{"n":`), 0o600)) // a writer that stops within a file
						},
						Flow: func(t *testing.T) {
							must(t, os.Remove(filepath.Join(dir, "z.jsonl.part")))
							drop(t, sourcetest.Body(0))
						},
					},
					Start: func(t *testing.T) {
						if err := os.Rename(away, dir); os.IsNotExist(err) {
							must(t, os.MkdirAll(dir, 0o700))
						}
					},
					Stop: func(*testing.T) { _ = os.Rename(dir, away) }, // it may be gone already
				}
			})
		})
	}
}
