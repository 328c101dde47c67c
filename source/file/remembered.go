package file

import (
	"os"
	"slices"
	"time"
)

// A remembered is a file as it was when it was looked at. It may be gone since then, and another one have its inode.
type remembered struct {
	generation
	at      time.Time // not after that look
	content *mark     // nil: it is known without, or could not be read
}

// remember keeps what files are, which were looked at after a time, so that they are known again. What was kept of them before need not be
// read again.
func remember(all []generation, before []remembered, at time.Time) []remembered {
	kept := make([]remembered, 0, len(all))
	for _, g := range all {
		r := remembered{generation: g, at: at}
		if !r.sureBy(g.born) {
			r.content = contentAmong(before, g)
		}
		kept = append(kept, r)
	}
	return kept
}

func contentAmong(before []remembered, g generation) *mark {
	if i := slices.IndexFunc(before, func(r remembered) bool { return r.content != nil && r.isUnchanged(g) }); i >= 0 {
		return before[i].content
	}
	return contentOf(g)
}

// sureBy reports whether no other file can have this time of ours: one that is made or written after we are gone has a later one, if
// the look was not in the instant of ours.
func (r remembered) sureBy(t time.Time) bool { return !t.IsZero() && r.at.Sub(t) > sureAfter }

// isStill reports whether g is that file. Of one that had nothing in it nobody can say once something is there, and then it is another:
// better to read what nobody meant than to lose what is new.
func (r remembered) isStill(g generation) bool {
	switch {
	case !r.same(g):
		return false
	case r.inode == 0, r.content == nil, r.isUnchanged(g):
		return true
	case !r.born.IsZero() && r.path == g.path: // it did not move, whatever was written to it since
		return true
	case r.size == 0:
		return g.size == 0
	}
	return g.holds(r.content.position(g.path))
}

// isUnchanged reports whether g is that file for sure, and nobody wrote to it.
func (r remembered) isUnchanged(g generation) bool {
	return r.same(g) && r.size == g.size && r.modified.Equal(g.modified) && r.sureBy(r.modified)
}

// isAmong reports whether g is one of the files that were there.
func (g generation) isAmong(were []remembered) bool {
	return slices.ContainsFunc(were, func(r remembered) bool { return r.isStill(g) })
}

// contentOf returns what all that stands in a file now is known by; nil if it cannot be read.
func contentOf(g generation) *mark {
	f, info, err := openRegular(g.path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // it was only read
	if !os.SameFile(info, g.info) {
		return nil
	}
	m := mark{Device: g.device, Inode: g.inode, Born: g.born, Offset: info.Size()}
	if m.Head, m.Tail, err = fingerprints(f, m.Offset); err != nil {
		return nil
	}
	return &m
}
