package file

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
)

// beside returns the path of another file in the log's folder.
func (l *log) beside(name string) string { return filepath.Join(filepath.Dir(l.path), name) }

// put writes a file beside the log.
func (l *log) put(name, text string) {
	l.t.Helper()
	l.must(os.WriteFile(l.beside(name), []byte(text), 0o600))
}

// reopen lets the writer open the path again at its next line.
func (l *log) reopen() {
	l.t.Helper()
	l.must(l.file.Close())
	l.file = nil
}

// within runs a test in fake time with a log that has a line, which was read.
func within(t *testing.T, change func(*Settings), test func(l *log, r *reader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.write("1\n")
		r := newReader(l, change)
		defer func() { r.close() }()
		r.read(time.Second)
		test(l, r)
	})
}

func TestAFileThatWasLeftIsReadOnWhenItGrows(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		within(t, nil, func(l *log, r *reader) {
			late := l.leave()
			l.write("2\n")
			r.read(10 * time.Second)
			r.want("1", "2")
			if restarts {
				r.close()
			}
			_, err := late.WriteString("late 1\n")
			l.must(err)
			l.write("3\n")
			if restarts {
				r.open()
			}
			r.read(10 * time.Second)
			l.must(os.Rename(l.path+".1", l.path+".2"))
			_, err = late.WriteString("late 2\n")
			l.must(err)
			r.read(10 * time.Second)
			l.must(os.Remove(l.path + ".2"))
			r.read(5 * time.Minute)
			_, err = late.WriteString("late 3\n")
			l.must(err)
			l.must(late.Close())
			r.read(20 * time.Minute)
			got := strings.Join(r.lines, " ")
			if want := []string{"1 2 3 late 1 late 2 late 3", "1 2 late 1 3 late 2 late 3"}; got != want[0] && got != want[1] {
				t.Errorf("restarted %t: %s, want each line once", restarts, got)
			}
			if f := r.tail.(*tail).logs.(one).follower; len(f.left) != 0 || r.dropped != 0 {
				t.Errorf("restarted %t: %d files are open though they are gone, %d dropped", restarts, len(f.left), r.dropped)
			}
		})
	}
}

// TestAnotherLogBesideIsNoGenerationOfThisOne: it is newer than what was rotated away, and its lines are not ours.
func TestAnotherLogBesideIsNoGenerationOfThisOne(t *testing.T) {
	for _, name := range []string{"boiler-2.jsonl", "boiler_7.jsonl", "boiler.2.jsonl", "boiler-20251231.jsonl", "boiler.jsonl.9"} {
		within(t, nil, func(l *log, r *reader) {
			l.put(name, "666\n")
			r.restart()
			r.read(time.Second)
			for n := range 3 {
				l.rename()
				l.put(name, fmt.Sprintf("666\n%d\n", 667+n))
				l.write(fmt.Sprintf("%d\n", n+2))
				r.read(10 * time.Second)
			}
			r.want("1", "2", "3", "4")
		})
	}
	for _, name := range []string{"boiler-2.jsonl", "boiler_7.jsonl"} { // nor after the log was removed while nobody looked
		within(t, nil, func(l *log, r *reader) {
			r.close()
			time.Sleep(time.Minute)
			l.must(os.Remove(l.path))
			l.reopen()
			l.put(name, "666\n")
			l.write("2\n")
			r.open()
			r.read(10 * time.Second)
			r.want("1", "2")
			r.wantDropped(1, "is not found beside")
		})
	}
}

