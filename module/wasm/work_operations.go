package wasm

// An interpreter makes operations of the text, and keeps them for as long as the module is loaded. How many these are depends on the number of
// instructions and not on their length, and what takes little memory to compile may become many. So they are counted too, with those of
// the code that the rewriter adds. docs/decisions/058 has the measurements.
const (
	// maxInterpreted bounds the memory of all operations. Guests: 94 million (std Go with encoding/json, regexp and fmt), 6 (TinyGo).
	maxInterpreted = 144 << 20

	bytesOperation = 56 // on machines of 64 bits; on those of 32 it is 44
	bytesTarget    = 20 // each label of a br_table, which is kept apart
	bytesLocal     = 8  // each local, whose type is kept apart too

	// Go's allocator has sizes that are at most an eighth apart, and gives whole pages above a boundary.
	allocatorPage  = 8 << 10
	allocatorLarge = 32 << 10
)

// How many operations that becomes which does not become one.
const (
	operationsFunction  = 42 // charge, depth, its return, and the locals of the rewriter
	operationsLoop      = 16 // with its charge
	operationsIf        = 4  // with what takes the place of its else
	operationsEnd       = 3
	operationsBranch    = 2
	operationsCanonical = 7  // beside the arithmetic
	operationsLength    = 31 // what an instruction is charged for its length
)

// operate counts an instruction. What nothing comes to counts too: it becomes nothing, but the interpreter may take what follows for reached
// that is not.
func (v *validator) operate() {
	w, op := &v.work, v.in.Op
	switch op {
	case OpNop, OpBlock:
	case OpLoop:
		w.operations += operationsLoop
	case OpIf:
		w.operations += operationsIf
	case OpElse, OpEnd:
		w.operations += operationsEnd
	case OpBr, OpBrIf, OpReturn, OpLocalTee:
		w.operations += operationsBranch
	case OpBrTable:
		w.operations++
		w.beside += bytesTarget * uint64(len(v.d.Targets)+1)
	case OpMemoryGrow, OpMemoryFill, OpMemoryCopy:
		w.operations += 1 + operationsLength
	default:
		w.operations++
		if yieldsNaN(op) {
			w.operations += operationsCanonical
		}
	}
}

// Interpreted returns how many bytes an interpreter keeps of the module, which [Check] has accepted, once it is rewritten: what it takes on
// a machine of 64 bits, and a fifth more than on one of 32.
func (m *Module) Interpreted() uint64 { return m.interpreted }

// interpreted returns the bytes that an interpreter keeps of the function.
func (w *work) interpreted() uint64 {
	size := w.operations * bytesOperation
	if size > allocatorLarge {
		size = (size + allocatorPage - 1) / allocatorPage * allocatorPage
	} else {
		size += size / 8
	}
	return size + w.beside
}

// keep refuses what an interpreter keeps too much of. Machines that compile refuse it too, so that a module loads on all or on none.
func (v *validator) keep() {
	size := v.work.interpreted()
	v.interpreted += size
	v.widest.note(size, v.index())
	if v.interpreted <= maxInterpreted || v.err != nil {
		return
	}
	v.refuse(doInterpreted, "interpreting the functions up to function %d takes %d bytes of memory, at most %d, and this one takes most of all, %d",
		v.index(), v.interpreted, uint64(maxInterpreted), v.widest.size)
	v.err.Where.Function, v.err.Where.Offset = v.widest.index, -1
}

// doInterpreted is what to do about too many operations.
const doInterpreted = "build for size (-Os) or use fewer packages: the module has too many instructions for machines that interpret it"
