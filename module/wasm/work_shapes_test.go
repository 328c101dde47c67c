package wasm_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// A shape is a sort of function whose size may be chosen, with a size and a number of locals that are dear to compile.
type shape struct {
	name      string
	n, locals int
	code      func(n, locals int) []byte
	globals   int
	wide      bool // it takes and gives as many values as may be
}

const get, set = wasm.OpLocalGet, wasm.OpLocalSet

// repeated puts n pieces of code together.
func repeated(n int, piece func(i int) []byte) []byte {
	var b []byte
	for i := range n {
		b = append(b, piece(i)...)
	}
	return b
}

// pieces is a shape of one piece after the other.
func pieces(piece func(i, locals int) []byte) func(n, locals int) []byte {
	return func(n, locals int) []byte {
		return repeated(n, func(i int) []byte { return piece(i, locals) })
	}
}

// step changes a local by another one.
func step(i, locals int) []byte {
	return code(get, (i+2)%locals, wasm.OpI32Const, 1, wasm.OpI32Add, set, (i+1)%locals)
}

// nest opens n blocks in each other, and steps and branches before each end.
func nest(op wasm.Op) func(n, locals int) []byte {
	return func(n, locals int) []byte {
		open := repeated(n, func(i int) []byte {
			if op == wasm.OpIf {
				return code(get, i%locals, op, empty)
			}
			return code(op, empty)
		})
		return append(open, repeated(n, func(i int) []byte {
			return code(step(i, locals), get, i%locals, wasm.OpBrIf, 0, wasm.OpEnd)
		})...)
	}
}

// alive sets all locals to what the compiler cannot know, and uses them after the code.
func alive(inner func(n, locals int) []byte) func(n, locals int) []byte {
	return func(n, locals int) []byte {
		before := repeated(locals, func(i int) []byte { return code(wasm.OpI32Const, 0, wasm.OpI32Load, 2, 0, set, i) })
		after := repeated(locals, func(i int) []byte { return code(wasm.OpI32Const, 0, get, i, wasm.OpI32Store, 2, 0) })
		return slices.Concat(before, inner(n, locals), after)
	}
}

func ifs(n, locals int) []byte {
	return pieces(func(i, l int) []byte { return code(get, i%l, wasm.OpIf, empty, step(i, l), wasm.OpEnd) })(n, locals)
}

func exits(n, locals int) []byte {
	return code(wasm.OpBlock, empty, pieces(func(i, l int) []byte { return code(step(i, l), get, i%l, wasm.OpBrIf, 0) })(n, locals), wasm.OpEnd)
}

// around is a loop in which locals have lives that its text does not show: they are set anew only now and then.
func around(n, locals int) []byte {
	load, store := code(wasm.OpI32Const, 0, wasm.OpI32Load, 2, 0), code(wasm.OpI32Store, 2, 0)
	sets := repeated(locals, func(i int) []byte { return code(load, set, i) })
	uses := repeated(locals, func(i int) []byte { return code(wasm.OpI32Const, 0, get, i, store) })
	unrelated := repeated(n, func(int) []byte {
		return code(load, wasm.OpIf, empty, wasm.OpI32Const, 0, wasm.OpI32Const, 0, store, wasm.OpEnd)
	})
	return code(sets, wasm.OpLoop, empty, unrelated, get, 0, wasm.OpIf, empty, sets, wasm.OpEnd, uses, get, 0, wasm.OpBrIf, 0, wasm.OpEnd)
}

// A link makes a chain of blocks longer: nothing meets at its end, since its inside ends.
func link(condition ...any) []byte {
	return code(append(condition, wasm.OpIf, empty, wasm.OpUnreachable, wasm.OpEnd)...)
}

