package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
)

var inMarch = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// aged writes text and says when that was.
func (l *log) aged(text string, at time.Time) {
	l.t.Helper()
	l.write(text)
	l.must(os.Chtimes(l.path, at, at))
}

// wantTimes compares when lines were written with what is known of it.
func (r *reader) wantTimes(want ...time.Time) {
	r.t.Helper()
	if len(r.times) != len(want) {
		r.t.Fatalf("%d lines came, want %d", len(r.times), len(want))
	}
	for i, at := range r.times {
		if !at.Equal(want[i]) {
			r.t.Errorf("line %d (%s) was written %s, want %s", i+1, r.lines[i], at.UTC(), want[i].UTC())
		}
	}
}

func TestADocumentIsAsOldAsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "boiler.json")
	d := openDocument(t, path)
	for name, c := range map[string]struct{ modified, want time.Time }{
		"long ago":              {inMarch.Add(1500 * time.Microsecond), inMarch.Add(time.Millisecond)},
		"ahead of the clock":    {time.Now().Add(time.Hour).Truncate(time.Millisecond), time.Now().Add(time.Hour).Truncate(time.Millisecond)},
		"the first there is":    {time.Unix(0, 0), never},
		"before that":           {time.Unix(-1e9, 0), never},
		"touched, and the same": {inMarch.Add(time.Hour), inMarch.Add(time.Hour)},
	} {
		if err := os.WriteFile(path, []byte(`{"t":5}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, c.modified); err != nil {
			t.Fatal(err)
		}
		b, err := d.Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r := b.Readings[0]
		if r.SourceTime.Sub(c.want).Abs() > time.Second || name == "long ago" && !r.SourceTime.Equal(c.want) {
			t.Errorf("%s: the reading is of %s, want %s", name, r.SourceTime, c.want.UTC())
		}
		if want := ", modified " + r.SourceTime.Format(time.RFC3339); !strings.HasSuffix(r.Detail, want) {
			t.Errorf("%s: the detail is %q, want …%s", name, r.Detail, want)
		}
		if _, err := r.SourceTime.MarshalJSON(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADocumentKeepsItsTimeWhenItIsPutInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "boiler.json")
	if err := os.WriteFile(path+".new", []byte(`{"t":5}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path+".new", inMarch, inMarch); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	b, err := openDocument(t, path).Observe(t.Context())
	if err != nil || !b.Readings[0].SourceTime.Equal(inMarch) {
		t.Errorf("what was written in March and moved today gave %v, %v, want its time", b.Readings, err)
	}
}

func TestWhatNobodyRewritesHasTheTimeOfTheReadingIfThatIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.aged("1\n2\n", inMarch)
		r := newReader(l, func(s *Settings) { s.Time = timeRead })
		r.read(time.Second)
		r.close()
		r.wantTimes(time.Time{}, time.Time{})
		r = newReader(l, func(s *Settings) { s.Time, s.Format = timeRead, formatDocument })
		b, err := r.tail.Observe(t.Context())
		if err != nil || !b.Readings[0].SourceTime.IsZero() || strings.Contains(b.Readings[0].Detail, "modified") {
			t.Errorf("the document gave %v, %v, want one without a time of its own", b.Readings, err)
		}
	})
}

func TestLinesOfWhatTheKernelMakesAreRefused(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	synctest.Test(t, func(t *testing.T) {
		for _, path := range []string{"/proc/uptime", "/proc/self/stat*"} {
			l := newLog(t)
			l.path = path
			r := newReader(l, nil)
			if err := r.read(time.Second); err == nil || !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "want format: document") {
				t.Errorf("%s: got %v, want that no lines are added to it", path, err)
			}
			r.close()
		}
	})
}

func TestWhatTheKernelMakesHasTheTimeOfTheReading(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	b, err := openDocument(t, "/proc/self/stat").Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := b.Readings[0]; !r.SourceTime.IsZero() || !strings.HasSuffix(r.Detail, "made as it is read") {
		t.Errorf("the reading is of %s (%s), want no time of its own", r.SourceTime, r.Detail)
	}
}

