package wasm

// The compiler keeps what it has loaded until a call may have changed it: globals, where memory begins and ends, and the addresses that
// locals and globals stand for. Each is alive from the first use to the last one between two calls, on one way through the blocks.

// keepers makes ready for what a function may keep: addresses by local and global, then globals, then the memory's two.
func (f *framer) keepers() {
	n := f.s.locals + 2*f.globals() + 2
	words := int(n+63) / 64
	f.kept, f.hot, f.fixed = make(locals, words), make(locals, words), make(locals, words)
	for g := range f.globals() {
		if !f.m.globals[g].Mutable {
			f.fixed.add(f.s.locals + f.globals() + g)
		}
	}
}

func (f *framer) globals() uint32 { return uint32(len(f.m.globals)) }

// keep follows what an instruction uses, sets or may change.
func (f *framer) keep(in *Instr, i *info) {
	first := f.s.locals + f.globals()
	switch {
	case in.Op == OpGlobalGet:
		f.hold(first + in.Index)
	case in.Op == OpGlobalSet:
		f.lose(first + in.Index)
		f.lose(f.s.locals + in.Index)
	case in.Op == OpLocalSet || in.Op == OpLocalTee:
		f.lose(in.Index)
	case opcodes[in.Op].imm == immMemory:
		if i.address >= 0 {
			f.hold(uint32(i.address))
		}
		f.hold(first + f.globals())
		f.hold(first + f.globals() + 1)
	case callLike(in.Op) && !f.calm:
		stay := f.fixed.both(f.hot)
		f.slots += int64(f.hot.count() - stay)
		for w := range f.kept {
			f.kept[w] &= f.fixed[w]
			f.hot[w] = f.kept[w]
		}
		f.held.changed()
		f.calm = true
	}
}

// forget ends all that is kept, where ways meet.
func (f *framer) forget() {
	f.slots += int64(f.hot.count())
	clear(f.kept)
	clear(f.hot)
}
