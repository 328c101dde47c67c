package wasm

// Fuel and depth are counted by the guest itself, in globals that only the host and the added code know.
//
// A function costs 1 and each of its instructions 1, charged when it is entered; what is in a loop is charged instead
// each time the loop begins. Both arms of an if count, and so does what a branch skips: the price is that of the text,
// not of the way through it. The ends of blocks and else are free. So fuel is a function of the module and its input
// alone, whatever runs it.

// What an instruction costs that takes as long as its last operand says.
const (
	bytesPerFuel = 3  // log2: of memory.fill, memory.copy and memory.init
	fuelPerPage  = 13 // log2: of memory.grow
	bytesPerPage = 16 // log2
)

// Metering is the version of the prices. It grows when an equal run costs other fuel, or ends for its depth elsewhere. Version 1
// weighed frames by their locals and code alone, and took the price of what an
// instruction asks for; version 2 takes that of what can happen: as many bytes as the memory has, and one page more than
// there is room for, so that asking in vain is never free. The standard's −1 and traps are then what a guest meets.
const Metering = 2

// smallLeaf is the most that a function may cost whose entry does not look whether the fuel is used up. So a function
// of 128 KiB cannot pay for more than a few million instructions between two looks, though it be full of calls.
const smallLeaf = 64

// chargeEntry appends the charge of the function without its loops.
func (w *rewriter) chargeEntry(b []byte) []byte {
	s := &w.scan
	if cost := s.costs[0]; len(s.costs) > 1 || s.calls || s.bulk || cost > smallLeaf {
		return w.charge(b, cost)
	}
	// What calls it looks soon: it loops, or returns, or calls a function that looks.
	return w.pay(w.price(b, s.costs[0]))
}

// charge appends: fuel −= cost; if fuel < 0, call refuel.
func (w *rewriter) charge(b []byte, cost uint32) []byte { return w.look(w.pay(w.price(b, cost))) }

// price appends the fuel and a price.
func (w *rewriter) price(b []byte, cost uint32) []byte {
	b = appendIndexed(b, OpGlobalGet, w.fuel)
	return appendS64(append(b, byte(OpI64Const)), int64(cost))
}

// chargeLength appends the charge of an instruction for the length on top of the stack, where it stays.
func (w *rewriter) chargeLength(b []byte, op Op) []byte {
	b = appendIndexed(b, OpLocalTee, w.scan.i32)
	b = appendIndexed(b, OpGlobalGet, w.fuel)
	length := func(b []byte) []byte {
		return append(appendIndexed(b, OpLocalGet, w.scan.i32), byte(OpI64ExtendI32U))
	}
	b = length(b)
	if w.Metering != 1 {
		b = w.atMost(b, op, length)
	}
	switch op {
	case OpMemoryGrow:
		b = append(b, byte(OpI64Const), fuelPerPage, byte(OpI64Shl))
	case OpMemoryFill, OpMemoryCopy, OpMemoryInit:
		b = append(b, byte(OpI64Const), bytesPerFuel, byte(OpI64ShrU))
	}
	return w.look(w.pay(b))
}

// atMost appends that a length on top of the stack, an i64 which length appends again, is cut to what can happen.
func (w *rewriter) atMost(b []byte, op Op, length func([]byte) []byte) []byte {
	var room func([]byte) []byte
	switch op {
	case OpMemoryGrow:
		room = func(b []byte) []byte {
			b = appendS64(append(b, byte(OpI64Const)), int64(w.mostPages())+1)
			return append(b, byte(OpMemorySize), 0, byte(OpI64ExtendI32U), byte(OpI64Sub))
		}
	case OpMemoryFill, OpMemoryCopy, OpMemoryInit:
		room = func(b []byte) []byte {
			return append(b, byte(OpMemorySize), 0, byte(OpI64ExtendI32U), byte(OpI64Const), bytesPerPage, byte(OpI64Shl))
		}
	default:
		return b // of tables, which Check does not let grow
	}
	b = room(b)
	b = room(length(b))
	return append(b, byte(OpI64LtU), byte(OpSelect))
}

// mostPages is how many pages the first memory may have.
func (w *rewriter) mostPages() uint32 {
	most := uint32(mostPages)
	if len(w.m.memories) > 0 && w.m.memories[0].HasMax {
		most = min(most, w.m.memories[0].Max)
	}
	if w.MaxPages > 0 && w.m.Imported(KindMemory) == 0 {
		most = min(most, w.MaxPages)
	}
	return most
}

// pay appends what follows the fuel and a price on the stack.
func (w *rewriter) pay(b []byte) []byte {
	return appendIndexed(append(b, byte(OpI64Sub)), OpGlobalSet, w.fuel)
}

// look appends: if fuel < 0, call refuel. The usual case comes first: wazero's compiler gives the code after an if the
// registers as the first arm leaves them, and a call would leave everything on the stack.
func (w *rewriter) look(b []byte) []byte {
	b = appendIndexed(b, OpGlobalGet, w.fuel)
	b = append(b, byte(OpI64Const), 0, byte(OpI64GeS), byte(OpIf), emptyBlock, byte(OpElse))
	return append(appendIndexed(b, OpCall, w.refuel), byte(OpEnd))
}

// emptyBlock is [EmptyBlock] in the binary format.
const emptyBlock = 0x40

// weight returns how much of the stack's bound the i-th function of the code section takes, which is what its frame takes of the
// engine's stack. An engine may keep every value that a function makes until the function returns: its locals, and what its
// instructions give. An instruction of two bytes or more gives one value, so the length of the code counts those; a call or a block
// may give 16 or more in two bytes, and these are counted one by one. So are the values that locals have after the blocks they are
// set in, and those that branches give to the heads of loops, but these are mostly not kept. So a unit of weight is some kilobytes of frame at most.
func (w *rewriter) weight(i int) int64 {
	code := w.m.Code[i].Code
	weight := 1 + int64(w.scan.locals)/32 + int64(code.End-code.Start)/2048
	if w.Metering == 1 {
		return weight
	}
	return weight + int64(w.scan.many)/32 + int64(w.scan.merged)/1024
}

// enter appends: depth += weight; if depth > the most, call toodeep. Then it begins a block with the function's results.
func (w *rewriter) enter(b []byte, weight int64, results []ValueType) []byte {
	b = w.deepen(b, OpI32Add, weight)
	b = appendIndexed(b, OpGlobalGet, w.depth)
	b = appendS64(append(b, byte(OpI32Const)), int64(int32(w.MaxDepth)))
	b = append(b, byte(OpI32LeU), byte(OpIf), emptyBlock, byte(OpElse))
	b = append(appendIndexed(b, OpCall, w.tooDeep), byte(OpEnd), byte(OpBlock))
	switch len(results) {
	case 0:
		return append(b, emptyBlock)
	case 1:
		return append(b, byte(results[0]))
	}
	return appendS64(b, int64(w.typeIndex(FuncType{Results: results})))
}

// leave appends the end of that block and: depth −= weight. A trap needs none of it: it ends the instance.
func (w *rewriter) leave(b []byte, weight int64) []byte {
	return w.deepen(append(b, byte(OpEnd)), OpI32Sub, weight)
}

func (w *rewriter) deepen(b []byte, op Op, weight int64) []byte {
	b = appendIndexed(b, OpGlobalGet, w.depth)
	b = appendS64(append(b, byte(OpI32Const)), weight)
	return appendIndexed(append(b, byte(op)), OpGlobalSet, w.depth)
}
