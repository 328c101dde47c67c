package file

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

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
		if g.modified.After(p.Modified) { // though it has the number of the file of p, if that is gone
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

// find returns the generation that holds what was read up to p, or else any other file beside the log that does: people and
// programs call a log that they put away app.log.old, app.log~ or whatever they like.
func (f *follower) find(all []generation, p position) (generation, bool) {
	if g, found := resume(all, p); found {
		return g, true
	}
	if p.Offset == 0 { // of nothing read, every file holds as much, and numbers of files are given again
		return generation{}, false
	}
	if g, found := f.findFile(p); found {
		return g, true
	}
	for _, at := range f.places(p.At) { // a copy; another log may begin with the same lines, but not under our name
		names, err := namesIn(at.dir, func(name string) bool {
			mark, ours := strings.CutPrefix(name, at.base)
			return ours && mark != "" && strings.IndexByte(".-_~", mark[0]) >= 0
		})
		if err != nil {
			continue
		}
		for _, g := range lastOf(at.dir, names, func(string) bool { return true }) {
			if g.holds(p) {
				return g, true
			}
		}
	}
	return generation{}, false
}

// findFile returns the very file of p, whatever its name, if it is still beside the log, or in a folder there.
func (f *follower) findFile(p position) (generation, bool) {
	for _, at := range withFolders(f.places(p.At)) {
		names, err := namesIn(at.dir, func(string) bool { return true })
		if err != nil {
			continue
		}
		// Of a folder with more files than are looked at, those under our name come first.
		for _, first := range []bool{true, false} {
			ours := func(name string) bool { return strings.HasPrefix(name, at.base) == first }
			look := func() []generation { return filesOf(at.dir, names, maxGenerations, ours) }
			if first {
				look = func() []generation { return lastOf(at.dir, names, ours) }
			}
			for _, g := range look() {
				if g.is(p) && g.holds(p) {
					return g, true
				}
			}
		}
	}
	return generation{}, false
}

// tellPutAway tells of files that were put away after g, which was read up to p, under names that do not say which turn they are of:
// app.log.old, when g is app.log.older now. Nobody can say that they are of this log, so they are not read.
func (f *follower) tellPutAway(g generation, p position) {
	at := placeOf(g.path)
	base := placeOf(f.path).base
	names, err := namesIn(at.dir, func(name string) bool {
		mark, ours := strings.CutPrefix(name, base)
		return ours && name != at.base && slices.Contains(awayMarks, mark)
	})
	if err != nil {
		return
	}
	for _, other := range lastOf(at.dir, names, func(string) bool { return true }) {
		if !other.same(g) && other.modified.After(g.modified) && !other.holds(p) {
			f.lost(fmt.Sprintf("%s was put away after %s, which was read last, and its name does not say that it comes next, so it is not read: let rotation number its files, as %s.1 and %[3]s.2",
				filepath.Base(other.path), at.base, base))
			return
		}
	}
}

// maxNamed is how many files a message names.
const maxNamed = 3

// packedNow returns the compressed files of the log, beside its path and where the file is that is read.
func (f *follower) packedNow() (all []generation) {
	for _, p := range f.places(f.was()) {
		names := f.folder.names[p].names
		all = append(all, lastOf(p.dir, names, func(name string) bool { return isPacked(name) && strings.HasPrefix(name, p.base) })...)
	}
	return all
}

// tellPacked tells of files that were rotated away and compressed before they were read, when the one before them is left.
// Compressed files that came since the file at path was opened are explained by what was there or was read, and is gone.
func (f *follower) tellPacked(all []generation) {
	if !f.placed {
		return
	}
	came := slices.DeleteFunc(f.packedNow(), func(g generation) bool { return g.isAmong(f.packed) })
	gone := 0
	for _, g := range f.earlier {
		if !slices.ContainsFunc(all, g.isStill) {
			gone++
		}
	}
	for _, o := range append(slices.Clone(f.left), f.now) {
		if info, err := o.file.Stat(); err == nil && !linked(info) {
			gone++
		}
	}
	if len(came) <= gone {
		return
	}
	var names []string
	for _, g := range came[:min(len(came), maxNamed)] {
		names = append(names, filepath.Base(g.path))
	}
	f.lost(fmt.Sprintf("%d of the files that rotation compressed since (%s) were not read before: let it compress later, as delaycompress does, or look more often (every: %s)",
		len(came)-gone, strings.Join(names, ", "), f.every))
}
