package wasm_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/samyfodil/wazy"
	wazyapi "github.com/samyfodil/wazy/api"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// A machine is an instance on some engine: what a differential test can see of it.
type machine struct {
	call   func(name string, args ...uint64) ([]uint64, error)
	global func(name string) (uint64, bool)
	memory func() []byte
	close  func()
}

// A smallHost answers the imports of a guest the same on every engine, and keeps what was asked.
type smallHost struct {
	asked []byte // a digest of every call with its arguments
	calls int
}

// thirdDocument is the one reading that guests of a smallHost get.
const thirdDocument = `{"value":1.5,"price":123450,"readings":[1,2.25,-3]}`

// answer does an imported function: it takes the arguments off the stack and leaves the result there.
func (h *smallHost) answer(module, name string, params []wasm.ValueType, stack []uint64, memory []byte) {
	args := slices.Clone(stack[:len(params)])
	for i, t := range params {
		if t == wasm.I32 || t == wasm.F32 {
			args[i] = uint64(uint32(args[i])) // above them, engines have what they like
		}
	}
	sum := sha256.Sum256(append(h.asked, fmt.Sprint(module, name, args)...))
	h.asked, h.calls = sum[:], h.calls+1
	if len(stack) > 0 {
		stack[0] = 0
	}
	switch name {
	case wasm.Refuel:
		panic(errFuel)
	case wasm.TooDeep:
		panic(errDepth)
	case "input_count":
		stack[0] = 1
	case "input_size":
		stack[0] = uint64(len(thirdDocument))
	case "input_read":
		at, off, size := uint32(args[1]), uint32(args[2]), uint32(args[3])
		if uint64(off) < uint64(len(thirdDocument)) && uint64(at)+uint64(size) <= uint64(len(memory)) {
			stack[0] = uint64(copy(memory[at:][:size], thirdDocument[off:]))
		}
	case "input_json":
		if m, e := uint64(uint32(args[3])), uint64(uint32(args[4])); m+8 <= uint64(len(memory)) && e+4 <= uint64(len(memory)) {
			binary.LittleEndian.PutUint64(memory[m:], 15)
			binary.LittleEndian.PutUint32(memory[e:], 0xffffffff)
		}
	}
}

// onWazero makes an instance on wazero.
func onWazero(config wazero.RuntimeConfig) func(*testing.T, []byte, *smallHost) (machine, error) {
	return func(t *testing.T, b []byte, h *smallHost) (machine, error) {
		ctx := context.Background()
		rt := wazero.NewRuntimeWithConfig(ctx, config.WithCoreFeatures(core))
		builders := map[string]wazero.HostModuleBuilder{}
		eachImport(t, b, func(module, name string, f wasm.FuncType) {
			if builders[module] == nil {
				builders[module] = rt.NewHostModuleBuilder(module)
			}
			builders[module].NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, stack []uint64) {
				h.answer(module, name, f.Params, stack, whole(m.Memory()))
			}), typesOf[api.ValueType](f.Params), typesOf[api.ValueType](f.Results)).Export(name)
		})
		for _, builder := range builders {
			if _, err := builder.Instantiate(ctx); err != nil {
				return machine{}, err
			}
		}
		m, err := rt.InstantiateWithConfig(ctx, b, wazero.NewModuleConfig().WithStartFunctions())
		if err != nil {
			return machine{}, err
		}
		return machine{
			close: func() { _ = rt.Close(ctx) },
			call: func(name string, args ...uint64) ([]uint64, error) {
				f := m.ExportedFunction(name)
				if f == nil {
					return nil, nil
				}
				return f.Call(ctx, args...)
			},
			global: func(name string) (uint64, bool) {
				if g := m.ExportedGlobal(name); g != nil {
					return g.Get(), true
				}
				return 0, false
			},
			memory: func() []byte { return whole(m.Memory()) },
		}, nil
	}
}

