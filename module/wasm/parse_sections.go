package wasm

// contents reads a section other than a custom one.
func (m *Module) contents(r *reader, id byte) {
	switch id {
	case SectionType:
		m.readTypes(r)
	case SectionImport:
		m.readImports(r)
	case SectionFunction:
		m.Functions = make([]uint32, r.count(1))
		for i := range m.Functions {
			m.Functions[i] = r.u32()
		}
		m.functions = append(m.functions, m.Functions...)
	case SectionTable:
		m.Tables = make([]Table, r.count(3))
		for i := range m.Tables {
			m.Tables[i] = r.table()
		}
		m.tables = append(m.tables, m.Tables...)
	case SectionMemory:
		m.Memories = make([]Limits, r.count(2))
		for i := range m.Memories {
			m.Memories[i] = r.limits()
		}
		m.memories = append(m.memories, m.Memories...)
	case SectionGlobal:
		m.readGlobals(r)
	case SectionExport:
		m.Exports = make([]Export, r.count(3))
		for i := range m.Exports {
			at := r.off
			m.Exports[i] = Export{Offset: at, Name: r.name(), Kind: r.kind(), Index: r.u32()}
		}
	case SectionStart:
		m.Start, m.HasStart = r.u32(), true
	case SectionElement:
		m.Elements = make([]Element, r.count(3))
		for i := range m.Elements {
			m.Elements[i] = r.element()
		}
	case SectionDataCount:
		m.DataCount, m.HasCount = r.u32(), true
	case SectionCode:
		m.readCode(r)
	case SectionData:
		m.Data = make([]Data, r.count(2))
		for i := range m.Data {
			m.Data[i] = r.data()
		}
	}
}

func (m *Module) readTypes(r *reader) {
	m.Types = make([]FuncType, r.count(3))
	// One array holds the types of all, because a list of its own for each would cost a multiple of the file.
	all := make([]ValueType, 0, r.end-r.off)
	list := func() []ValueType {
		n := r.count(1)
		at := len(all)
		for range n {
			all = append(all, r.valueType())
		}
		return all[at:len(all):len(all)]
	}
	for i := range m.Types {
		if form := r.byte(); form != 0x60 && r.err == nil {
			r.off--
			r.fail("this is not a function type")
			r.err.Do = "build for WebAssembly 2.0 without garbage collection types"
		}
		m.Types[i] = FuncType{list(), list()}
		if r.err != nil {
			return
		}
	}
}

func (m *Module) readImports(r *reader) {
	m.Imports = make([]Import, r.count(4))
	for i := range m.Imports {
		at := r.off
		in := Import{Offset: at, Module: r.name(), Name: r.name(), Kind: r.kind()}
		switch in.Kind {
		case KindFunction:
			in.Type = r.u32()
			m.functions = append(m.functions, in.Type)
		case KindTable:
			in.Table = r.table()
			m.tables = append(m.tables, in.Table)
		case KindMemory:
			in.Memory = r.limits()
			m.memories = append(m.memories, in.Memory)
		case KindGlobal:
			in.Global = r.globalType()
			m.globals = append(m.globals, in.Global)
		}
		if r.err != nil {
			return
		}
		m.Imports[i] = in
	}
}

func (m *Module) readGlobals(r *reader) {
	m.Globals = make([]Global, r.count(4))
	for i := range m.Globals {
		m.Globals[i] = Global{GlobalType: r.globalType(), Init: r.expr()}
		if r.err != nil {
			return
		}
		m.globals = append(m.globals, m.Globals[i].GlobalType)
	}
}

func (m *Module) readCode(r *reader) {
	m.Code = make([]Body, r.count(3))
	section := r.end
	for i := range m.Code {
		r.function = int64(m.Imported(KindFunction)) + int64(i) + 1
		size := r.u32()
		body := r.take(size)
		if r.err != nil {
			return
		}
		r.off, r.end = body.Start, body.End
		m.Code[i] = r.body(body)
		r.off, r.end = body.End, section
		if r.err != nil {
			return
		}
	}
	r.function = 0
}

