package file

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A turn puts a log away; n counts turns from one on.
type turn func(l *log, n int)

// growing puts the log away under a number of its own, so that .1 is the oldest file, and removes what is older than the last keep.
func growing(copies bool, keep int) turn {
	return func(l *log, n int) {
		l.t.Helper()
		to := fmt.Sprintf("%s.%d", l.path, n)
		if copies {
			all, err := os.ReadFile(l.path)
			l.must(err)
			l.must(os.WriteFile(to, all, 0o600))
			l.must(os.Truncate(l.path, 0))
		} else {
			l.must(os.Rename(l.path, to))
			l.reopen()
		}
		l.turns++
		l.touch(to, inMarch.Add(time.Duration(l.turns)*time.Minute))
		_ = os.Remove(fmt.Sprintf("%s.%d", l.path, n-keep)) // it need not be there
	}
}

// shifting gives a log that is put away the highest number too, but no higher one than keep: the others take the next lower ones.
func shifting(copies bool, keep int) turn {
	return func(l *log, n int) {
		l.t.Helper()
		for i := 1; i <= keep && n > keep; i++ {
			_ = os.Rename(fmt.Sprintf("%s.%d", l.path, i), fmt.Sprintf("%s.%d", l.path, i-1)) // it need not be there
		}
		_ = os.Remove(l.path + ".0") // nor this
		growing(copies, keep)(l, min(n, keep))
	}
}

// counting puts the log away as .1, and the others one further, up to keep.
func counting(copies bool, keep int) turn {
	return func(l *log, _ int) {
		l.t.Helper()
		_ = os.Remove(fmt.Sprintf("%s.%d", l.path, keep)) // it need not be there
		for n := keep - 1; n > 0; n-- {
			_ = os.Rename(fmt.Sprintf("%s.%d", l.path, n), fmt.Sprintf("%s.%d", l.path, n+1)) // nor these
		}
		growing(copies, keep)(l, 1)
	}
}

// turned lets a log have turns before and after the reader lags or stops, and wants each line once, in order.
func turned(t *testing.T, what string, put turn, before, turns int, mode string, there ...string) {
	t.Helper()
	within(t, func(s *Settings) { s.Every = time.Hour }, func(l *log, r *reader) {
		for _, name := range there {
			l.put(name, "666\n")
			l.touch(l.beside(name), inMarch)
			r.restart()
			r.read(10 * time.Hour)
		}
		want := []string{"1"}
		add := func() {
			line := fmt.Sprint(len(want) + 1)
			want = append(want, line)
			l.write(line + "\n")
		}
		for n := range before {
			put(l, n+1)
			add()
			r.read(10 * time.Hour)
		}
		if mode != "lags" {
			r.close()
		}
		for n := range turns {
			add()
			put(l, before+n+1)
			add()
		}
		if mode != "lags" {
			r.open()
		}
		for mode == "restarts" && len(r.lines) < len(want) && !t.Failed() {
			was := len(r.lines)
			r.read(3 * time.Hour) // in which it goes on to one other file
			r.restart()
			if len(r.lines) == was {
				break
			}
		}
		r.read(100 * time.Hour)
		if got := strings.Join(r.lines, " "); got != strings.Join(want, " ") || r.dropped != 0 {
			t.Errorf("%s, %d turns and %d more, the reader %s: %s, %d dropped %q; want %s", what, before, turns, mode, got, r.dropped, r.causes, strings.Join(want, " "))
		}
	})
}

// TestFilesThatWerePutAwayAreReadOnceAndInOrder: whether numbers count turns back, so that .1 is the newest, or grow, so that it is the
// oldest, and whatever was there before.
func TestFilesThatWerePutAwayAreReadOnceAndInOrder(t *testing.T) {
	for what, put := range map[string]turn{
		"renamed, .1 is the oldest":                   growing(false, 20),
		"renamed, .1 is the oldest, few are kept":     growing(false, 4),
		"copied, .1 is the oldest":                    growing(true, 20),
		"copied, .1 is the oldest, few are kept":      growing(true, 4),
		"renamed, .1 is the oldest, and goes":         shifting(false, 4),
		"copied, .1 is the oldest, and goes":          shifting(true, 4),
		"renamed, .1 is the newest":                   counting(false, 20),
		"copied, .1 is the newest":                    counting(true, 20),
		"renamed, .1 is the newest, and few are kept": counting(false, 4),
	} {
		for _, before := range []int{0, 1, 3, 5} {
			for _, turns := range []int{1, 2, 4} {
				for _, mode := range []string{"lags", "is stopped", "restarts"} {
					turned(t, what, put, before, turns, mode)
				}
			}
		}
	}
}