// onWazy makes an instance on wazy.
func onWazy(config wazy.RuntimeConfig) func(*testing.T, []byte, *smallHost) (machine, error) {
	return func(t *testing.T, b []byte, h *smallHost) (machine, error) {
		ctx := context.Background()
		rt := wazy.NewRuntimeWithConfig(ctx, config)
		builders := map[string]wazy.HostModuleBuilder{}
		eachImport(t, b, func(module, name string, f wasm.FuncType) {
			if builders[module] == nil {
				builders[module] = rt.NewHostModuleBuilder(module)
			}
			builders[module].NewFunctionBuilder().WithGoModuleFunction(wazyapi.GoModuleFunc(func(_ context.Context, m wazyapi.Module, stack []uint64) {
				h.answer(module, name, f.Params, stack, whole(m.Memory()))
			}), typesOf[wazyapi.ValueType](f.Params), typesOf[wazyapi.ValueType](f.Results)).Export(name)
		})
		for _, builder := range builders {
			if _, err := builder.Instantiate(ctx); err != nil {
				return machine{}, err
			}
		}
		m, err := rt.InstantiateWithConfig(ctx, b, wazy.NewModuleConfig().WithStartFunctions())
		if err != nil {
			return machine{}, err
		}
		return machine{
			close: func() { _ = rt.Close(ctx) },
			call: func(name string, args ...uint64) ([]uint64, error) {
				f := m.ExportedFunction(name)
				if f == nil {
					return nil, nil
				}
				return f.Call(ctx, args...)
			},
			global: func(name string) (uint64, bool) {
				if g := m.ExportedGlobal(name); g != nil {
					return g.Get(), true
				}
				return 0, false
			},
			memory: func() []byte { return whole(m.Memory()) },
		}, nil
	}
}

// whole returns a memory, which may be none.
func whole(m interface {
	Size() uint32
	Read(offset, size uint32) ([]byte, bool)
},
) []byte {
	if m == nil || fmt.Sprint(m) == "<nil>" {
		return nil
	}
	b, _ := m.Read(0, m.Size())
	return b
}

func typesOf[T ~byte](list []wasm.ValueType) []T {
	out := make([]T, len(list))
	for i, t := range list {
		out[i] = T(t)
	}
	return out
}

// eachImport calls yield with the imported functions of a module, each once.
func eachImport(t *testing.T, b []byte, yield func(module, name string, f wasm.FuncType)) {
	t.Helper()
	m, err := wasm.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, in := range m.Imports {
		if key := in.Module + "\x00" + in.Name; in.Kind == wasm.KindFunction && !seen[key] {
			seen[key] = true
			yield(in.Module, in.Name, m.Types[in.Type])
		}
	}
}

// thirdEngines are wazero's two, and wazy's.
func thirdEngines() map[string]func(*testing.T, []byte, *smallHost) (machine, error) {
	all := map[string]func(*testing.T, []byte, *smallHost) (machine, error){
		"wazero interpreter": onWazero(wazero.NewRuntimeConfigInterpreter()),
		"wazy interpreter":   onWazy(wazy.NewRuntimeConfigInterpreter()),
	}
	if runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" {
		all["wazero compiler"] = onWazero(wazero.NewRuntimeConfigCompiler())
		all["wazy compiler"] = onWazy(wazy.NewRuntimeConfigCompiler())
	}
	return all
}

