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

// leave renames the log and returns the file, which a writer has still open: what is written next makes a new one.
func (l *log) leave() (late *os.File) {
	l.t.Helper()
	l.must(os.Rename(l.path, l.path+".1"))
	late, l.file = l.file, nil
	return late
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
				r.wantDropped(0, "")
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
				r.wantDropped(0, "")
			})
		})
	}
}

// TestASecondTurnUnderAnyNameIsCounted: names that say no order are not guessed, and what they may hold is told.
func TestASecondTurnUnderAnyNameIsCounted(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		r.close()
		l.write("2\n")
		l.rename()
		l.must(os.Rename(l.path+".1", l.path+".older"))
		time.Sleep(time.Minute)
		l.write("3\n")
		l.rename()
		l.must(os.Rename(l.path+".1", l.path+".old"))
		before := time.Now().Add(-time.Hour)
		l.must(os.Chtimes(l.path+".older", before, before))
		time.Sleep(time.Minute)
		l.write("4\n")
		r.open()
		r.read(10 * time.Second)
		r.want("1", "2", "4")
		r.wantDropped(1, "boiler.jsonl.old was put away after boiler.jsonl.older")
	})
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

// TestAWriterThatNeverOpensAgainIsReadWhateverIsRotated: its file is one of those that were left, and grows while others do not.
func TestAWriterThatNeverOpensAgainIsReadWhateverIsRotated(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		late := l.file
		l.file = nil
		want := []string{"1"}
		turn := func(n int, writes bool) {
			if l.file != nil {
				l.must(l.file.Close())
				l.file = nil
			}
			l.shift()
			l.must(os.Rename(l.path, l.path+".1"))
			l.write(fmt.Sprintf("%d\n", n))
			r.read(10 * time.Second)
			want = append(want, fmt.Sprint(n))
			if writes {
				_, err := fmt.Fprintf(late, "late %d\n", n)
				l.must(err)
				want = append(want, fmt.Sprintf("late %d", n))
			}
			r.read(10 * time.Second)
		}
		for n := 2; n < 2+maxLeft+3; n++ {
			turn(n, true)
		}
		for n := 20; n < 20+maxLeft+3; n++ { // then it pauses, until other files were left after it
			turn(n, false)
		}
		turn(40, true)
		turn(41, true)
		r.want(want...)
		f := r.tail.(*tail).logs.(one).follower
		if len(f.left) > maxLeft || len(f.parted) > maxParted || r.dropped != 0 {
			t.Errorf("%d files open, %d remembered, %d dropped: %q", len(f.left), len(f.parted), r.dropped, r.causes)
		}
		l.must(late.Close())
	})
}

// TestALateWriterIsHeardBesideABusyOne: the new file has lines at each look.
func TestALateWriterIsHeardBesideABusyOne(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		late := l.leave()
		l.write("2\n")
		r.read(10 * time.Second)
		_, err := late.WriteString("late\n")
		l.must(err)
		l.must(late.Close())
		for n := range 4 {
			l.write(fmt.Sprintf("busy %d\n", n))
			if b, err := r.tail.Observe(l.t.Context()); err != nil || len(b.Readings) == 0 {
				t.Fatalf("look %d: %v, %v", n, b, err)
			} else if string(b.Readings[0].Body) == "late" {
				return
			}
		}
		t.Error("four looks brought lines of the new file alone")
	})
}

// TestWhatIsOlderIsNotReadAgainWhenTheLogIsGone: it was read before, or was never meant to be.
func TestWhatIsOlderIsNotReadAgainWhenTheLogIsGone(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		late := l.leave()
		l.write("2\n")
		r.read(10 * time.Second)
		r.close()
		l.must(os.Remove(l.path))
		l.reopen()
		r.open()
		if err := r.read(time.Minute); err == nil || r.dropped != 0 {
			t.Errorf("got %v and %d dropped, want to hear that nothing is there", err, r.dropped)
		}
		r.close()
		_, err := late.WriteString("late\n") // so that what was left is what was written last
		l.must(err)
		l.must(late.Close())
		l.must(os.Chtimes(l.path+".1", time.Time{}, time.Now().Add(200*366*24*time.Hour)))
		r.open()
		r.read(time.Minute)
		l.write("3\n")
		r.read(time.Minute)
		if r.dropped == 0 {
			t.Error("nobody says that lines of the file that is gone may be lost")
		}
		r.sortedLines("1", "2", "3", "late")
	})
}

// TestAFileThatWasRemovedIsReadWhileItGrows: its writer has it open, and nothing else shows that it goes on.
func TestAFileThatWasRemovedIsReadWhileItGrows(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		late := l.leave()
		l.write("2\n")
		r.read(10 * time.Second)
		l.must(os.Remove(l.path + ".1"))
		want := []string{"1", "2"}
		for n := range 3 {
			r.read(watchGone - time.Minute)
			_, err := fmt.Fprintf(late, "late %d\n", n)
			l.must(err)
			r.read(10 * time.Second)
			want = append(want, fmt.Sprintf("late %d", n))
		}
		r.want(want...)
		l.must(late.Close())
	})
}

// TestHalfALineOpensNoFileAgain: it was there when the file was closed.
func TestHalfALineOpensNoFileAgain(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		late := l.file
		l.file = nil
		say := func(text string) {
			_, err := late.WriteString(text)
			l.must(err)
		}
		for n := range maxLeft + 2 {
			l.shift()
			l.must(os.Rename(l.path, l.path+".1"))
			if l.file != nil {
				l.must(l.file.Close())
				l.file = nil
			}
			l.write(fmt.Sprintf("%d\n", n+2))
			r.read(10 * time.Second)
			if n == 0 {
				say("ha")
				r.read(time.Second)
			}
		}
		f := r.tail.(*tail).logs.(one).follower
		before := slices.Clone(f.left)
		r.read(5 * time.Second)
		if len(f.parted) != 2 || !slices.Equal(f.left, before) {
			t.Errorf("%d files are remembered, want two, and none opened again", len(f.parted))
		}
		r.lines = nil
		say("lf\n")
		r.read(5 * time.Second)
		r.want("half")
		l.must(late.Close())
	})
}
