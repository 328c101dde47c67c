package wasm

import (
	"fmt"
	"math"
	"strconv"
)

// The names that rewritten modules add. All that begins with "dodona:" is the host's.
const (
	// HostModule is where a rewritten module imports the functions of type () -> () from that it calls for help.
	HostModule = "dodona:rt"
	// Refuel is called when the fuel is below zero. It adds fuel until it is not, or ends the guest by a panic.
	Refuel = "refuel"
	// TooDeep is called when calls are nested too deeply. It ends the guest by a panic.
	TooDeep = "toodeep"

	FuelGlobal   = "dodona:fuel"    // the exported global, i64, of the fuel that is left
	DepthGlobal  = "dodona:depth"   // the exported global, i32, of how deeply calls are nested
	StartExport  = "dodona:start"   // the function that was the start function
	GlobalPrefix = "dodona:global:" // and the index of a mutable global
)

// Rewriting says what [Module.Rewrite] does.
type Rewriting struct {
	Fuel     bool   // count instructions; see [FuelGlobal]
	Metering int    // the version of the prices; 0 is [Metering]
	Depth    bool   // count nested calls; see [DepthGlobal]
	NaN      bool   // make every NaN that arithmetic yields the canonical one
	MaxDepth uint32 // above it TooDeep is called
	MaxPages uint32 // the memory's maximum is made at most this; 0 leaves it
	Globals  bool   // export every mutable global; see [GlobalPrefix]
	Start    bool   // the start function is not run but exported; see [StartExport]
	Budget   uint64 // what the fuel global begins with
}

// A rewriter writes one module again.
type rewriter struct {
	Rewriting
	m   *Module
	out []byte
	err *Refusal

	types           []byte            // appended, in the binary format
	typed           map[string]uint32 // the index of each, by its bytes
	typeKey         []byte            // used again and again
	functions       uint32            // how many imports are appended; functions defined by the module move up by it
	refuel, tooDeep uint32            // indices of these imports
	fuel, depth     uint32            // indices of the appended globals
	scan            scan              // of the function that is being rewritten
}

// Rewrite returns the module with what r asks for: bounds of time and stack that hold on any engine, by code that the
// module itself runs. Types, imports, globals and exports are only appended, so that just the functions that the
// module defines have new indices. Custom sections are dropped but for the names of functions, which are cut.
//
// It does not need [Check] before it, and never makes a valid module of an invalid one; what it cannot read is
// refused. The time and space it takes are linear in the size of the module.
func (m *Module) Rewrite(r Rewriting) ([]byte, error) {
	w := rewriter{Rewriting: r, m: m, out: make([]byte, 0, len(m.Bytes)+len(m.Bytes)/4+1024)}
	first := m.Imported(KindFunction)
	w.refuel, w.tooDeep = first, first
	w.fuel, w.depth = m.Count(KindGlobal), m.Count(KindGlobal)
	if r.Fuel {
		w.functions++
		w.tooDeep++
		w.depth++
	}
	if r.Depth {
		w.functions++
	}
	w.appendTypes()
	w.out = append(w.out, m.Bytes[:8]...)
	for _, id := range sectionOrder {
		if w.err == nil {
			w.section(id)
		}
	}
	w.names()
	if w.err != nil {
		return nil, w.err.in(m.Bytes)
	}
	return w.out, nil
}

// sectionOrder is how sections follow each other.
var sectionOrder = [...]byte{
	SectionType, SectionImport, SectionFunction, SectionTable, SectionMemory, SectionGlobal, SectionExport, SectionStart,
	SectionElement, SectionDataCount, SectionCode, SectionData,
}

// refuse keeps the first thing that is wrong.
func (w *rewriter) refuse(section byte, offset uint32, format string, args ...any) {
	if w.err == nil {
		at := Where{Section: section, Function: -1, Offset: int64(offset)}
		w.err = &Refusal{What: fmt.Sprintf(format, args...), Where: at, Do: doBinary}
	}
}

// refuseCode is refuse for the i-th function of the code section.
func (w *rewriter) refuseCode(i int, offset uint32, format string, args ...any) {
	if w.err == nil {
		w.refuse(SectionCode, offset, format, args...)
		w.err.Where.Function = int64(w.m.Imported(KindFunction)) + int64(i)
	}
}

// index returns the new index of a function.
func (w *rewriter) index(i uint32, section byte, offset uint32) uint32 {
	switch {
	case i >= w.m.Count(KindFunction):
		w.refuse(section, offset, "there is no function %d", i)
	case i >= w.m.Imported(KindFunction):
		return i + w.functions
	}
	return i
}