func TestManyRotationsWhileNobodyLooksAreReadInOrder(t *testing.T) {
	for name, rotate := range map[string]func(l *log, n int){
		"numbers": func(l *log, _ int) { l.rename() },
		"copies":  func(l *log, _ int) { l.copyTruncate() },
		"dates": func(l *log, n int) {
			l.must(os.Rename(l.path, fmt.Sprintf("%s-2026112%d", l.path, n)))
			l.reopen()
		},
		"dates before the extension": func(l *log, n int) {
			l.must(os.Rename(l.path, l.beside(fmt.Sprintf("boiler-2026112%d.jsonl", n))))
			l.reopen()
		},
		"hard links": func(l *log, _ int) {
			l.shift()
			l.must(os.Link(l.path, l.path+".1"))
			l.must(os.Remove(l.path))
			l.reopen()
		},
	} {
		for _, running := range []bool{true, false} {
			within(t, func(s *Settings) { s.Every = time.Hour }, func(l *log, r *reader) {
				want := []string{"1"}
				if !running {
					r.close()
				}
				for n := range 4 {
					line := fmt.Sprint(n + 2)
					want = append(want, line, line+line)
					l.write(line + "\n")
					rotate(l, n)
					time.Sleep(time.Second)
					l.write(line + line + "\n")
				}
				if !running {
					r.open()
				}
				r.read(100 * time.Hour)
				if got := strings.Join(r.lines, " "); got != strings.Join(want, " ") || r.dropped != 0 {
					t.Errorf("%s, running %t: %s, %d dropped; want %s", name, running, got, r.dropped, strings.Join(want, " "))
				}
			})
		}
	}
}

// TestNumbersSayWhatIsOlder: somebody wrote late to an older file.
func TestNumbersSayWhatIsOlder(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		r.close()
		late := l.file
		for n := 2; n <= 3; n++ {
			l.file = nil
			l.shift()
			l.must(os.Rename(l.path, l.path+".1"))
			time.Sleep(time.Second)
			l.write(fmt.Sprintf("%d\n", n))
			l.must(l.file.Close())
		}
		l.file = nil
		time.Sleep(time.Second)
		_, err := late.WriteString("late\n")
		l.must(err)
		l.must(late.Close())
		r.open()
		r.read(10 * time.Second)
		r.want("1", "late", "2", "3")
	})
}

func TestALinkIsFollowedToWhereItLeads(t *testing.T) {
	for _, running := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			l := newLog(t)
			day := func(n int) string { return l.beside(fmt.Sprintf("2026-11-2%d/app-2026112%d.log", n, n)) }
			add := func(n int, text string) {
				l.must(os.MkdirAll(filepath.Dir(day(n)), 0o700))
				f, err := os.OpenFile(day(n), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
				l.must(err)
				_, err = f.WriteString(text)
				l.must(err)
				l.must(f.Close())
			}
			point := func(n int) {
				l.must(os.Symlink(day(n), l.path+".new"))
				l.must(os.Rename(l.path+".new", l.path))
			}
			add(1, "1\n")
			point(1)
			r := newReader(l, nil)
			defer func() { r.close() }()
			r.read(time.Second)
			if !running {
				r.close()
			}
			add(1, "2\n")
			add(2, "3\n")
			point(2)
			if !running {
				r.open()
			}
			r.read(10 * time.Second)
			// Beside it, not at it: put away under another name in its own folder.
			r.close()
			add(2, "4\n")
			l.must(os.Rename(day(2), day(2)+".old"))
			add(2, "5\n")
			r.open()
			r.read(10 * time.Second)
			r.want("1", "2", "3", "4", "5")
			r.wantDropped(0, "")
		})
	}
}

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		r.close()
		for _, name := range []string{"boiler.jsonl.1", "boiler.jsonl.old", "pipe"} {
			l.must(syscall.Mkfifo(l.beside(name), 0o600)) // an open of one would wait for its writer
		}
		l.must(os.Symlink("/dev/zero", l.beside("boiler.jsonl.2")))
		l.must(os.Remove(l.path))
		l.reopen()
		l.write("2\n")
		r.open()
		r.read(10 * time.Second)
		r.want("1", "2")
		l.must(os.Remove(l.path))
		l.must(syscall.Mkfifo(l.path, 0o600))
		if err := r.read(10 * time.Second); err == nil || !strings.Contains(err.Error(), "it is a pipe") {
			t.Errorf("a pipe at the path gave %v", err)
		}
		l.must(os.Remove(l.path))
		l.reopen()
		l.write("3\n")
		r.read(10 * time.Second)
		r.want("1", "2", "3")
	})
}