// chains are rows of links and their like, n long, within a block.
var chains = []shape{
	{name: "chains", n: 1000, locals: 4, code: pieces(func(i, l int) []byte { return link(get, i%l) })},
	{name: "long chains", n: 2500, locals: 4, code: pieces(func(i, l int) []byte { return link(get, i%l) })},
	{name: "chains that read globals", n: 1000, locals: 1, globals: 2000, code: pieces(func(i, _ int) []byte { return link(wasm.OpGlobalGet, i%2000) })},
	{name: "chains that set globals", n: 1000, locals: 1, globals: 2000, code: pieces(func(i, _ int) []byte {
		return code(link(wasm.OpGlobalGet, i%2000), get, 0, wasm.OpGlobalSet, (i+1000)%2000)
	})},
	{name: "chains that set locals", n: 1000, locals: 60, code: pieces(func(i, l int) []byte {
		return code(link(get, i%l), wasm.OpI32Const, i&63, wasm.OpI32Load, 2, 0, set, 7*i%l)
	})},
	{name: "chains with calls", n: 1000, locals: 1, code: pieces(func(int, int) []byte { return code(link(get, 0), get, 0, wasm.OpCall, 0) })},
	{name: "chains before loops", n: 1000, locals: 1, code: func(n, _ int) []byte {
		loops := repeated(200, func(int) []byte { return code(wasm.OpLoop, empty, get, 0, wasm.OpBrIf, 0, wasm.OpEnd) })
		return code(repeated(n, func(int) []byte { return link(get, 0) }), loops)
	}},
	{name: "chains in a loop", n: 1000, locals: 1, code: func(n, _ int) []byte {
		return code(wasm.OpLoop, empty, repeated(n, func(int) []byte { return link(get, 0) }), get, 0, wasm.OpBrIf, 0, wasm.OpEnd)
	}},
	{name: "chains with results", n: 1000, locals: 1, code: pieces(func(i, _ int) []byte {
		return code(get, 0, wasm.OpIf, wasm.I32, wasm.OpUnreachable, wasm.OpElse, wasm.OpI32Const, i&63, wasm.OpI32Load, 2, 0, wasm.OpEnd, set, 0)
	})},
	{name: "chains of returns", n: 1000, locals: 1, code: pieces(func(int, int) []byte { return code(get, 0, wasm.OpIf, empty, wasm.OpReturn, wasm.OpEnd) })},
	{name: "chains of branches out", n: 1000, locals: 1, code: func(n, _ int) []byte {
		return code(wasm.OpBlock, empty, repeated(n, func(int) []byte { return code(get, 0, wasm.OpIf, empty, wasm.OpBr, 1, wasm.OpEnd) }), wasm.OpEnd)
	}},
	{name: "chains of branches", n: 2000, locals: 1, globals: 2000, code: pieces(func(i, _ int) []byte { return code(wasm.OpGlobalGet, i%2000, wasm.OpBrIf, 0) })},
	{name: "chains of switches", n: 1000, locals: 1, code: pieces(func(int, int) []byte {
		return code(wasm.OpBlock, empty, wasm.OpBlock, empty, get, 0, wasm.OpBrTable, 1, 0, 1, wasm.OpEnd, wasm.OpUnreachable, wasm.OpEnd)
	})},
	{name: "chains in chains", n: 300, locals: 1, code: pieces(func(int, int) []byte {
		return code(get, 0, wasm.OpIf, empty, repeated(5, func(int) []byte { return link(get, 0) }), wasm.OpUnreachable, wasm.OpEnd)
	})},
	{name: "chains before ifs", n: 1500, locals: 1, code: func(n, _ int) []byte {
		return code(repeated(n/2, func(int) []byte { return link(get, 0) }), repeated(n, func(int) []byte { return code(get, 0, wasm.OpIf, empty, wasm.OpEnd) }))
	}},
}

