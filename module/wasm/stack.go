package wasm

import "math/bits"

// What a frame has beside its slots, in bytes, on the machine where it has most. Registers that it uses beyond the first callerSaved are kept
// for the caller: up to 13 on amd64, 23 on arm64. More is alive than the text shows: up to hidden.
const (
	slotBytes   = 8
	frameBytes  = 96  // return address, frame pointer, and what the code that counts depth needs
	bulkBytes   = 128 // of a function that copies or fills memory: the registers that this takes
	savedBytes  = 16
	mostSaved   = 23
	callerSaved = 8
	hidden      = 6
	inRegisters = 6 // of what a call takes or gives
)

// What a stack has beside frames: the engine starts with firstStack, and makes a new one of twice the size and what is wanted when a frame
// does not fit. Calls of the host take hostFrame at most.
const (
	firstStack = 10 << 10
	hostFrame  = 4 << 10
)

// engineStack is the largest stack that the engine makes, beside a frame: one of more than half of it does not grow.
const engineStack = 100_000_016

// Stack returns a bound, in bytes, of the native stack that a call of an exported function takes once the module, which [Check] has accepted,
// is rewritten so. It is counted from the text, so that it is the same on all machines: frames a quarter larger than the largest that
// wazero's compiler was seen to make of such code, on amd64 and arm64. What calls itself takes as much as the depth allows, all else as
// much as its longest chain of calls.
func (m *Module) Stack(r Rewriting) (int64, error) {
	g, err := m.calls(r)
	if err != nil {
		return 0, err
	}
	depth, last := int64(r.MaxDepth), g.largest()
	return min(max(firstStack, 2*(g.deepest(depth)+hostFrame)+last), engineStack+last), nil
}

// What an interpreter takes of Go's stack, which calls itself for each call of a guest: 6.2 KB on machines of 32 bits, 4.2 on those of 64.
const (
	goFrame = 6_400
	goFirst = 32 << 10 // of the host, before and after
)

// GoStack returns a bound, in bytes, of Go's stack that such a call takes where it is interpreted, beside [Module.Stack]. Go doubles a stack
// that is too small.
func (m *Module) GoStack(r Rewriting) (int64, error) {
	g, err := m.calls(r)
	if err != nil {
		return 0, err
	}
	for i := range m.Code {
		g.frames[i].bytes = goFrame
	}
	return 1 << bits.Len64(uint64(g.deepest(int64(r.MaxDepth))+goFirst)), nil
}

// calls returns who calls whom in the module once it is rewritten, with what each takes.
func (m *Module) calls(r Rewriting) (*calls, error) {
	g := calls{m: m, frames: make([]held, len(m.Code)), edges: make([][]int32, len(m.Code)), typed: map[string]int32{}, nodes: make([]int32, len(m.Types))}
	w, f := rewriter{Rewriting: r, m: m}, framer{m: m}
	for i := range m.Code {
		if w.scan.read(&w, i); w.err != nil {
			return nil, w.err.in(m.Bytes)
		}
		g.frames[i].bytes = frameOf(&f, &w.scan, m.Types[m.Functions[i]])
		if w.scan.calls {
			g.frames[i].weight = w.weight(i)
		}
		g.from(i, w.scan.code, f.infos)
	}
	return &g, nil
}

// A held is what a function takes of the stack each time that it is called.
type held struct {
	bytes  int64
	weight int64 // of the depth; 0: it calls nothing, and is not counted
}

// frameOf returns the bytes of the function that has been scanned.
func frameOf(f *framer, s *scan, t FuncType) int64 {
	outgoing := 0
	for k := range s.code {
		switch in := &s.code[k]; in.Op {
		case OpCall, OpCallIndirect:
			callee := f.callee(in)
			outgoing = max(outgoing, max(0, len(callee.Params)-inRegisters)+max(0, len(callee.Results)-inRegisters))
		}
	}
	slots, saved := f.slotsOf(s, t), min(max(f.peak+hidden-callerSaved, 0), mostSaved)
	compiled := frameBytes + slotBytes*(slots+int64(outgoing)) + savedBytes*int64(saved)
	if s.bulk {
		compiled += bulkBytes
	}
	interpreted := frameBytes + slotBytes*(int64(s.locals)+int64(f.tall)) // which keeps all, alive or not
	return max(compiled+compiled/4, interpreted)
}
