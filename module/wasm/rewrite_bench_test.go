package wasm_test

import (
	"context"
	_ "embed"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/dodona-oracle/dodona/module/wasm"
)

//go:embed testdata/json.wasm
var jsonWasm []byte // of json.c

//go:embed testdata/json_as.wasm
var jsonASWasm []byte // of json_as.ts

const document = `{"sensor":"t-17","price":123.45,"ts":1700000000}`

// A guest is an instance that can be called again and again.
type guest struct {
	module api.Module
	fuel   api.MutableGlobal // nil: not counted
	call   func(testing.TB)
}

// newGuest instantiates a module, with what the C library wants of WASI and all the fuel there is.
func newGuest(t testing.TB, config wazero.RuntimeConfig, b []byte) *guest {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, config)
	t.Cleanup(func() { rt.Close(ctx) })
	linkRuntime(t, rt, noFuel)
	wasi_snapshot_preview1.MustInstantiate(ctx, rt)
	m, err := rt.InstantiateWithConfig(ctx, b, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{module: m}
	g.fuel, _ = m.ExportedGlobal(wasm.FuelGlobal).(api.MutableGlobal)
	return g
}

// transforming makes g.call transform the document of json.c and check the answer.
func (g *guest) transforming(t testing.TB) *guest {
	t.Helper()
	at, err := g.module.ExportedFunction("input").Call(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	transform, memory := g.module.ExportedFunction("transform"), g.module.Memory()
	stack := make([]uint64, 1)
	g.call = func(t testing.TB) {
		memory.WriteString(uint32(at[0]), document+"\x00")
		if err := transform.CallWithStack(context.Background(), stack); err != nil {
			t.Fatal(err)
		}
		const want = `{"price":123450`
		got, _ := memory.Read(uint32(at[0]), uint32(len(want)))
		if string(got) != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	return g
}

// smoothing makes g.call run json.c's loop of floating point.
func (g *guest) smoothing() *guest {
	smooth := g.module.ExportedFunction("smooth")
	stack := make([]uint64, 1)
	g.call = func(t testing.TB) {
		stack[0] = 1
		if err := smooth.CallWithStack(context.Background(), stack); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// rewritten returns b after rewriting.
func rewritten(t testing.TB, b []byte, r wasm.Rewriting) []byte {
	t.Helper()
	m, err := wasm.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = m.Rewrite(r); err != nil {
		t.Fatal(err)
	}
	return b
}

// BenchmarkOverhead measures how much longer rewritten modules take than untouched ones. The variants take turns in
// short batches, and the fastest batch of each counts, so that noise of the machine hardly matters.
func BenchmarkOverhead(b *testing.B) {
	guests := []struct {
		name   string
		wasm   []byte
		smooth bool
	}{{"C", jsonWasm, false}, {"AssemblyScript", jsonASWasm, false}, {"floats", jsonWasm, true}, {"standard Go", stdGo(b), false}}
	variants := []struct {
		name string
		r    wasm.Rewriting
	}{
		{"fuel", wasm.Rewriting{Fuel: true}},
		{"fuel+depth", wasm.Rewriting{Fuel: true, Depth: true}},
		{"fuel+depth+NaN", wasm.Rewriting{Fuel: true, Depth: true, NaN: true}},
		{"NaN", wasm.Rewriting{NaN: true}},
	}
	for name, config := range engines {
		for _, g := range guests {
			b.Run(name+"/"+g.name, func(b *testing.B) {
				make := func(module []byte) *guest {
					if g.smooth {
						return newGuest(b, config(), module).smoothing()
					}
					return newGuest(b, config(), module).transforming(b)
				}
				all := []*guest{make(g.wasm)}
				for _, v := range variants {
					v.r.Budget, v.r.MaxDepth = math.MaxInt64, 1500
					all = append(all, make(rewritten(b, g.wasm, v.r)))
				}
				best := interleave(b, all)
				b.ReportMetric(float64(best[0].Nanoseconds()), "ns/untouched")
				b.ReportMetric(0, "ns/op")
				for i, v := range variants {
					b.ReportMetric(float64(best[i+1])/float64(best[0]), v.name)
				}
			})
		}
	}
}

// interleave returns the time of the fastest call of each guest.
func interleave(b *testing.B, all []*guest) []time.Duration {
	const batches = 200
	best := make([]time.Duration, len(all))
	calls := 1
	for n := 1; ; n *= 2 { // as many calls as take half a millisecond
		start := time.Now()
		for range n {
			all[0].call(b)
		}
		if took := time.Since(start); took > time.Millisecond/2 {
			calls = n
			break
		}
	}
	for range batches {
		for i, g := range all {
			start := time.Now()
			for range calls {
				g.call(b)
			}
			if took := time.Since(start) / time.Duration(calls); best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	return best
}

// stdGo builds the guest of standard Go, which is a hundred times larger than that of C.
func stdGo(t testing.TB) []byte { return standardGo(t, "stdgo") }

// standardGo builds a program of testdata as a guest.
func standardGo(t testing.TB, name string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "go.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/"+name)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// BenchmarkRewrite measures how long Parse and Rewrite take together, and how much larger modules become.
func BenchmarkRewrite(b *testing.B) {
	for name, module := range map[string][]byte{"C": jsonWasm, "AssemblyScript": jsonASWasm, "standard Go": stdGo(b), "results": manyResults(2000).assemble()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(module)))
			var out []byte
			for b.Loop() {
				out = rewritten(b, module, wasm.Rewriting{Fuel: true, Depth: true, NaN: true, Globals: true, MaxDepth: 1500, MaxPages: 256})
			}
			b.ReportMetric(float64(len(out))/float64(len(module)), "growth")
		})
	}
}
