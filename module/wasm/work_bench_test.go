package wasm_test

import (
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

func benchmarkCompile(b *testing.B, name string, module func(*testing.B) *wasm.Module) {
	b.Run(name, func(b *testing.B) {
		m := module(b)
		rewritten, err := m.Rewrite(wasm.Rewriting{Fuel: true, Depth: true, NaN: true, Globals: true, Start: true, MaxDepth: 512, MaxPages: 64})
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

// processorTime is what the process has had so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
