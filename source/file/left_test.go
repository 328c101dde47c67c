package file

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// renameAlone renames the log and leaves the writer with the file that it has, as logrotate does before it tells it.
func (l *log) renameAlone() {
	l.t.Helper()
	l.must(os.Rename(l.path, l.path+".1"))
	l.must(os.WriteFile(l.path, nil, 0o600))
}

func TestTailFollowsAWriterThatKeepsTheRotatedFile(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, c := range []struct {
		name  string
		pause time.Duration // between lines
		lines int           // after the rename
	}{
		{"for a while", time.Second, 6},
		{"with pauses longer than the linger", 20 * time.Second, 6},
		{"for ever", 10 * time.Minute, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLog(t)
				l.write("0\n")
				r := newReader(l, func(s *Settings) { s.Every = 500 * time.Millisecond })
				defer r.close()
				r.read(time.Second)
				l.renameAlone()
				want := []string{"0"}
				for n := range c.lines {
					r.read(c.pause)
					want = append(want, fmt.Sprint(n+1))
					l.write(want[n+1] + "\n")
				}
				r.read(time.Second)
				r.want(want...)
				l.must(l.file.Close())
				l.file = nil
				l.write("new\n")
				r.read(10 * time.Second)
				r.want(append(want, "new")...)
				if r.dropped != 0 {
					t.Errorf("%d readings count as dropped, want none", r.dropped)
				}
			})
		})
	}
}

func TestTailReadsBothFilesWhereBothAreWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.write("0\n")
		r := newReader(l, nil)
		defer r.close()
		r.read(time.Second)
		l.renameAlone()
		fresh, err := os.OpenFile(l.path, os.O_APPEND|os.O_WRONLY, 0)
		l.must(err)
		defer func() { _ = fresh.Close() }()
		for n := range 120 {
			_, err := fmt.Fprintf(fresh, "new %d\n", n)
			l.must(err)
			if n < 90 {
				l.write(fmt.Sprintf("old %d\n", n))
			}
			r.read(time.Second)
		}
		var old, fresher []string
		for _, line := range r.lines {
			if strings.HasPrefix(line, "old") {
				old = append(old, line)
			} else {
				fresher = append(fresher, line)
			}
		}
		for n := range 90 {
			if len(old) != 90 || old[n] != fmt.Sprintf("old %d", n) {
				t.Fatalf("of the old file came %q, want 90 lines in order", old)
			}
		}
		if len(fresher) != 121 || fresher[120] != "new 119" || r.dropped != 0 {
			t.Errorf("of the new file came %q, %d count as dropped; want 120 lines, none dropped", fresher, r.dropped)
		}
	})
}

func TestTailFindsALogThatWasPutAwayUnderAnyName(t *testing.T) {
	for _, name := range []string{"boiler.jsonl.old", "boiler.jsonl.bak", "boiler.jsonl~", "boiler.jsonl-20261127.backup", "previous"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLog(t)
				l.write("1\n2\n")
				away := strings.TrimSuffix(l.path, "boiler.jsonl") + name
				// This one begins as ours does, and is longer.
				l.must(os.WriteFile(strings.TrimSuffix(l.path, "boiler.jsonl")+"another.jsonl", []byte("1\n2\n9\n"), 0o600))
				r := newReader(l, nil)
				r.read(time.Second)
				r.close()
				l.write("3\n")
				l.must(l.file.Close())
				l.file = nil
				l.must(os.Rename(l.path, away))
				l.write("4\n")
				r.open()
				defer r.close()
				r.read(10 * time.Second)
				r.want("1", "2", "3", "4")
				if r.dropped != 0 {
					t.Errorf("%d readings count as dropped, want none", r.dropped)
				}
			})
		})
	}
}

func TestTailFindsACopyThatTruncationMadeUnderAnyName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.write("1\n")
		r := newReader(l, func(s *Settings) { s.Every = 10 * time.Second })
		defer r.close()
		r.read(time.Second)
		l.write("2\n")
		all, err := os.ReadFile(l.path)
		l.must(err)
		l.must(os.WriteFile(l.path+".old", all, 0o600))
		for _, name := range []string{"another.jsonl", "boiler.jsonl2"} { // which sort before and begin as ours
			l.must(os.WriteFile(strings.TrimSuffix(l.path, "boiler.jsonl")+name, []byte("1\n9\n"), 0o600))
		}
		l.must(os.Truncate(l.path, 0))
		l.write("3\n")
		r.read(time.Minute)
		r.want("1", "2", "3")
	})
}

// TestAStrangersFileWithOurNumberIsNotOurs: nothing was read of the log yet, which is removed, and another program's file gets its inode.
func TestAStrangersFileWithOurNumberIsNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.must(os.WriteFile(l.path, []byte("half"), 0o600))
		r := newReader(l, func(s *Settings) { s.From = "end" })
		r.read(time.Second)
		r.close()
		other := strings.TrimSuffix(l.path, "boiler.jsonl") + "secret.txt"
		l.must(os.Rename(l.path, other)) // so it has the number
		l.must(os.WriteFile(other, []byte("666\n"), 0o600))
		l.must(os.WriteFile(l.path, []byte("4\n"), 0o600))
		r.open()
		defer r.close()
		r.read(10 * time.Second)
		if slices.ContainsFunc(r.lines, func(line string) bool { return strings.Contains(line, "666") }) {
			t.Errorf("lines of a file that is not this log are delivered: %q", r.lines)
		}
	})
}