func TestLinesThatWereThereBeforeAreAsOldAsTheirFile(t *testing.T) {
	for _, last := range []string{"3\n", "3\r\n", "3\n\n \r\n", "3\n\x00\x00\x00\x00", "3\n4", "3\n" + strings.Repeat("x", 100) + "\n"} {
		synctest.Test(t, func(t *testing.T) {
			l := newLog(t)
			l.aged("1\n2\n"+last, inMarch)
			r := newReader(l, func(s *Settings) { s.MaxLine = 64 })
			defer r.close()
			r.read(time.Second)
			r.wantTimes(inMarch, inMarch, inMarch)
		})
	}
}

func TestALongLogIsOfAnyAgeUpToItsEndThoughItsWriterLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		var text strings.Builder
		for i := range 3*maxLines + 5 {
			fmt.Fprintln(&text, i)
		}
		l.aged(text.String(), inMarch)
		r := newReader(l, nil)
		defer r.close()
		r.read(time.Second)
		for i, at := range r.times {
			if want := i >= 3*maxLines; at.Equal(inMarch) != want || at.Equal(never) == want {
				t.Fatalf("line %d was written %s, want when the file was only of those that came with the last", i, at)
			}
		}
	})
}

func TestWhatCameWhileNobodyLookedIsAsOldAsTheLookBefore(t *testing.T) {
	for _, rotate := range []func(*log){func(*log) {}, (*log).rename, (*log).copyTruncate} {
		synctest.Test(t, func(t *testing.T) {
			l := newLog(t)
			begun := time.Now() // of the fake clock
			l.aged("1\n", begun)
			r := newReader(l, nil)
			r.read(time.Second)
			r.wantTimes(begun)
			r.close()
			time.Sleep(4 * time.Hour)
			l.aged("2\n3\n", begun.Add(time.Hour))
			rotate(l)
			end := begun.Add(3 * time.Hour)
			l.aged("4\n5\n", end)
			r.open()
			defer func() { r.close() }()
			r.read(10 * time.Second)
			r.want("1", "2", "3", "4", "5")
			for i, at := range r.times[1:4] {
				if at.After(begun.Add(time.Hour)) {
					t.Errorf("line %d was written %s, and nobody knows that: the node looked last at %s", i+2, at, begun.Add(time.Second))
				}
			}
			if at := r.times[4]; !at.Equal(end) {
				t.Errorf("the last line was written %s, want %s", at, end)
			}
		})
	}
}

func TestLinesThatComeTogetherAreAsOldAsTheLookBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		begun := time.Now()
		l.aged("1\n", begun)
		r := newReader(l, nil) // which looks ten times a second
		defer r.close()
		r.read(time.Minute)
		l.aged("2\n3\n", time.Now())
		written := time.Now()
		r.read(time.Second)
		r.want("1", "2", "3")
		if at := r.times[1]; written.Sub(at) > time.Second || at.After(written) {
			t.Errorf("the first of two lines is of %s, want at most a second before %s", at, written)
		}
		if at := r.times[2]; !at.Equal(written) {
			t.Errorf("the last of two lines is of %s, want %s", at, written)
		}
		l.rename()
		l.aged("4\n5\n6\n", time.Now())
		written = time.Now()
		r.read(10 * time.Second)
		r.want("1", "2", "3", "4", "5", "6")
		for i, at := range r.times[3:] {
			if written.Sub(at) > time.Second || at.After(written) {
				t.Errorf("line %d is of %s, want at most a second before %s", i+4, at, written)
			}
		}
	})
}