var shapes = slices.Concat(chains, []shape{
	{name: "ifs", n: 2800, locals: 32, code: ifs},
	{name: "ifs, few locals", n: 5000, locals: 4, code: ifs},
	{name: "ifs, many locals", n: 690, locals: 250, code: ifs},
	{name: "ifs past values", n: 500, locals: 250, code: alive(pieces(func(i, l int) []byte { return code(get, i%l, wasm.OpIf, empty, wasm.OpEnd) }))},
	{name: "exits of a block", n: 5000, locals: 32, code: exits},
	{name: "exits, many locals", n: 470, locals: 250, code: alive(exits)},
	{name: "nested ifs", n: 720, locals: 60, code: nest(wasm.OpIf)},
	{name: "nested ifs, many locals", n: 300, locals: 250, code: nest(wasm.OpIf)},
	{name: "nested blocks", n: 1800, locals: 60, code: nest(wasm.OpBlock)},
	{name: "loops", n: 400, locals: 250, code: pieces(func(i, l int) []byte {
		return code(wasm.OpLoop, empty, step(i, l), get, i%l, wasm.OpBrIf, 0, wasm.OpEnd)
	})},
	{name: "nested loops", n: 60, locals: 60, code: nest(wasm.OpLoop)},
	{name: "rows of nested loops", n: 8, locals: 60, code: pieces(func(_, l int) []byte { return nest(wasm.OpLoop)(60, l) })},
	{name: "a loop around values", n: 400, locals: 250, code: around},
	{name: "switches", n: 550, locals: 60, code: pieces(func(i, l int) []byte {
		return code(wasm.OpBlock, empty, wasm.OpBlock, empty, get, i%l, wasm.OpBrTable, 6, 0, 1, 0, 1, 0, 1, 0, wasm.OpEnd, step(i, l), wasm.OpEnd)
	})},
	{name: "a wide switch", n: 8000, locals: 4, code: func(n, _ int) []byte {
		return code(get, 0, wasm.OpBrTable, n, make([]byte, n), 0)
	}},
	{name: "memory.grow", n: 1800, locals: 4, code: pieces(func(int, int) []byte { return code(get, 0, wasm.OpMemoryGrow, 0, wasm.OpDrop) })},
	{name: "memory.copy", n: 1500, locals: 4, code: pieces(func(int, int) []byte { return code(get, 0, get, 1, get, 2, wasm.OpMemoryCopy, 0, 0) })},
	{name: "memory.fill", n: 1000, locals: 4, code: pieces(func(int, int) []byte { return code(get, 0, get, 1, get, 2, wasm.OpMemoryFill, 0) })},
	{name: "loads", n: 8000, locals: 4, code: pieces(func(i, l int) []byte {
		return code(get, i%l, get, (i+1)%l, wasm.OpI32Load, 2, 0, wasm.OpI32Add, set, (i+2)%l)
	})},
	{name: "divisions", n: 8000, locals: 4, code: pieces(func(i, l int) []byte { return code(get, i%l, get, (i+1)%l, wasm.OpI32DivS, set, (i+2)%l) })},
	{name: "floats", n: 4000, locals: 4, code: pieces(func(int, int) []byte {
		return code(get, 0, wasm.OpF32ConvertI32S, get, 1, wasm.OpF32ConvertI32S, wasm.OpF32Div, wasm.OpI32TruncF32S, set, 0)
	})},
	{name: "floats, canonical", n: 3000, locals: 4, globals: 1, code: func(n, _ int) []byte {
		return code(get, 0, wasm.OpF64ConvertI32S, repeated(n, func(int) []byte { return code(get, 1, wasm.OpF64ConvertI32S, wasm.OpF64Max, wasm.OpF64Abs) }),
			wasm.OpI64ReinterpretF64, wasm.OpI32WrapI64, wasm.OpGlobalSet, 0)
	}},
	{name: "constants", n: 12_000, locals: 4, globals: 4, code: pieces(func(int, int) []byte { return code(wasm.OpI32Const, 77, wasm.OpI32Eqz, wasm.OpGlobalSet, 0) })},
	{name: "calls", n: 8000, locals: 60, code: pieces(func(i, l int) []byte { return code(get, i%l, wasm.OpCall, 0) })},
	{name: "small functions", n: 1, locals: 1, code: pieces(func(int, int) []byte { return code(get, 0, wasm.OpCall, 0) })},
	{name: "reads past exits", n: 2000, locals: 1, code: func(n, _ int) []byte {
		read := pieces(func(int, int) []byte { return code(get, 0, wasm.OpDrop) })
		return code(wasm.OpBlock, empty, branches(n), read(5*n, 1), wasm.OpEnd)
	}},
	{name: "exits before sets", n: 240, locals: 500, code: func(n, l int) []byte {
		return code(wasm.OpBlock, empty, branches(n), sets(l), wasm.OpEnd, uses(l))
	}},
	{name: "one if, most locals", n: 1, locals: 4000, code: func(_, l int) []byte {
		return code(get, 0, wasm.OpIf, empty, sets(l), wasm.OpEnd, uses(l))
	}},
	{name: "nested loops, most locals", n: 6, locals: 2000, code: func(n, l int) []byte {
		open := pieces(func(int, int) []byte { return code(wasm.OpLoop, empty) })
		shut := pieces(func(int, int) []byte { return code(get, 0, wasm.OpBrIf, 0, wasm.OpEnd) })
		return code(open(n, l), uses(l), shut(n, l))
	}},
	{name: "a switch with many values", n: 2300, locals: 60, code: func(n, l int) []byte {
		return code(wasm.OpBlock, empty, wasm.OpBlock, empty, get, 0, wasm.OpBrIf, 0, sets(l), get, 0, wasm.OpBrTable, n, make([]byte, n), 1,
			wasm.OpEnd, uses(l), wasm.OpEnd)
	}},
	{name: "addresses past exits", n: 600, locals: 1, code: func(n, _ int) []byte {
		chase := pieces(func(int, int) []byte { return code(wasm.OpI32Load, 2, 0) })
		return code(wasm.OpBlock, empty, get, 0, chase(5*n, 1), set, 0, branches(n), wasm.OpEnd)
	}},
	{name: "addresses past ifs", n: 360, locals: 1, code: func(n, _ int) []byte {
		chase := pieces(func(int, int) []byte { return code(wasm.OpI32Load, 2, 0) })
		ways := pieces(func(int, int) []byte { return code(get, 0, wasm.OpIf, empty, wasm.OpEnd) })
		return code(get, 0, chase(5*n, 1), set, 0, ways(n, 1))
	}},
	{name: "table.get", n: 8000, locals: 1, code: pieces(func(int, int) []byte { return code(get, 0, wasm.OpTableGet, 0, wasm.OpDrop) })},
	{name: "ref.func", n: 8000, locals: 1, code: pieces(func(int, int) []byte { return code(wasm.OpRefFunc, 0, wasm.OpDrop) })},
	{name: "uses past ifs", n: 1000, locals: 1, globals: 1, code: func(n, _ int) []byte {
		ways := pieces(func(int, int) []byte { return code(get, 0, wasm.OpIf, empty, wasm.OpEnd) })
		use := pieces(func(int, int) []byte { return code(get, 0, wasm.OpGlobalSet, 0) })
		return code(ways(n, 1), use(23*n, 1))
	}},
	{name: "shifts by zero", n: 8000, locals: 1, globals: 1, code: func(n, _ int) []byte {
		shift := pieces(func(int, int) []byte { return code(get, 0, wasm.OpI32Const, 0, wasm.OpI32Shl, set, 0) })
		use := pieces(func(int, int) []byte { return code(get, 0, wasm.OpGlobalSet, 0) })
		return code(shift(n, 1), use(2*n, 1))
	}},
	{name: "calls past addresses", n: 3600, locals: 1, code: func(n, _ int) []byte {
		check := pieces(func(int, int) []byte { return code(wasm.OpI32Const, 0, wasm.OpI32Load, 2, 0, wasm.OpDrop) })
		call := pieces(func(int, int) []byte { return code(get, 0, wasm.OpCall, 0) })
		return code(check(n, 1), call(3*n, 1))
	}},
	{name: "indirect calls", n: 3200, locals: 1, code: pieces(func(int, int) []byte { return code(get, 0, get, 0, wasm.OpCallIndirect, 0, 0) })},
	{name: "operands past ifs", n: 300, locals: 1, code: func(n, _ int) []byte {
		push := pieces(func(int, int) []byte { return code(wasm.OpI32Const, 0, wasm.OpI32Load, 2, 0) })
		ways := pieces(func(int, int) []byte { return code(get, 0, wasm.OpIf, empty, wasm.OpEnd) })
		drop := pieces(func(int, int) []byte { return code(wasm.OpI32Const, 0, wasm.OpI32Store, 2, 0) })
		return code(push(4*n, 1), ways(n, 1), drop(4*n, 1))
	}},
	{name: "calls, many globals", n: 160, locals: 1, globals: 2000, code: pieces(func(int, int) []byte { return code(get, 0, wasm.OpCall, 0) })},
	{name: "wide calls", n: 200, locals: 128, wide: true, code: func(n, l int) []byte {
		return code(reads(l), pieces(func(int, int) []byte { return code(wasm.OpCall, 0, reads(l-16)) })(n, l), wasm.OpCall, 0)
	}},
	{name: "wide indirect calls", n: 200, locals: 128, wide: true, code: func(n, l int) []byte {
		indirect := code(wasm.OpI32Const, 0, wasm.OpCallIndirect, 0, 0)
		return code(reads(l), pieces(func(int, int) []byte { return code(indirect, reads(l-16)) })(n, l), wasm.OpCall, 0)
	}},
	{name: "wide functions", n: 1, locals: 128, wide: true, code: func(int, int) []byte { return reads(16) }},
	{name: "small blocks past values", n: 260, locals: 1000, code: func(n, l int) []byte {
		piece := pieces(func(i, l int) []byte {
			return code(wasm.OpBlock, empty, get, i%l, wasm.OpIf, empty, wasm.OpI32Const, 0, wasm.OpI32Load, 2, 0, set, 3*i%l, wasm.OpEnd, wasm.OpEnd)
		})
		loop := code(wasm.OpLoop, empty, piece(5, l), get, 0, wasm.OpBrIf, 0, wasm.OpEnd)
		return code(loop, piece(n/2-12, l), uses(500))
	}},
})