func TestWhatIsCompressedIsNamed(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		r.close()
		l.write("2\n")
		time.Sleep(time.Minute)
		f, err := os.Create(l.path + ".1.gz")
		l.must(err)
		packed := gzip.NewWriter(f)
		_, err = packed.Write([]byte("1\n2\n"))
		l.must(err)
		l.must(packed.Close())
		l.must(f.Close())
		l.must(os.Remove(l.path))
		l.reopen()
		l.write("3\n")
		r.open()
		r.read(10 * time.Second)
		r.want("1", "3")
		r.wantDropped(1, "(boiler.jsonl.1.gz may hold the rest: what is compressed is not read")
	})
}

func TestNULsAreAHoleOnlyWhenSomethingFollows(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		l.must(os.Truncate(l.path, 300_000)) // room that a writer made, or a hole: who knows yet
		r.read(time.Minute)
		at, err := os.OpenFile(l.path, os.O_WRONLY, 0)
		l.must(err)
		_, err = at.WriteAt([]byte("2\n"), 2)
		l.must(err)
		if err := r.read(time.Second); err != nil {
			t.Error(err)
		}
		r.want("1", "2")
		r.wantDropped(0, "")
		r.restart()
		l.must(at.Close())
		l.write("3\nhalf")
		l.must(os.Truncate(l.path, 400_000))
		l.write("4\n")
		r.read(time.Second)
		r.want("1", "2", "3", "4")
		r.wantDropped(2, "boiler.jsonl has a hole of 299996 NUL bytes")
	})
}

func TestLinesEndInAnyWay(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		l.write("2\r3\r4\r\n   \t \r\n\n5\n")
		r.read(time.Second)
		r.want("1", "2", "3", "4", "5")
	})
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.write("\xef\xbb\xbf\n\xef\xbb\xbf{}\n\xff\n")
		r := newReader(l, nil)
		defer r.close()
		r.read(time.Second)
		r.want("\xef\xbb\xbf{}", "\xff") // as they stand: what they mean is not for the source to say
	})
}

func TestUTF16IsRefusedByName(t *testing.T) {
	for _, text := range []string{"\xff\xfe1\x00\n\x00", "\xfe\xff\x001\x00\n", "1\x00\n\x00", "\x001\x00\n", "\xff\xfe"} {
		synctest.Test(t, func(t *testing.T) {
			l := newLog(t)
			l.write(text)
			r := newReader(l, nil)
			defer r.close()
			if err := r.read(time.Second); err == nil || !strings.Contains(err.Error(), "boiler.jsonl is written in UTF-16") || !dodona.IsPermanent(err) {
				t.Errorf("%q gave %v, lines %q", text, err, r.lines)
			}
		})
	}
}

func TestNothingAtThePathIsToldAndMends(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		l.must(os.Rename(l.path, l.path+".1"))
		if err := r.read(5 * time.Second); err != nil {
			t.Errorf("between rename and create: %v", err)
		}
		l.write("2\n") // by the writer that has the old file
		r.read(time.Second)
		r.want("1", "2")
		if err := r.read(time.Minute); err == nil || !strings.Contains(err.Error(), "no such file") || !strings.Contains(err.Error(), "boiler.jsonl, which was there before, is followed still") {
			t.Errorf("after a minute: %v", err)
		}
		l.write("3\n")
		r.read(time.Minute)
		alive := r.alive
		l.reopen()
		l.write("")
		r.read(time.Second) // which may begin with what a look found before
		if r.alive != alive+1 {
			t.Errorf("when it is there again there are %d signs of life, want one", r.alive-alive)
		}
		l.write("4\n")
		r.read(10 * time.Second)
		r.want("1", "2", "3", "4")
	})
}

func TestAMissingFolderIsToldAndMends(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		dir := filepath.Dir(l.path)
		l.must(os.Rename(dir, dir+".away"))
		if err := r.read(time.Minute); err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("without its folder: %v", err)
		}
		l.must(os.Rename(dir+".away", dir))
		l.write("2\n")
		r.read(time.Second) // which may begin with what a look found before
		if err := r.read(time.Second); err != nil {
			t.Error(err)
		}
		r.want("1", "2")
	})
}

