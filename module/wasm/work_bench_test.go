package wasm_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// BenchmarkCompile compiles the most that is accepted of each shape, and a guest of standard Go.
func BenchmarkCompile(b *testing.B) {
	benchmarkCompile(b, "standard Go", func(b *testing.B) *wasm.Module {
		m, err := wasm.Check(standardGo(b, "stdregexp"), generous)
		if err != nil {
			b.Fatal(err)
		}
		return m
	})
	for _, s := range shapes {
		benchmarkCompile(b, s.name, func(b *testing.B) *wasm.Module {
			m, _ := s.most(b)
			return m
		})
	}
}

// BenchmarkOperations compiles straight code of each instruction, and reports what a unit costs there for what it costs in a guest of
// standard Go: more than 1.5 is a price that is too low.
func BenchmarkOperations(b *testing.B) {
	guest, err := wasm.Check(standardGo(b, "stdregexp"), generous)
	if err != nil {
		b.Fatal(err)
	}
	usual := compileTime(b, guest).Seconds() / float64(guest.Work())
	types := []wasm.ValueType{wasm.I32, wasm.I64, wasm.F32, wasm.F64}
	constants := [][]byte{code(wasm.OpI32Const, 77), code(wasm.OpI64Const, int64(1<<40)), code(wasm.OpF32Const, float32(1.5)), code(wasm.OpF64Const, 2.5)}
	for _, op := range wasm.Plain() {
		b.Run(op.String(), func(b *testing.B) {
			worst := 0.0
			for b.Loop() {
				takes, gives := wasm.Types(op)
				for _, operands := range [][][]byte{constants, {code(get, 0), code(get, 1), code(get, 2), code(get, 3)}} {
					var piece []byte
					for _, c := range takes {
						piece = append(piece, operands[strings.IndexRune("iIfF", c)]...)
					}
					piece = code(piece, op, wasm.OpGlobalSet, strings.Index("iIfF", gives))
					for _, n := range []int{300, 100_000 / len(piece)} {
						m := source{globals: types}
						f := function{params: types, code: repeated(n, func(int) []byte { return piece })}
						for i := range max(1, 20_000/n) {
							f.name = fmt.Sprint("f", i)
							m.functions = append(m.functions, f)
						}
						all, err := wasm.Check(m.assemble(), generous)
						if err != nil {
							b.Fatal(err)
						}
						worst = max(worst, compileTime(b, all).Seconds()/float64(all.Work())/usual)
					}
				}
			}
			b.ReportMetric(worst, "×guest/unit")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// compileTime returns what compiling a module takes of the processor.
func compileTime(b *testing.B, m *wasm.Module) time.Duration {
	b.Helper()
	rewritten, err := m.Rewrite(wasm.Rewriting{Fuel: true, Depth: true, NaN: true, Globals: true, Start: true, MaxDepth: 512, MaxPages: 64})
	if err != nil {
		b.Fatal(err)
	}
	rt := wazero.NewRuntimeWithConfig(b.Context(), wazero.NewRuntimeConfigCompiler())
	start := processorTime(b)
	if _, err := rt.CompileModule(b.Context(), rewritten); err != nil {
		b.Fatal(err)
	}
	used := processorTime(b) - start
	if err := rt.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	return used
}

func benchmarkCompile(b *testing.B, name string, module func(*testing.B) *wasm.Module) {
	b.Run(name, func(b *testing.B) {
		m := module(b)
		var used time.Duration
		for b.Loop() {
			used += compileTime(b, m)
		}
		b.ReportMetric(used.Seconds()/float64(b.N), "s-CPU/module")
		b.ReportMetric(float64(m.Work())/1e9, "Gunits/module")
		b.ReportMetric(0, "ns/op")
	})
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
