// Package durable writes small files so that a power cut leaves the old one or the new one, never a piece of either.
// What it returns nil for is on the disk: the content, the name and, with [MakeFolder], the folders above it.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Write sets the content and the mode of the file at path, whether there is one or not. After an error, a kill or a
// power cut the file is the old one or the new one, whole. Its folder must be there. A link at path is replaced, not
// followed. Processes may write one file at once: the last one wins.
func Write(path string, data []byte, perm fs.FileMode) error {
	return disk{(*os.File).Sync, os.Rename}.put(path, whole(data), perm)
}

// WriteBy does what [Write] does with what content writes, which may be called again.
func WriteBy(path string, content func(io.Writer) error, perm fs.FileMode) error {
	return disk{(*os.File).Sync, os.Rename}.put(path, content, perm)
}

// whole writes data at once.
func whole(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// Create makes the file at path as [Write] does, but never replaces a file or a link: the error then is [fs.ErrExist].
// After any other error there is no file, except after an error of the folder, whose file is whole and may be gone
// after a power cut.
func Create(path string, data []byte, perm fs.FileMode) error {
	return disk{(*os.File).Sync, linkOnce}.put(path, whole(data), perm)
}

// CreateBy does what [Create] does with what content writes, which may be called again.
func CreateBy(path string, content func(io.Writer) error, perm fs.FileMode) error {
	return disk{(*os.File).Sync, linkOnce}.put(path, content, perm)
}

// MoveFolder gives a folder, whose files are on the disk, another name beside it that nothing has, and brings that to the disk.
func MoveFolder(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(filepath.Clean(to)), (*os.File).Sync)
}

// MakeFolder makes the folder dir and those above it that are missing, and brings their names to the disk. After an error it may be
// called again.
func MakeFolder(dir string, perm fs.FileMode) error {
	return disk{sync: (*os.File).Sync}.makeFolder(dir, perm)
}

func (d disk) makeFolder(dir string, perm fs.FileMode) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := d.makeFolder(above, perm); err != nil {
			return err
		}
	}
	made := os.Mkdir(dir, perm)
	if made != nil && !errors.Is(made, fs.ErrExist) {
		return made
	}
	if info, err := os.Stat(dir); err != nil {
		return err
	} else if !info.IsDir() {
		return &fs.PathError{Op: "make folder", Path: dir, Err: syscall.ENOTDIR}
	}
	err := syncFolder(above, d.sync)
	if err != nil && made == nil {
		_ = os.Remove(dir) // or the next call would find it, and its name might never come to the disk
	}
	return err
}

// A disk is what can fail, so that tests can let it.
type disk struct {
	sync func(*os.File) error
	name func(from, to string) error // gives a written file its name
}

// abandoned begins the name of every file that has none yet.
const abandoned = ".durable-"

// tries bounds how often a file is written again because somebody took it for abandoned.
const tries = 3

func (d disk) put(path string, content func(io.Writer) error, perm fs.FileMode) error {
	dir := filepath.Dir(path)
	sweep(dir)
	for try := 1; ; try++ {
		from, err := d.write(dir, content, perm)
		if err != nil {
			return fmt.Errorf("write the file for %s: %w", path, err)
		}
		err = d.name(from, path)
		_ = os.Remove(from) // fails after a rename
		switch {
		case err == nil:
			if err := syncFolder(dir, d.sync); err != nil {
				return fmt.Errorf("bring the name of %s to the disk: %w", path, err)
			}
			return nil
		case errors.Is(err, fs.ErrNotExist) && try < tries:
			// Writing took so long that another process swept it away.
		default:
			return fmt.Errorf("name %s: %w", path, err)
		}
	}
}

// write leaves a file with the content, on the disk, that has no name yet.
func (d disk) write(dir string, content func(io.Writer) error, perm fs.FileMode) (name string, err error) {
	f, err := os.CreateTemp(dir, abandoned+"*") // mode 0600
	if err != nil {
		return "", err
	}
	err = content(f)
	if err == nil && perm != 0o600 { // some file systems have no modes
		err = f.Chmod(perm)
	}
	if err == nil {
		err = d.sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// linkOnce gives a file its name if nothing has it: a link, unlike a rename, fails then. Where there are no links
// (FAT), two processes that create one file at the same moment both succeed, and the last one wins.
func linkOnce(from, to string) error {
	err := os.Link(from, to)
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}

// sweepAfter is how old a file without a name is when whoever wrote it is taken for dead.
const sweepAfter = time.Minute

// sweep removes what killed processes left in a folder.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), abandoned) {
			continue
		}
		// A gateway's clock may have jumped in between, in either direction.
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()).Abs() > sweepAfter {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// syncFolder brings the names in dir to the disk. Some file systems cannot and say EINVAL; they do it by themselves.
func syncFolder(dir string, sync func(*os.File) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err = sync(d); errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
