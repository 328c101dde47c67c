package file

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// dropping runs a test in fake time with a reader of what is dropped into the folder of a log.
func dropping(t *testing.T, change func(l *log, s *Settings), test func(l *log, r *reader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		r := newReader(l, func(s *Settings) {
			s.Path, s.Format, s.After, s.Into = l.beside("*.csv"), formatCSV, afterMove, l.beside("read")
			if change != nil {
				change(l, s)
			}
		})
		defer func() { r.close() }()
		test(l, r)
	})
}

func deleting(_ *log, s *Settings) { s.After, s.Into = afterDelete, "" }
func keeping(_ *log, s *Settings)  { s.After, s.Into = afterKeep, "" }

// wantFiles compares the names in the folder, and of those that were put away.
func (l *log) wantFiles(want ...string) {
	l.t.Helper()
	var got []string
	l.must(filepath.WalkDir(filepath.Dir(l.path), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			name, _ := filepath.Rel(filepath.Dir(l.path), path)
			got = append(got, name)
		}
		return err
	}))
	if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		l.t.Errorf("files %q, want %q", got, want)
	}
}

func TestAFileThatWasDroppedIsReadOnceAndPutAway(t *testing.T) {
	for after, c := range map[string]struct {
		change func(*log, *Settings)
		left   []string
	}{
		"move":   {nil, []string{"read/a.csv", "read/b.csv"}},
		"delete": {deleting, nil},
		"keep":   {keeping, []string{"a.csv", "b.csv"}},
	} {
		t.Run(after, func(t *testing.T) {
			dropping(t, c.change, func(l *log, r *reader) {
				l.put("b.csv", "t,v\n3,4\n5,6\n")
				l.put("a.csv", "v,t\r\n2,1\r\n")
				at := time.Now()
				l.must(os.Chtimes(l.beside("b.csv"), at, at.Add(-time.Hour)))
				l.must(os.Chtimes(l.beside("a.csv"), at, at))
				r.read(4 * time.Second)
				r.want() // nothing has settled
				r.read(4 * time.Second)
				want := []string{"t,v\n3,4\n", "t,v\n5,6\n", "v,t\n2,1\n"}
				r.want(want...)
				l.wantFiles(c.left...)
				r.restart()
				r.read(time.Minute)
				r.want(want...)
				r.wantDropped(0, "")
				if len(r.doubts) > 0 || !r.times[0].Equal(at.Add(-time.Hour).Truncate(time.Millisecond)) {
					t.Errorf("doubts %q, times %v", r.doubts, r.times)
				}
			})
		})
	}
}

// tick waits until the clock of the file system has moved on: it has few ticks a second.
func (l *log) tick() {
	l.t.Helper()
	made := func() time.Time {
		l.put("tick", "")
		info, err := os.Stat(l.beside("tick"))
		l.must(err)
		l.must(os.Remove(l.beside("tick")))
		return info.ModTime()
	}
	for was := made(); !made().After(was); {
	}
}

func TestTheSameNameDroppedAgainIsANewFile(t *testing.T) {
	for after, change := range map[string]func(*log, *Settings){"move": nil, "delete": deleting, "keep": keeping} {
		t.Run(after, func(t *testing.T) {
			dropping(t, change, func(l *log, r *reader) {
				for n := range 3 {
					l.tick()
					l.put("new", fmt.Sprintf("t,v\n%d,2\n", n))
					at := time.Date(2026, 11, 22, 10, 15, n/2, 0, time.UTC) // the second and the first are as old
					l.must(os.Chtimes(l.beside("new"), at, at))
					l.move("new", "a.csv")
					r.read(10 * time.Second)
					r.restart()
				}
				r.want("t,v\n0,2\n", "t,v\n1,2\n", "t,v\n2,2\n")
				if after == "move" {
					l.wantFiles("read/a.csv", "read/a.20261122T101500.000Z.csv", "read/a.20261122T101501.000Z.csv")
				}
			})
		})
	}
}

func TestAFileIsNotReadBeforeItHasSettled(t *testing.T) {
	dropping(t, nil, func(l *log, r *reader) {
		l.add("a.csv", "t,v")
		for n := range 9 {
			l.add("a.csv", fmt.Sprintf("%d,v", n))
			r.read(3 * time.Second)
		}
		r.want()
		r.read(5 * time.Second)
		if len(r.lines) != 9 {
			t.Errorf("got %q", r.lines)
		}
	})
}

