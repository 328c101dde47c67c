package wasm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
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
// standard Go: more than 1.5 is a price that is too low. It also reports the memory that one function takes, and its native code, for what they are
// estimated at: more than 1 is too low.
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
			worst, room, native := 0.0, 0.0, 0.0
			for b.Loop() {
				takes, gives := wasm.Types(op)
				for _, operands := range [][][]byte{constants, {code(get, 0), code(get, 1), code(get, 2), code(get, 3)}} {
					var piece []byte
					for _, c := range takes {
						piece = append(piece, operands[strings.IndexRune("iIfF", c)]...)
					}
					piece = code(piece, op, wasm.OpGlobalSet, strings.Index("iIfF", gives))
					for _, n := range []int{300, min(100_000/len(piece), 6000)} {
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
						m.functions = m.functions[:1]
						one, err := wasm.Check(m.assemble(), generous)
						if err != nil {
							b.Fatal(err)
						}
						if n > 300 { // the engine itself takes as much as a small function
							r, c := compileSize(b, one)
							room, native = max(room, r), max(native, c)
						}
					}
				}
			}
			b.ReportMetric(worst, "×guest/unit")
			b.ReportMetric(room, "×room")
			b.ReportMetric(native, "×native")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// compileTime returns what compiling a module takes of the processor.
func compileTime(b *testing.B, m *wasm.Module) time.Duration {
	b.Helper()
	start := processorTime(b)
	compileModule(b, m, wazero.NewRuntimeConfigCompiler())
	return processorTime(b) - start
}

// compileSize returns the memory that compiling a module of one function takes, and its native code, for what they are estimated at. Hardly any
// of the memory is given back before the function is done.
func compileSize(b *testing.B, m *wasm.Module) (room, native float64) {
	b.Helper()
	dir := b.TempDir()
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	compileModule(b, m, wazero.NewRuntimeConfigCompiler().WithCompilationCache(cache))
	runtime.ReadMemStats(&after)
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) != 1 {
		b.Fatal(files, err)
	}
	code, err := os.Stat(files[0])
	if err != nil {
		b.Fatal(err)
	}
	taken := int64(after.TotalAlloc-before.TotalAlloc) - code.Size() // which is written from memory
	return float64(taken) / float64(m.Room()), float64(code.Size()) / float64(m.Native())
}

// compileModule compiles a module as it is when guests are loaded.
func compileModule(b *testing.B, m *wasm.Module, config wazero.RuntimeConfig) {
	b.Helper()
	rewritten, err := m.Rewrite(wasm.Rewriting{Fuel: true, Depth: true, NaN: true, Globals: true, Start: true, MaxDepth: 512, MaxPages: 64})
	if err != nil {
		b.Fatal(err)
	}
	rt := wazero.NewRuntimeWithConfig(b.Context(), config)
	if _, err := rt.CompileModule(b.Context(), rewritten); err != nil {
		b.Fatal(err)
	}
	if err := rt.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
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
