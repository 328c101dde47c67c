package wasm

// A tally is how many members a set has, so that it need not be gone through at each instruction: thousands of locals and globals may
// be alive while a million instructions pass that touch none of them.
type tally struct {
	n, out int  // members, and those of them that are alive where this stretch of straight code ends
	known  bool // both are right
	joined bool // all members are in over, or hot
	some   bool // those that are counted in out are
	anew   int  // how often the set was gone through
}

// came notes that a member is new, which may be alive at the end of the stretch.
func (t *tally) came(out bool) {
	t.n++
	t.joined = false
	if out {
		t.out++
		t.some = false
	}
}

// went notes that a member is gone.
func (t *tally) went(out bool) {
	t.n--
	if out {
		t.out--
	}
}

// changed notes that any members may have come or gone.
func (t *tally) changed() { t.known, t.joined, t.some = false, false, false }

// count makes the tally right.
func (t *tally) count(set, out locals) {
	if !t.known {
		t.n, t.out, t.known = set.count(), set.both(out), true
		t.anew++
	}
}

// join adds the set to over, which has kept all of it that it was given.
func (t *tally) join(over, set locals) {
	if !t.joined {
		over.join(set)
		t.joined, t.some = true, true
	}
}

// joinSome adds to over what is in the set and in out.
func (t *tally) joinSome(over, set, out locals) {
	if !t.some {
		over.joinBoth(set, out)
		t.some = true
	}
}

// use notes that a local is read.
func (f *framer) use(i uint32) {
	if !f.live.has(i) {
		f.live.add(i)
		f.alive.came(f.out.has(i))
	}
}

// unuse notes that a local is set, before which it has no value that matters.
func (f *framer) unuse(i uint32) {
	f.over.drop(i)
	if f.live.has(i) {
		f.live.drop(i)
		f.alive.went(f.out.has(i))
	}
}

// hold notes that something loaded is used.
func (f *framer) hold(i uint32) {
	if !f.kept.has(i) {
		f.kept.add(i)
		f.held.came(f.keptOut.has(i))
		f.calm = false
	}
}

// lose ends what is kept at its first use, before which it was set.
func (f *framer) lose(i uint32) {
	if f.hot.has(i) {
		f.hot.drop(i)
		f.slots++
	}
	if f.kept.has(i) {
		f.kept.drop(i)
		f.held.went(f.keptOut.has(i))
	}
}

// moved notes that any of what is alive or kept may have changed.
func (f *framer) moved() {
	f.alive.changed()
	f.held.changed()
	f.calm = false
}