// A share does not answer until it is let.
type share struct {
	logs
	answers chan struct{}
}

func (s share) look(ended func() error) (dodona.Batch, error) {
	<-s.answers
	return s.logs.look(ended)
}

func TestALookThatHangsIsToldAndComesToItsEnd(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		t := r.tail.(*tail)
		s := share{t.logs, make(chan struct{})}
		t.logs = s
		l.write("2\n")
		if err := r.read(15 * time.Second); err == nil || !strings.Contains(err.Error(), "it hangs for 10s; the disk or the share does not answer") {
			r.t.Errorf("a look that hangs gave %v", err)
		}
		close(s.answers)
		if err := r.read(time.Second); err != nil {
			r.t.Error(err)
		}
		r.want("1", "2")
	})
}

func TestAFolderIsReadAgainOnlyWhenItChanged(t *testing.T) {
	dir := t.TempDir()
	var d folder
	reads := 0
	list := func() int {
		names, err := d.list(place{dir, "x"}, func(string) bool { reads++; return true })
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	for n := range 3 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(dir, old, old); err != nil {
		t.Fatal(err)
	}
	if first, second := list(), list(); first != 3 || second != 3 || reads != 3 {
		t.Errorf("%d names were read, want each of three once", reads)
	}
	if err := os.Remove(filepath.Join(dir, "0")); err != nil {
		t.Fatal(err)
	}
	if first, second := list(), list(); first != 2 || second != 2 || reads != 7 { // just now: it may change again in this instant
		t.Errorf("after a change %d names were read, want 7", reads)
	}
}

// TestALogThatWasRotatedAThousandTimesIsFollowed: the newest of so many files is found again, though its name sorts last.
func TestALogThatWasRotatedAThousandTimesIsFollowed(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		for n := range maxGenerations + 200 {
			name := fmt.Sprintf("boiler.jsonl-20250101-%06d", n)
			l.put(name, "666\n")
			at := time.Now().Add(time.Duration(n-100_000) * time.Minute)
			l.must(os.Chtimes(l.beside(name), at, at))
		}
		r.restart()
		r.close()
		l.write("2\n")
		l.must(os.Rename(l.path, l.beside("boiler.jsonl-20261129-000000")))
		l.reopen()
		l.write("3\n")
		r.open()
		r.read(time.Minute)
		r.want("1", "2", "3")
	})
}

// TestRoomThatIsMadeInAdvanceCostsNothing: neither as a hole nor as zeros on the disk, and what stands behind it is found.
func TestRoomThatIsMadeInAdvanceCostsNothing(t *testing.T) {
	const room = 3*maxScan + 7
	for _, dense := range []bool{false, true} {
		within(t, nil, func(l *log, r *reader) {
			size := int64(2 + 1<<32)
			if dense {
				size = 2 + room
				_, err := l.file.Write(make([]byte, room))
				l.must(err)
			} else {
				l.must(l.file.Truncate(size))
			}
			r.restart()
			if got := r.tail.(*tail).look(); got.err != nil || len(got.batch.Readings) != 0 {
				t.Fatalf("%v", got)
			}
			if o := r.tail.(*tail).logs.(one).follower.now; dense && (o.zeros.whole || o.zeros.to > 2+maxScan+chunkSize) {
				t.Errorf("one look read up to byte %d", o.zeros.to)
			}
			at, err := os.OpenFile(l.path, os.O_WRONLY, 0)
			l.must(err)
			_, err = at.WriteAt([]byte("2\n"), 2) // the writer goes on where it was
			l.must(err)
			r.read(time.Second)
			r.want("1", "2")
			_, err = at.WriteAt([]byte("3\n"), size) // and then somebody appends
			l.must(err)
			l.must(at.Close())
			for range 10 { // looks
				r.read(100 * time.Millisecond)
			}
			r.want("1", "2", "3")
			r.wantDropped(1, "")
		})
	}
}

