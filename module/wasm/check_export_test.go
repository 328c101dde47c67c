package wasm

import "strings"

// Validate proves a module valid without Dodona's limits, for the tests of the specification.
func (m *Module) Validate() error { return m.validate(false) }

// Segments refuses what is invalid, and segments that lie outside, as [Check] does, for the tests of the specification.
func (m *Module) Segments() error {
	if err := m.Validate(); err != nil {
		return err
	}
	c := checker{m: m}
	if c.segments(); c.err != nil {
		return c.err
	}
	return nil
}

// The limits, for tests at their edges.
const (
	MaxCode, MaxTypes, MaxImports, MaxFunctions, MaxTable    = maxCode, maxTypes, maxImports, maxFunctions, maxTable
	MaxGlobals, MaxExports, MaxName, MaxElementSegments      = maxGlobals, maxExports, maxName, maxElementSegments
	MaxElements, MaxDataSegments, MaxParams, MaxResults      = maxElements, maxDataSegments, maxParams, maxResults
	MaxBody, MaxLocals, MaxNesting, MaxLoops, MaxLoopNesting = maxBody, maxLocals, maxNesting, maxLoops, maxLoopNesting
	MaxBranches, MaxBranchLocals, MaxBodyTargets, MaxTargets = maxBranches, maxBranchLocals, maxBodyTargets, maxTargets
	MaxOperands, MaxAllLocals, MaxTypeValues                 = maxOperands, maxAllLocals, maxTypeValues
)

// MaxWork, MaxRoom, MaxNative and MaxInterpreted are the most that [Module.Work], [Module.Room], [Module.Native] and [Module.Interpreted] may be.
const MaxWork, MaxRoom, MaxNative, MaxInterpreted uint64 = maxWork, maxRoom, maxNative, maxInterpreted

// Work returns what compiling the module costs by its text.
func (m *Module) Work() uint64 { return m.work }

// Room returns the bytes that compiling the module takes by its text, and Native those of its native code.
func (m *Module) Room() uint64   { return m.room }
func (m *Module) Native() uint64 { return m.native }

// Recounts returns how often the pass for the stack goes through the sets of what is alive and kept in the first function.
func (m *Module) Recounts() int {
	w, f := rewriter{m: m}, framer{m: m}
	w.scan.read(&w, 0)
	f.slotsOf(&w.scan, m.Types[m.Functions[0]])
	return f.alive.anew + f.held.anew
}

// Plain are the instructions without immediates that go nowhere, and Types what they take and give: i is i32, I is i64, f is f32, F is f64.
func Plain() (ops []Op) {
	for op := range opcodes {
		if o := &opcodes[op]; o.types != "" && o.imm == immNone {
			ops = append(ops, Op(op))
		}
	}
	return ops
}

func Types(op Op) (takes, gives string) {
	takes, gives, _ = strings.Cut(opcodes[op].types, ":")
	return takes, gives
}
