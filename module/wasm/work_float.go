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

// The sizes of the same.
var (
	sizeLiteral   = size{1_050, 18} // a constant
	sizeFloat     = size{1_200, 16}
	sizeCompare   = size{1_200, 28}
	sizeEqual     = size{1_400, 36}
	sizeWidened   = size{3_100, 54} // from an unsigned integer
	sizeCopied    = size{2_000, 46}
	sizeFloating  = size{4_300, 62}
	sizeLesser    = size{6_300, 98}
	sizeTruncated = size{8_700, 205} // to an integer, or it traps
	sizeSaturated = size{5_400, 112} // the same, and saturates
)

// floatWork returns what an instruction costs that takes or gives a floating-point number, and what it becomes.
func floatWork(op Op) (uint64, size) {
	switch op {
	case OpF32Min, OpF32Max, OpF64Min, OpF64Max:
		return workLesser, sizeLesser
	case OpF32Abs, OpF32Neg, OpF64Abs, OpF64Neg:
		return workCompare, sizeCompare
	case OpF32Eq, OpF32Ne, OpF64Eq, OpF64Ne:
		return workEqual, sizeEqual
	case OpF32Copysign, OpF64Copysign:
		return workCanonical, sizeCopied
	case OpF32ConvertI64U, OpF64ConvertI64U:
		return workCanonical, sizeWidened
	case OpF32DemoteF64, OpF64PromoteF32:
		return workCanonical, sizeFloating
	}
	switch {
	case op >= OpF32Eq && op <= OpF64Ge:
		return workCompare, sizeCompare
	case yieldsNaN(op):
		return workFloating, sizeFloating
	case op >= OpI32TruncSatF32S && op <= OpI64TruncSatF64U:
		return workRounded, sizeSaturated
	case ignoresNaN(op):
		return workRounded, sizeTruncated
	}
	return workFloat, sizeFloat
}
