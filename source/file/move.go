package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	minLinger = 2 * time.Second  // a rotated file is followed alone for that long, because its writer may not know yet
	maxLinger = time.Minute      // and for that long at most while it grows as the newer one does; then both are
	maxAbsent = 10 * time.Second // a rotation leaves nothing at the path for that long at most
)

// move goes on to another file, or to the start of this one, if there is nothing more to come from here.
// It is called at the end of the file, and returns the last line if the file ends in one without an end.
func (f *follower) move() (last found, moved bool, err error) {
	intact, err := f.now.intact()
	if err != nil {
		return last, false, err
	}
	if !intact {
		return last, true, f.afterTruncation()
	}
	current, err := f.now.file.Stat()
	if err != nil {
		return last, false, fmt.Errorf("look at file: %w", err)
	}
	if current.Size() > max(f.now.split.next, f.now.end) {
		return last, true, nil // written just now
	}
	atPath, err := os.Stat(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return last, false, f.absent(current.Size()) // renamed, and the new one is not there yet
	}
	f.missing = time.Time{}
	if err != nil {
		return last, false, fmt.Errorf("look at file: %w", err)
	}
	if os.SameFile(current, atPath) {
		f.rotated, f.born = time.Time{}, f.now.notBefore()
		return last, false, nil
	}
	if !atPath.Mode().IsRegular() {
		return last, false, notRegular(f.path, atPath)
	}
	next, found, err := f.next()
	if err != nil || f.lingers(current.Size(), found) {
		return last, false, err
	}
	if last, err = f.lastLine(); err != nil || last.any() {
		return last, false, err
	}
	if all, err := f.generations(); err == nil {
		f.tellPacked(all)
	}
	return last, true, f.leave(next.path)
}

// absent returns why nothing can be opened at the path, if that lasts and the file that was there does not grow any more.
func (f *follower) absent(size int64) error {
	now := f.env.Now()
	if f.missing.IsZero() || size != f.size {
		f.missing, f.size = now, size
	}
	if now.Sub(f.missing) < maxAbsent {
		return nil
	}
	if err := cannotOpen(f.path); err != nil {
		return fmt.Errorf("%w; %s, which was there before, is followed still", err, f.now.name)
	}
	return nil
}

// next returns the next newer file, if that or a newer one has anything to read.
func (f *follower) next() (next generation, found bool, err error) {
	all, err := f.generations()
	if err != nil {
		return next, false, err
	}
	all = slices.DeleteFunc(all, f.isEarlier)
	next, found = following(all, f.now.verified)
	from := slices.IndexFunc(all, next.same)
	return next, found && slices.ContainsFunc(all[max(from, 0):], func(g generation) bool { return g.size > 0 }), nil
}

// isEarlier reports whether a file beside the path was there before the one at path was opened, if one was, or was left: it is no
// later one, but an older one, or another log.
func (f *follower) isEarlier(g generation) bool {
	return g.path != f.path && !g.is(f.now.verified) && (g.isAmong(f.earlier) ||
		slices.ContainsFunc(f.left, func(o *opened) bool { return g.is(o.verified) }))
}

// lingers reports whether a file of this size that was rotated away is still followed alone: as long as its writer seems not to
// know, because nothing is written to a newer one, or this one grows; but not for ever, if both are written to.
func (f *follower) lingers(size int64, newer bool) bool {
	now := f.env.Now()
	if f.rotated.IsZero() || !newer {
		f.rotated = now
	}
	if size != f.size {
		f.size, f.grown = size, now
	}
	long := max(minLinger, 2*f.every)
	return now.Sub(f.rotated) < long || now.Sub(f.grown) < long && now.Sub(f.rotated) < max(maxLinger, long)
}

// beforeFirstLine catches what copytruncate took away before a whole line of the file was read: then only the new copy
// tells of it.
func (f *follower) beforeFirstLine() (moved bool, err error) {
	if f.now.split.start > 0 {
		return false, nil
	}
	all, err := f.generations()
	if err != nil {
		return false, err
	}
	g, found := f.unknown(all)
	if !found {
		return false, nil
	}
	return true, f.enter(g.path, 0)
}

// unknown returns the oldest file that was rotated away from before the one that is read, and was not there when
// that one was opened.
func (f *follower) unknown(all []generation) (generation, bool) {
	for _, g := range all {
		if g.is(f.now.verified) || g.path == f.path {
			break
		}
		if !g.isAmong(f.known) && !slices.ContainsFunc(f.left, func(o *opened) bool { return g.is(o.verified) }) {
			return g, true
		}
	}
	return generation{}, false
}

// afterTruncation goes on with the copy that copytruncate made, from where we were, or else from the start of
// what is there now.
func (f *follower) afterTruncation() error {
	all, err := f.generations()
	if err != nil {
		return err
	}
	was, since := f.now.verified, f.now.notBefore()
	if g, found := f.find(all, was); found && was.Offset > 0 {
		if err := f.enter(g.path, was.Offset); err != nil {
			return err
		}
		f.now.since = since
		f.now.resume(was)
		return nil
	}
	if g, found := f.unknown(all); found && was.Offset == 0 {
		return f.enter(g.path, 0)
	}
	cut := len(f.now.split.partial) > 0 || f.now.split.skip
	if err := f.enter(f.path, 0); err != nil {
		return err
	}
	what := fmt.Sprintf("%s was truncated after it was read up to byte %d, and no copy of it is found beside it", filepath.Base(f.path), was.Offset)
	f.env.Log.Warn(fmt.Sprintf("%s: %s; going on from its start, lines since the last look may be lost", f.env.Source, what), "source", f.env.Source)
	if cut {
		f.env.Dropped(1, what+": it was in the middle of a line")
	}
	return nil
}

// lastLine returns the line without an end that a rotated file ends in.
func (f *follower) lastLine() (found, error) {
	l, whole, long := f.now.split.finish()
	if long {
		f.want.tooLong(f.now.name)
	}
	if !whole {
		return found{}, nil
	}
	l, counts := f.now.admit(l, f.want.max)
	if !counts {
		return found{}, nil
	}
	lines := []line{l}
	f.now.date(lines, true)
	return f.keep(f.now, lines)
}
