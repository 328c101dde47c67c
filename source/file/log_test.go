package file

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// A log is a file that a test writes and rotates.
type log struct {
	t    *testing.T
	path string
	file *os.File

	turns int // of rotation
}

func newLog(t *testing.T) *log {
	l := &log{t: t, path: filepath.Join(t.TempDir(), "boiler.jsonl")}
	t.Cleanup(func() {
		if l.file != nil {
			_ = l.file.Close()
		}
	})
	return l
}

func (l *log) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// write appends text to the file that is open, and opens it first if it must.
func (l *log) write(text string) {
	l.t.Helper()
	if l.file == nil {
		f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		l.must(err)
		l.file = f
	}
	_, err := l.file.WriteString(text)
	l.must(err)
}

// shift makes room for boiler.jsonl.1.
func (l *log) shift() {
	for n := 20; n >= 1; n-- {
		_ = os.Rename(fmt.Sprintf("%s.%d", l.path, n), fmt.Sprintf("%s.%d", l.path, n+1)) // most do not exist
	}
}

func (l *log) rename() {
	l.t.Helper()
	if _, err := os.Stat(l.path); err != nil {
		return
	}
	l.shift()
	l.must(os.Rename(l.path, l.path+".1"))
	if l.file != nil {
		l.must(l.file.Close())
		l.file = nil
	}
}

func (l *log) copyTruncate() {
	l.t.Helper()
	if _, err := os.Stat(l.path); err != nil {
		return
	}
	l.shift()
	from, err := os.Open(l.path)
	l.must(err)
	defer func() { _ = from.Close() }()
	to, err := os.Create(l.path + ".1")
	l.must(err)
	_, err = io.Copy(to, from)
	l.must(err)
	l.must(to.Close())
	l.must(os.Truncate(l.path, 0))
}

// A reader is a tail with what it delivered.
type reader struct {
	t        *testing.T
	settings Settings
	tail     dodona.Source
	cursor   []byte
	lines    []string
	dropped  uint64
	causes   []string
	items    []string // and lines
	times    []time.Time
	alive    int      // batches with nothing in them
	doubts   []string // what is not good, and why
	mute     bool     // before what was journaled is acknowledged
	never    string   // the journal never takes a batch with this reading in it
	onDrop   func()   // what happens in the middle of a look that drops something
}

func newReader(l *log, change func(*Settings)) *reader {
	s := Kind.Settings().(*Settings)
	s.Path, s.Format, s.Every = l.path, formatLines, 100*time.Millisecond
	if change != nil {
		change(s)
	}
	r := &reader{t: l.t, settings: *s}
	r.open()
	return r
}

func (r *reader) open() {
	r.t.Helper()
	opened, err := Kind.Open(r.t.Context(), &r.settings, source.Env{
		Source: "boiler", Cursor: r.cursor,
		Dropped: func(n uint64, cause string) {
			if r.dropped, r.causes = r.dropped+n, append(r.causes, cause); r.onDrop != nil {
				r.onDrop()
			}
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.tail = opened
}

func (r *reader) close() {
	r.t.Helper()
	if err := r.tail.Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *reader) restart() {
	r.t.Helper()
	r.close()
	r.open()
}

// read observes for d, which is fake time, and returns the last error that was not the end of it. No look is under way when it
// returns, so none sees half of what the test does then.
func (r *reader) read(d time.Duration) (last error) {
	r.t.Helper()
	defer synctest.Wait()
	ctx, cancel := context.WithTimeout(r.t.Context(), d)
	defer cancel()
	for ctx.Err() == nil {
		b, err := r.tail.Observe(ctx)
		if err != nil {
			if ctx.Err() == nil {
				last = err
				time.Sleep(100 * time.Millisecond) // as the pump's back-off does
			}
			continue
		}
		if b.Cursor == nil && len(b.Readings) == 0 {
			r.alive++
			continue
		}
		if b.Cursor == nil || len(b.Readings) > maxLines {
			r.t.Errorf("a batch of %d lines with cursor %q", len(b.Readings), b.Cursor)
		}
		if r.never != "" && slices.ContainsFunc(b.Readings, func(reading dodona.Reading) bool { return strings.Contains(string(reading.Body), r.never) }) {
			continue // as the pump gives it up
		}
		r.cursor = b.Cursor
		for _, reading := range b.Readings {
			r.lines = append(r.lines, string(reading.Body))
			r.times = append(r.times, reading.SourceTime)
			r.items = append(r.items, reading.Item+" "+string(reading.Body))
			if reading.Quality != dodona.Good {
				r.doubts = append(r.doubts, reading.Quality.String()+": "+reading.Detail)
			}
		}
		if b.Ack == nil {
			continue
		}
		if r.mute {
			return last
		}
		if err := b.Ack(ctx); err != nil {
			last = err
		}
	}
	return last
}

func (r *reader) want(lines ...string) {
	r.t.Helper()
	if got, want := strings.Join(r.lines, "|"), strings.Join(lines, "|"); got != want {
		r.t.Fatalf("delivered %q, want %q", got, want)
	}
}

// wantDropped compares how many drops were told, and looks for a cause in what the first one says.
func (r *reader) wantDropped(n uint64, cause string) {
	r.t.Helper()
	if r.dropped != n || n > 0 && !strings.Contains(r.causes[0], cause) {
		r.t.Errorf("%d dropped: %q; want %d: %q", r.dropped, r.causes, n, cause)
	}
}

// sortedLines compares what came, whatever the order.
func (r *reader) sortedLines(want ...string) {
	r.t.Helper()
	r.same(r.lines, want)
}

// same compares two lists, whatever their order.
func (r *reader) same(got, want []string) {
	r.t.Helper()
	if got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
		r.t.Errorf("delivered %q, want %q", got, want)
	}
}