func TestAWriterThatIsAheadOfTheClockDoesNotPutLinesOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		r := newReader(l, nil)
		defer r.close()
		r.read(time.Second)
		for i := range 20 { // its share's clock is five seconds ahead
			l.aged(fmt.Sprintf("%d\n%d\n", 2*i, 2*i+1), time.Now().Add(5*time.Second))
			r.read(300 * time.Millisecond)
		}
		for i := 1; i < len(r.times); i++ {
			if r.times[i].Before(r.times[i-1]) {
				t.Errorf("line %d is of %s, before line %d of %s", i+1, r.times[i], i, r.times[i-1])
			}
		}
		if len(r.times) != 40 {
			t.Errorf("%d lines came, want 40", len(r.times))
		}
	})
}

// touch says when a file was written last.
func (l *log) touch(path string, at time.Time) {
	l.t.Helper()
	l.must(os.Chtimes(path, at, at))
}

// wantBetween compares when a line was written with the last look before it, which is all that is known.
func (r *reader) wantBetween(line string, from, to time.Time) {
	r.t.Helper()
	i := slices.Index(r.lines, line)
	if i < 0 {
		r.t.Fatalf("%q did not come: %q", line, r.lines)
	}
	if at := r.times[i]; at.Before(from) || at.After(to) {
		r.t.Errorf("%s was written %s, want between %s and %s", line, at.UTC(), from.UTC(), to.UTC())
	}
}

// withinTime runs a test in fake time with a reader of a log whose files are of that time too.
func withinTime(t *testing.T, test func(l *log, r *reader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.aged("1\n", time.Now())
		r := newReader(l, nil)
		defer func() { r.close() }()
		r.read(time.Second)
		test(l, r)
	})
}

// TestAWriterBehindTheClockDoesNotPutLinesOutOfOrder: no line is newer than the file that has it.
func TestAWriterBehindTheClockDoesNotPutLinesOutOfOrder(t *testing.T) {
	withinTime(t, func(l *log, r *reader) {
		r.read(time.Minute)
		behind := time.Now().Add(-time.Hour)
		l.aged("2\n3\n", behind)
		r.read(time.Second)
		r.want("1", "2", "3")
		r.wantBetween("2", behind, behind)
		r.wantBetween("3", behind, behind)
	})
}

func TestTheFirstLinesOfAFileThatCameAreAsOldAsTheLookAtItsFolder(t *testing.T) {
	patterned(t, "*.jsonl", func(l *log) { l.add("a.jsonl", "1") }, func(l *log, r *reader) {
		begun := time.Now()
		r.read(time.Minute)
		looked := time.Now()
		time.Sleep(time.Hour)
		l.add("b.jsonl", "first", "second")
		l.touch(l.beside("b.jsonl"), time.Now())
		written := time.Now()
		r.read(time.Minute)
		r.wantBetween("first", begun, looked)
		r.wantBetween("second", written, written)
	})
}

func TestWhatIsAddedToAFileThatWasLeftIsAsOldAsTheLookBeforeTheRestart(t *testing.T) {
	withinTime(t, func(l *log, r *reader) {
		late := l.file
		l.file = nil
		l.must(os.Rename(l.path, l.path+".1"))
		l.write("2\n")
		l.touch(l.path, time.Now())
		begun := time.Now()
		r.read(10 * time.Second)
		r.close()
		looked := time.Now()
		time.Sleep(time.Hour)
		_, err := late.WriteString("first\nsecond\n")
		l.must(err)
		l.must(late.Close())
		l.touch(l.path+".1", time.Now())
		r.open()
		r.read(10 * time.Second)
		r.wantBetween("first", begun.Add(-time.Minute), looked)
	})
}

