package file

import (
	"fmt"
	"os"
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
		_ = os.Remove(fmt.Sprintf("%s.%d", l.path, n-keep)) // it need not be there
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