// TestAMixtureOfOldAndNewIsNotRead: the file is truncated and written again between two pieces of one look.
func TestAMixtureOfOldAndNewIsNotRead(t *testing.T) {
	const lines = 12_000 // more than one piece
	within(t, func(s *Settings) { s.MaxLine = leastMaxLine }, func(l *log, r *reader) {
		r.close() // so that one look finds all of it
		r.onDrop = func() {
			r.onDrop = nil
			l.must(os.Truncate(l.path, 0))
			for n := range lines {
				l.write(fmt.Sprintf("new %d\n", n))
			}
		}
		r.lines = nil
		l.write(strings.Repeat("long", leastMaxLine) + "\n")
		for n := range lines / 2 {
			l.write(fmt.Sprintf("old %d\n", n))
		}
		r.open()
		r.read(time.Minute)
		if len(r.lines) != lines {
			t.Fatalf("%d lines, want each of the %d new ones once", len(r.lines), lines)
		}
		for n, line := range r.lines {
			if want := fmt.Sprintf("new %d", n); line != want {
				t.Fatalf("line %d is %q, want %q", n, line, want)
			}
		}
	})
}

// TestAFileThatWasRotatedAwayIsReadAloneForAsLongAsItTakes: from when the new one has something, and not for ever.
func TestAFileThatWasRotatedAwayIsReadAloneForAsLongAsItTakes(t *testing.T) {
	rotated := func(l *log) *os.File {
		late := l.leave()
		l.write("")
		return late
	}
	say := func(l *log, f *os.File, text string) {
		_, err := f.WriteString(text)
		l.must(err)
	}
	within(t, nil, func(l *log, r *reader) {
		late := rotated(l)
		r.read(time.Minute)
		l.write("3\n")
		r.read(time.Second)
		say(l, late, "2\n")
		r.read(10 * time.Second)
		r.want("1", "2", "3")
		l.must(late.Close())
	})
	within(t, nil, func(l *log, r *reader) {
		late := rotated(l)
		began := time.Now()
		for time.Since(began) < 2*maxLinger && !strings.Contains(strings.Join(r.lines, " "), "new") {
			say(l, late, "late\n")
			l.write("new\n")
			r.read(time.Second)
		}
		if took := time.Since(began); took >= 2*maxLinger || took < maxLinger/2 {
			t.Errorf("nothing of the new file came within %v while both grow", took)
		}
		l.must(late.Close())
	})
}

func TestNothingIsWrongWithALogThatGrowsThoughItsPathIsGone(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		l.must(os.Rename(l.path, l.beside("elsewhere")))
		for n := range 6 {
			l.write(fmt.Sprintf("%d\n", n+2))
			if err := r.read(maxAbsent - 2*time.Second); err != nil {
				t.Errorf("while it grows: %v", err)
			}
		}
		r.want("1", "2", "3", "4", "5", "6", "7")
		if err := r.read(3 * maxAbsent); err == nil {
			t.Error("nobody says that nothing is there any more")
		}
	})
}

// TestALogThatBeginsAsTheOneBeforeIsAnotherOne: what stands before the position tells, not only the head that each file has.
func TestALogThatBeginsAsTheOneBeforeIsAnotherOne(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		head := strings.Repeat("#", window+1) + "\n"
		l.must(os.Truncate(l.path, 0))
		l.write(head + "1\n2\n3\n")
		r.read(time.Second)
		r.lines = nil
		r.close()
		l.must(os.Truncate(l.path, 0))
		l.write(head + "4\n5\n6\n7\n")
		r.open()
		r.read(time.Second)
		r.want(strings.TrimSpace(head), "4", "5", "6", "7")
	})
}

// TestALaterFileWithTheNumberOfTheOneThatIsGoneIsRead: numbers of files are given again.
func TestALaterFileWithTheNumberOfTheOneThatIsGoneIsRead(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		r.close()
		l.must(os.Truncate(l.path, 0)) // removed, and made again
		l.write("2\n")
		counting(false, 2)(l, 1)
		l.touch(l.path+".1", time.Now().Add(100*365*24*time.Hour)) // after the one that is gone
		l.write("3\n")
		r.open()
		r.read(10 * time.Second)
		if r.want("1", "2", "3"); r.dropped != 1 {
			t.Errorf("%d dropped, %q, want that lines may be lost", r.dropped, r.causes)
		}
	})
}
