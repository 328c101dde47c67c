package module

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// benched are the guests of the benchmarks, with what they are asked.
var benched = []struct {
	name, file string
	event      Event
}{
	{"C", "plausible-c", extractedEvent()},
	{"AssemblyScript", "json-assemblyscript", reading(jsonBody)},
	{"TinyGo", "json-tinygo", reading(jsonBody)},
}

const jsonBody = `{"sensor":"t-17","value":123.45,"unit":"Cel","ts":1700000000}`

// extractedEvent has one point that extraction has taken.
func extractedEvent() Event {
	e := reading(`{}`)
	e.From = []string{"a"}
	e.Points = []dodona.Point{{ID: "a", Value: dodona.Int192{}.Decimal(1), Unit: "Cel", Time: e.Readings[0].Received}}
	return e
}

// sdkGuest returns an example of the SDKs.
func sdkGuest(t testing.TB, name string) Spec {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "guests", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Name: name, Wasm: b}
}

// duel times a and b in turns, in batches, and returns the time of each in its least disturbed batch.
func duel(b *testing.B, first, second func()) (x, y time.Duration) {
	const batch = 200
	x, y = math.MaxInt64, math.MaxInt64
	for b.Loop() {
		for _, side := range []struct {
			run  func()
			best *time.Duration
		}{{first, &x}, {second, &y}} {
			start := time.Now()
			for range batch {
				side.run()
			}
			*side.best = min(*side.best, time.Since(start)/batch)
		}
	}
	return x, y
}

// BenchmarkIsolated compares Run, with fuel, depth, canonical NaN and reset, with a call of the same guest as it was
// compiled, on wazero as it comes, by the same host functions.
func BenchmarkIsolated(b *testing.B) {
	for _, guest := range benched {
		b.Run(guest.name, func(b *testing.B) {
			m := load(b, newTestEngine(b, Options{}), sdkGuest(b, guest.file))
			ctx, ev := b.Context(), guest.event
			ev.Room = make([]dodona.Point, 0, 8)
			bare := newBare(b, m, sdkGuest(b, guest.file).Wasm)
			isolated, unprotected := duel(b, func() {
				if _, err := m.Run(ctx, ev); err != nil {
					b.Fatal(err)
				}
			}, func() { bare.call(ev) })
			b.ReportMetric(float64(isolated.Nanoseconds())/1e3, "µs/isolated")
			b.ReportMetric(float64(unprotected.Nanoseconds())/1e3, "µs/unprotected")
			b.ReportMetric(float64(isolated)/float64(unprotected), "×unprotected")
			b.ReportMetric(testing.AllocsPerRun(1000, func() { _, _ = m.Run(ctx, ev) }), "allocs/event")
		})
	}
}

// A bare guest runs without protection: not rewritten, never set back.
type bare struct {
	b    *testing.B
	m    *Module
	code wazero.CompiledModule
	fuel api.MutableGlobal
	in   *instance
}

// newBare compiles the guest beside the module, in the same runtime and with the same host functions. Those charge fuel,
// for which there is a global of another module.
func newBare(b *testing.B, m *Module, guest []byte) *bare {
	b.Helper()
	ctx := b.Context()
	rt := wazero.NewRuntimeWithConfig(ctx, runtimeConfig(false))
	b.Cleanup(func() { _ = rt.Close(context.Background()) })
	checked, err := wasm.Parse(guest)
	if err != nil {
		b.Fatal(err)
	}
	if err := link(ctx, rt, &m.spec, checked.Imports); err != nil {
		b.Fatal(err)
	}
	code, err := rt.CompileModule(ctx, guest)
	if err != nil {
		b.Fatal(err)
	}
	tank, err := rt.Instantiate(ctx, bytes.Join([][]byte{
		emptyModule, section(6, []byte{1, 0x7e, 1, 0x42, 0, 0x0b}), section(7, []byte{1, 4}, []byte("fuel"), []byte{3, 0}),
	}, nil))
	if err != nil {
		b.Fatal(err)
	}
	fuel, ok := tank.ExportedGlobal("fuel").(api.MutableGlobal)
	if !ok {
		b.Fatal("no fuel")
	}
	u := &bare{b: b, m: m, code: code, fuel: fuel}
	u.open(rt)
	return u
}

func (u *bare) open(rt wazero.Runtime) {
	ctx := u.b.Context()
	mod, err := rt.InstantiateModule(ctx, u.code, wazero.NewModuleConfig().WithName("").WithStartFunctions(initializeExport))
	if err != nil {
		u.b.Fatal(err)
	}
	u.in = &instance{
		module: u.m, mod: mod, memory: mod.ExportedMemory(memoryExport), run: mod.ExportedFunction(runExport), fuel: u.fuel,
	}
	u.in.ctx = callContext{Context: ctx, in: u.in}
}

func (u *bare) call(ev Event) {
	u.in.event.begin(u.m, ev)
	u.in.reserve = 0
	u.in.fuel.Set(math.MaxInt64)
	if err := u.in.run.CallWithStack(&u.in.ctx, u.in.stack[:]); err != nil || u.in.stack[0] != 0 {
		u.b.Fatal(err, u.in.stack[0])
	}
	u.in.event.outcome(true)
}

// BenchmarkLoad loads the largest guest from the warm cache: from its bytes to the first event that it can take.
func BenchmarkLoad(b *testing.B) {
	e := newTestEngine(b, Options{Dir: b.TempDir(), Key: make([]byte, 32)})
	s := sdkGuest(b, "json-tinygo")
	if err := load(b, e, s).Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	best, spent, loads := time.Duration(math.MaxInt64), time.Duration(0), 0
	for b.Loop() {
		start, before := time.Now(), processorTime(b)
		m := load(b, e, s)
		best, spent, loads = min(best, time.Since(start)), spent+processorTime(b)-before, loads+1
		b.StopTimer()
		if err := m.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(best.Microseconds())/1e3, "ms/best")
	b.ReportMetric(spent.Seconds()*1e3/float64(loads), "ms-CPU/load")
	b.ReportMetric(float64(len(s.Wasm))/1e3, "KB")
}

// processorTime is what this process has used, all threads together: busy neighbours of the machine do not count.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkSampling compares events of which one in a hundred is traced with events of which none is.
func BenchmarkSampling(b *testing.B) {
	for _, guest := range benched {
		b.Run(guest.name, func(b *testing.B) {
			ctx, ev := b.Context(), guest.event
			ev.Room = make([]dodona.Point, 0, 8)
			run := func(m *Module) func() {
				return func() {
					if _, err := m.Run(ctx, ev); err != nil {
						b.Fatal(err)
					}
				}
			}
			plain := run(load(b, newTestEngine(b, Options{}), sdkGuest(b, guest.file)))
			m := load(b, newTestEngine(b, Options{Sample: 0.01, Spans: func([]Span) {}}), sdkGuest(b, guest.file))
			sampled := run(m)
			for range 100 {
				sampled() // the hundredth begins the traced compilation
			}
			ready(b, m)
			x, y := duel(b, plain, sampled)
			b.ReportMetric(float64(x.Nanoseconds())/1e3, "µs/plain")
			b.ReportMetric(float64(y.Nanoseconds())/1e3, "µs/sampled")
			b.ReportMetric(float64(y)/float64(x), "×plain")
		})
	}
}
