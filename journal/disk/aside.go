package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona/internal/durable"
)

// Folder is where damaged files are kept, within the data folder. Nothing reads it; it may be removed.
const Folder = "damaged"

// What is kept of damaged files: the newest.
const (
	maxAsideFiles = 32
	maxAsideBytes = 32 << 20
)

// aside keeps damaged files, and what was found.
type aside struct {
	dir   string // the data folder
	now   func() time.Time
	found []Finding
}

// Aside keeps a copy of a damaged file in the data folder's [Folder], as long as that is not too large, and returns
// what is to be told about it. The file itself stays where it is.
func Aside(dir, path, what string, now time.Time) (Finding, error) {
	a := aside{dir: dir, now: func() time.Time { return now }}
	if err := a.keep(path, what); err != nil {
		return Finding{}, err
	}
	return a.found[0], nil
}

// keep notes that a file is damaged and keeps it aside. The file itself stays, for the caller to replace or remove.
func (a *aside) keep(path, what string) error {
	name, err := filepath.Rel(a.dir, path)
	if err != nil {
		return err
	}
	f := Finding{At: a.now().UTC().Truncate(time.Millisecond), File: filepath.ToSlash(name), What: what}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() && info.Size() <= maxAsideBytes {
		folder := filepath.Join(a.dir, Folder)
		if err := durable.MakeFolder(folder, 0o700); err != nil {
			return fmt.Errorf("keep the damaged file %s: %w", name, err)
		}
		if err := makeRoom(folder, info.Size()); err != nil {
			return fmt.Errorf("keep the damaged file %s: %w", name, err)
		}
		flat := strings.NewReplacer("/", "_", "$", "").Replace(strings.TrimPrefix(f.File, "jetstream/"))
		f.Aside = Folder + "/" + f.At.Format("20060102T150405.000Z") + "_" + flat
		if err := linkOrCopy(path, filepath.Join(a.dir, filepath.FromSlash(f.Aside))); err != nil {
			return fmt.Errorf("keep the damaged file %s: %w", name, err)
		}
	}
	a.found = append(a.found, f)
	return nil
}

// makeRoom removes the oldest files until one more of so many bytes fits.
func makeRoom(folder string, size int64) error {
	entries, err := os.ReadDir(folder) // by name, which begins with the time
	if err != nil {
		return err
	}
	var sizes []int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		sizes = append(sizes, info.Size())
		size += info.Size()
	}
	for len(sizes) > 0 && (len(sizes) >= maxAsideFiles || size > maxAsideBytes) {
		if err := os.RemoveAll(filepath.Join(folder, entries[0].Name())); err != nil {
			return err
		}
		size -= sizes[0]
		entries, sizes = entries[1:], sizes[1:]
	}
	return nil
}

// linkOrCopy gives a file a second name, which takes no room; where there are no links, it copies.
// A file whose bytes cannot be read is not copied.
func linkOrCopy(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return durable.WriteBy(to, func(out io.Writer) error {
		in, err := os.Open(from)
		if err != nil {
			return err
		}
		defer in.Close()
		if _, err = io.Copy(out, in); unreadable(err) {
			return nil
		}
		return err
	}, 0o600)
}

// unreadable reports whether an error is the medium's: the bytes are gone, however often one asks.
func unreadable(err error) bool {
	return slices.ContainsFunc([]error{syscall.EIO, syscall.EBADMSG, syscall.EUCLEAN}, func(e error) bool { return errors.Is(err, e) })
}
