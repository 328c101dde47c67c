package file

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"
)

const (
	maxLeft   = 4                // files that were left and are open still; each takes a file descriptor
	maxParted = 16               // files that were left before those, of which it is only seen whether they grow
	watchGone = 10 * time.Minute // a file that was left and removed is looked at that long; it takes its room on the disk
)

// A parted is a file that was left and closed, because others that were left grew later.
type parted struct {
	position        // up to where it was read
	path     string // where it was seen last
	name     string // for people
	size     int64  // up to where it was looked at
}

// leave goes on to the file at path. The one that was read stays open: what a late writer adds to it is read too.
func (f *follower) leave(path string) error {
	old := f.now
	f.now = nil // so that enter does not close it
	if err := f.enter(path, 0); err != nil {
		f.now = old
		return err
	}
	if path != f.path {
		m := old.verified.mark()
		f.older = &m
	}
	f.keepLeft(old)
	return nil
}

// keepLeft keeps a file that was left open, and parts for it with the one that has been still for the longest.
func (f *follower) keepLeft(o *opened) {
	o.grown = f.env.Now()
	f.left = append(f.left, o)
	if len(f.left) <= maxLeft {
		return
	}
	f.part(slices.IndexFunc(f.left, func(o *opened) bool {
		return !slices.ContainsFunc(f.left, func(other *opened) bool { return other.grown.Before(o.grown) })
	}))
}

// part closes a file that was left. It is opened again if it grows.
func (f *follower) part(i int) {
	o := f.left[i]
	o.follow()
	f.parted = append(f.parted, parted{o.verified, cmp.Or(o.at, o.file.Name()), o.name, max(o.end, o.split.next)})
	o.close()
	f.left = slices.Delete(f.left, i, i+1)
	if len(f.parted) > maxParted {
		f.giveUp(0)
	}
}

// giveUp looks no more at a file that was left and closed.
func (f *follower) giveUp(i int) {
	if p := f.parted[i]; p.size > p.Offset {
		f.cutOff(p.name)
	}
	f.parted = slices.Delete(f.parted, i, i+1)
}

func (f *follower) cutOff(name string) {
	f.env.Dropped(1, fmt.Sprintf("%s, which was rotated away, ends in a line without an end", name))
}

// isReused reports whether a file that is open has the inode of one that was left and closed: then that one is gone.
func (f *follower) isReused(p parted) bool {
	return slices.ContainsFunc(append(slices.Clone(f.left), f.now), func(o *opened) bool {
		return o.verified.Inode == p.Inode && o.verified.Device == p.Device && p.Inode != 0
	})
}

// isToCome reports whether a file comes after the one that is read.
func (f *follower) isToCome(g generation) bool {
	at := slices.IndexFunc(f.known, func(r remembered) bool { return r.isStill(g) })
	return at < 0 || at > slices.IndexFunc(f.known, func(r remembered) bool { return r.is(f.now.verified) })
}

// takeBack opens a file again that was left and closed, if it grew.
func (f *follower) takeBack() {
	if gone := slices.IndexFunc(f.parted, f.isReused); gone >= 0 {
		f.giveUp(gone)
	}
	for i, p := range f.parted {
		info, err := os.Stat(p.path)
		if err != nil || !newGeneration(p.path, info).is(p.position) {
			moved := slices.IndexFunc(f.known, func(r remembered) bool { return r.is(p.position) }) // as of the last turn
			if moved < 0 || f.known[moved].path == p.path {
				continue
			}
			f.parted[i].path = f.known[moved].path
			continue
		}
		if info.Size() <= p.size {
			continue
		}
		f.parted = slices.Delete(f.parted, i, i+1)
		if o, found := f.reopen(p.path, p.position); found {
			f.keepLeft(o)
		} else if !f.isToCome(newGeneration(p.path, info)) {
			f.env.Dropped(1, fmt.Sprintf("%s, which was rotated away, grew and cannot be read any more", p.name))
		}
		return
	}
}

// reopen opens a file of the log where it was read up to.
func (f *follower) reopen(path string, p position) (*opened, bool) {
	file, info, err := openRegular(path)
	if err != nil {
		return nil, false
	}
	if !newGeneration(path, info).is(p) || !p.matches(file, info.Size()) {
		_ = file.Close() // it was only read
		return nil, false
	}
	o, err := openFile(file, info, f.path, p.Offset, f.want.max)
	if err != nil {
		return nil, false
	}
	o.since = p.notBefore()
	if f.want.table != nil {
		o.table = f.want.table(o.name)
		o.resume(p)
	}
	return o, true
}

// readLeft returns what was added to files that were left.
func (f *follower) readLeft() found {
	f.busy = false
	f.takeBack()
	for i := 0; i < len(f.left); i++ {
		o := f.left[i]
		first := o.split.next
		got, err := f.readFrom(o)
		if err != nil {
			f.env.Dropped(1, fmt.Sprintf("%s, which was rotated away, cannot be read any more: %s", o.name, err))
		}
		if got.any() {
			o.grown = f.env.Now()
		}
		if err != nil || f.ended(o) {
			f.forget(i)
			i--
		}
		if got.any() {
			f.env.Log.Info(fmt.Sprintf("%s: somebody still writes to %s, which was rotated away; its lines are read too", f.env.Source, o.name),
				"source", f.env.Source, "from", first)
			return got
		}
	}
	return found{}
}

// ended reports whether nothing more can come from a file that was left: it was truncated, as before it is used again, or it was
// removed some time ago.
func (f *follower) ended(o *opened) bool {
	if intact, err := o.intact(); err != nil || !intact {
		return true
	}
	info, err := o.file.Stat()
	if err != nil || linked(info) {
		o.gone = time.Time{}
		return err != nil
	}
	now := f.env.Now()
	if o.gone.IsZero() {
		o.gone = now
	}
	return now.Sub(o.gone) > watchGone && now.Sub(o.grown) > watchGone
}

// forget closes a file that was left.
func (f *follower) forget(i int) {
	o := f.left[i]
	if len(o.split.partial) > 0 || o.split.skip {
		f.cutOff(o.name)
	}
	o.close()
	f.left = append(f.left[:i:i], f.left[i+1:]...)
}

// enterLeft opens the files again that were left before this start, as far as they are there.
func (f *follower) enterLeft(was position) {
	for _, m := range was.Left {
		p := m.position(f.path)
		g, there := f.findFile(p)
		if !there || f.now != nil && g.is(f.now.verified) {
			continue
		}
		if o, found := f.reopen(g.path, p); found {
			f.left = append(f.left, o)
		}
	}
}
