package wasm

import "unicode/utf8"

// The bounds of functions' names. wazero writes every name of a stack trace, thirty of them, into the text of a trap
// and copies that a few times, so that names of megabytes take gigabytes. They are for people, and cut, not refused.
const (
	maxFunctionName  = 100       // bytes of one; longer ones are cut
	maxFunctionNames = 256 << 10 // bytes of all that a rewritten module keeps; further functions have none
)

// FunctionNames returns the names of functions, imported ones counted first, as far as the name section gives any.
// Long names are cut.
func (m *Module) FunctionNames() map[uint32]string {
	names := map[uint32]string{}
	eachName(m.Bytes, func(i uint32, name string) bool {
		names[i] = name
		return true
	})
	return names
}

// FunctionName returns the name that the name section gives a function, cut if it is long, or "". It searches; for many use
// [Module.FunctionNames].
func (m *Module) FunctionName(i uint32) string { return functionName(m.Bytes, i) }

// functionName finds a name in a file that need not be well-formed.
func functionName(file []byte, function uint32) string {
	found := ""
	eachName(file, func(i uint32, name string) bool {
		if i == function {
			found = name
		}
		return i < function
	})
	return found
}

// eachName calls yield with the function names of a file, cut, until it returns false. What is malformed ends it.
func eachName(file []byte, yield func(uint32, string) bool) {
	if len(file) < 8 || len(file) > maxParse {
		return
	}
	r := reader{b: file, off: 8, end: uint32(len(file))}
	for r.err == nil && r.off < r.end {
		id := r.byte()
		at := r.take(r.u32())
		if r.err != nil || id != SectionCustom {
			continue
		}
		s := reader{b: file, off: at.Start, end: at.End}
		if string(s.text()) == "name" {
			s.functionNames(yield)
			return
		}
	}
}

// functionNames reads the subsections of a name section up to that of functions.
func (r *reader) functionNames(yield func(uint32, string) bool) {
	const functions = 1
	for r.err == nil && r.off < r.end {
		id := r.byte()
		at := r.take(r.u32())
		if id != functions || r.err != nil {
			continue
		}
		r.off, r.end = at.Start, at.End
		for n := r.u32(); n > 0 && r.err == nil; n-- { // of a cut section, what is there
			i, name := r.u32(), cutName(r.text())
			if r.err != nil || !yield(i, name) {
				return
			}
		}
		return
	}
}

// cutName returns a name without what is beyond its bound, cut before a character.
func cutName(name []byte) string {
	if len(name) <= maxFunctionName {
		return string(name)
	}
	end := maxFunctionName
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return string(name[:end])
}

// customs refuses a name section that wazero would not read. Other custom sections are not looked into.
func (c *checker) customs() {
	seen := false
	for _, s := range c.m.Sections {
		if s.ID != SectionCustom || c.err != nil {
			continue
		}
		r := reader{b: c.m.Bytes, off: s.Range.Start, end: s.End, section: SectionCustom}
		if string(r.text()) != "name" {
			continue
		}
		if seen {
			r.fail("there are two name sections")
		}
		seen = true
		for r.err == nil && r.off < r.end {
			r.names()
		}
		if c.err = r.err; c.err != nil {
			c.err.Do = "build again, or remove the name section (wasm-strip)"
		}
	}
}

// names reads one subsection of a name section.
func (r *reader) names() {
	const (
		module    = 0
		functions = 1
		locals    = 2
	)
	id := r.byte()
	at := r.take(r.u32())
	if r.err != nil || id > locals {
		return
	}
	whole := r.end
	r.off, r.end = at.Start, at.End
	switch id {
	case module:
		r.text()
	case functions:
		r.nameMap()
	case locals:
		for range r.count(2) {
			r.u32()
			r.nameMap()
		}
	}
	if r.err == nil && r.off != r.end {
		r.fail("the subsection is longer than its contents")
	}
	r.end = whole
}

// nameMap reads names by index.
func (r *reader) nameMap() {
	for range r.count(2) {
		r.u32()
		r.text()
	}
}
