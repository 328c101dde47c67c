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
	device   uint64
	inode    uint64
	size     int64
	modified time.Time
}

func newGeneration(path string, info os.FileInfo) generation {
	device, inode := identity(info)
	return generation{path: path, device: device, inode: inode, size: info.Size(), modified: info.ModTime()}
}

// is reports whether g is the file of p by its inode.
func (g generation) is(p position) bool {
	return g.inode == p.Inode && g.device == p.Device && g.inode != 0
}

// same reports whether g and h are one file.
func (g generation) same(h generation) bool {
	if g.inode == 0 {
		return g.path == h.path
	}
	return g.inode == h.inode && g.device == h.device
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

// maxGenerations bounds the work in a folder full of old logs.
const maxGenerations = 1000

// generations returns the files of the log at path, oldest first, the one that is written last (if it exists).
// Compressed ones are not among them.
func generations(path string) ([]generation, error) {
	found, err := listed(path, isRotated)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b generation) int {
		// Of files of one instant app.log.2 is older than app.log.1.
		return cmp.Or(a.modified.Compare(b.modified), cmp.Compare(len(b.path), len(a.path)), cmp.Compare(b.path, a.path))
	})
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		found = append(found, newGeneration(path, info))
	}
	return found, nil
}

// listed returns the regular files in the folder of path whose names are wanted beside its own.
func listed(path string, wanted func(base, name string) bool) ([]generation, error) {
	folder, base := filepath.Split(path)
	entries, err := os.ReadDir(cmp.Or(folder, "."))
	if err != nil {
		return nil, fmt.Errorf("list the files beside %s: %w", base, err)
	}
	var found []generation
	for _, e := range entries {
		if !wanted(base, e.Name()) || len(found) >= maxGenerations {
			continue
		}
		if info, err := os.Stat(folder + e.Name()); err == nil && info.Mode().IsRegular() {
			found = append(found, newGeneration(folder+e.Name(), info))
		}
	}
	return found, nil
}

// isRotated reports whether name is what rotation makes of base: app.log.1, app.log-20261122, app-20261122.log.
func isRotated(base, name string) bool {
	ext := filepath.Ext(base)
	for _, affix := range [][2]string{{base, ""}, {strings.TrimSuffix(base, ext), ext}} {
		middle, found := strings.CutPrefix(name, affix[0])
		if !found {
			continue
		}
		if middle, found = strings.CutSuffix(middle, affix[1]); found && isMark(middle) {
			return true
		}
	}
	return false
}

// isMark reports whether s is a separator and then a number or a date.
func isMark(s string) bool {
	return len(s) >= 2 && strings.IndexByte(".-_", s[0]) >= 0 && s[1] >= '0' && s[1] <= '9' &&
		strings.Trim(s[1:], "0123456789.-_:TZ") == ""
}

// following returns the generation to read after the file of p: the next newer one, or else the one that is written.
func following(all []generation, p position) (generation, bool) {
	for i, g := range all {
		if g.is(p) && i+1 < len(all) {
			return all[i+1], true
		}
	}
	return newerThan(all, p)
}

// newerThan returns the oldest generation that was written after p, or else the one that is written.
func newerThan(all []generation, p position) (generation, bool) {
	if len(all) == 0 {
		return generation{}, false
	}
	for _, g := range all {
		if !g.is(p) && g.modified.After(p.Modified) {
			return g, true
		}
	}
	return all[len(all)-1], true
}

// resume returns the generation that holds what was read up to p, by inode first and then by content,
// because copytruncate moves the content to another inode.
func resume(all []generation, p position) (generation, bool) {
	for _, g := range all {
		if g.is(p) && g.holds(p) {
			return g, true
		}
	}
	for _, g := range all {
		if p.Offset > 0 && g.holds(p) {
			return g, true
		}
	}
	return generation{}, false
}

// find returns the generation that holds what was read up to p, or else any other file beside path that does: people and
// programs call a log that they put away app.log.old, app.log~ or whatever they like.
func find(all []generation, path string, p position) (generation, bool) {
	if g, found := resume(all, p); found {
		return g, true
	}
	others, err := listed(path, func(base, name string) bool { return name != base && !isRotated(base, name) })
	if err != nil {
		return generation{}, false // it was listed a moment ago, for all
	}
	for _, g := range others {
		if p.Offset > 0 && g.is(p) && g.holds(p) { // numbers of files are given again; of nothing read, every file holds as much
			return g, true
		}
	}
	for _, g := range others { // a copy; another log may begin with the same lines, but not under our name
		mark, ours := strings.CutPrefix(filepath.Base(g.path), filepath.Base(path))
		if ours && strings.IndexByte(".-_~", mark[0]) >= 0 && p.Offset > 0 && g.holds(p) {
			return g, true
		}
	}
	return generation{}, false
}