// branches are conditional branches to the end of the innermost block.
func branches(n int) []byte {
	return repeated(n, func(int) []byte { return code(get, 0, wasm.OpBrIf, 0) })
}

// sets gives every local a value of its own, uses stores them all, and reads leaves them on the stack.
func sets(locals int) []byte {
	return repeated(locals, func(i int) []byte { return code(wasm.OpI32Const, i&63, set, i) })
}

func uses(locals int) []byte {
	return repeated(locals, func(i int) []byte { return code(wasm.OpI32Const, 0, get, i, wasm.OpI32Store, 2, 0) })
}

func reads(locals int) []byte { return repeated(locals, func(i int) []byte { return code(get, i) }) }

// copies is a module with a function of the shape several times.
func (s shape) copies(k int) []byte {
	m := source{memory: true, table: []int{0}, globals: i32s(s.globals)}
	one := function{params: i32s(1), locals: i32s(s.locals - 1), code: s.code(s.n, s.locals)}
	if s.wide {
		one.params, one.results, one.locals = i32s(s.locals), i32s(16), nil
	}
	for i := range k {
		one.name = fmt.Sprint("f", i)
		m.functions = append(m.functions, one)
	}
	return m.assemble()
}

// limit is how many copies other limits let pass: exports, bytes of code, targets.
func (s shape) limit() int {
	return min(1000, wasm.MaxCode/len(s.copies(1)), wasm.MaxTargets/(s.n+1))
}

// most returns the module with as many copies as are accepted, and their number.
func (s shape) most(t testing.TB) (*wasm.Module, int) {
	t.Helper()
	one, err := wasm.Check(s.copies(1), generous)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	k := min(int(wasm.MaxWork/one.Work()), s.limit())
	for { // the first function may make the others dearer
		all, err := wasm.Check(s.copies(k), generous)
		if err == nil {
			return all, k
		}
		if k--; k == 0 {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
}
