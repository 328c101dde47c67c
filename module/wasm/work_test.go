package wasm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// A shape is a sort of function whose size may be chosen, with a size and a number of locals that are dear to compile.
type shape struct {
	name      string
	n, locals int
	code      func(n, locals int) []byte
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

var shapes = []shape{
	{"ifs", 8000, 32, ifs},
	{"ifs, few locals", 8000, 4, ifs},
	{"ifs, many locals", 1000, 250, ifs},
	{"ifs past values", 1000, 250, alive(pieces(func(i, l int) []byte { return code(get, i%l, wasm.OpIf, empty, wasm.OpEnd) }))},
	{"exits of a block", 8000, 32, exits},
	{"exits, many locals", 1000, 250, alive(exits)},
	{"nested ifs", 1500, 60, nest(wasm.OpIf)},
	{"nested ifs, many locals", 500, 250, nest(wasm.OpIf)},
	{"nested blocks", 2000, 60, nest(wasm.OpBlock)},
	{"loops", 500, 250, pieces(func(i, l int) []byte {
		return code(wasm.OpLoop, empty, step(i, l), get, i%l, wasm.OpBrIf, 0, wasm.OpEnd)
	})},
	{"nested loops", 60, 60, nest(wasm.OpLoop)},
	{"rows of nested loops", 8, 60, pieces(func(_, l int) []byte { return nest(wasm.OpLoop)(60, l) })},
	{"a loop around values", 1000, 250, around},
	{"switches", 1000, 60, pieces(func(i, l int) []byte {
		return code(wasm.OpBlock, empty, wasm.OpBlock, empty, get, i%l, wasm.OpBrTable, 6, 0, 1, 0, 1, 0, 1, 0, wasm.OpEnd, step(i, l), wasm.OpEnd)
	})},
	{"a wide switch", 8000, 4, func(n, _ int) []byte {
		return code(get, 0, wasm.OpBrTable, n, make([]byte, n), 0)
	}},
	{"memory.grow", 4000, 4, pieces(func(int, int) []byte { return code(get, 0, wasm.OpMemoryGrow, 0, wasm.OpDrop) })},
	{"memory.copy", 4000, 4, pieces(func(int, int) []byte { return code(get, 0, get, 1, get, 2, wasm.OpMemoryCopy, 0, 0) })},
	{"memory.fill", 3000, 4, pieces(func(int, int) []byte { return code(get, 0, get, 1, get, 2, wasm.OpMemoryFill, 0) })},
	{"loads", 8000, 4, pieces(func(i, l int) []byte {
		return code(get, i%l, get, (i+1)%l, wasm.OpI32Load, 2, 0, wasm.OpI32Add, set, (i+2)%l)
	})},
	{"divisions", 8000, 4, pieces(func(i, l int) []byte { return code(get, i%l, get, (i+1)%l, wasm.OpI32DivS, set, (i+2)%l) })},
	{"floats", 8000, 4, pieces(func(int, int) []byte {
		return code(get, 0, wasm.OpF32ConvertI32S, get, 1, wasm.OpF32ConvertI32S, wasm.OpF32Div, wasm.OpI32TruncF32S, set, 0)
	})},
	{"calls", 8000, 60, pieces(func(i, l int) []byte { return code(get, i%l, wasm.OpCall, 0) })},
	{"small functions", 1, 1, pieces(func(int, int) []byte { return code(get, 0, wasm.OpCall, 0) })},
}

// copies is a module with a function of the shape several times.
func (s shape) copies(k int) []byte {
	m := source{memory: true}
	one := function{params: i32s(1), locals: i32s(s.locals - 1), code: s.code(s.n, s.locals)}
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
	k := int(wasm.MaxWork / one.Work())
	k = min(k, s.limit())
	all, err := wasm.Check(s.copies(k), generous)
	if err != nil {
		t.Fatalf("%s: %d: %v", s.name, k, err)
	}
	return all, k
}

func TestTheWorkOfCompilingIsBounded(t *testing.T) {
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			all, k := s.most(t)
			if all.Work() > wasm.MaxWork {
				t.Errorf("%d copies are accepted with %d units, at most %d", k, all.Work(), wasm.MaxWork)
			}
			one := all.Work() / uint64(k)
			more := int(wasm.MaxWork/one) + 1
			if more > s.limit() {
				return // another limit comes first
			}
			_, err := wasm.Check(s.copies(more), generous)
			want := fmt.Sprintf(`function 0: compiling the functions up to function %d costs`, more-1)
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "split the function") {
				t.Errorf("%d copies of %d units: got %v, want %s", more, one, err, want)
			}
		})
	}
}

// TestManyIfsAreRefused is for a module of 1.9 MB that compiled for 25 s.
func TestManyIfsAreRefused(t *testing.T) {
	if _, err := wasm.Check(shape{"", 8100, 32, ifs}.copies(20), generous); err == nil || !strings.Contains(err.Error(), "units of work") {
		t.Errorf("got %v", err)
	}
}

// TestWhatTheRewriterAddsIsWork is for functions without one block, each of which compiled for 10 s with the blocks that
// the rewriter adds to bulk instructions.
func TestWhatTheRewriterAddsIsWork(t *testing.T) {
	for _, s := range shapes {
		if !strings.HasPrefix(s.name, "memory.") {
			continue
		}
		s.n = 12_000
		if _, err := wasm.Check(s.copies(1), generous); err == nil || !strings.Contains(err.Error(), "units of work") {
			t.Errorf("%s: got %v", s.name, err)
		}
	}
}

func TestGuestsHaveRoomForWork(t *testing.T) {
	files, err := filepath.Glob("../testdata/guests/*.wasm")
	if err != nil || len(files) < 6 {
		t.Fatalf("guests: %v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := wasm.Check(b, generous)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if m.Work() == 0 || m.Work() > wasm.MaxWork/10 {
			t.Errorf("%s: %d units, want at most a tenth of %d", file, m.Work(), wasm.MaxWork)
		}
	}
}

// BenchmarkCompile compiles the most that is accepted of each shape.
func BenchmarkCompile(b *testing.B) {
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			m, _ := s.most(b)
			rewritten, err := m.Rewrite(wasm.Rewriting{Fuel: true, Depth: true, NaN: true, Globals: true, Start: true, MaxDepth: 512, MaxPages: 16})
			if err != nil {
				b.Fatal(err)
			}
			var used time.Duration
			for b.Loop() {
				start := processorTime(b)
				rt := wazero.NewRuntimeWithConfig(b.Context(), wazero.NewRuntimeConfigCompiler())
				if _, err := rt.CompileModule(b.Context(), rewritten); err != nil {
					b.Fatal(err)
				}
				used += processorTime(b) - start
				if err := rt.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(used.Seconds()/float64(b.N), "s-CPU/module")
			b.ReportMetric(float64(m.Work())/1e9, "Gunits/module")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// processorTime is what the process has had so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
