package file

import "slices"

// grow reports whether numbers of files that were put away grow, so that .1 is the oldest file, and do not count turns back: then a
// file that was put away before the one that is read, or if that is gone before those that were written after it, has a lower number.
// If there was none, or it is gone too, what comes next is the first and the others are younger. All are sorted as if numbers
// counted back.
func (f *follower) grow(all []generation) bool {
	p := f.last
	if f.now != nil {
		p = &f.now.verified
	}
	if p == nil || f.older == nil || len(all) < 2 {
		return false
	}
	at := len(all) - 1
	if is, found := resume(all, *p); found {
		at = slices.IndexFunc(all, is.same)
	} else {
		for at >= 0 && !all[at].modified.After(p.Modified) {
			at--
		}
	}
	if at < 0 {
		return false
	}
	if older := slices.IndexFunc(all, f.older.isStill); older >= 0 {
		return older > at
	}
	return at == len(all)-1 && !slices.ContainsFunc(all, func(g generation) bool { return g.modified.Before(all[at].modified) })
}

// olderThan returns the file with the highest number of those that were put away before the file at the path: where numbers grow it is
// the last to go. It is empty if there is none, and nil if names or files do not say.
func olderThan(base string, all []generation) *mark {
	var last generation
	for _, g := range all {
		n := numberOf(base, g)
		if n == 0 {
			return nil
		}
		if last.path == "" || n > numberOf(base, last) {
			last = g
		}
	}
	if last.path == "" {
		return &mark{}
	}
	return contentOf(last)
}

// isStill reports whether g is the file of m, which may have been written to since. Numbers of devices change when a machine starts,
// and those of files are given again: of a file that had nothing in it, nobody can say.
func (m *mark) isStill(g generation) bool {
	return m.Offset > 0 && g.inode != 0 && g.inode == m.Inode && !differ(g.born, m.Born) && g.holds(m.position(g.path))
}
