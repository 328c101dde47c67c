package wasm

import (
	"encoding/binary"
	"unicode/utf8"
)

// maxParse keeps offsets within 32 bits with room for sums.
const maxParse = 1 << 30

// A reader takes values off a part of a file. After its first mistake it answers zero and keeps the error.
type reader struct {
	b        []byte
	off, end uint32
	section  byte
	function int64 // index of the function whose code is read, plus one; 0 outside code
	err      *Refusal
}

// noSection is where a reader is between sections.
const noSection byte = 0xff

// fail keeps the first mistake, with the place where it is.
func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = &Refusal{What: what, Where: Where{Section: r.section, Function: r.function - 1, Offset: int64(r.off)}, Do: doBinary}
	}
}

func (r *reader) byte() byte {
	if r.err != nil || r.off >= r.end {
		r.fail("it ends too early")
		return 0
	}
	r.off++
	return r.b[r.off-1]
}

// take returns the range of the next n bytes.
func (r *reader) take(n uint32) Range {
	if r.err != nil || n > r.end-r.off {
		r.fail("it ends too early")
		return Range{r.off, r.off}
	}
	r.off += n
	return Range{r.off - n, r.off}
}

func (r *reader) u32() uint32 {
	if r.err == nil && r.off < r.end && r.b[r.off] < 0x80 {
		r.off++
		return uint32(r.b[r.off-1])
	}
	return uint32(r.leb(32, false))
}

// leb reads an integer of LEB128 of the given width. As in the specification it takes no more bytes than the width
// needs, and the bits of the last byte beyond the width repeat the sign (or are zero).
func (r *reader) leb(bits uint, signed bool) uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		left := bits - shift // more than 0
		if left < 7 && !fits(c&0x7f, left, signed) {
			r.off--
			r.fail("the integer is too large for its type")
			return 0
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if signed && c&0x40 != 0 && shift+7 < 64 {
				v |= ^uint64(0) << (shift + 7)
			}
			return v
		}
		if left <= 7 {
			r.off--
			r.fail("the integer has more bytes than its type needs")
			return 0
		}
	}
}

// fits reports whether the seven bits of c hold a number of that many bits.
func fits(c byte, bits uint, signed bool) bool {
	if !signed {
		return c>>bits == 0
	}
	top := c >> (bits - 1)
	return top == 0 || top == 0x7f>>(bits-1)
}

func (r *reader) s32() uint64 { return uint64(uint32(r.leb(32, true))) }
func (r *reader) s64() uint64 { return r.leb(64, true) }

func (r *reader) f32() uint64 {
	at := r.take(4)
	if r.err != nil {
		return 0
	}
	return uint64(binary.LittleEndian.Uint32(r.b[at.Start:]))
}

func (r *reader) f64() uint64 {
	at := r.take(8)
	if r.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(r.b[at.Start:])
}

// count reads the length of a vector whose items have at least size bytes each, so that a short file cannot claim a
// long vector.
func (r *reader) count(size uint32) uint32 {
	n := r.u32()
	if r.err == nil && n > (r.end-r.off)/size {
		r.fail("the list is longer than the section")
		return 0
	}
	return n
}

// name reads a UTF-8 text.
func (r *reader) name() string { return string(r.text()) }

// text reads a name and returns it as it lies in the file.
func (r *reader) text() []byte {
	at := r.take(r.u32())
	if r.err != nil {
		return nil
	}
	text := r.b[at.Start:at.End]
	if !utf8.Valid(text) {
		r.off = at.Start
		r.fail("the name is not UTF-8")
		return nil
	}
	return text
}

// valueType reads a value type.
func (r *reader) valueType() ValueType {
	t := ValueType(r.byte())
	switch t {
	case I32, I64, F32, F64, FuncRef, ExternRef:
		return t
	}
	r.badType(byte(t))
	return I32
}

// refType reads a type of references.
func (r *reader) refType() ValueType {
	t := ValueType(r.byte())
	if t != FuncRef && t != ExternRef && r.err == nil {
		r.off--
		r.fail("this is not funcref or externref")
	}
	return t
}

// badType refuses a byte that is no value type, with a word about SIMD.
func (r *reader) badType(t byte) {
	if r.err != nil {
		return
	}
	r.off--
	if t == 0x7b {
		r.fail("the type v128 needs SIMD, which Dodona does not run: its results differ between processors")
		r.err.Do = doSIMD
		return
	}
	r.fail("there is no value type with this number")
}

// limits reads the limits of a memory or table.
func (r *reader) limits() Limits {
	at := r.off
	flags := r.byte()
	if flags > 1 {
		r.off = at
		switch {
		case flags&2 != 0 && flags < 8:
			r.fail("it is shared between threads, which Dodona does not run: their results depend on time")
			r.err.Do = doThreads
		case flags&4 != 0 && flags < 8:
			r.fail("it has 64-bit addresses (memory64), which Dodona does not run")
			r.err.Do = "build for wasm32"
		default:
			r.fail("there is no kind of limits with this number")
		}
		return Limits{}
	}
	l := Limits{Min: r.u32(), HasMax: flags == 1}
	if l.HasMax {
		l.Max = r.u32()
	}
	return l
}
