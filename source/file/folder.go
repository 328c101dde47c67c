package file

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	maxGenerations = 1000   // files beside a log that are looked at
	maxNames       = 200000 // names of a folder that are read
	sureAfter      = 2 * time.Second
)

// A folder is what stood beside a log when its folder was last changed.
type folder struct {
	names map[place]listing
}

// A listing is the names in a folder that may be of a log.
type listing struct {
	names    []string
	modified time.Time // of the folder
	at       time.Time // when it was read
}

// list returns the names in the folder of p that are wanted for a log called as it is there. It reads the folder again only if that was
// changed: one of a hundred thousand files costs nothing as long as nobody makes one.
func (d *folder) list(p place, wanted func(name string) bool) ([]string, error) {
	info, err := os.Stat(p.dir)
	if err != nil {
		return nil, err
	}
	// A change in the instant of the reading leaves the same time.
	if l, known := d.names[p]; known && l.modified.Equal(info.ModTime()) && l.at.Sub(l.modified) > sureAfter {
		return l.names, nil
	}
	l := listing{modified: info.ModTime(), at: time.Now()}
	if l.names, err = namesIn(p.dir, wanted); err != nil {
		return nil, err
	}
	if d.names == nil {
		d.names = map[place]listing{}
	}
	if len(d.names) > 8 { // links may lead to many folders, one after the other
		clear(d.names)
	}
	d.names[p] = l
	return l.names, nil
}

// namesIn returns the wanted names in a folder, sorted, within bounds.
func namesIn(dir string, wanted func(name string) bool) (names []string, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	for read := 0; read < maxNames; {
		some, err := f.Readdirnames(1000)
		read += len(some)
		for _, name := range some {
			if wanted(name) {
				names = append(names, name)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return names, nil
}

// maxFolders is how many folders beside a log are looked into for what was rotated away.
const maxFolders = 32

// withFolders returns places and, after them, the same names in the folders that are there.
func withFolders(places []place) []place {
	all := slices.Clone(places)
	for _, p := range places {
		names, err := namesIn(p.dir, func(string) bool { return true })
		if err != nil {
			continue
		}
		found := 0
		for _, name := range names[:min(len(names), maxGenerations)] {
			dir := filepath.Join(p.dir, name)
			if info, err := os.Lstat(dir); err == nil && info.IsDir() && found < maxFolders {
				all = append(all, place{dir, p.base})
				found++
			}
		}
	}
	return all
}

// A place is a folder in which files of the log may be, and the name that the log has there.
type place struct{ dir, base string }

// places returns where files of the log may be: beside its path, beside where that leads if it is a link, and beside where the
// file was that was read last.
func (f *follower) places(was string) []place {
	own := placeOf(f.path)
	all := []place{own}
	for _, path := range []string{realOf(f.path), was} {
		p := placeOf(path)
		if isRotated(own.base, p.base) {
			p.base = own.base // put into a folder of its own
		}
		if path != "" && !slices.ContainsFunc(all, func(other place) bool { return other.dir == p.dir }) {
			all = append(all, p)
		}
	}
	return all
}

func placeOf(path string) place { return place{cmp.Or(filepath.Dir(path), "."), filepath.Base(path)} }

// realOf returns where a path leads if that is elsewhere, else nothing.
func realOf(path string) string {
	if to, err := filepath.EvalSymlinks(path); err == nil && to != filepath.Clean(path) {
		return to
	}
	return ""
}

// was returns where the file is, or was, that is read or was read last.
func (f *follower) was() string {
	if f.now != nil {
		f.now.follow()
		return f.now.at
	}
	if f.last != nil {
		return f.last.At
	}
	return ""
}