func TestWhoHasAFileOpenToWriteIsWaitedFor(t *testing.T) {
	dropping(t, nil, func(l *log, r *reader) {
		f, err := os.Create(l.beside("a.csv"))
		l.must(err)
		defer func() { _ = f.Close() }()
		_, err = f.WriteString("t,v\n1,2\n")
		l.must(err)
		if r, err := os.Open(l.beside("a.csv")); err != nil || !isWritten(r) {
			_ = r.Close()
			l.t.Skip("the system does not tell who writes")
		} else {
			l.must(r.Close())
		}
		r.read(10 * time.Minute)
		r.want()
		l.must(f.Close())
		r.read(time.Minute)
		r.want("t,v\n1,2\n")
	})
}

func TestAKillBetweenReadingAndPuttingAwayReadsNothingTwice(t *testing.T) {
	for after, change := range map[string]func(*log, *Settings){"move": nil, "delete": deleting} {
		t.Run(after, func(t *testing.T) {
			dropping(t, change, func(l *log, r *reader) {
				r.mute = true
				l.put("a.csv", "t,v\n1,2\n")
				r.read(6 * time.Second)
				r.want("t,v\n1,2\n")
				l.wantFiles("a.csv")
				r.restart()
				r.read(time.Second)
				if after == "move" {
					l.wantFiles("read/a.csv")
				} else {
					l.wantFiles()
				}
				// Killed after it was taken under another name, and after it was linked or copied.
				r.mute = true
				l.put("b.csv", "t,v\n3,4\n")
				r.read(6 * time.Second)
				l.move("b.csv", taken+"b.csv")
				r.restart()
				r.read(time.Minute)
				// One that was dropped just when the one before was taken goes back unread, and is read.
				l.put(taken+"c.csv", "t,v\n5,6\n")
				r.restart()
				r.read(time.Minute)
				r.want("t,v\n1,2\n", "t,v\n3,4\n", "t,v\n5,6\n")
				r.wantDropped(0, "")
			})
		})
	}
}

func TestAKillBeforeTheJournalHasTheRowsLosesNone(t *testing.T) {
	dropping(t, deleting, func(l *log, r *reader) {
		l.put("a.csv", "t,v\n1,2\n")
		before := r.cursor
		r.mute = true
		r.read(6 * time.Second)
		r.cursor, r.lines, r.mute = before, nil, false // the journal did not take the batch
		r.restart()
		r.read(10 * time.Second)
		r.want("t,v\n1,2\n")
		l.wantFiles()
	})
}

func TestALongFileIsReadInPartsAndGoesOnAfterAKill(t *testing.T) {
	dropping(t, nil, func(l *log, r *reader) {
		var text strings.Builder
		var want []string
		text.WriteString("t,v\n")
		header := "t,v"
		for n := range 2000 {
			if n == 700 {
				header = "v,t"
				text.WriteString("v,t\n")
			}
			row := fmt.Sprintf("%d,\"%d\n\"\n", n, 2*n)
			text.WriteString(row)
			want = append(want, header+"\n"+row)
		}
		l.put("a.csv", text.String())
		for len(r.lines) < 2000 {
			had := len(r.lines)
			b, err := r.tail.Observe(l.t.Context())
			l.must(err)
			for _, reading := range b.Readings {
				r.lines = append(r.lines, string(reading.Body))
			}
			if b.Cursor == nil {
				continue
			}
			r.cursor = b.Cursor
			if r.restart(); len(r.lines) == had {
				t.Fatalf("nothing came after %d", had)
			}
		}
		r.read(time.Minute)
		r.want(want...)
		l.wantFiles("read/a.csv")
	})
}

