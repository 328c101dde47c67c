package file

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// The environment of this test's own program, run as a reader that is killed.
const (
	dropsOf  = "DODONA_TEST_DROPS"  // the folder
	journal  = "DODONA_TEST_KEPT"   // where it keeps batches, one a line
	readOnce = "DODONA_TEST_AFTERS" // what becomes of files
)

// TestReaderThatIsKilled is no test: it is the reader of the next one, as the pump is: what came is kept, and then acknowledged.
func TestReaderThatIsKilled(t *testing.T) {
	dir := os.Getenv(dropsOf)
	if dir == "" {
		t.Skip("run by TestKillsAtAnyMomentNeitherLoseNorRepeatRows")
	}
	kept, err := os.OpenFile(os.Getenv(journal), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	batches, whole := batchesIn(t, kept.Name())
	s := Kind.Settings().(*Settings)
	s.Path, s.Format, s.After, s.Settle, s.Every = filepath.Join(dir, "*.csv"), formatCSV, After(os.Getenv(readOnce)), 0, 10*time.Millisecond
	if s.After == afterMove {
		s.Into = filepath.Join(dir, "read")
	}
	env := source.Env{Source: "meter", Dropped: func(n uint64, cause string) { t.Errorf("dropped %d: %s", n, cause) }}
	if len(batches) > 0 {
		env.Cursor = batches[len(batches)-1].Cursor
	}
	r, err := Kind.Open(t.Context(), s, env)
	if err != nil {
		t.Fatal(err)
	}
	at := int64(whole)
	for {
		b, err := r.Observe(t.Context())
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		if b.Cursor == nil {
			continue
		}
		text, err := json.Marshal(dodona.Exchange{Readings: b.Readings, Cursor: b.Cursor})
		if err != nil {
			t.Fatal(err)
		}
		n, err := kept.WriteAt(append(text, '\n'), at)
		if err != nil {
			t.Fatal(err)
		}
		at += int64(n)
		if b.Ack != nil {
			if err := b.Ack(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// batchesIn returns the whole batches that were kept, and how many bytes they take.
func batchesIn(t *testing.T, path string) (batches []dodona.Exchange, whole int) {
	t.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole = bytes.LastIndexByte(all, '\n') + 1
	for line := range bytes.Lines(all[:whole]) {
		var b dodona.Exchange
		if err := json.Unmarshal(line, &b); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		batches = append(batches, b)
	}
	return batches, whole
}

func TestKillsAtAnyMomentNeitherLoseNorRepeatRows(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills processes for seconds")
	}
	for _, after := range []After{afterKeep, afterMove, afterDelete} {
		t.Run(string(after), func(t *testing.T) {
			t.Parallel()
			const kills, files, rows = 25, 60, 700 // a file takes several batches
			dir, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
			if err := os.WriteFile(kept, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			begin := func() *exec.Cmd {
				c := exec.Command(os.Args[0], "-test.run", "^TestReaderThatIsKilled$", "-test.timeout", "2m")
				c.Env = append(os.Environ(), dropsOf+"="+dir, journal+"="+kept, readOnce+"="+string(after))
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				return c
			}
			kill := func(c *exec.Cmd) {
				_ = c.Process.Kill() // it has ended, and Wait says how
				if err := c.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
					t.Fatalf("the reader ended by itself: %v", err)
				}
			}
			dropped := 0
			drop := func(upTo int) {
				for ; dropped < upTo; dropped++ {
					var b strings.Builder
					b.WriteString("n,t\n")
					for n := range rows {
						fmt.Fprintf(&b, "%d,%d\n", dropped, n)
					}
					name := filepath.Join(dir, fmt.Sprintf("%d.csv", dropped%(files/2))) // names come again, those that are kept are replaced
					if after == afterKeep {
						name = filepath.Join(dir, fmt.Sprintf("%d.csv", dropped))
					}
					if _, err := os.Lstat(name); err == nil {
						return // not yet put away
					}
					if err := os.WriteFile(name+".part", []byte(b.String()), 0o600); err != nil {
						t.Fatal(err)
					}
					if err := os.Rename(name+".part", name); err != nil {
						t.Fatal(err)
					}
				}
			}
			for n := range kills {
				c := begin()
				drop(files * (n + 1) / kills)
				time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond) // when the kill comes; nothing waits for it
				kill(c)
			}
			c := begin()
			for deadline := time.Now().Add(time.Minute); ; {
				drop(files)
				batches, _ := batchesIn(t, kept)
				came := map[string]int{}
				for _, b := range batches {
					for _, r := range b.Readings {
						came[string(r.Body)]++
					}
				}
				for row, n := range came {
					if n > 1 {
						t.Fatalf("%q came %d times", row, n)
					}
				}
				left, _ := filepath.Glob(filepath.Join(dir, "*.csv"))
				if len(came) == files*rows && (after == afterKeep || len(left) == 0) {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d rows of %d came; %d files are left", len(came), files*rows, len(left))
				}
				time.Sleep(20 * time.Millisecond)
			}
			kill(c)
			if hidden, _ := filepath.Glob(filepath.Join(dir, taken+"*")); len(hidden) > 0 {
				t.Errorf("left behind: %q", hidden)
			}
			if read, _ := filepath.Glob(filepath.Join(dir, "read", "*")); after == afterMove && len(read) != files {
				t.Errorf("%d files were moved, want %d", len(read), files)
			}
		})
	}
}