// appendTypes finds out which types are needed beside the module's.
func (w *rewriter) appendTypes() {
	for _, in := range w.m.Imports {
		if in.Kind == KindFunction && int(in.Type) >= len(w.m.Types) {
			w.refuse(SectionImport, in.Offset, "there is no type %d", in.Type)
		}
	}
	if w.functions > 0 {
		w.typeIndex(FuncType{})
	}
	for i, t := range w.m.Functions {
		if int(t) >= len(w.m.Types) {
			w.refuse(SectionFunction, w.m.Code[i].Start, "there is no type %d", t)
			return
		}
		if results := w.m.Types[t].Results; w.Depth && len(results) > 1 {
			w.typeIndex(FuncType{Results: results})
		}
	}
}

// typeIndex returns the index of a type, which it appends if there is none.
func (w *rewriter) typeIndex(t FuncType) uint32 {
	w.typeKey = appendFuncType(w.typeKey[:0], t)
	i, there := w.typed[string(w.typeKey)]
	if !there {
		if w.typed == nil {
			w.typed = map[string]uint32{}
		}
		i = uint32(len(w.m.Types) + len(w.typed))
		w.typed[string(w.typeKey)] = i
		w.types = append(w.types, w.typeKey...)
	}
	return i
}

// appendFuncType appends a type in the binary format.
func appendFuncType(b []byte, t FuncType) []byte {
	b = append(b, 0x60)
	for _, list := range [][]ValueType{t.Params, t.Results} {
		b = appendU32(b, uint32(len(list)))
		for _, v := range list {
			b = append(b, byte(v))
		}
	}
	return b
}

// section writes the section with an identifier, if the new module has one.
func (w *rewriter) section(id byte) {
	var old []byte
	var at uint32
	for _, s := range w.m.Sections {
		if s.ID == id && id != SectionCustom {
			old, at = w.m.Bytes[s.Range.Start:s.Range.End], s.Range.Start
		}
	}
	contents := old
	switch id {
	case SectionType:
		contents = w.typeSection(old)
	case SectionImport:
		contents = w.importSection(old)
	case SectionMemory:
		contents = w.memorySection(old)
	case SectionGlobal:
		contents = w.globalSection(old)
	case SectionExport:
		contents = w.exportSection(old)
	case SectionElement:
		contents = w.elementSection(old)
	case SectionStart:
		if w.m.HasStart {
			contents = appendU32(nil, w.index(w.m.Start, id, at))
		}
		if w.Rewriting.Start {
			contents = nil
		}
	case SectionCode:
		if old != nil {
			w.codeSection(len(old))
		}
		return
	}
	if contents != nil {
		w.out = appendSized(append(w.out, id), contents)
	}
}

func (w *rewriter) typeSection(old []byte) []byte {
	if len(w.types) == 0 {
		return old
	}
	b := appendU32(nil, uint32(len(w.m.Types)+len(w.typed)))
	return append(append(b, items(old)...), w.types...)
}

func (w *rewriter) importSection(old []byte) []byte {
	if w.functions == 0 {
		return old
	}
	b := appendU32(nil, uint32(len(w.m.Imports))+w.functions)
	b = append(b, items(old)...)
	one := func(name string) {
		b = appendName(appendName(b, HostModule), name)
		b = appendU32(append(b, byte(KindFunction)), w.typeIndex(FuncType{}))
	}
	if w.Fuel {
		one(Refuel)
	}
	if w.Depth {
		one(TooDeep)
	}
	return b
}

// memorySection lowers the maximum of memories.
func (w *rewriter) memorySection(old []byte) []byte {
	if w.MaxPages == 0 || old == nil {
		return old
	}
	b := appendU32(nil, uint32(len(w.m.Memories)))
	for _, l := range w.m.Memories {
		most := w.MaxPages
		if l.HasMax {
			most = min(most, l.Max)
		}
		if l.Min > w.MaxPages {
			w.err = &Refusal{
				What:  fmt.Sprintf("it begins with %d pages of memory, and may have %d", l.Min, w.MaxPages),
				Where: Where{Section: SectionMemory, Function: -1, Offset: -1}, Do: "raise the limit pages, or build with less memory",
			}
		}
		b = appendU32(appendU32(append(b, 1), l.Min), most)
	}
	return b
}