// TestWhatIsLeftOfALogThatIsGoneIsReadInOrder: the file that was read was removed, and numbers go whichever way.
func TestWhatIsLeftOfALogThatIsGoneIsReadInOrder(t *testing.T) {
	beside := "grow beside an older one"
	for what, put := range map[string]turn{
		"grow": growing(false, 2), "go down": shifting(false, 2), "count turns": counting(false, 2),
		beside: func(l *log, n int) { growing(false, 9)(l, n+1) },
	} {
		within(t, nil, func(l *log, r *reader) {
			r.close()
			if what == beside {
				l.put("boiler.jsonl.1", "0\n")
				l.touch(l.path+".1", inMarch)
			}
			l.touch(l.path, inMarch) // before the others
			r.open()
			l.write("2\n")
			l.touch(l.path, inMarch)
			r.read(time.Second)
			r.close()
			for n := range 4 {
				put(l, n+1)
				l.write(fmt.Sprintf("%d\n", n+3))
			}
			if what == beside {
				for n := 2; n <= 3; n++ {
					l.must(os.Remove(fmt.Sprintf("%s.%d", l.path, n)))
				}
			}
			r.open()
			r.read(time.Minute)
			if r.want("1", "2", "4", "5", "6"); r.dropped != 1 {
				t.Errorf("numbers %s: %d dropped, want that one cause is told", what, r.dropped)
			}
		})
	}
}

// TestAFileWithAHighNumberOfBeforeTurnsNoOrder: nobody moves it any more.
func TestAFileWithAHighNumberOfBeforeTurnsNoOrder(t *testing.T) {
	for _, high := range []int{2, 3, 5, 9} {
		for _, mode := range []string{"lags", "is stopped", "restarts"} {
			turned(t, fmt.Sprintf("%d is left over", high), counting(false, high-1), 0, min(high-1, 2), mode, fmt.Sprintf("boiler.jsonl.%d", high))
		}
	}
}

// TestNumbersOfFilesThatAreGivenAgainTurnNoOrder: the file that had the highest number is removed, a new log gets its inode and later
// its number, and the log that is read the next one.
func TestNumbersOfFilesThatAreGivenAgainTurnNoOrder(t *testing.T) {
	for _, was := range []string{"", "another\n", "1\n"} {
		within(t, nil, func(l *log, r *reader) {
			l.put("boiler.jsonl.1", was)
			r.restart() // so that it is there when the log is opened
			l.write("2\n")
			r.read(time.Second)
			r.close()
			l.move("boiler.jsonl.1", "removed")
			l.must(os.Rename(l.path, l.path+".1"))
			l.reopen()
			l.must(os.Truncate(l.beside("removed"), 0))
			l.move("removed", "boiler.jsonl")
			l.write("3\n")
			counting(false, 9)(l, 0)
			l.write("4\n")
			r.open()
			r.read(10 * time.Second)
			r.want("1", "2", "3", "4")
		})
	}
}

// anew makes the next file of the log of one that is removed: numbers of files are given again.
func (l *log) anew(removed string) {
	l.t.Helper()
	l.must(os.Truncate(removed, 0))
	l.must(os.Rename(removed, l.path))
}

