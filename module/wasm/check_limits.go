package wasm

import (
	"maps"
	"slices"
)

// sorted returns the keys in order, so that the same module gets the same refusal every time.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// counts holds the sizes of all lists to the limits.
func (c *checker) counts() {
	m := c.m
	elements := 0
	for i := range m.Elements {
		elements += len(m.Elements[i].Functions) + len(m.Elements[i].Exprs)
	}
	values := 0
	for _, t := range m.Types {
		values += len(t.Params) + len(t.Results)
	}
	code := 0
	for _, s := range m.Sections {
		if s.ID == SectionCode {
			code = int(s.End - s.Range.Start)
		}
	}
	for _, l := range []struct {
		section   byte
		what      string
		got, most int
	}{
		{SectionType, "types", len(m.Types), maxTypes},
		{SectionType, "parameters and results of types", values, maxTypeValues},
		{SectionImport, "imports", len(m.Imports), maxImports},
		{SectionFunction, "functions", len(m.functions), maxFunctions},
		{SectionGlobal, "globals", len(m.globals), maxGlobals},
		{SectionExport, "exports", len(m.Exports), maxExports},
		{SectionElement, "element segments", len(m.Elements), maxElementSegments},
		{SectionElement, "elements in its segments", elements, maxElements},
		{SectionData, "data segments", len(m.Data), maxDataSegments},
		{SectionCode, "bytes of code", code, maxCode},
	} {
		if l.got > l.most {
			c.refuse(l.section, 0, doSmaller, "there are %d %s, at most %d", l.got, l.what, l.most)
		}
	}
	for i, t := range m.Types {
		if len(t.Params) > maxParams || len(t.Results) > maxResults {
			c.refuse(SectionType, 0, "pass a pointer to a structure", "type %d has %d parameters and %d results, at most %d and %d",
				i, len(t.Params), len(t.Results), maxParams, maxResults)
			return
		}
	}
}

// doSmaller is what to do about a module with too much of something.
const doSmaller = "build a smaller module: optimise for size, use fewer packages"

// names holds the names of imports and exports to their limit.
func (c *checker) names() {
	for i := range c.m.Imports {
		if in := &c.m.Imports[i]; len(in.Module) > maxName || len(in.Name) > maxName {
			c.refuse(SectionImport, in.Offset, "choose a shorter name", "the name of an import has more than %d bytes", maxName)
			return
		}
	}
	for i := range c.m.Exports {
		if e := &c.m.Exports[i]; len(e.Name) > maxName {
			c.refuse(SectionExport, e.Offset, "choose a shorter name", "the name of an export has more than %d bytes", maxName)
			return
		}
	}
}

// forbidden are the valid instructions that are not run, with what to do.
var forbidden = [len(opcodes)]string{
	OpTableGrow:  doTable,
	OpTableSet:   doTable,
	OpTableFill:  doTable,
	OpTableCopy:  doTable,
	OpTableInit:  doTable,
	OpElemDrop:   doTable,
	OpDataDrop:   doPassive,
	OpMemoryInit: doPassive,
}

const (
	// A table that changes would have to be set back after every event, and a growing one is memory that no limit counts.
	doTable = "build without changing tables: compilers of Go, C, Rust and AssemblyScript do not do it by themselves"
	// A dropped segment could not be brought back after an event.
	doPassive = "build with active data segments (wasm-ld: without --shared-memory)"
)

// bodyLimits holds a function to its limits, before memory is spent on it.
func (v *validator) bodyLimits(b *Body, t FuncType) {
	if size := b.End - b.Range.Start; size > maxBody {
		v.refuse(doSplit, "the function has %d bytes, at most %d", size, maxBody)
	}
	if n := b.LocalCount + uint64(len(t.Params)); n > maxLocals {
		v.refuse(doSplit, "the function has %d locals, at most %d", n, maxLocals)
	}
	if v.allLocals += b.LocalCount + uint64(len(t.Params)); v.allLocals > maxAllLocals {
		v.refuse(doSmaller, "the functions of the module have more than %d locals", maxAllLocals)
	}
	v.branches, v.loops, v.bodyTargets = 0, 0, 0
}

// doSplit is what to do about a function with too much of something.
const doSplit = "split the function, or build with optimisation"

// nestingLimits is called when a block has been opened.
func (v *validator) nestingLimits(op Op) {
	if len(v.frames) > maxNesting {
		v.refuse(doSplit, "blocks are nested more than %d deep", maxNesting)
	}
	v.branchLimits()
	if op != OpLoop {
		return
	}
	if v.loops++; v.loops > maxLoops {
		v.refuse(doSplit, "the function has more than %d loops", maxLoops)
	}
	if v.frames[len(v.frames)-1].loops > maxLoopNesting {
		v.refuse(doSplit, "loops are nested more than %d deep", maxLoopNesting)
	}
}

// branchLimits is called for whatever control goes from or comes to.
func (v *validator) branchLimits() {
	if v.branches++; v.branches > maxBranches {
		v.refuse(doSplit, "the function has more than %d blocks and branches", maxBranches)
	}
	if v.branches*len(v.locals) > maxBranchLocals {
		v.refuse(doSplit, "the function has %d locals and more than %d blocks and branches, at most %d of one times the other",
			len(v.locals), v.branches-1, maxBranchLocals)
	}
}

// targetLimits is called for a br_table of n labels.
func (v *validator) targetLimits(n int) {
	v.targets += n
	v.bodyTargets += n
	if v.bodyTargets > maxBodyTargets {
		v.refuse("split the switch or the function", "the br_tables of the function have more than %d targets", maxBodyTargets)
	}
	if v.targets > maxTargets {
		v.refuse(doSmaller, "the br_tables of the module have more than %d targets", maxTargets)
	}
}