func TestAFileThatIsWrittenToWhileOrAfterItIsReadIsReadOn(t *testing.T) {
	dropping(t, nil, func(l *log, r *reader) {
		l.put("a.csv", "t,v\n1,2\n3,4")
		r.mute = true // the writer comes between
		r.read(6 * time.Second)
		b, err := os.ReadFile(l.beside("a.csv"))
		l.must(err)
		l.must(os.WriteFile(l.beside("a.csv"), append(b, "\n5,6\n"...), 0o600))
		r.mute = false
		r.restart()
		r.read(time.Minute)
		if len(r.lines) != 5 { // nobody knows after a kill what of it was read, so it is a new file
			t.Errorf("got %q", r.lines)
		}
		if len(r.doubts) != 1 || !strings.Contains(r.doubts[0], "uncertain: the file ends in the row") {
			t.Errorf("doubts %q", r.doubts)
		}
	})
	dropping(t, nil, func(l *log, r *reader) {
		l.put("a.csv", "t,v\n1,2\n")
		for b, err := r.tail.Observe(l.t.Context()); ; b, err = r.tail.Observe(l.t.Context()) {
			if l.must(err); b.Ack == nil {
				continue
			}
			r.cursor, r.lines = b.Cursor, append(r.lines, string(b.Readings[0].Body))
			l.add("a.csv", "3,4") // before it is put away
			l.must(b.Ack(l.t.Context()))
			break
		}
		l.wantFiles("a.csv")
		r.read(time.Minute)
		r.want("t,v\n1,2\n", "t,v\n3,4\n")
		l.wantFiles("read/a.csv")
	})
}

func TestWhatCannotBePutAwayIsToldAndNotReadAgain(t *testing.T) {
	if os.Getuid() == 0 {
		// Root may write to every folder: a file where the folder should be stands for one that may not be written to.
		dropping(t, nil, func(l *log, r *reader) {
			l.put("read", "")
			l.put("a.csv", "t,v\n1,2\n")
			err := r.read(10 * time.Second)
			if err == nil || !strings.Contains(err.Error(), "put away a.csv, which was read") || !strings.Contains(err.Error(), "is not read again") {
				t.Errorf("got %v", err)
			}
			l.put("b.csv", "t,v\n3,4\n")
			r.restart()
			r.read(10 * time.Second)
			r.want("t,v\n1,2\n", "t,v\n3,4\n")
			l.wantFiles("a.csv", "b.csv", "read")
			l.must(os.Remove(l.beside("read")))
			r.read(time.Minute)
			r.want("t,v\n1,2\n", "t,v\n3,4\n")
			l.wantFiles("read/a.csv", "read/b.csv")
		})
		return
	}
	dropping(t, deleting, func(l *log, r *reader) {
		l.put("a.csv", "t,v\n1,2\n")
		dir := filepath.Dir(l.path)
		l.must(os.Chmod(dir, 0o500))
		defer func() { _ = os.Chmod(dir, 0o700) }()
		err := r.read(10 * time.Second)
		if err == nil || !strings.Contains(err.Error(), "has to be let write to "+dir) {
			t.Errorf("got %v", err)
		}
		r.restart()
		r.read(time.Minute)
		r.want("t,v\n1,2\n")
		l.must(os.Chmod(dir, 0o700))
		r.read(time.Minute)
		l.wantFiles()
	})
}

func TestAFileIsMovedToAnotherFileSystem(t *testing.T) {
	other, err := os.MkdirTemp("/dev/shm", "dodona-test-")
	if err != nil {
		t.Skip("no other file system: ", err)
	}
	defer func() { _ = os.RemoveAll(other) }()
	dropping(t, func(_ *log, s *Settings) { s.Into = other }, func(l *log, r *reader) {
		l.must(os.WriteFile(filepath.Join(other, "b.csv"), []byte("t,v\n3,4\n"), 0o600)) // as a kill leaves it
		l.must(os.WriteFile(filepath.Join(other, "c.csv"), []byte("t,v\n7,8\n"), 0o600)) // another one
		l.put("a.csv", "t,v\n1,2\n")
		l.put("b.csv", "t,v\n3,4\n")
		l.put("c.csv", "t,v\n5,6\n")
		at := time.Date(2026, 11, 22, 10, 15, 0, 0, time.UTC)
		l.must(os.Chtimes(l.beside("c.csv"), at, at))
		r.read(10 * time.Second)
		r.sortedLines("t,v\n1,2\n", "t,v\n3,4\n", "t,v\n5,6\n")
		l.wantFiles()
		names, err := filepath.Glob(filepath.Join(other, "*"))
		l.must(err)
		for i := range names {
			names[i] = filepath.Base(names[i])
		}
		if want := []string{"a.csv", "b.csv", "c.20261122T101500.000Z.csv", "c.csv"}; !slices.Equal(names, want) {
			t.Errorf("there is %q, want %q", names, want)
		}
	})
}