// TestALaterFileWithTheNumberOfARemovedOneIsRead: the files that were there before the reader are removed one after the other, and each new
// log has the number of the last one that was.
func TestALaterFileWithTheNumberOfARemovedOneIsRead(t *testing.T) {
	for _, mode := range []string{"lags", "is stopped", "restarts"} {
		for _, turns := range []int{1, 2, 3} {
			within(t, func(s *Settings) { s.Every = time.Hour }, func(l *log, r *reader) {
				for n := range 3 {
					l.put(fmt.Sprintf("boiler.jsonl.%d", n+1), fmt.Sprintf("of before %d\n", n+1))
					l.touch(fmt.Sprintf("%s.%d", l.path, n+1), inMarch.Add(-time.Duration(n)*time.Minute))
				}
				r.restart()
				r.read(10 * time.Hour)
				want := []string{"1"}
				add := func() {
					want = append(want, fmt.Sprint(len(want)+1))
					l.write(want[len(want)-1] + "\n")
				}
				for range 6 {
					if mode != "lags" {
						r.close()
					}
					for range turns {
						add()
						l.must(os.Rename(l.path+".3", l.beside("removed")))
						counting(false, 3)(l, 0)
						l.anew(l.beside("removed"))
						add()
					}
					if mode != "lags" {
						r.open()
					}
					r.read(10 * time.Hour)
					if mode == "restarts" {
						r.restart()
					}
				}
				if got := strings.Join(r.lines, " "); got != strings.Join(want, " ") || r.dropped != 0 {
					t.Errorf("%d turns, the reader %s: %s, %d dropped %q; want %s", turns, mode, got, r.dropped, r.causes, strings.Join(want, " "))
				}
			})
		}
	}
}

// TestFilesThatAreRemovedLeaveNoDoubt: rotation at random removes what is oldest, whose number the next file may get, and no line is lost,
// read twice or told to be.
func TestFilesThatAreRemovedLeaveNoDoubt(t *testing.T) {
	for seed := range uint64(20) {
		within(t, func(s *Settings) { s.Every = time.Minute }, func(l *log, r *reader) {
			random := rand.New(rand.NewPCG(seed, 0))
			keep := 3 + random.IntN(8)
			for n := range keep {
				l.put(fmt.Sprintf("boiler.jsonl.%d", n+1), []string{"", "1\n", "of before\n"}[random.IntN(3)])
				l.touch(fmt.Sprintf("%s.%d", l.path, n+1), inMarch.Add(-time.Duration(n)*time.Minute))
			}
			r.restart()
			r.read(time.Hour)
			want := []string{"1"}
			for range 20 {
				if random.IntN(4) == 0 {
					r.restart()
				}
				for range random.IntN(keep) {
					want = append(want, fmt.Sprint(len(want)+1))
					l.write(want[len(want)-1] + "\n")
					counting(false, keep)(l, 0)
				}
				want = append(want, fmt.Sprint(len(want)+1))
				l.write(want[len(want)-1] + "\n")
				r.read(time.Hour)
			}
			if got := strings.Join(r.lines, " "); got != strings.Join(want, " ") || r.dropped != 0 {
				t.Errorf("seed %d, %d are kept: %s, %d dropped %q; want %s", seed, keep, got, r.dropped, r.causes, strings.Join(want, " "))
			}
		})
	}
}

// TestACursorThatDoesNotSayWhenFilesWereMadeGoesOn: an earlier release wrote it, or a system that does not tell.
func TestACursorThatDoesNotSayWhenFilesWereMadeGoesOn(t *testing.T) {
	within(t, nil, func(l *log, r *reader) {
		late := l.leave()
		l.write("2\n")
		r.read(10 * time.Second)
		r.close()
		r.cursor = regexp.MustCompile(`,"born":"[^"]*"`).ReplaceAll(r.cursor, nil)
		_, err := late.WriteString("late\n")
		l.must(err)
		l.must(late.Close())
		l.write("3\n")
		l.shift()
		l.must(os.Rename(l.path, l.path+".1"))
		l.reopen()
		l.write("4\n")
		r.open()
		r.read(time.Minute)
		r.sortedLines("1", "2", "late", "3", "4")
		r.wantDropped(0, "")
	})
}

// TestAnInodeThatIsGivenAgainIsOfAnotherFile: what tells is when the file was made, where both sides know that.
func TestAnInodeThatIsGivenAgainIsOfAnotherFile(t *testing.T) {
	later := inMarch.Add(time.Nanosecond)
	for _, c := range []struct {
		was, is time.Time
		same    bool
	}{{inMarch, inMarch, true}, {inMarch, later, false}, {time.Time{}, later, true}, {inMarch, time.Time{}, true}} {
		was, is := generation{inode: 7, born: c.was}, generation{inode: 7, born: c.is}
		if was.same(is) != c.same || is.is(position{Inode: 7, Born: c.was}) != c.same {
			t.Errorf("made at %v, and at %v: want that they are one file: %t", c.was, c.is, c.same)
		}
	}
}
