package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
)

// move goes on to another file, or to the start of this one, if there is nothing more to come from here.
// It is called at the end of the file, and returns a batch if the file ends in a line without an end.
func (t *tail) move() (last dodona.Batch, moved bool, err error) {
	intact, err := t.intact()
	if err != nil {
		return last, false, err
	}
	if !intact {
		return last, true, t.afterTruncation()
	}
	current, err := t.file.Stat()
	if err != nil {
		return last, false, fmt.Errorf("look at file: %w", err)
	}
	if current.Size() > t.split.next {
		return last, true, nil // written just now
	}
	atPath, err := os.Stat(t.settings.Path)
	if errors.Is(err, os.ErrNotExist) {
		return last, false, nil // renamed, and the new one is not there yet
	}
	if err != nil {
		return last, false, fmt.Errorf("look at file: %w", err)
	}
	if os.SameFile(current, atPath) {
		t.rotated = time.Time{}
		return last, false, nil
	}
	next, found, err := t.next()
	if err != nil || t.lingers(current.Size(), found) {
		return last, false, err
	}
	if last, err = t.lastLine(); err != nil || last.Cursor != nil {
		return last, false, err
	}
	return last, true, t.goOn(next.path)
}

// next returns the next newer file, if that or a newer one has anything to read.
func (t *tail) next() (next generation, found bool, err error) {
	all, err := generations(t.settings.Path)
	if err != nil {
		return next, false, err
	}
	next, found = following(all, t.verified)
	from := slices.IndexFunc(all, next.same)
	return next, found && slices.ContainsFunc(all[max(from, 0):], func(g generation) bool { return g.size > 0 }), nil
}

// lingers reports whether a file of this size that was rotated away is still followed: as long as its writer seems not to
// know, because nothing is written to a newer one, or this one grows; but not for ever, if both are written to.
func (t *tail) lingers(size int64, newer bool) bool {
	now := t.env.Now()
	if t.rotated.IsZero() || !newer {
		t.rotated = now
	}
	if size != t.size {
		t.size, t.grown = size, now
	}
	long := max(minLinger, 2*t.every)
	return now.Sub(t.rotated) < long || now.Sub(t.grown) < long && now.Sub(t.rotated) < max(maxLinger, long)
}

// beforeFirstLine catches what copytruncate took away before a whole line of the file was read: then only the new copy
// tells of it.
func (t *tail) beforeFirstLine() (moved bool, err error) {
	if t.split.start > 0 {
		return false, nil
	}
	all, err := generations(t.settings.Path)
	if err != nil {
		return false, err
	}
	g, found := t.unknown(all)
	if !found {
		return false, nil
	}
	return true, t.enter(g.path, 0)
}

// unknown returns the oldest file that was rotated away from before the one that is read, and was not there when
// that one was opened.
func (t *tail) unknown(all []generation) (generation, bool) {
	for _, g := range all {
		if g.is(t.verified) || g.path == t.settings.Path {
			break
		}
		if !slices.ContainsFunc(t.known, g.same) {
			return g, true
		}
	}
	return generation{}, false
}

// afterTruncation goes on with the copy that copytruncate made, from where we were, or else from the start of
// what is there now.
func (t *tail) afterTruncation() error {
	all, err := generations(t.settings.Path)
	if err != nil {
		return err
	}
	was := t.verified
	if g, found := find(all, t.settings.Path, was); found && was.Offset > 0 {
		return t.enter(g.path, was.Offset)
	}
	if g, found := t.unknown(all); found && was.Offset == 0 {
		return t.enter(g.path, 0)
	}
	t.env.Log.Warn(fmt.Sprintf("%s: %s was truncated and no copy of it was found; going on from its start, lines since the last look may be lost",
		t.env.Source, filepath.Base(t.settings.Path)), "source", t.env.Source)
	if len(t.split.partial) > 0 || t.split.skip {
		t.env.Dropped(1, "a file was truncated in the middle of a line and no copy of it was found")
	}
	return t.enter(t.settings.Path, 0)
}

// lastLine returns the line without an end that a rotated file ends in, as a batch.
func (t *tail) lastLine() (dodona.Batch, error) {
	l, found, long := t.split.finish()
	if long {
		t.dropLong()
	}
	if !found || len(l.text) == 0 {
		return dodona.Batch{}, nil
	}
	return t.closeBatch([]line{l})
}