// told writes all that became of calls on a machine: results or cause, fuel, memory, globals, and what was asked.
func told(m machine, h *smallHost, calls ...func() ([]uint64, error)) string {
	var b strings.Builder
	for _, call := range calls {
		results, err := call()
		switch {
		case errors.Is(err, errFuel):
			b.WriteString("fuel")
		case errors.Is(err, errDepth):
			b.WriteString("depth")
		case err != nil:
			line, _, _ := strings.Cut(err.Error(), "\n")
			b.WriteString(line)
		default:
			fmt.Fprintf(&b, "%x", results)
		}
		fuel, _ := m.global(wasm.FuelGlobal)
		depth, _ := m.global(wasm.DepthGlobal)
		fmt.Fprintf(&b, " fuel %d depth %d; ", int64(fuel), depth)
	}
	fmt.Fprintf(&b, "memory %x; asked %d %x;", sha256.Sum256(m.memory()), h.calls, h.asked)
	for i := range 64 {
		if v, ok := m.global(fmt.Sprint(wasm.GlobalPrefix, i)); ok {
			fmt.Fprintf(&b, " %x", v)
		}
	}
	return b.String()
}

// thirdRewriting is the product's, with fuel for a while.
var thirdRewriting = wasm.Rewriting{Fuel: true, Depth: true, NaN: true, Globals: true, MaxDepth: 200, MaxPages: 64, Budget: 50_000_000}

// TestGuestsAreTheSameOnAThirdEngine runs the guests that the SDKs made, as they are rewritten, on engines of two makers.
func TestGuestsAreTheSameOnAThirdEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	files, err := filepath.Glob("../testdata/guests/*.wasm")
	if err != nil || len(files) < 4 {
		t.Fatalf("found guests %q: %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b = rewritten(t, b, thirdRewriting)
			said := map[string]string{}
			for name, on := range thirdEngines() {
				h := &smallHost{}
				m, err := on(t, b, h)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				defer m.close()
				run := func() ([]uint64, error) { return m.call("dodona_run") }
				said[name] = told(m, h, func() ([]uint64, error) { return m.call("_initialize") }, run, run)
				if h.calls == 0 {
					t.Errorf("%s: the guest asked for nothing", name)
				}
			}
			agree(t, said)
		})
	}
}

// TestRandomModulesAreTheSameOnAThirdEngine runs code that nobody wrote.
func TestRandomModulesAreTheSameOnAThirdEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const programs = 100
	seed := uint64(11)
	random := rand.New(rand.NewPCG(seed, 9))
	on := thirdEngines()
	r := thirdRewriting
	r.Budget = 50_000
	ends := map[string]int{}
	for range programs {
		g := generator{Rand: random, left: 5 + random.IntN(60)}
		b := source{memory: true, globals: []wasm.ValueType{wasm.I32, wasm.F64}, functions: []function{{
			name: "run", params: []wasm.ValueType{wasm.I32, wasm.F64}, results: []wasm.ValueType{wasm.I32}, locals: i32s(1),
			code: g.body(),
		}}}.assemble()
		safe := rewritten(t, b, r)
		said := map[string]string{}
		for name, instantiate := range on {
			h := &smallHost{}
			m, err := instantiate(t, safe, h)
			if err != nil {
				t.Fatalf("%s: %v\n%x (seed %d)", name, err, b, seed)
			}
			said[name] = told(m, h, func() ([]uint64, error) { return m.call("run", 7, 0x4004000000000000) },
				func() ([]uint64, error) { return m.call("run", 0xffffffff, 0x7ff4000000000000) })
			m.close()
		}
		if agree(t, said); t.Failed() {
			t.Fatalf("module %x (seed %d)", b, seed)
		}
		end, _, _ := strings.Cut(said["wazero interpreter"], " fuel ")
		if strings.HasPrefix(end, "[") {
			end = "answered"
		}
		ends[end]++
	}
	t.Log(ends)
	if ends["answered"] < programs/5 || ends["fuel"]+ends["depth"] < programs/50 || len(ends) < 4 {
		t.Errorf("the modules ended as %v: too few ways to tell engines apart", ends)
	}
}

// agree demands that all engines said the same.
func agree(t *testing.T, said map[string]string) {
	t.Helper()
	for name, what := range said {
		if want := said["wazero interpreter"]; what != want {
			t.Errorf("%s:\n got %s\nwant %s, as the interpreter", name, what, want)
		}
	}
}
