package file

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// A follower follows the lines of one log: the file at a path, and those that were rotated away from there.
type follower struct {
	settings Settings
	env      source.Env
	every    time.Duration
	path     string
	item     string // of its readings
	want     *reading

	last  *position // where the last batch ended; nil before the first
	fresh bool      // the file was absent when we first looked, so all of it is new
	born  time.Time // what another file than those that are known has is not older; zero: nobody knows
	since *int64    // what was there up to here counts for nothing; nil: the settings say

	now     *opened // nil until it is found
	left    []*opened
	parted  []parted
	busy    bool // the last lines were those of now: it is the turn of those that were left
	folder  folder
	known   []remembered // that were there before now was opened
	earlier []remembered // that were there before the file at path was opened
	older   *mark        // one that was put away before now was; nil: nobody knows
	packed  []remembered // compressed ones that were there then
	placed  bool         // the file at path was opened: what is later is known by not being earlier
	rotated time.Time    // when now was first seen not to be the one at path, and a newer one to be written; zero if it is
	size    int64        // of now when it was last seen to grow since then
	grown   time.Time    // when that was
	missing time.Time    // since when nothing is at path
	header  []byte       // of the rows that were read last; nil: unknown
}

func newFollower(s Settings, env source.Env, every time.Duration, path string) *follower {
	f := &follower{
		settings: s, env: env, every: every, path: path,
		want: &reading{max: int(s.MaxLine), dropped: env.Dropped, chunk: make([]byte, chunkSize), now: env.Now},
	}
	if s.Format == formatCSV {
		f.want.table = func(name string) *table { return newTable(s.table(), sayer(env, name)) }
	}
	return f
}

// A found is what one look found: lines of one file, or a position that is worth keeping without any.
type found struct {
	lines []line
	name  string
	keep  bool
}

func (f found) any() bool { return f.keep || len(f.lines) > 0 }

// look returns what is there now; nothing without an error means that there is nothing new.
func (f *follower) look(ended func() error) (got found, err error) {
	for moved := true; moved; {
		if err := ended(); err != nil {
			return found{}, err
		}
		if f.now == nil {
			if got, err = f.begin(); err != nil || got.any() {
				return got, err
			}
		}
		if moved, err = f.beforeFirstLine(); err != nil {
			return found{}, err
		}
		if moved {
			continue
		}
		if f.busy {
			if got = f.readLeft(); got.any() {
				return got, nil
			}
		}
		if got, err = f.readFrom(f.now); err != nil || got.any() {
			f.busy = true
			return got, err
		}
		if got = f.readLeft(); got.any() {
			return got, nil
		}
		if got, moved, err = f.move(); err != nil || got.any() {
			return got, err
		}
	}
	return found{}, nil
}

// readFrom returns the lines that one file has now.
func (f *follower) readFrom(o *opened) (found, error) {
	lines, err := o.read(f.want)
	if err != nil || len(lines) == 0 {
		return found{}, err
	}
	return f.keep(o, lines)
}

// keep returns lines of a file, and takes the position after them.
func (f *follower) keep(o *opened, lines []line) (found, error) {
	if err := o.settle(f.path); err != nil {
		return found{}, err
	}
	f.mark()
	if o.table != nil && o.table.header != nil {
		f.header = o.table.header
	}
	return found{lines: lines, name: o.name, keep: true}, nil
}

// mark takes the position of all files as the one to go on from.
func (f *follower) mark() {
	p := f.now.verified
	p.Left, p.Older = nil, f.older
	for _, o := range f.left {
		p.Left = append(p.Left, o.verified.mark())
	}
	f.last = &p
}

func (f *follower) close() {
	if f.now != nil {
		f.now.close()
	}
	for _, o := range f.left {
		o.close()
	}
	f.now, f.left = nil, nil
}

// begin finds where to go on. If that is the end of a file nobody has read, it has nothing but a position to keep, so that the
// next start begins there too.
func (f *follower) begin() (found, error) {
	if f.last == nil {
		if _, err := os.Stat(f.path); err != nil {
			if errors.Is(err, os.ErrNotExist) {
				f.fresh, f.born = true, f.env.Now()
			}
			return found{}, cannotOpen(f.path)
		}
		return f.enterFirst()
	}
	was := *f.last
	f.older = was.Older
	if f.born.IsZero() {
		f.born = was.Modified
	}
	all, err := f.generations()
	if err != nil {
		return found{}, err
	}
	g, there := f.find(all, was)
	if there {
		if err := f.enter(g.path, was.Offset); err != nil {
			return found{}, err
		}
		f.now.since, f.now.copied = was.notBefore(), f.now.copied && !g.is(was)
		f.now.resume(was)
		if !slices.ContainsFunc(all, g.same) {
			f.tellPutAway(g, was)
		}
		f.enterLeft(was)
		return found{}, nil
	}
	if g, there = f.goOn(all, was); !there {
		return found{}, cannotOpen(f.path)
	}
	if err := f.enter(g.path, 0); err != nil {
		return found{}, err
	}
	f.lost(fmt.Sprintf("%s was rotated away after it was read up to byte %d, and is not found beside %s%s; going on with %s from its start",
		filepath.Base(cmp.Or(was.At, f.path)), was.Offset, f.path, f.compressed(was), filepath.Base(g.path)))
	f.enterLeft(was)
	return found{}, nil
}