func TestWhatIsNoFileToReadStopsNoOther(t *testing.T) {
	dropping(t, nil, func(l *log, r *reader) {
		secret := filepath.Join(l.t.TempDir(), "secret")
		l.must(os.WriteFile(secret, []byte("t,v\n0,0\n"), 0o600))
		l.must(os.Symlink(secret, l.beside("link.csv")))
		l.must(os.Mkdir(l.beside("folder.csv"), 0o700))
		l.put("wide.csv", "\xff\xfet\x00,\x00v\x00\n\x00")
		l.put(".hidden.csv", "t,v\n0,0\n")
		l.put("empty.csv", "")
		l.put("half.csv.part", "t,v\n0,0\n")
		l.put("long.csv", "t,v\n1,"+strings.Repeat("x", 100<<10)+"\n3,4\n")
		l.put("z.csv", "t,v\n1,2\n")
		r.read(time.Minute)
		r.sortedLines("t,v\n1,2\n", "t,v\n3,4\n")
		l.wantFiles("link.csv", "wide.csv", ".hidden.csv", "empty.csv", "half.csv.part", "read/z.csv", "read/long.csv")
		if causes := strings.Join(r.causes, "\n"); r.dropped != 2 || !strings.Contains(causes, "wide.csv is written in UTF-16") ||
			!strings.Contains(causes, "line 2 of long.csv, at byte 4, is longer than max_line (65536 bytes)") {
			t.Errorf("%d dropped: %s", r.dropped, causes)
		}
		l.put("wide.csv", "t,v\n5,6\n")
		r.read(time.Minute)
		r.sortedLines("t,v\n1,2\n", "t,v\n3,4\n", "t,v\n5,6\n")
	})
}

func TestDocumentsAndLinesAreDropped(t *testing.T) {
	dropping(t, func(l *log, s *Settings) { s.Path, s.Format, s.MaxSize = l.beside("*.json"), formatDocument, 20 }, func(l *log, r *reader) {
		l.put("a.json", "{\"t\":\n 5}")
		l.put("b.json", strings.Repeat(" ", 30))
		r.read(time.Minute)
		r.want("{\"t\":\n 5}")
		r.wantDropped(1, "b.json has 30 bytes: the document is larger than max_size (20B)")
		l.wantFiles("b.json", "read/a.json")
	})
	dropping(t, func(l *log, s *Settings) { s.Path, s.Format = l.beside("*.jsonl"), formatLines }, func(l *log, r *reader) {
		l.put("a.jsonl", "1\n\n2\r\n3")
		r.read(time.Minute)
		r.want("1", "2", "3")
		l.wantFiles("read/a.jsonl")
	})
}

func TestAFileThatVanishesOrIsReplacedHalfReadIsTold(t *testing.T) {
	rows := "t,v\n" + strings.Repeat("1,2\n", 600)
	for what, c := range map[string]struct {
		do   func(l *log)
		want string
	}{
		"removed":  {func(l *log) { l.must(os.Remove(l.beside("a.csv"))) }, "a.csv was removed after it was read up to byte"},
		"replaced": {func(l *log) { l.put("new", "t,v\n"+strings.Repeat("5,6\n", 700)); l.move("new", "a.csv") }, "a.csv was replaced after it was read up to byte"},
	} {
		t.Run(what, func(t *testing.T) {
			dropping(t, deleting, func(l *log, r *reader) {
				l.put("a.csv", rows)
				for r.cursor == nil {
					b, err := r.tail.Observe(l.t.Context())
					l.must(err)
					r.cursor = b.Cursor
				}
				c.do(l)
				r.restart()
				r.read(time.Minute)
				r.wantDropped(1, c.want)
				l.wantFiles()
			})
		})
	}
}

func TestATrialPutsNothingAway(t *testing.T) {
	dropping(t, nil, func(l *log, r *reader) {
		d := r.tail.(*tail).logs.(*drops)
		d.env.Trial = true
		l.put("a.csv", "t,v\n1,2\n")
		r.read(time.Minute)
		r.want("t,v\n1,2\n")
		l.wantFiles("a.csv")
	})
}

