package wasm

// The memory that compiling takes, and the native code that comes of it, are estimated from the text as the work is: what is quick to
// compile may still be large. The compiler keeps instructions, values, registers and blocks in pools, which become as large as some function
// needs them, and are never given back; so each is as large as the function with most of it has made it. Native code is
// added up. docs/decisions/058 has the measurements.
const (
	// maxRoom bounds what the compiler keeps. What is alive at once is up to a tenth less. Guests: 49 million (std Go with encoding/json, regexp
	// and fmt, most of it for one function), 12 (TinyGo).
	maxRoom = 64 << 20

	// maxNative bounds native code. Guests: 33 million (the same, of which become 15.5), 1.5 (TinyGo).
	maxNative = 44 << 20

	roomReloaded = 190 // each mutable global, after each call
	roomBlock    = 2_700
	roomPlain    = 2_500 // each that is not a loop or if
	roomFound    = 160   // each value that is looked for on one way
	roomPassed   = 240   // each value that a branch gives
	roomAlive    = 16    // each value, for each block that it is alive in
	roomNoted    = 48    // each place in a large table of a block
	roomBound    = 26    // each address that has been checked, for each block
	roomPairs    = 32    // so many two values that a branch may give take a byte

	nativeBlock   = 14
	nativePassed  = 12
	nativeCrowded = 16 // each beyond some: it goes from one place of the stack to another
)

// A size is what the compiler makes of something: bytes that it keeps, and bytes of native code.
type size struct{ room, native uint64 }

// The sizes of instructions, those of floating-point numbers apart. Each is the most that it has become on amd64 and arm64, of constants and of
// locals.
var (
	sizeFunction    = size{20_000, 200} // with the looks at the fuel and the depth
	sizeInstruction = size{room: 60}
	sizeConstant    = size{750, 16}
	sizeComputed    = size{1_700, 24}
	sizeMemory      = size{1_500, 12} // memory.size
	sizeAccess      = size{1_100, 12}
	sizeChecked     = size{5_300, 76}
	sizeDivided     = size{6_500, 140}
	sizeCall        = size{2_800, 60}
	sizeIndirect    = size{16_000, 250}
	sizeReference   = size{4_900, 70} // table.get, ref.func
	sizeMoved       = size{500, 12}   // each value that a call takes or gives
	sizeGlobal      = size{450, 10}   // a global
	sizeBulk        = size{12_000, 150}
	sizeStop        = size{3_500, 60} // unreachable
)

// make counts that n of something are made.
func (w *work) make(s size, n uint64) {
	w.made.room += n * s.room
	w.made.native += n * s.native
}

// cost counts an instruction that takes so many units, and becomes so much.
func (w *work) cost(units uint64, s size) {
	w.spent += units
	w.make(s, 1)
}

// A room is the memory that the compiler takes for a function, by what it keeps apart.
type room [5]uint64

// all returns the sum.
func (r *room) all() (sum uint64) {
	for _, n := range r {
		sum += n
	}
	return sum
}

// room returns that of the function, once its units are known.
func (w *work) room() room {
	blocks := w.blocks*roomBlock + w.plain*roomPlain
	values := w.found*roomFound + w.passed*roomPassed + (w.alive+w.held)*roomAlive + w.pairs/roomPairs +
		min(w.noted, (w.clock-w.start)*w.names)*roomNoted
	return room{w.made.room, w.reloaded * roomReloaded, blocks, values, w.bound * roomBound}
}

// native returns the bytes of native code of the function.
func (w *work) native() uint64 {
	return w.made.native + w.blocks*nativeBlock + w.passed*nativePassed + w.crowded*nativeCrowded
}

// hold refuses what the compiler needs too much memory for, and what becomes too much native code.
func (v *validator) hold() {
	index, r, native := v.index(), v.work.room(), v.work.native()
	v.roomiest.note(r.all(), index)
	v.longest.note(native, index)
	for i := range r {
		v.kept[i] = max(v.kept[i], r[i])
	}
	v.native += native
	switch {
	case v.err != nil:
	case v.kept.all() > maxRoom:
		v.refuse(doRoom, "compiling the functions up to function %d takes %d bytes of memory, at most %d, and this one takes most of all, %d",
			index, v.kept.all(), uint64(maxRoom), v.roomiest.size)
		v.err.Where.Function, v.err.Where.Offset = v.roomiest.index, -1
	case v.native > maxNative:
		v.refuse(doNative, "the functions up to function %d become %d bytes of native code, at most %d, and this one becomes most of all, %d",
			index, v.native, uint64(maxNative), v.longest.size)
		v.err.Where.Function, v.err.Where.Offset = v.longest.index, -1
	}
}

// A largest is the function with the most of something.
type largest struct {
	size  uint64
	index int64
}

// note takes another function that has more.
func (l *largest) note(size uint64, index int64) {
	if size > l.size {
		*l = largest{size, index}
	}
}

// What to do about what becomes too large.
const (
	doRoom   = "split the function into several that call each other"
	doNative = "build for size (-Os), use fewer packages, or replace divisions and conversions of floating-point numbers by calls of one function"
)
