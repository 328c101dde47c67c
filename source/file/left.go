package file

import (
	"fmt"
	"os"
	"time"
)

const (
	maxLeft   = 4                // files that were left and are still looked at; each takes a file descriptor
	watchGone = 10 * time.Minute // a file that was left and removed is looked at that long; it takes its room on the disk
)

// leave goes on to the file at path. The one that was read stays open: what a late writer adds to it is read too.
func (f *follower) leave(path string) error {
	old := f.now
	f.now = nil // so that enter does not close it
	if err := f.enter(path, 0); err != nil {
		f.now = old
		return err
	}
	f.left = append(f.left, old)
	for len(f.left) > maxLeft {
		f.forget(0)
	}
	return nil
}

// readLeft returns what was added to files that were left.
func (f *follower) readLeft() found {
	for i := 0; i < len(f.left); i++ {
		o := f.left[i]
		first := o.split.next
		got, err := f.readFrom(o)
		if err != nil {
			f.env.Dropped(1, fmt.Sprintf("%s, which was rotated away, cannot be read any more: %s", o.name, err))
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
	if o.gone.IsZero() || info.Size() > o.end {
		o.gone = f.env.Now()
	}
	return f.env.Now().Sub(o.gone) > watchGone
}

// forget closes a file that was left.
func (f *follower) forget(i int) {
	o := f.left[i]
	if len(o.split.partial) > 0 || o.split.skip {
		f.env.Dropped(1, fmt.Sprintf("%s, which was rotated away, ends in a line without an end", o.name))
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
		file, info, err := openRegular(g.path)
		if err != nil {
			continue
		}
		if !os.SameFile(info, g.info) {
			_ = file.Close()
			continue
		}
		if o, err := openFile(file, info, f.path, p.Offset, f.want.max); err == nil {
			f.left = append(f.left, o)
		}
	}
}
