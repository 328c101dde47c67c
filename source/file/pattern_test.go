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

// add appends lines to a file beside the log.
func (l *log) add(name string, lines ...string) {
	l.t.Helper()
	f, err := os.OpenFile(l.beside(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	l.must(err)
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	l.must(err)
	l.must(f.Close())
}

func (l *log) move(from, to string) {
	l.t.Helper()
	l.must(os.Rename(l.beside(from), l.beside(to)))
}

// patterned runs a test in fake time with a reader of all files whose names match.
func patterned(t *testing.T, pattern string, before func(l *log), test func(l *log, r *reader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		if before != nil {
			before(l)
		}
		r := newReader(l, func(s *Settings) { s.Path, s.Every = l.beside(pattern), time.Second })
		defer func() { r.close() }()
		test(l, r)
	})
}

// sorted compares what came, whatever the order between files.
func (r *reader) sorted(want ...string) {
	r.t.Helper()
	r.same(r.items, want)
}

func TestEveryFileOfAPatternIsAnItem(t *testing.T) {
	patterned(t, "*.jsonl", func(l *log) { l.add("a.jsonl", "1"); l.put("c.txt", "7\n") }, func(l *log, r *reader) {
		r.read(time.Second)
		l.add("a.jsonl", "2")
		l.add("b.jsonl", "1")
		r.read(5 * time.Second)
		r.restart()
		l.add("b.jsonl", "2")
		r.read(5 * time.Second)
		r.close()
		l.add("a.jsonl", "3")
		l.add("d.jsonl", "1")
		l.must(os.Remove(l.beside("b.jsonl")))
		r.open()
		r.read(time.Minute)
		l.add("b.jsonl", "again")
		r.read(5 * time.Second)
		r.sorted("a.jsonl 1", "a.jsonl 2", "a.jsonl 3", "b.jsonl 1", "b.jsonl 2", "d.jsonl 1", "b.jsonl again")
		if r.dropped > 1 { // that of the file which was removed and made again, if anything
			t.Errorf("%d dropped: %q", r.dropped, r.causes)
		}
	})
}

func TestAPatternThatMatchesNothingIsToldAndMends(t *testing.T) {
	patterned(t, "*.jsonl", nil, func(l *log, r *reader) {
		if err := r.read(5 * time.Second); err == nil || !strings.Contains(err.Error(), "none is called as in") {
			t.Errorf("got %v", err)
		}
		l.put("a.jsonl", "")
		r.read(5 * time.Second)
		if r.alive != 1 {
			t.Errorf("%d signs of life, want one", r.alive)
		}
		l.add("a.jsonl", "1")
		r.read(5 * time.Second)
		r.sorted("a.jsonl 1")
	})
}

func TestRotationInsideAPatternIsNoNewFile(t *testing.T) {
	for _, away := range []string{"a.log.1", "a.log-20261127", "a-20261127.log", "a.log.old", "a.log~", "a.log.bak", "a.log-20261127.backup"} {
		for _, running := range []bool{true, false} {
			patterned(t, "*", func(l *log) { l.add("a.log", "1"); l.add("b.log", "1") }, func(l *log, r *reader) {
				r.read(5 * time.Second)
				if !running {
					r.close()
				}
				l.add("a.log", "2")
				l.move("a.log", away)
				l.add("a.log", "3")
				if !running {
					r.open()
				}
				r.read(time.Minute)
				r.restart()
				l.add("a.log", "4")
				r.read(20 * time.Minute)
				r.restart()
				r.read(time.Minute)
				r.sorted("a.log 1", "a.log 2", "a.log 3", "a.log 4", "b.log 1")
				r.wantDropped(0, "")
			})
		}
	}
}

func TestACopyInsideAPatternIsNoNewFile(t *testing.T) {
	patterned(t, "*.log*", func(l *log) { l.add("a.log", "1") }, func(l *log, r *reader) {
		r.read(5 * time.Second)
		for n := range 3 {
			l.add("a.log", fmt.Sprintf("x%d", n))
			all, err := os.ReadFile(l.beside("a.log"))
			l.must(err)
			l.must(os.WriteFile(l.beside(fmt.Sprintf("a.log-2026112%d", n)), all, 0o600))
			l.must(os.Truncate(l.beside("a.log"), 0))
			l.add("a.log", fmt.Sprintf("y%d", n))
			r.read(time.Minute)
		}
		r.sorted("a.log 1", "a.log x0", "a.log x1", "a.log x2", "a.log y0", "a.log y1", "a.log y2")
	})
}

func TestAFileThatIsRenamedInsideAPatternGoesOn(t *testing.T) {
	for _, running := range []bool{true, false} {
		patterned(t, "*.jsonl", func(l *log) { l.add("a.jsonl", "1", "2", "3") }, func(l *log, r *reader) {
			r.read(5 * time.Second)
			if !running {
				r.close()
			}
			l.move("a.jsonl", "z.jsonl")
			if !running {
				r.open()
			}
			r.read(time.Minute)
			l.add("z.jsonl", "4")
			r.read(time.Minute)
			if got := strings.Join(r.lines, " "); got != "1 2 3 4" {
				t.Errorf("running %t: %s, want each line once", running, got)
			}
		})
	}
}

func TestAPatternFollowsThoseThatWereWrittenLast(t *testing.T) {
	name := func(n int) string { return fmt.Sprintf("m%03d.jsonl", n) }
	patterned(t, "*.jsonl", func(l *log) {
		for n := range maxFiles + 10 {
			l.add(name(n), "1")
			at := time.Now().Add(time.Duration(n-1000) * time.Minute)
			l.must(os.Chtimes(l.beside(name(n)), at, at))
		}
	}, func(l *log, r *reader) {
		r.read(5 * time.Second)
		if len(r.items) != maxFiles || slices.Contains(r.items, name(9)+" 1") || !slices.Contains(r.items, name(10)+" 1") {
			t.Fatalf("%d files were read, want the %d newest: %q", len(r.items), maxFiles, r.items)
		}
		l.add(name(3), "2") // one that was left out comes to life: what it had is not news
		l.add("new.jsonl", "1")
		r.items = nil
		r.read(time.Minute)
		r.sorted(name(3)+" 2", "new.jsonl 1")
		r.items = nil
		l.add(name(10), "2") // and one that made room
		l.add(name(73), "2")
		r.restart()
		r.read(time.Minute)
		l.add(name(73), "3")
		r.read(time.Minute)
		if !slices.Contains(r.items, name(73)+" 2") || slices.Contains(r.items, name(10)+" 1") || len(r.items) > 3 {
			t.Errorf("after a restart came %q", r.items)
		}
	})
}

func TestOneBadFileOfAPatternStopsNoOther(t *testing.T) {
	patterned(t, "*.jsonl", func(l *log) { l.add("a.jsonl", "1"); l.put("b.jsonl", "\xff\xfe1\x00\n\x00") }, func(l *log, r *reader) {
		if err := r.read(5 * time.Second); err != nil {
			t.Errorf("got %v", err)
		}
		l.add("a.jsonl", "2")
		r.read(5 * time.Second)
		r.sorted("a.jsonl 1", "a.jsonl 2")
	})
}

func TestOnlyTheLastPartOfALinesPathIsAPattern(t *testing.T) {
	for path, want := range map[string]string{
		"/var/log/*.jsonl":       "",
		"/var/log/m?.jsonl":      "",
		"/var/log/[site]/a.log":  "",
		"/var/log/meter[1].log":  "",
		"/var/*/a.log":           "only its last part may be a pattern",
		"/var/log/[a*.log":       "cannot be read",
		"document:/data/*.json":  "a pattern goes with format: lines",
		"document:/data/a.json":  "",
		"/var/log/meter[1]*.log": "",
	} {
		s := Kind.Settings().(*Settings)
		s.Path, s.Format = path, formatLines
		if rest, found := strings.CutPrefix(path, "document:"); found {
			s.Path, s.Format = rest, formatDocument
		}
		if err := Kind.Check(s); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// TestManyTurnsInsideAPatternAreNoNewFiles: of most of them nothing but the name tells.
func TestManyTurnsInsideAPatternAreNoNewFiles(t *testing.T) {
	patterned(t, "*", func(l *log) { l.put("a-2.log", "") }, func(l *log, r *reader) {
		var want []string
		for n := range maxLeft + 4 {
			l.add("a.log", fmt.Sprint(n))
			want = append(want, fmt.Sprintf("a.log %d", n))
			r.read(10 * time.Second)
			for i := n; i > 0; i-- {
				l.move(fmt.Sprintf("a.log.%d", i), fmt.Sprintf("a.log.%d", i+1))
			}
			l.move("a.log", "a.log.1")
		}
		l.add("a.log", "last")
		l.add("a-2.log", "another log")
		r.read(10 * time.Second)
		r.restart()
		r.read(time.Minute)
		r.sorted(append(want, "a.log last", "a-2.log another log")...)
		r.wantDropped(0, "")
	})
}

// TestThousandsOfFilesOfAPattern: what is written to is followed wherever its name sorts, and nothing of it is lost while there is no
// room for it; a look at the folder costs no more than its share.
func TestThousandsOfFilesOfAPattern(t *testing.T) {
	const files = 1500
	name := func(n int) string { return fmt.Sprintf("m-%05d.jsonl", n) }
	age := func(l *log, n int, at time.Time) { l.must(os.Chtimes(l.beside(name(n)), at, at)) }
	patterned(t, "*.jsonl", func(l *log) {
		for n := range files {
			l.put(name(n), "1\n")
			age(l, n, time.Now().Add(time.Duration(n-100_000)*time.Minute))
		}
	}, func(l *log, r *reader) {
		r.read(5 * time.Second)
		if len(r.items) != maxFiles || !slices.Contains(r.items, name(files-1)+" 1") {
			t.Fatalf("%d lines came, want one of each of the %d files that were written last: %q", len(r.items), maxFiles, r.items)
		}
		r.items = nil
		l.add(name(files-1), "2")
		l.add(name(files/2), "2")
		age(l, files/2, time.Now().Add(-200_000*time.Minute)) // its clock is wrong: no file makes room
		r.read(5 * time.Second)
		r.sorted(name(files-1) + " 2")
		l.add(name(files/2), "3")
		r.read(5 * time.Second)
		r.sorted(name(files-1)+" 2", name(files/2)+" 2", name(files/2)+" 3")
		l.put("\xff.jsonl", "1\n")
		r.read(5 * time.Second)
		if len(r.items) != 3 {
			t.Errorf("a name that no record can hold: %q", r.items)
		}
	})
}

func TestNamesAreLogsOfTheirOwnUnlessRotationMakesThem(t *testing.T) {
	known := map[string]bool{}
	for _, name := range []string{"a.jsonl", "boiler", "b-2.log"} {
		known[name] = true
	}
	for name, want := range map[string]bool{
		"a.jsonl": false, "a.jsonl.1": true, "a.jsonl-20261122": true, "a-20261122.jsonl": true, "a.2.jsonl": true, "a-2.jsonl": false,
		"a.jsonl~": true, "a.jsonl.old": true, "a.jsonl-2026-11-29.old": true, "a.jsonl.older": false, "ab.jsonl": false,
		"boiler.1": true, "boiler-2": false, "boiler-20261122": true, "boiler.bak": true, "a-100200.jsonl": false, "a-4711001.jsonl": false, "a.100200.jsonl": false, "a_990042.jsonl": false, "boiler-880099": false,
		"a-12345678.jsonl": false, "a-0123456789.jsonl": false, "a-2026-11-22.jsonl": true, "a-20261122T100000Z.jsonl": true, "a-2026-11-22.1.jsonl": true,
		"a-261122.jsonl": true, "a-261122-1.jsonl": true, "a-202611.jsonl": true, "a-2026-48.jsonl": true, "a-22.11.2026.jsonl": true,
		"a-1796019250.jsonl": true, "a-2026112210.jsonl": true, "a.jsonl.1-20261122": true, "a.jsonl-1796019250": true, "a.9999.jsonl": true,
		"b-2.log.3": true, "b-3.log": false,
	} {
		if got := putAway(name, known); got != want {
			t.Errorf("%s: %t, want %t", name, got, want)
		}
	}
}
