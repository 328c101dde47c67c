package file

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTailHoldsThePartialLastLineBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.write("1\n\r\n2\n3")
		r := newReader(l, nil)
		defer r.close()
		r.read(time.Second)
		r.want("1", "2")
		r.restart()
		l.write("33\n")
		r.read(time.Second)
		r.want("1", "2", "333")
	})
}

func TestTailWaitsForAnAbsentFile(t *testing.T) {
	for _, from := range []From{fromStart, fromEnd} {
		synctest.Test(t, func(t *testing.T) {
			l := newLog(t)
			r := newReader(l, func(s *Settings) { s.From = from })
			defer r.close()
			if err := r.read(time.Second); err == nil || !strings.Contains(err.Error(), "no such file") || dodona.IsPermanent(err) {
				t.Errorf("from %s: an absent file gave %v, want that it does not exist, worth a retry", from, err)
			}
			l.write("")
			r.read(time.Second)
			if r.alive != 1 {
				t.Errorf("from %s: an empty file that has come gave %d signs of life, want one", from, r.alive)
			}
			l.write("1\n")
			r.read(time.Second)
			r.want("1")
		})
	}
}

func TestTailFromTheEndSkipsWhatWasThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.write("1\n2\n3")
		r := newReader(l, func(s *Settings) { s.From = fromEnd })
		defer r.close()
		r.read(time.Second)
		if r.cursor == nil {
			t.Fatal("the end is not kept, so a restart would lose what is written meanwhile")
		}
		r.close()
		l.write("3\n4\n")
		r.open()
		r.read(time.Second)
		r.want("33", "4")
	})
}

func TestTailDropsAndCountsLongLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.write("1\n" + strings.Repeat("x", 10<<20) + "\n2\n" + strings.Repeat("y", 65) + "\n" + strings.Repeat("z", 64) + "\r\n")
		r := newReader(l, func(s *Settings) { s.MaxLine = 64 * unit.Size(1) })
		defer r.close()
		r.read(time.Second)
		r.want("1", "2", strings.Repeat("z", 64))
		r.wantDropped(2, "")
	})
}

func TestTailBoundsItsBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		var want []string
		for n := range 2000 {
			want = append(want, fmt.Sprint(n))
		}
		l.write(strings.Join(want, "\n") + "\n")
		r := newReader(l, nil)
		defer r.close()
		r.read(time.Second) // which checks each batch
		r.want(want...)
	})
}

func TestTailReadsWhatALateWriterAddsAfterTheRename(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.write("1\n")
		r := newReader(l, nil)
		defer r.close()
		r.read(time.Second)
		late := l.leave()
		l.write("3\n")
		r.read(time.Second)
		_, err := late.WriteString("2\nhalf")
		l.must(err)
		l.must(late.Close())
		r.read(5 * time.Second)
		r.want("1", "2", "half", "3")
	})
}

func TestTailSaysWhenLinesMayBeLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.write("1\n2")
		r := newReader(l, nil)
		defer r.close()
		r.read(time.Second)
		l.must(os.Truncate(l.path, 0)) // without a copy
		l.write("3\n")
		r.read(time.Second)
		r.want("1", "3")
		r.wantDropped(1, "")
		r.close()
		l.must(os.Remove(l.path))
		l.must(l.file.Close())
		l.file = nil
		l.write("4\n")
		r.open()
		r.read(time.Second)
		r.want("1", "3", "4")
		r.wantDropped(2, "")
	})
}

func TestTailIgnoresFilesThatRotationDoesNotMake(t *testing.T) {
	for name, want := range map[string]bool{
		"boiler.jsonl.1": true, "boiler.jsonl-20261122": true, "boiler-20261122.jsonl": true, "boiler.1.jsonl": true,
		"boiler.jsonl.2026-11-22T10:00:00Z": true, "boiler_2026-11-22.jsonl": true,
		"boiler.jsonl": false, "boiler.jsonl.bak": false, "boiler.jsonl.1.gz": false, "boiler.jsonl.": false,
		"boiler2.jsonl": false, "boiler-old.jsonl": false, "kettle.jsonl.1": false, "boiler.jsonl1": false,
	} {
		if got := isRotated("boiler.jsonl", name); got != want {
			t.Errorf("isRotated(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestTailTreatsAForeignCursorAsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.write("1\n")
		r := newReader(l, nil)
		defer r.close()
		for _, cursor := range []string{"42", "", "{}", `{"path":"/elsewhere"}`} {
			r.lines, r.cursor = nil, []byte(cursor)
			r.restart()
			r.read(time.Second)
			r.want("1")
		}
	})
}

func TestTailEndsWhenItIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.write("")
		r := newReader(l, nil)
		if _, err := r.tail.Observe(t.Context()); err != nil { // that it is there
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			_, err := r.tail.Observe(t.Context())
			done <- err
		}()
		synctest.Wait()
		r.close()
		if err := <-done; err == nil {
			t.Error("Observe of a closed source returned no error")
		}
		if _, err := r.tail.Observe(t.Context()); err == nil {
			t.Error("Observe after Close returned no error")
		}
	})
}

// TestTailNeitherLosesNorRepeats writes, rotates and restarts in a random order, and wants every line once, in order.
func TestTailNeitherLosesNorRepeats(t *testing.T) {
	runs := 40
	if testing.Short() {
		runs = 10
	}
	for seed := range uint64(runs) {
		if !torture(t, seed) {
			t.Fatalf("seed %d", seed)
		}
	}
}

func torture(t *testing.T, seed uint64) bool {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		l := newLog(t)
		r := newReader(l, nil)
		var want, steps []string
		line := func() string {
			want = append(want, fmt.Sprintf(`{"n":%d,"pad":%q}`, len(want), strings.Repeat("p", rnd.IntN(200))))
			return want[len(want)-1]
		}
		half := ""
		rotations := 0
		l.write(line() + "\n")
		r.read(time.Second) // what was rotated away before the first look was never ours
		for range 40 {
			switch n := rnd.IntN(10); {
			case n < 4:
				l.write(half)
				half = ""
				for range 1 + rnd.IntN(5) {
					l.write(line() + "\n")
				}
				steps = append(steps, "write")
			case n == 4 && half == "":
				whole := line() + "\n"
				at := 1 + rnd.IntN(len(whole)-1)
				l.write(whole[:at])
				half = whole[at:]
				steps = append(steps, "half")
			case n == 5 && half == "" && rotations < 15:
				l.rename()
				rotations++
				steps = append(steps, "rename")
			case n == 6 && half == "" && rotations < 15:
				l.copyTruncate()
				rotations++
				steps = append(steps, "copytruncate")
			case n == 7:
				r.restart()
				steps = append(steps, "restart")
			default:
				r.read(time.Duration(rnd.IntN(5000)) * time.Millisecond)
				steps = append(steps, "read")
			}
		}
		l.write(half + line() + "\n")
		r.read(2 * time.Minute)
		r.close()
		for i := range max(len(want), len(r.lines)) {
			if i >= len(want) || i >= len(r.lines) || want[i] != r.lines[i] {
				t.Fatalf("line %d of %d differs (%d delivered) after %s", i, len(want), len(r.lines), strings.Join(steps, " "))
			}
		}
	})
	return !t.Failed()
}
