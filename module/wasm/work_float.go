package wasm

// What instructions of floating-point numbers cost differs tenfold: most become one instruction of the processor, some a dozen with
// branches between them. A NaN that arithmetic yields is made canonical (nan.go), which costs more than the arithmetic, and is taken for granted
// here.
const (
	workFloat     = 600   // moved as it is, or from an integer
	workCompare   = 1_200 // and the sign's bits
	workEqual     = 2_000 // they look for NaN apart
	workCanonical = 2_800 // copysign, and what is made longer or shorter
	workFloating  = 4_200 // arithmetic
	workRounded   = 4_700 // to an integer, which may trap or saturate
	workLesser    = 6_200 // min and max
)

// floatWork returns what an instruction costs that takes or gives a floating-point number.
func floatWork(op Op) uint64 {
	switch op {
	case OpF32Min, OpF32Max, OpF64Min, OpF64Max:
		return workLesser
	case OpF32Abs, OpF32Neg, OpF64Abs, OpF64Neg:
		return workCompare
	case OpF32Eq, OpF32Ne, OpF64Eq, OpF64Ne:
		return workEqual
	case OpF32Copysign, OpF64Copysign, OpF32DemoteF64, OpF64PromoteF32, OpF32ConvertI64U, OpF64ConvertI64U:
		return workCanonical
	}
	switch {
	case op >= OpF32Eq && op <= OpF64Ge:
		return workCompare
	case yieldsNaN(op):
		return workFloating
	case ignoresNaN(op): // what remains of it are the roundings
		return workRounded
	}
	return workFloat
}