func FuzzCursorOfDrops(f *testing.F) {
	f.Add([]byte(`{"drops":"/d/*.csv","done":["0123456789abcdef"],"begun":[]}`))
	f.Add([]byte(`{"drops":"/d/*.csv","done":[],"begun":[{"path":"a.csv","device":0,"inode":1,"offset":3,"head":"0123456789abcdef0123456789abcdef","tail":"0123456789abcdef0123456789abcdef","modified":"2026-11-22T10:00:00Z"}]}`))
	fuzztest.Run(f, func(t *testing.T, cursor []byte) {
		was, err := parseDrops(cursor)
		if err != nil {
			return
		}
		for _, p := range was.Begun {
			if p.Offset < 0 || filepath.Base(p.Path) != p.Path || len(p.Header) > maxNewHeader {
				t.Errorf("%q was read as %+v", cursor, p)
			}
		}
	})
}

// TestWhatTheJournalNeverTookStaysOnTheDisk: the pump gives up a batch without an acknowledgement, and observes on.
func TestWhatTheJournalNeverTookStaysOnTheDisk(t *testing.T) {
	for after, change := range map[string]func(*log, *Settings){"move": nil, "delete": deleting} {
		t.Run(after, func(t *testing.T) {
			t.Run("a document", func(t *testing.T) {
				dropping(t, func(l *log, s *Settings) {
					if change != nil {
						change(l, s)
					}
					s.Path, s.Format, s.MaxSize = l.beside("*.json"), formatDocument, 1000
				}, func(l *log, r *reader) {
					l.put("a.json", `{"t": "large"}`)
					at := time.Now()
					l.must(os.Chtimes(l.beside("a.json"), at, at.Add(-time.Hour)))
					l.put("b.json", `{"t": 5}`)
					r.never = "large"
					r.read(time.Minute)
					r.want(`{"t": 5}`)
					r.restart() // from what was kept
					r.read(time.Minute)
					r.want(`{"t": 5}`)
					if _, err := os.Stat(l.beside("a.json")); err != nil {
						t.Fatalf("its one copy is lost: %v", err)
					}
					r.never = "" // the journal takes more
					r.restart()
					r.read(time.Minute)
					r.want(`{"t": 5}`, `{"t": "large"}`)
					if _, err := os.Stat(l.beside("a.json")); err == nil {
						t.Error("it was not put away once it was kept")
					}
				})
			})
			t.Run("a part of many", func(t *testing.T) {
				dropping(t, change, func(l *log, r *reader) {
					var want []string
					text := "t,v\n"
					for n := range 3 * maxLines {
						row := fmt.Sprintf("%d,2\n", n)
						text += row
						want = append(want, "t,v\n"+row)
					}
					l.put("a.csv", text)
					r.never = fmt.Sprintf("t,v\n%d,2\n", maxLines+5) // in the second part
					r.read(time.Minute)
					r.want(want[:maxLines]...)
					l.wantFiles("a.csv")
					l.put("b.csv", "t,v\n3,4\n") // which does not have to wait
					r.read(time.Minute)
					r.want(append(slices.Clone(want[:maxLines]), "t,v\n3,4\n")...)
					r.lines, r.never = r.lines[:maxLines], ""
					r.restart()
					r.read(time.Minute)
					r.want(want...)
					if _, err := os.Stat(l.beside("a.csv")); err == nil {
						t.Error("it was not put away once it was kept")
					}
				})
			})
		})
	}
}

// TestFilesThatTheJournalNeverTookStopNoOther, however many there are.
func TestFilesThatTheJournalNeverTookStopNoOther(t *testing.T) {
	dropping(t, deleting, func(l *log, r *reader) {
		large := strings.Repeat("1,2\n", maxLines) + "9,9\n"
		for n := range maxBegun + 2 {
			l.put(fmt.Sprintf("a%02d.csv", n), "t,v\n"+large)
		}
		r.never = "t,v\n9,9\n"
		r.read(5 * time.Minute)
		l.put("b.csv", "t,v\n3,4\n")
		r.read(time.Minute)
		if got, want := len(r.lines), (maxBegun+2)*maxLines+1; got != want {
			t.Errorf("%d rows came, want %d", got, want)
		}
		if _, err := os.Stat(l.beside("b.csv")); err == nil {
			t.Error("b.csv was not read")
		}
		r.restart() // its cursor is one
		r.never = ""
		r.read(5 * time.Minute)
		l.wantFiles()
	})
}