// TestWhatIsWrittenDuringALookBelongsToTheNext: of what nobody had seen when the file was looked at, nobody knows the time yet.
func TestWhatIsWrittenDuringALookBelongsToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.aged(strings.Repeat("x\n", maxLines)+"last\n", inMarch)
		r := newReader(l, nil)
		defer r.close()
		look := func() (lines []string) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			b, err := r.tail.Observe(ctx)
			if err != nil {
				return []string{err.Error()}
			}
			for _, reading := range b.Readings {
				lines = append(lines, string(reading.Body))
				if string(reading.Body) == "last" && !reading.SourceTime.Equal(inMarch) {
					t.Errorf("the last line was written %s, want when the file was as it was looked at", reading.SourceTime)
				}
			}
			return lines
		}
		if got := look(); len(got) != maxLines {
			t.Fatalf("the first batch has %d lines, want %d", len(got), maxLines)
		}
		l.aged("during\n", time.Now())
		if got := look(); !slices.Equal(got, []string{"last"}) {
			t.Errorf("the rest of the look is %q, want the one line that was seen", got)
		}
		if got := look(); !slices.Equal(got, []string{"during"}) {
			t.Errorf("the next look brought %q", got)
		}
	})
}

// TestWhatCameDuringAnUpgradeIsAsOldAsWhatWasReadBefore: a release did not say in its cursor when it looked.
func TestWhatCameDuringAnUpgradeIsAsOldAsWhatWasReadBefore(t *testing.T) {
	withinTime(t, func(l *log, r *reader) {
		r.close()
		before := time.Now().Add(-time.Second)
		since := regexp.MustCompile(`,"since":"[^"]*"`)
		if !since.Match(r.cursor) {
			t.Fatalf("the cursor %s does not say when it looked", r.cursor)
		}
		r.cursor = since.ReplaceAll(r.cursor, nil)
		time.Sleep(time.Hour)
		l.aged("2\n3\n", time.Now())
		written := time.Now()
		r.open()
		r.read(time.Second)
		r.want("1", "2", "3")
		r.wantBetween("2", before, before)
		r.wantBetween("3", written, written)
	})
}

// TestABacklogThatIsReadInPartsStaysOfUnknownAge: a restart in the middle of it makes none of its lines newer, nor older.
func TestABacklogThatIsReadInPartsStaysOfUnknownAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		l.aged(strings.Repeat("x\n", 3*maxLines), inMarch)
		r := newReader(l, nil)
		defer func() { r.close() }()
		for n, want := range []time.Time{never, never, inMarch} {
			b, err := r.tail.Observe(t.Context())
			if err != nil || len(b.Readings) != maxLines {
				t.Fatalf("got %d lines, %v, want %d", len(b.Readings), err, maxLines)
			}
			if at := b.Readings[0].SourceTime; !at.Equal(want) {
				t.Errorf("the first line of batch %d was written %s, want %s", n+1, at, want)
			}
			r.cursor = b.Cursor
			r.restart()
		}
	})
}

// TestWhatACopyHasOfABusyLogIsAsOldAsTheLastLines: no look found nothing since they came.
func TestWhatACopyHasOfABusyLogIsAsOldAsTheLastLines(t *testing.T) {
	withinTime(t, func(l *log, r *reader) {
		time.Sleep(time.Hour)
		written := time.Now()
		l.aged("2\n", written)
		if b, err := r.tail.Observe(l.t.Context()); err != nil || len(b.Readings) != 1 {
			l.t.Fatalf("got %v, %v, want one line", b, err)
		}
		looked := time.Now()
		time.Sleep(time.Hour)
		l.write("3\n4\n")
		l.copyTruncate()
		l.touch(l.path+".1", time.Now())
		l.touch(l.path, time.Now())
		r.read(time.Minute)
		r.want("1", "3", "4")
		r.wantBetween("3", written, looked)
		r.wantBetween("4", written, looked)
	})
}

func TestWhatACopyHasBeyondWhatWasReadIsAsOldAsTheLookBefore(t *testing.T) {
	withinTime(t, func(l *log, r *reader) {
		begun := time.Now()
		r.read(time.Minute)
		looked := time.Now()
		time.Sleep(time.Hour)
		l.write("2\n3\n")
		l.copyTruncate()
		l.touch(l.path+".1", time.Now())
		l.touch(l.path, time.Now())
		r.read(time.Minute)
		r.want("1", "2", "3")
		r.wantBetween("2", begun.Add(-time.Minute), looked)
		r.wantBetween("3", begun.Add(-time.Minute), looked)
	})
}