func (w *rewriter) globalSection(old []byte) []byte {
	if !w.Fuel && !w.Depth {
		return old
	}
	n := len(w.m.Globals)
	for _, on := range []bool{w.Fuel, w.Depth} {
		if on {
			n++
		}
	}
	b := appendU32(nil, uint32(n))
	for _, g := range w.m.Globals {
		b = append(b, byte(g.Type), 0)
		if g.Mutable {
			b[len(b)-1] = 1
		}
		b = w.expr(b, g.Init, SectionGlobal)
	}
	if w.Fuel {
		b = append(b, byte(I64), 1, byte(OpI64Const))
		b = append(appendS64(b, int64(min(w.Budget, math.MaxInt64))), byte(OpEnd))
	}
	if w.Depth {
		b = append(b, byte(I32), 1, byte(OpI32Const), 0, byte(OpEnd))
	}
	return b
}

// expr writes a constant expression.
func (w *rewriter) expr(b []byte, e Expr, section byte) []byte {
	switch e.Op {
	case OpRefFunc:
		return append(appendIndexed(b, OpRefFunc, w.index(e.Index, section, e.Start)), byte(OpEnd))
	case OpGlobalGet:
		if e.Index >= w.m.Count(KindGlobal) {
			w.refuse(section, e.Start, "there is no global %d", e.Index)
		}
	}
	return append(b, w.m.Bytes[e.Start:e.End]...)
}

func (w *rewriter) exportSection(old []byte) []byte {
	n := uint32(len(w.m.Exports))
	var b []byte
	one := func(name string, kind Kind, index uint32) {
		b = appendU32(append(appendName(b, name), byte(kind)), index)
	}
	for _, e := range w.m.Exports {
		switch {
		case e.Kind == KindFunction:
			e.Index = w.index(e.Index, SectionExport, e.Offset)
		case e.Index >= w.m.Count(e.Kind):
			w.refuse(SectionExport, e.Offset, "there is no %s %d", e.Kind, e.Index)
		}
		one(e.Name, e.Kind, e.Index)
	}
	extra := func(on bool, name string, kind Kind, index uint32) {
		if on {
			one(name, kind, index)
			n++
		}
	}
	for i, g := range w.m.globals {
		extra(w.Globals && g.Mutable, GlobalPrefix+strconv.Itoa(i), KindGlobal, uint32(i))
	}
	extra(w.Fuel, FuelGlobal, KindGlobal, w.fuel)
	extra(w.Depth, DepthGlobal, KindGlobal, w.depth)
	if w.Rewriting.Start && w.m.HasStart {
		extra(true, StartExport, KindFunction, w.index(w.m.Start, SectionStart, 0))
	}
	if n == 0 {
		return old
	}
	return append(appendU32(nil, n), b...)
}

func (w *rewriter) elementSection(old []byte) []byte {
	if old == nil || w.functions == 0 {
		return old
	}
	b := appendU32(make([]byte, 0, len(old)+len(old)/4), uint32(len(w.m.Elements)))
	for _, e := range w.m.Elements {
		b = appendU32(b, e.Flags)
		if e.Mode == ModeActive {
			if e.Flags&2 != 0 {
				b = appendU32(b, e.Table)
			}
			b = w.expr(b, e.At, SectionElement)
		}
		switch {
		case e.Flags&3 != 0 && e.Flags&4 != 0:
			b = append(b, byte(e.Type))
		case e.Flags&3 != 0:
			b = append(b, 0)
		}
		b = appendU32(b, uint32(len(e.Functions)+len(e.Exprs))) // one of both is empty
		for _, f := range e.Functions {
			b = appendU32(b, w.index(f, SectionElement, e.Start))
		}
		for _, x := range e.Exprs {
			b = w.expr(b, x, SectionElement)
		}
	}
	return b
}

// names writes a name section with the functions' names, cut, as far as they are in order and within their bound.
func (w *rewriter) names() {
	const functions = 1
	var list []byte
	n, next := uint32(0), uint32(0)
	eachName(w.m.Bytes, func(i uint32, name string) bool {
		if i < next || i >= w.m.Count(KindFunction) || len(list)+len(name) > maxFunctionNames {
			return false
		}
		list = appendName(appendU32(list, w.index(i, SectionCustom, 0)), name)
		n, next = n+1, i+1
		return true
	})
	if n == 0 {
		return
	}
	list = append(appendU32(nil, n), list...)
	section := appendSized(append(appendName(nil, "name"), functions), list)
	w.out = appendSized(append(w.out, SectionCustom), section)
}
