package wasm

import "fmt"

// A checker validates what lies outside of the code.
type checker struct {
	m        *Module
	declared []bool // functions that are named outside of the code
	err      *Refusal
}

// fail keeps the first mistake.
func (c *checker) fail(section byte, offset uint32, format string, args ...any) {
	c.refuse(section, offset, doValid, format, args...)
}

// refuse keeps the first mistake and what to do about it. Offset 0 means the section's start.
func (c *checker) refuse(section byte, offset uint32, do, format string, args ...any) {
	if c.err != nil {
		return
	}
	if offset == 0 {
		offset = c.m.sectionStart(section)
	}
	c.err = &Refusal{What: fmt.Sprintf(format, args...), Where: Where{Section: section, Function: -1, Offset: int64(offset)}, Do: do}
}

// sectionStart returns where the contents of a section begin.
func (m *Module) sectionStart(id byte) uint32 {
	for _, s := range m.Sections {
		if s.ID == id {
			return s.Range.Start
		}
	}
	return 0
}

// validate proves the whole module valid. Bounded holds the code to Dodona's limits too.
func (m *Module) validate(bounded bool) error {
	c := checker{m: m, declared: make([]bool, len(m.functions))}
	c.functions()
	c.storage()
	c.globals()
	c.exports()
	c.start()
	c.elements()
	c.data()
	if c.err != nil {
		return c.err.in(m.Bytes)
	}
	v := validator{m: m, bounded: bounded, declared: c.declared, base: m.baseWork()}
	v.spent = v.base
	v.work.globals = 2 + mutable(m.globals)
	err := v.code()
	m.work, m.room, m.native, m.interpreted = v.spent, v.kept.all(), v.native, v.interpreted
	return err
}

func (c *checker) functions() {
	for i := range c.m.Imports {
		in := &c.m.Imports[i]
		if in.Kind == KindFunction && in.Type >= uint32(len(c.m.Types)) {
			c.fail(SectionImport, in.Offset, "there is no type %d", in.Type)
		}
	}
	for i, t := range c.m.Functions {
		if t >= uint32(len(c.m.Types)) {
			c.fail(SectionFunction, 0, "function %d has type %d, and there is none", int(c.m.Imported(KindFunction))+i, t)
		}
	}
}

// mostPages is how many pages 32-bit addresses reach.
const mostPages = 1 << 16

func (c *checker) storage() {
	for _, t := range c.m.tables {
		if t.HasMax && t.Max < t.Min {
			c.fail(SectionTable, 0, "the table's minimum %d is above its maximum %d", t.Min, t.Max)
		}
	}
	if len(c.m.memories) > 1 {
		c.refuse(SectionMemory, 0, doOneMemory, "there are %d memories", len(c.m.memories))
	}
	for _, t := range c.m.memories {
		switch {
		case t.Min > mostPages || t.HasMax && t.Max > mostPages:
			c.fail(SectionMemory, 0, "the memory is larger than %d pages", mostPages)
		case t.HasMax && t.Max < t.Min:
			c.fail(SectionMemory, 0, "the memory's minimum %d is above its maximum %d", t.Min, t.Max)
		}
	}
}

// constant validates a constant expression of a type. Only imported globals may be read in it.
func (c *checker) constant(section byte, e Expr, want ValueType) {
	got := unknown
	switch e.Op {
	case OpI32Const:
		got = I32
	case OpI64Const:
		got = I64
	case OpF32Const:
		got = F32
	case OpF64Const:
		got = F64
	case OpRefNull:
		got = ValueType(e.Index)
	case OpRefFunc:
		got = FuncRef
		if e.Index >= uint32(len(c.m.functions)) {
			c.fail(section, e.Start, "there is no function %d", e.Index)
			return
		}
		c.declared[e.Index] = true
	case OpGlobalGet:
		if e.Index >= c.m.Imported(KindGlobal) {
			c.fail(section, e.Start, "a constant can only read an imported global, and %d is none", e.Index)
			return
		}
		if c.m.globals[e.Index].Mutable {
			c.fail(section, e.Start, "a constant can only read an immutable global, and %d is mutable", e.Index)
		}
		got = c.m.globals[e.Index].Type
	}
	if got != want {
		c.fail(section, e.Start, "the constant has type %s and must have type %s", got, want)
	}
}

func (c *checker) globals() {
	for _, g := range c.m.Globals {
		c.constant(SectionGlobal, g.Init, g.Type)
	}
}

func (c *checker) exports() {
	seen := make(map[string]bool, len(c.m.Exports))
	for i := range c.m.Exports {
		e := &c.m.Exports[i]
		if seen[e.Name] {
			c.fail(SectionExport, e.Offset, "the name %s is exported twice", quote(e.Name))
		}
		seen[e.Name] = true
		if e.Index >= c.m.Count(e.Kind) {
			c.fail(SectionExport, e.Offset, "%s exports %s %d, and there is none", quote(e.Name), e.Kind, e.Index)
		} else if e.Kind == KindFunction {
			c.declared[e.Index] = true
		}
	}
}

func (c *checker) start() {
	if !c.m.HasStart {
		return
	}
	if c.m.Start >= uint32(len(c.m.functions)) {
		c.fail(SectionStart, 0, "the start function %d is not there", c.m.Start)
		return
	}
	if c.err != nil {
		return
	}
	if t := c.m.FunctionType(c.m.Start); len(t.Params)+len(t.Results) > 0 {
		c.fail(SectionStart, 0, "the start function has type %s and must have () -> ()", t)
	}
}

func (c *checker) elements() {
	for i := range c.m.Elements {
		e := &c.m.Elements[i]
		if e.Mode == ModeActive {
			if e.Table >= uint32(len(c.m.tables)) {
				c.fail(SectionElement, e.Start, "there is no table %d", e.Table)
				return
			}
			if t := c.m.tables[e.Table].Type; t != e.Type {
				c.fail(SectionElement, e.Start, "the segment holds %s and the table %s", e.Type, t)
			}
			c.constant(SectionElement, e.At, I32)
		}
		for _, f := range e.Functions {
			if f >= uint32(len(c.m.functions)) {
				c.fail(SectionElement, e.Start, "there is no function %d", f)
				return
			}
			c.declared[f] = true
		}
		for _, x := range e.Exprs {
			c.constant(SectionElement, x, e.Type)
		}
	}
}

func (c *checker) data() {
	for i := range c.m.Data {
		d := &c.m.Data[i]
		if d.Mode != ModeActive {
			continue
		}
		if d.Memory >= uint32(len(c.m.memories)) {
			c.fail(SectionData, d.Start, "there is no memory %d", d.Memory)
			return
		}
		c.constant(SectionData, d.At, I32)
	}
}
