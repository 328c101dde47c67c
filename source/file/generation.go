package file

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A generation is one file of a log: the one that is written, or one that was rotated away.
type generation struct {
	path     string
	info     os.FileInfo
	device   uint64
	inode    uint64
	born     time.Time // zero: the system does not say
	size     int64
	modified time.Time
}

func newGeneration(path string, info os.FileInfo) generation {
	device, inode := identity(info)
	return generation{path: path, info: info, device: device, inode: inode, born: bornAt(path, inode), size: info.Size(), modified: info.ModTime()}
}

// is reports whether g is the file of p by its inode. That is given again once a file is gone: who cannot know that it is there still
// compares what the file holds too, for not each system says when a file was made.
func (g generation) is(p position) bool {
	return g.inode == p.Inode && g.device == p.Device && g.inode != 0 && !differ(g.born, p.Born)
}

// differ reports whether files that were made then are two.
func differ(a, b time.Time) bool { return !a.IsZero() && !b.IsZero() && !a.Equal(b) }

// same reports whether g and h are one file, if both are there.
func (g generation) same(h generation) bool {
	if g.inode == 0 {
		return g.path == h.path
	}
	return g.inode == h.inode && g.device == h.device && !differ(g.born, h.born)
}

// holds reports whether g contains what was read up to p.
func (g generation) holds(p position) bool {
	if g.size < p.Offset {
		return false
	}
	f, _, err := openRegular(g.path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	return p.matches(f, g.size)
}

// generations returns the files of the log, oldest first, the one that is written last (if it exists).
// Compressed ones are not among them.
func (f *follower) generations() ([]generation, error) {
	var all []generation
	own := placeOf(f.path)
	for _, p := range f.places(f.was()) {
		names, err := f.folder.list(p, func(name string) bool {
			return isRotated(p.base, name) || isPacked(name) && strings.HasPrefix(name, p.base) || p.base != own.base && shape(name) == shape(p.base)
		})
		if err != nil && p != own {
			continue // a link leads nowhere now
		}
		if err != nil {
			return nil, fmt.Errorf("list the files beside %s: %w", own.base, err)
		}
		for _, g := range lastOf(p.dir, names, func(name string) bool { return !isPacked(name) && (p.dir != own.dir || name != own.base) }) {
			if !slices.ContainsFunc(all, g.same) {
				all = append(all, g)
			}
		}
	}
	f.sortByAge(own.base, all)
	if info, err := os.Stat(f.path); err == nil && info.Mode().IsRegular() {
		written := newGeneration(f.path, info)
		all = slices.DeleteFunc(all, written.same) // where a link leads
		all = append(all, written)
	}
	return all, nil
}

// filesOf returns the regular files of a folder whose names are wanted, the first most of them.
func filesOf(dir string, names []string, most int, wanted func(name string) bool) (found []generation) {
	for _, name := range names {
		if len(found) >= most {
			break
		}
		if !wanted(name) {
			continue
		}
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			found = append(found, newGeneration(path, info))
		}
	}
	return found
}

// lastOf returns those that were written last of the regular files of a folder whose names are wanted: of a log that was rotated a
// thousand times, the newest files are those that may not be read yet, whatever they are called.
func lastOf(dir string, names []string, wanted func(name string) bool) []generation {
	found := filesOf(dir, names, maxNames, wanted)
	if len(found) <= maxGenerations {
		return found
	}
	slices.SortStableFunc(found, func(a, b generation) int { return b.modified.Compare(a.modified) })
	return found[:maxGenerations]
}

// sortByAge sorts generations, oldest first. app.log.2 is older than app.log.1 unless numbers grow, and app.log-20261121 than
// app.log-20261122, whoever wrote to it last; other dates are written in many ways, so there the last write decides.
func (f *follower) sortByAge(base string, all []generation) {
	number, dated := true, true
	for _, g := range all {
		number = number && numberOf(base, g) > 0
		dated = dated && dateMark.MatchString(filepath.Base(g.path)) && shape(g.path) == shape(all[0].path)
	}
	defer func() {
		if number && f.grow(all) {
			slices.Reverse(all)
		}
	}()
	slices.SortFunc(all, func(a, b generation) int {
		switch {
		case number:
			return cmp.Compare(numberOf(base, b), numberOf(base, a))
		case dated:
			return cmp.Compare(a.path, b.path)
		}
		return cmp.Or(a.modified.Compare(b.modified), cmp.Compare(len(b.path), len(a.path)), cmp.Compare(a.path, b.path))
	})
}