// body reads the locals of a body.
func (r *reader) body(at Range) Body {
	b := Body{Range: at, Locals: make([]LocalGroup, r.count(2))}
	for i := range b.Locals {
		b.Locals[i] = LocalGroup{r.u32(), r.valueType()}
		b.LocalCount += uint64(b.Locals[i].Count)
	}
	if r.err == nil && b.LocalCount >= 1<<32 {
		r.fail("the function has 2^32 locals or more")
	}
	b.Code = Range{r.off, at.End}
	if r.err == nil && (r.off == at.End || r.b[at.End-1] != byte(OpEnd)) {
		r.fail("the code does not finish with end")
	}
	return b
}

func (r *reader) kind() Kind {
	k := r.byte()
	if k > byte(KindGlobal) {
		r.off--
		if k == 4 {
			r.fail("it is an exception tag, which Dodona does not run")
			r.err.Do = doExceptions
			return 0
		}
		r.fail("there is no kind of import or export with this number")
		return 0
	}
	return Kind(k)
}

func (r *reader) table() Table {
	t := r.refType()
	return Table{Type: t, Limits: r.limits()}
}

func (r *reader) globalType() GlobalType {
	g := GlobalType{Type: r.valueType()}
	mutable := r.byte()
	if mutable > 1 {
		r.off--
		r.fail("a global is mutable (1) or not (0)")
	}
	g.Mutable = mutable == 1
	return g
}

// expr reads a constant expression.
func (r *reader) expr() Expr {
	d := Decoder{r: *r}
	in, err := d.Next()
	e := Expr{Range: Range{Start: r.off}, Op: in.Op, Index: in.Index, Value: in.Value}
	var end Instr
	if err == nil {
		end, err = d.Next()
	}
	if err != nil {
		r.err = d.r.err
		return e
	}
	switch in.Op {
	case OpI32Const, OpI64Const, OpF32Const, OpF64Const, OpGlobalGet, OpRefNull, OpRefFunc:
	default:
		r.fail("a constant is needed here, not " + in.Op.String())
	}
	if end.Op != OpEnd {
		r.off = end.Start
		r.fail("a constant is one instruction and end, not " + end.Op.String())
	}
	if r.err == nil {
		r.off = end.End
	}
	e.End = end.End
	return e
}

// element reads an element segment; its flags say which of eight forms it has.
func (r *reader) element() Element {
	e := Element{Range: Range{Start: r.off}, Type: FuncRef}
	e.Flags = r.u32()
	if e.Flags > 7 {
		r.off = e.Start
		r.fail("there is no form of element segments with this number")
		return e
	}
	switch {
	case e.Flags&1 == 0:
		if e.Flags&2 != 0 {
			e.Table = r.u32()
		}
		e.At = r.expr()
	case e.Flags&2 == 0:
		e.Mode = ModePassive
	default:
		e.Mode = ModeDeclared
	}
	if e.Flags&3 != 0 {
		if e.Flags&4 != 0 {
			e.Type = r.refType()
		} else if kind := r.byte(); kind != 0 && r.err == nil {
			r.off--
			r.fail("an element segment holds functions (0)")
		}
	}
	if e.Flags&4 == 0 {
		e.Functions = make([]uint32, r.count(1))
		for i := range e.Functions {
			e.Functions[i] = r.u32()
		}
	} else {
		e.Exprs = make([]Expr, r.count(3))
		for i := range e.Exprs {
			e.Exprs[i] = r.expr()
			if r.err != nil {
				break
			}
		}
	}
	e.End = r.off
	return e
}

// data reads a data segment.
func (r *reader) data() Data {
	d := Data{Range: Range{Start: r.off}}
	switch flags := r.u32(); flags {
	case 0:
		d.At = r.expr()
	case 1:
		d.Mode = ModePassive
	case 2:
		d.Memory = r.u32()
		d.At = r.expr()
	default:
		r.off = d.Start
		r.fail("there is no form of data segments with this number")
	}
	d.Bytes = r.take(r.u32())
	d.End = r.off
	return d
}
