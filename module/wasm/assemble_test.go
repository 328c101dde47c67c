package wasm_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// A source is a small module, to be assembled. Its functions are exported by their names, if they have one.
type source struct {
	types     []wasm.FuncType // after those of the functions
	functions []function
	globals   []wasm.ValueType // mutable, zero
	memory    bool             // of 1 page, that may grow to 4
	table     []int            // of functions; it may grow to 64 elements
	data      string           // a passive segment
	start     int              // index of a function, plus one
	named     bool             // functions' names are also in a name section
}

type function struct {
	name            string
	params, results []wasm.ValueType
	locals          []wasm.ValueType
	code            []byte // without its last end
}

// code puts instructions together: an opcode is an opcode, a number is an index or a constant.
func code(items ...any) []byte {
	var b []byte
	for _, item := range items {
		switch v := item.(type) {
		case wasm.Op:
			if v >= 0x100 {
				b = append(b, 0xfc)
			}
			b = append(b, byte(v))
		case wasm.ValueType:
			b = append(b, byte(v))
		case byte:
			b = append(b, v)
		case int:
			b = appendSigned(b, int64(v))
		case int64:
			b = appendSigned(b, v)
		case float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		case float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		case []byte:
			b = append(b, v...)
		default:
			panic(fmt.Sprintf("code of %T", item))
		}
	}
	return b
}

// empty is the type of a block without results.
const empty = byte(0x40)

// appendSigned appends signed LEB128. For numbers that are not negative it can be read as unsigned.
func appendSigned(b []byte, v int64) []byte {
	for v < -0x40 || v >= 0x40 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v&0x7f))
}

func vector[T any](b []byte, items []T, one func([]byte, T) []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(items)))
	for _, item := range items {
		b = one(b, item)
	}
	return b
}

func text(b []byte, s string) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }

func valueTypes(b []byte, list []wasm.ValueType) []byte {
	return vector(b, list, func(b []byte, t wasm.ValueType) []byte { return append(b, byte(t)) })
}

func (s source) assemble() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, contents []byte) {
		out = append(binary.AppendUvarint(append(out, id), uint64(len(contents))), contents...)
	}
	types := make([]wasm.FuncType, 0, len(s.functions)+len(s.types))
	for _, f := range s.functions {
		types = append(types, wasm.FuncType{Params: f.params, Results: f.results})
	}
	section(wasm.SectionType, vector(nil, append(types, s.types...), func(b []byte, t wasm.FuncType) []byte {
		return valueTypes(valueTypes(append(b, 0x60), t.Params), t.Results)
	}))
	functions := binary.AppendUvarint(nil, uint64(len(s.functions)))
	for i := range s.functions {
		functions = binary.AppendUvarint(functions, uint64(i))
	}
	section(wasm.SectionFunction, functions)
	if s.table != nil {
		section(wasm.SectionTable, code(1, wasm.FuncRef, 1, len(s.table), 64))
	}
	if s.memory {
		section(wasm.SectionMemory, code(1, 1, 1, 4))
	}
	section(wasm.SectionGlobal, vector(nil, s.globals, func(b []byte, t wasm.ValueType) []byte {
		zero := map[wasm.ValueType][]byte{
			wasm.I32: code(wasm.OpI32Const, 0), wasm.I64: code(wasm.OpI64Const, 0),
			wasm.F32: code(wasm.OpF32Const, float32(0)), wasm.F64: code(wasm.OpF64Const, 0.0),
		}
		return code(b, t, 1, zero[t], wasm.OpEnd)
	}))
	var exports [][]byte
	for i, f := range s.functions {
		if f.name != "" {
			exports = append(exports, code(text(nil, f.name), 0, i))
		}
	}
	section(wasm.SectionExport, vector(nil, exports, func(b, export []byte) []byte { return append(b, export...) }))
	if s.start > 0 {
		section(wasm.SectionStart, code(s.start-1))
	}
	if s.table != nil {
		section(wasm.SectionElement, code(1, 0, wasm.OpI32Const, 0, wasm.OpEnd, vector(nil, s.table, appendIndex)))
	}
	if s.data != "" {
		section(wasm.SectionDataCount, code(1))
	}
	section(wasm.SectionCode, vector(nil, s.functions, func(b []byte, f function) []byte {
		body := vector(nil, f.locals, func(b []byte, t wasm.ValueType) []byte { return code(b, 1, t) })
		body = code(body, f.code, wasm.OpEnd)
		return append(binary.AppendUvarint(b, uint64(len(body))), body...)
	}))
	if s.data != "" {
		section(wasm.SectionData, code(1, 1, text(nil, s.data)))
	}
	if s.named {
		section(wasm.SectionCustom, s.names())
	}
	return out
}

func appendIndex(b []byte, i int) []byte { return binary.AppendUvarint(b, uint64(i)) }

func (s source) names() []byte {
	names := binary.AppendUvarint(nil, uint64(len(s.functions)))
	for i, f := range s.functions {
		names = text(appendIndex(names, i), f.name)
	}
	return append(binary.AppendUvarint(append(text(nil, "name"), 1), uint64(len(names))), names...)
}

// engines are those that this machine has.
var engines = func() map[string]func() wazero.RuntimeConfig {
	all := map[string]func() wazero.RuntimeConfig{"interpreter": wazero.NewRuntimeConfigInterpreter}
	if runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" {
		all["compiler"] = wazero.NewRuntimeConfigCompiler
	}
	return all
}()

// onEngines runs a test on each engine, with the instance of a module and what it imports.
func onEngines(t *testing.T, module []byte, refuel func(api.Module), test func(t *testing.T, m api.Module)) {
	t.Helper()
	for name, config := range engines {
		t.Run(name, func(t *testing.T) {
			rt := wazero.NewRuntimeWithConfig(t.Context(), config())
			defer rt.Close(t.Context())
			linkRuntime(t, rt, refuel)
			m, err := rt.Instantiate(t.Context(), module)
			if err != nil {
				t.Fatal(err)
			}
			test(t, m)
		})
	}
}

// call calls a function, and returns its results and the fuel that it used.
func call(t *testing.T, m api.Module, name string, args ...uint64) (results []uint64, fuel int64, err error) {
	t.Helper()
	left := m.ExportedGlobal(wasm.FuelGlobal)
	before := int64(left.Get())
	results, err = m.ExportedFunction(name).Call(context.Background(), args...)
	return results, before - int64(left.Get()), err
}
