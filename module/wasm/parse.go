// Package wasm reads, checks and rewrites WebAssembly modules, so that what other people compiled is safe to run.
//
// It knows the binary format of WebAssembly 2.0 without SIMD. [Unwrap] takes the core module out of a component, [Parse]
// reads the format, [Check] refuses what is invalid or too large to compile in a small gateway, and [Module.Rewrite]
// adds what bounds a guest's time and stack and makes its floating point the same on every machine.
package wasm

import (
	"encoding/binary"
	"slices"
)

// A ValueType is the type of a parameter, local, global or operand, by its byte in the binary format.
type ValueType byte

// The value types of WebAssembly 2.0 without SIMD.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
)

// String writes the type as the text format does.
func (t ValueType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	}
	return "unknown type"
}

// A FuncType is the signature of a function.
type FuncType struct{ Params, Results []ValueType }

// Equal reports whether both have the same parameters and results.
func (t FuncType) Equal(o FuncType) bool {
	return slices.Equal(t.Params, o.Params) && slices.Equal(t.Results, o.Results)
}

// String writes "(i32, i64) -> f32".
func (t FuncType) String() string {
	list := func(types []ValueType) string {
		s := ""
		for i, t := range types {
			if i > 0 {
				s += ", "
			}
			s += t.String()
		}
		return s
	}
	if len(t.Results) == 1 {
		return "(" + list(t.Params) + ") -> " + list(t.Results)
	}
	return "(" + list(t.Params) + ") -> (" + list(t.Results) + ")"
}

// A Kind says what an import or export is.
type Kind byte

// The kinds, by their bytes in the binary format.
const (
	KindFunction Kind = iota
	KindTable
	KindMemory
	KindGlobal
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"function", "table", "memory", "global"}[k&3]
}

// A Range is a part of the file, by the offsets of its first byte and of the one after its last.
type Range struct{ Start, End uint32 }

// Limits bound a memory (in pages of 64 KiB) or a table (in elements).
type Limits struct {
	Min, Max uint32 // Max counts only with HasMax
	HasMax   bool
}

// A Table is the type of a table.
type Table struct {
	Limits
	Type ValueType
}

// A GlobalType is what a global holds.
type GlobalType struct {
	Type    ValueType
	Mutable bool
}

// An Import is one import; Kind says which of the last four fields counts.
type Import struct {
	Module, Name string
	Kind         Kind
	Type         uint32 // of the function: index of its type
	Table        Table
	Memory       Limits
	Global       GlobalType
	Offset       uint32 // in the file
}

// An Expr is a constant expression: one instruction, and End.
type Expr struct {
	Range        // with its End
	Op    Op     // OpI32Const … OpF64Const, OpGlobalGet, OpRefNull or OpRefFunc
	Index uint32 // of the global or function; the byte of OpRefNull's type
	Value uint64 // of a constant, as [Instr.Value]
}

// A Global is one that the module defines.
type Global struct {
	GlobalType
	Init Expr
}

// An Export gives something a name for the outside.
type Export struct {
	Name   string
	Kind   Kind
	Index  uint32
	Offset uint32 // in the file
}

// A Mode says when a segment is copied.
type Mode byte

// The modes: at instantiation, by an instruction, or never (elements that only declare references).
const (
	ModeActive Mode = iota
	ModePassive
	ModeDeclared
)

// An Element is a segment of references.
type Element struct {
	Range
	Flags     uint32 // as in the file, 0 to 7
	Mode      Mode
	Type      ValueType
	Table     uint32   // if active
	At        Expr     // if active
	Functions []uint32 // if the segment lists function indices (Flags&4 == 0)
	Exprs     []Expr   // if it lists expressions
}

// A Data is a segment of bytes.
type Data struct {
	Range
	Mode   Mode   // active or passive
	Memory uint32 // if active
	At     Expr   // if active
	Bytes  Range
}

// A LocalGroup declares Count locals of one type.
type LocalGroup struct {
	Count uint32
	Type  ValueType
}

// A Body is the code of one function. Its instructions are read by [Module.Decode].
type Body struct {
	Range      // after the size
	Locals     []LocalGroup
	LocalCount uint64 // sum of the groups; without parameters
	Code       Range  // the instructions, with their last End
}

// A Section is where a section lies in the file.
type Section struct {
	ID    byte
	Start uint32 // of the identifier byte
	Range        // of the contents
}

// The identifiers of sections.
const (
	SectionCustom byte = iota
	SectionType
	SectionImport
	SectionFunction
	SectionTable
	SectionMemory
	SectionGlobal
	SectionExport
	SectionStart
	SectionElement
	SectionCode
	SectionData
	SectionDataCount
)

// sectionTag declares exceptions, which came after WebAssembly 2.0.
const sectionTag = 13

