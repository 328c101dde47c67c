package file

import "slices"

// A highest is the file with the highest number that was beside a log when its file was opened at its path. Where numbers grow from
// turn to turn, that file keeps its number, and the log gets the next one when it is put away; where they count turns back, it does not.
type highest struct {
	Number int  `json:"number"` // 0: no file had one
	File   mark `json:"file,omitzero"`
}

func (h *highest) valid() bool { return h == nil || h.Number == 0 || h.Number > 0 && h.File.valid() }

// highestOf returns the one of all but the file at the path; nil: their names do not say.
func highestOf(base string, all []generation) *highest {
	var h highest
	var last generation
	for _, g := range all {
		switch n := numberOf(base, g); {
		case n == 0:
			return nil
		case n > h.Number:
			h.Number, last = n, g
		}
	}
	if h.Number == 0 {
		return &h
	}
	f, info, err := openRegular(last.path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // it was only read
	h.File = mark{Inode: last.inode, Device: last.device, Offset: info.Size()}
	if h.File.Head, h.File.Tail, err = fingerprints(f, h.File.Offset); err != nil {
		return nil
	}
	return &h
}

// grow reports whether the numbers of files that were put away grow: the file that is read got the next one after the highest that was
// there before, and the file that had that one has it still, or is gone.
func (f *follower) grow(base string, all []generation) bool {
	p, h := f.last, f.highest
	if f.now != nil {
		p = &f.now.verified
	}
	if p == nil || h == nil {
		return false
	}
	numbered := func(n int) func(generation) bool {
		return func(g generation) bool { return numberOf(base, g) == n }
	}
	if !slices.ContainsFunc(all, numbered(h.Number+1)) {
		return false
	}
	if i := slices.IndexFunc(all, numbered(h.Number)); i >= 0 && !h.is(all[i]) {
		return false
	}
	is, found := resume(all, *p)
	if !found || numberOf(base, is) != h.Number+1 {
		return false
	}
	// Where no file was, none that kept its number tells; so the others must be younger too, and not have been put there by somebody.
	return h.Number > 0 || !slices.ContainsFunc(all, func(g generation) bool { return g.modified.Before(is.modified) })
}

// is reports whether g is the file that was there, which may have been written to since. Numbers of devices change when a machine
// starts, and those of files are given again: of a file that had nothing in it, nobody can say.
func (h *highest) is(g generation) bool {
	return h.File.Offset > 0 && g.inode != 0 && g.inode == h.File.Inode && g.holds(h.File.position(g.path))
}

// before returns what is to be known of the file that is read next, which was put away after the one that is left.
func (h *highest) before(base string, next generation, left position) *highest {
	if n := numberOf(base, next); h != nil && n > h.Number+1 {
		return &highest{n - 1, left.mark()}
	}
	return nil
}
