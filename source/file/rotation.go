package file

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A generation is one file of a log: the one that is written, or one that was rotated away.
type generation struct {
	path     string
	info     os.FileInfo
	device   uint64
	inode    uint64
	size     int64
	modified time.Time
}

func newGeneration(path string, info os.FileInfo) generation {
	device, inode := identity(info)
	return generation{path: path, info: info, device: device, inode: inode, size: info.Size(), modified: info.ModTime()}
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
	sortByAge(own.base, all)
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

// sortByAge sorts generations, oldest first. app.log.2 is older than app.log.1, and app.log-20261121 than app.log-20261122, whoever
// wrote to it last; other dates are written in many ways, so there the last write decides.
func sortByAge(base string, all []generation) {
	number, dated := true, true
	for _, g := range all {
		number = number && numberOf(base, g) > 0
		dated = dated && dateMark.MatchString(filepath.Base(g.path)) && shape(g.path) == shape(all[0].path)
	}
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

// dateMark matches a date that sorts as its text does.
var dateMark = regexp.MustCompile(`[.\-_]20\d\d[.\-_]?(0[1-9]|1[0-2])`)

// numberOf returns which turn of rotation a file is of; 0 if its name does not say.
func numberOf(base string, g generation) int {
	n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(g.path), base+"."))
	if err != nil || n > 9999 {
		return 0
	}
	return n
}

// isRotated reports whether name is what rotation makes of base: app.log.1, app.log-20261122, app-20261122.log. A short number
// without an extension before it is the name of another log: boiler-2.jsonl, boiler-2.
func isRotated(base, name string) bool {
	ext := filepath.Ext(base)
	mark, found := strings.CutPrefix(name, base)
	if found && ext != "" {
		return isMark(mark)
	}
	if !found {
		if mark, found = strings.CutPrefix(name, strings.TrimSuffix(base, ext)); !found || ext == "" {
			return false
		}
		mark, found = strings.CutSuffix(mark, ext)
	}
	return found && isMark(mark) && (mark[0] == '.' || len(mark) >= 7)
}

// isMark reports whether s is a separator and then a number or a date.
func isMark(s string) bool {
	return len(s) >= 2 && strings.IndexByte(".-_", s[0]) >= 0 && s[1] >= '0' && s[1] <= '9' &&
		strings.Trim(s[1:], "0123456789.-_:TZ") == ""
}

// isPacked reports whether name is one of a compressed file.
func isPacked(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".lzo", ".z", ".zip", ".br":
		return true
	}
	return false
}

// shape returns name with every digit as 0.
func shape(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= '1' && r <= '9' {
			return '0'
		}
		return r
	}, name)
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
	came := slices.DeleteFunc(f.packedNow(), func(g generation) bool { return slices.ContainsFunc(f.packed, g.same) })
	gone := 0
	for _, g := range f.earlier {
		if !slices.ContainsFunc(all, g.same) {
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
