package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/dodona-oracle/dodona/internal/durable"
)

// taken begins the name of a file that is being put away. It was read whole and is in the journal, or is put back.
const taken = ".dodona-"

// finish puts away a file that was read whole and is in the journal, and then forgets it. It is taken under another name first,
// and looked at then: one that was dropped under its name meanwhile goes back unread, and so does one whose writer went on.
// End is the place up to which it was read; nil: that was before this start.
func (d *drops) finish(s stamp, end *position) error {
	if d.settings.After == afterKeep || d.env.Trial {
		return nil
	}
	path, aside := filepath.Join(d.at.dir, s.name), filepath.Join(d.at.dir, taken+s.name)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		d.forget(s.key()) // somebody put it away
		return nil
	}
	if err := durable.Move(path, aside); err != nil {
		return d.cannot(s.name, err)
	}
	info, err := os.Lstat(aside)
	if err != nil {
		return d.cannot(s.name, err)
	}
	now := stampOf(aside, info)
	now.name = s.name
	if now != s {
		return d.putBack(now, aside, end)
	}
	return d.putAway(s, aside)
}

// putAway moves or deletes a file that was taken.
func (d *drops) putAway(s stamp, aside string) error {
	var err error
	if d.settings.After == afterMove {
		err = d.moveTo(s, aside)
	} else {
		err = durable.Remove(aside)
	}
	if err != nil {
		err = d.cannot(s.name, err)
		if back := durable.Move(aside, filepath.Join(d.at.dir, s.name)); back != nil {
			err = fmt.Errorf("%w; it is called %s now (%w)", err, filepath.Base(aside), back)
		}
		return err
	}
	d.forget(s.key())
	return nil
}

// putBack gives a file its name again, which is not the one that was read, or has more than was read.
func (d *drops) putBack(now stamp, aside string, end *position) error {
	f, err := os.OpenFile(aside, openFlags, 0)
	if err != nil {
		return d.cannot(now.name, err)
	}
	more := end != nil && now.inode == end.Inode && !differ(now.born, end.Born) && end.matches(f, now.size)
	_ = f.Close() // it was only read
	if err := durable.Move(aside, filepath.Join(d.at.dir, now.name)); err != nil {
		return fmt.Errorf("%s was written to after it was read, and stays as %s, not read again: give it another name: %w", now.name, filepath.Base(aside), err)
	}
	if more {
		d.begun[now.name] = *end
		d.say(fmt.Sprintf("%s was written to after it was read, and is read on from byte %d once it has settled again; is settle (%s) shorter than its writer pauses?", now.name, end.Offset, d.settings.Settle))
	}
	return nil
}

// cannot says what to do about a file that cannot be put away. It is known to be read.
func (d *drops) cannot(name string, err error) error {
	why := ""
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		why = fmt.Sprintf(": the user that the node runs as has to be let write to %s", d.at.dir)
		if d.settings.After == afterMove {
			why += " and to " + d.settings.Into
		}
	case durable.Full(err):
		why = ": the disk is full"
	}
	return fmt.Errorf("put away %s, which was read: %w%s; it stays where it is, and is not read again", name, err, why)
}

// moveTo moves a file to the folder for those that were read. What is there keeps its name.
func (d *drops) moveTo(s stamp, aside string) error {
	if err := durable.MakeFolder(d.settings.Into, 0o750); err != nil {
		return fmt.Errorf("make the folder into: %w", err)
	}
	for _, name := range s.names() {
		to := filepath.Join(d.settings.Into, name)
		err := durable.Move(aside, to)
		if errors.Is(err, syscall.EXDEV) {
			if err = copyTo(s, aside, to); err == nil {
				return durable.Remove(aside)
			}
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		if isCopy(aside, to) { // of an earlier start
			return durable.Remove(aside)
		}
	}
	return fmt.Errorf("every name for it is there in %s already", d.settings.Into)
}

// names returns the names that a file may have among those that were read: its own, then with the time when it was written.
func (s stamp) names() []string {
	ext := filepath.Ext(s.name)
	dated := strings.TrimSuffix(s.name, ext) + "." + s.modified.Format("20060102T150405.000Z")
	names := []string{s.name, dated + ext}
	for n := 2; n < 100; n++ {
		names = append(names, dated+"-"+strconv.Itoa(n)+ext)
	}
	return names
}

// copyTo copies a file to another file system, whole or not at all.
func copyTo(s stamp, from, to string) error {
	f, err := os.OpenFile(from, openFlags, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	err = durable.CreateBy(to, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(f, 0, s.size))
		return err
	}, 0o640)
	if err == nil {
		_ = os.Chtimes(to, s.modified, s.modified) // for people
	}
	return err
}

// isCopy reports whether two files hold the same.
func isCopy(a, b string) bool {
	f, fi, err := openRegular(a)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	g, gi, err := openRegular(b)
	if err != nil {
		return false
	}
	defer func() { _ = g.Close() }() // it was only read
	if fi.Size() != gi.Size() {
		return false
	}
	x, y := make([]byte, chunkSize), make([]byte, chunkSize)
	for {
		n, errX := io.ReadFull(f, x)
		m, errY := io.ReadFull(g, y)
		if n != m || string(x[:n]) != string(y[:m]) {
			return false
		}
		if errX != nil || errY != nil {
			return errors.Is(errX, io.EOF) || errors.Is(errX, io.ErrUnexpectedEOF)
		}
	}
}

// unfinished puts away what was read before, and could not be put away then.
func (d *drops) unfinished() error {
	for len(d.lying) > 0 && d.settings.After != afterKeep && !d.env.Trial {
		if err := d.finish(d.lying[0], nil); err != nil {
			return err
		}
		d.lying = d.lying[1:]
	}
	return nil
}

// sweep looks once for files that a kill left while they were put away.
func (d *drops) sweep() {
	if d.swept || d.env.Trial {
		return
	}
	names, err := namesIn(d.at.dir, func(name string) bool {
		matches, err := filepath.Match(taken+d.at.base, name)
		return err == nil && matches
	})
	if err != nil {
		return // the look says so
	}
	d.swept = true
	for _, hidden := range names {
		aside := filepath.Join(d.at.dir, hidden)
		info, err := os.Lstat(aside)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		s := stampOf(aside, info)
		s.name = strings.TrimPrefix(hidden, taken)
		if d.isDone(s) && d.settings.After != afterKeep {
			err = d.putAway(s, aside)
		} else {
			err = durable.Move(aside, filepath.Join(d.at.dir, s.name))
		}
		if err != nil {
			d.say(err.Error())
		}
	}
}