// A Module is a parsed module. Indices are as in the file: imports come first.
type Module struct {
	Bytes    []byte // the file; ranges and offsets point into it
	Sections []Section

	Types     []FuncType
	Imports   []Import
	Functions []uint32 // type index of each function defined here
	Tables    []Table  // defined here
	Memories  []Limits // defined here
	Globals   []Global // defined here
	Exports   []Export
	Start     uint32 // only with HasStart
	HasStart  bool
	Elements  []Element
	DataCount uint32 // only with HasCount
	HasCount  bool
	Code      []Body // of each function defined here
	Data      []Data

	// All of a kind, imported ones first.
	functions []uint32 // type indices
	tables    []Table
	memories  []Limits
	globals   []GlobalType
	work      uint64 // of compiling, as far as validated
	room      uint64 // bytes of memory that compiling takes, as far as validated
	native    uint64 // bytes of native code, as far as validated

	interpreted uint64 // bytes that an interpreter keeps of the code, as far as validated
}

// Imported returns how many imports are of a kind, which is the index of the first definition of that kind.
func (m *Module) Imported(k Kind) uint32 {
	switch k {
	case KindFunction:
		return uint32(len(m.functions) - len(m.Functions))
	case KindTable:
		return uint32(len(m.tables) - len(m.Tables))
	case KindMemory:
		return uint32(len(m.memories) - len(m.Memories))
	}
	return uint32(len(m.globals) - len(m.Globals))
}

// Count returns how many of a kind there are, imported and defined.
func (m *Module) Count(k Kind) uint32 {
	switch k {
	case KindFunction:
		return uint32(len(m.functions))
	case KindTable:
		return uint32(len(m.tables))
	case KindMemory:
		return uint32(len(m.memories))
	}
	return uint32(len(m.globals))
}

// FunctionType returns the type of a function by its index, imported ones first. The index must be in range of a
// module that [Check] accepted.
func (m *Module) FunctionType(i uint32) FuncType { return m.Types[m.functions[i]] }

// Parse reads the binary format. It does not look into the code, which stays a range of bytes, and checks no index: that
// is for [Check]. It keeps b, and allocates at most a small multiple of its length. Errors are [*Refusal].
func Parse(b []byte) (*Module, error) {
	if len(b) > maxParse {
		return nil, &Refusal{What: "the file is larger than 1 GiB", Where: nowhere, Do: "give a smaller module"}
	}
	if err := header(b); err != nil {
		return nil, err
	}
	m := &Module{Bytes: b}
	r := reader{b: b, off: 8, end: uint32(len(b))}
	rank := 0
	for r.err == nil && r.off < r.end {
		s := Section{Start: r.off}
		s.ID = r.byte()
		size := r.u32()
		if r.err == nil && size > r.end-r.off {
			r.fail("the section is longer than the file")
		}
		if r.err != nil {
			break
		}
		s.Range = Range{r.off, r.off + size}
		m.Sections = append(m.Sections, s)
		m.section(&r, s, &rank)
	}
	if r.err == nil && len(m.Functions) != len(m.Code) {
		r.fail("the function section and the code section have different lengths")
	}
	if r.err == nil && m.HasCount && int(m.DataCount) != len(m.Data) {
		r.fail("the data count section does not count the data segments")
	}
	if r.err != nil {
		return nil, r.err.in(b)
	}
	return m, nil
}

// header checks the first eight bytes.
func header(b []byte) error {
	switch {
	case len(b) < 8 || string(b[:4]) != "\x00asm":
		return &Refusal{What: "this is not WebAssembly: the file does not begin with 00 61 73 6d", Where: nowhere, Do: "give the .wasm file that the compiler wrote (text form: wat2wasm)"}
	case binary.LittleEndian.Uint32(b[4:]) == componentVersion:
		return &Refusal{What: "this is a component, not a core module", Where: nowhere, Do: buildCore}
	case binary.LittleEndian.Uint32(b[4:]) != 1:
		return &Refusal{What: "the version of the binary format is not 1", Where: nowhere, Do: "build for WebAssembly 2.0 (binary format version 1)"}
	}
	return nil
}

// ranks gives the order of sections; each may be there once.
var ranks = [...]int{
	SectionType: 1, SectionImport: 2, SectionFunction: 3, SectionTable: 4, SectionMemory: 5, SectionGlobal: 6,
	SectionExport: 7, SectionStart: 8, SectionElement: 9, SectionDataCount: 10, SectionCode: 11, SectionData: 12,
}

// section reads the contents of s, which r points at.
func (m *Module) section(r *reader, s Section, rank *int) {
	whole := r.end
	r.end = s.End
	r.section = s.ID
	switch {
	case s.ID == SectionCustom:
		r.text()
		r.off = s.End
	case s.ID == sectionTag:
		r.fail("it has exception tags, which Dodona does not run")
		r.err.Do = doExceptions
	case int(s.ID) >= len(ranks):
		r.fail("there is no section with this number")
	case ranks[s.ID] <= *rank:
		r.fail("the section is there twice or out of order")
	default:
		*rank = ranks[s.ID]
		m.contents(r, s.ID)
		if r.err == nil && r.off != r.end {
			r.fail("the section is longer than its contents")
		}
	}
	r.end = whole
	r.section = noSection
}