// goOn returns where to go on though the file of was is gone: with what was written after it. What is older was read, or was not
// meant to be, and what was left is read from where it was left.
func (f *follower) goOn(all []generation, was position) (generation, bool) {
	left := func(g generation) bool {
		return g.path != f.path && slices.ContainsFunc(was.Left, func(m mark) bool { return g.is(m.position(f.path)) && g.holds(m.position(f.path)) })
	}
	g, found := newerThan(slices.DeleteFunc(all, left), was)
	return g, found && (g.path == f.path || g.modified.After(was.Modified))
}

// lost tells of lines that may be lost, nobody knows how many.
func (f *follower) lost(cause string) {
	f.env.Log.Warn(fmt.Sprintf("%s: %s; lines between may be lost", f.env.Source, cause), "source", f.env.Source)
	f.env.Dropped(1, cause+" (one or more lines)")
}

// compressed names what may hold the lines that are lost.
func (f *follower) compressed(was position) string {
	var names []string
	for _, g := range f.packedNow() {
		if len(names) < maxNamed && !g.modified.Before(was.Modified) {
			names = append(names, filepath.Base(g.path))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s may hold the rest: what is compressed is not read; let rotation compress one turn later, as delaycompress does)", strings.Join(names, ", "))
}

// cannotOpen returns why the file at path could not be opened a moment ago.
func cannotOpen(path string) error {
	f, _, err := openRegular(path)
	if err != nil {
		return err
	}
	_ = f.Close()
	return fmt.Errorf("open file %s: it appeared just now", path)
}

// enterFirst opens the file at path, of which nothing was ever read.
func (f *follower) enterFirst() (found, error) {
	err := f.enter(f.path, 0)
	if err == nil && f.since != nil {
		return f.enterEnd(*f.since)
	}
	if err != nil || f.fresh || f.settings.From == fromStart {
		return found{}, err
	}
	info, err := f.now.file.Stat()
	if err != nil {
		return found{}, fmt.Errorf("look at file: %w", err)
	}
	f.now.since = f.env.Now()
	return f.enterEnd(info.Size())
}

// enterEnd goes on at the end of the file that was opened: back to where a half written line begins, which belongs to what comes.
func (f *follower) enterEnd(end int64) (found, error) {
	if info, err := f.now.file.Stat(); err != nil || info.Size() < end { // truncated meanwhile
		return found{}, err
	}
	back := min(end, int64(f.want.max)+1)
	b := make([]byte, back)
	if _, err := f.now.file.ReadAt(b, end-back); err != nil && !errors.Is(err, io.EOF) {
		return found{}, fmt.Errorf("read file: %w", err)
	}
	whole := strings.LastIndexAny(string(b), lineEnds) + 1
	switch {
	case whole > 0:
		f.now.split = newSplitter(end-back+int64(whole), f.want.max)
	case back < end: // the line is too long anyway
		f.now.split = newSplitter(end-back, f.want.max)
	}
	return f.keep(f.now, nil)
}

// enter opens the file at path and reads on from offset. The file before is closed, unless it was left before.
func (f *follower) enter(path string, offset int64) error {
	at := time.Now()
	all, err := f.generations() // before it is opened: what is rotated away from now on is later than it
	if err != nil {
		return err
	}
	file, info, err := openRegular(path)
	if err != nil {
		return err
	}
	o, err := openFile(file, info, f.path, offset, f.want.max)
	if err != nil {
		return err
	}
	o.since, o.copied = f.born, path != f.path
	if f.want.table != nil {
		o.table = f.want.table(o.name)
		o.table.before = f.header
	}
	if f.now != nil {
		f.now.close()
	}
	f.now, f.known, f.rotated, f.missing = o, remember(all, f.known, at), time.Time{}, time.Time{}
	if path == f.path {
		f.earlier = slices.DeleteFunc(slices.Clone(f.known), func(r remembered) bool { return r.path == f.path })
		f.packed, f.placed = remember(f.packedNow(), f.packed, at), true
		f.older = olderThan(filepath.Base(path), slices.DeleteFunc(all, func(g generation) bool { return g.path == f.path }))
	}
	return nil
}

// resume goes on with the header that was in force where an earlier start ended.
func (o *opened) resume(was position) {
	if o.table != nil {
		o.table.resume(was.Header)
	}
}

// readings makes readings of lines.
func (f *follower) readings(got found) (readings []dodona.Reading) {
	now := f.env.Now()
	media := f.settings.media()
	for i, l := range got.lines {
		r := dodona.Reading{
			Source:      f.env.Source,
			Item:        f.item,
			Body:        l.text,
			ContentType: media,
			Received:    now.Add(time.Duration(i)), // of lines that came together the later one is the later
			Detail:      fmt.Sprintf("%s at byte %d, %d B", got.name, l.offset, len(l.text)),
		}
		if f.settings.Time != timeRead {
			r = timedLine(r, l)
		}
		if l.reason != "" {
			r = bad(r, l.reason)
		}
		readings = append(readings, r)
	}
	return readings
}
