package wasm

import (
	"fmt"
	"strings"
)

// A Policy is what [Check] demands of a module beyond validity and size.
type Policy struct {
	// Pages is the most linear memory that the module may start with, in pages of 64 KiB.
	Pages uint32
	// Memory demands that the memory is exported as "memory".
	Memory bool
	// Allow answers nil if a function may be imported, else why not. A nil Allow allows none.
	Allow func(module, name string, t FuncType) error
	// Exports are the functions that must be exported, with their types.
	Exports map[string]FuncType
}

// Reserved begins the names that belong to Dodona: the rewriter makes exports and imports with them.
const Reserved = "dodona:"

// Check reads a module and proves that it is valid (WebAssembly 2.0 without SIMD), within the limits of this package, and
// as the policy wants it. What it accepts, wazero compiles. Errors are [*Refusal]; all imports that may not be linked are
// named in one.
func Check(b []byte, p Policy) (*Module, error) {
	if len(b) > MaxBytes {
		return nil, &Refusal{
			What:  fmt.Sprintf("the module has %d bytes, at most %d", len(b), MaxBytes),
			Where: nowhere,
			Do:    "build without debug information (Go: -ldflags=-s; clang, rustc: strip with llvm-strip) or use fewer packages",
		}
	}
	m, err := Parse(b)
	if err != nil {
		return nil, err
	}
	c := checker{m: m}
	c.counts()
	c.tables()
	c.names()
	c.customs()
	if c.err == nil {
		c.imports(p)
	}
	if c.err != nil {
		return nil, c.err.in(b)
	}
	if err := m.validate(true); err != nil {
		return nil, err
	}
	c.segments()
	if c.interfaces(p); c.err != nil {
		return nil, c.err.in(b)
	}
	return m, nil
}

// tables refuses tables that are valid and too many or too large.
func (c *checker) tables() {
	if len(c.m.tables) > 1 {
		c.refuse(SectionTable, 0, "build with one table", "there are %d tables, at most 1", len(c.m.tables))
	}
	for _, t := range c.m.tables {
		if t.Min > maxTable {
			c.refuse(SectionTable, 0, "use fewer functions whose address is taken", "the table has %d elements, at most %d", t.Min, maxTable)
		}
	}
}

// imports names all imports that may not be linked, in one refusal.
func (c *checker) imports(p Policy) {
	var refused []string
	first := uint32(0)
	for i := range c.m.Imports {
		in := &c.m.Imports[i]
		var t FuncType
		if in.Kind == KindFunction {
			if in.Type >= uint32(len(c.m.Types)) {
				c.fail(SectionImport, in.Offset, "there is no type %d", in.Type)
				return
			}
			t = c.m.Types[in.Type]
		}
		why := refusedImport(p, in, t)
		if why == "" {
			continue
		}
		if len(refused) == 0 {
			first = in.Offset
		}
		refused = append(refused, quote(in.Name)+" of "+quote(in.Module)+" ("+why+")")
	}
	if len(refused) == 0 {
		return
	}
	if more := len(refused) - mostNamed; more > 0 {
		refused = append(refused[:mostNamed], fmt.Sprintf("and %d more", more))
	}
	c.refuse(SectionImport, first, "grant what is missing, or build without it", "it imports what may not be linked: %s", strings.Join(refused, ", "))
}

// mostNamed is how many imports a refusal names, so that a hostile module cannot fill a log.
const mostNamed = 32

// refusedImport says why an import may not be linked, or "".
func refusedImport(p Policy, in *Import, t FuncType) string {
	switch {
	case strings.HasPrefix(in.Module, Reserved) || strings.HasPrefix(in.Name, Reserved):
		return "names that begin with " + Reserved + " are reserved"
	case in.Module == "":
		return "the name of its module is empty"
	case in.Kind == KindMemory:
		return "the module must define its memory: AssemblyScript without --importMemory, wasm-ld without --import-memory"
	case in.Kind == KindTable:
		return "the module must define its table: AssemblyScript without --importTable, wasm-ld without --import-table"
	case in.Kind == KindGlobal:
		return "the module must define its globals"
	case p.Allow == nil:
		return "nothing may be imported"
	}
	if err := p.Allow(in.Module, in.Name, t); err != nil {
		return err.Error()
	}
	return ""
}

// interfaces holds memory and exports to the policy.
func (c *checker) interfaces(p Policy) {
	for _, mem := range c.m.memories {
		if mem.Min > p.Pages {
			c.refuse(SectionMemory, 0, "raise the limit of pages in the manifest, or build with less memory (wasm-ld: -z stack-size; AssemblyScript: --initialMemory)",
				"it starts with %d pages of 64 KiB, at most %d", mem.Min, p.Pages)
		}
	}
	functions, memory := map[string]uint32{}, false
	for i := range c.m.Exports {
		e := &c.m.Exports[i]
		if strings.HasPrefix(e.Name, Reserved) {
			c.refuse(SectionExport, e.Offset, "choose another name", "it exports %s, and names that begin with %s are reserved", quote(e.Name), Reserved)
		}
		switch e.Kind {
		case KindFunction:
			functions[e.Name] = e.Index
		case KindMemory:
			memory = memory || e.Name == "memory"
		}
	}
	if p.Memory && !memory {
		c.refuse(SectionExport, 0, `export the memory as "memory"`, `there is no exported memory "memory"`)
	}
	for _, name := range sorted(p.Exports) {
		c.export(name, p.Exports[name], functions)
	}
}

// export refuses a module that lacks a function which the policy wants.
func (c *checker) export(name string, want FuncType, functions map[string]uint32) {
	f, there := functions[name]
	if !there {
		c.refuse(SectionExport, 0, fmt.Sprintf("export the function %s, of type %s", name, want), "there is no exported function %q", name)
		return
	}
	if got := c.m.FunctionType(f); !got.Equal(want) {
		c.refuse(SectionExport, 0, "change its parameters and results", "the exported function %q has type %s and must have %s", name, got, want)
	}
}
