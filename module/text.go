package module

import "github.com/dodona-oracle/dodona/module/wasm"

// A text is what wazero makes of a module's text, beside code, in the process that loads it: sizes in bytes.
type text struct {
	decoded  int64 // a copy in pieces, that each pool has of its own
	traced   int64 // what tracing adds to its copy
	instance int64 // that each instance has
}

// of returns the bytes of a pool with so many instances.
func (t text) of(instances int) int64 { return t.decoded + t.instance*int64(instances) }

// What wazero's copy takes on machines of 64 bits, in bytes; on those of 32 it is less. TestTextStaysWithinItsPrices holds it.
const (
	poolBytes     = 32 << 10 // a runtime, and the host's functions
	typeBytes     = 192      // with its name, and the number that the runtime has for it
	valueBytes    = 24       // of each parameter and result: itself, what it is called in that name, and what making that leaves between
	localBytes    = 8
	importBytes   = 512
	functionBytes = 304 // its definition, and what finds its code
	globalBytes   = 64
	exportBytes   = 144 // its place in a map, beside its name
	dataBytes     = 64  // a segment, beside what is in it
	elementsBytes = 128 // a segment, beside its elements
	elementBytes  = 80  // each one is an expression
)

// What an instance takes, in the same way.
const (
	instanceBytes         = 28 << 10 // with what it keeps of events: 20 KiB at most
	instanceFunctionBytes = 32       // where guests are interpreted
	instanceGlobalBytes   = 128      // with what sets it back
	instanceDataBytes     = 24
	instanceElementsBytes = 24
	instanceElementBytes  = 8 // of the table, and of segments that are not copied at once
)

// What tracing adds.
const (
	tracedPoolBytes     = 128 << 10 // a cache of its own
	tracedFunctionBytes = 64        // a listener
)

// textOf returns what is made of a rewritten module.
func textOf(m *wasm.Module, interpreted bool) (t text) {
	t.decoded, t.traced, t.instance = poolBytes, tracedPoolBytes, instanceBytes
	for _, f := range m.Types {
		t.decoded += typeBytes + valueBytes*int64(len(f.Params)+len(f.Results))
	}
	t.decoded += importBytes * int64(len(m.Imports))
	for _, s := range m.Sections {
		if s.ID == wasm.SectionCustom { // names of functions, and again how messages call these
			t.decoded += 2 * int64(s.End-s.Start)
		}
	}
	for _, body := range m.Code {
		t.decoded += functionBytes + allocated(localBytes*body.LocalCount) + allocated(uint64(body.Code.End-body.Code.Start))
	}
	t.traced += tracedFunctionBytes * int64(len(m.Code))
	if interpreted {
		t.instance += instanceFunctionBytes * int64(len(m.Code))
	}
	t.decoded += globalBytes * int64(len(m.Globals))
	t.instance += instanceGlobalBytes * int64(len(m.Globals))
	for _, e := range m.Exports {
		t.decoded += exportBytes + allocated(uint64(len(e.Name)))
	}
	for _, table := range m.Tables {
		t.instance += instanceElementBytes * int64(table.Min)
	}
	for _, e := range m.Elements {
		elements := int64(len(e.Functions) + len(e.Exprs))
		t.decoded += elementsBytes + elementBytes*elements
		t.instance += instanceElementsBytes
		if e.Mode == wasm.ModePassive {
			t.instance += instanceElementBytes * elements
		}
	}
	for _, d := range m.Data {
		t.decoded += dataBytes + allocated(uint64(d.Bytes.End-d.Bytes.Start))
		t.instance += instanceDataBytes
	}
	return t
}

// Go's allocator has sizes of which the small ones are 8 or 16 apart and the others at most an eighth, and gives whole pages above a boundary.
const (
	allocatorSmall = 128
	allocatorLarge = 32 << 10
	allocatorPage  = 8 << 10
)

// allocated returns how many bytes something of so many takes, or a few more.
func allocated(bytes uint64) int64 {
	switch {
	case bytes <= allocatorSmall:
		return int64(bytes+15) &^ 15
	case bytes <= allocatorLarge:
		return int64(bytes + bytes/8)
	}
	return int64(bytes+allocatorPage-1) &^ (allocatorPage - 1)
}
