package wasm

// FunctionNames returns the names of functions, imported ones counted first, as far as the name section gives any.
func (m *Module) FunctionNames() map[uint32]string {
	names := map[uint32]string{}
	eachName(m.Bytes, func(i uint32, name string) bool {
		names[i] = name
		return true
	})
	return names
}

// FunctionName returns the name that the name section gives a function, or "". It searches; for many use
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

// eachName calls yield with the function names of a file until it returns false. What is malformed ends it.
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
		if s.name() == "name" {
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
			i, name := r.u32(), r.name()
			if r.err != nil || !yield(i, name) {
				return
			}
		}
		return
	}
}

// customs refuses a name section that wazero would not read. Other custom sections are not looked into.
func (c *checker) customs() {
	seen := false
	for _, s := range c.m.Sections {
		if s.ID != SectionCustom || c.err != nil {
			continue
		}
		r := reader{b: c.m.Bytes, off: s.Range.Start, end: s.End, section: SectionCustom}
		if r.name() != "name" {
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
		r.name()
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
		r.name()
	}
}
