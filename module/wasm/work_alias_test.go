package wasm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// TestShiftsByZeroAreWork is for a module of 6 MB that compiled for 13 s at a fifth of the budget: a value that is shifted by a constant
// zero is another name of it, and the compiler goes along all names for each use.
func TestShiftsByZeroAreWork(t *testing.T) {
	const n = 8000
	module := func(before []byte, amount any, op wasm.Op, local wasm.ValueType) ([]byte, int) {
		shift := code(get, 1, amount, op, set, 1)
		use := code(get, 1, wasm.OpDrop)
		c := code(before, repeated(n, func(int) []byte { return shift }), repeated(n, func(int) []byte { return use }))
		m := source{}
		for i := range 6 {
			m.functions = append(m.functions, function{name: fmt.Sprint("f", i), params: i32s(1), locals: []wasm.ValueType{local, local}, code: c})
		}
		return m.assemble(), len(m.functions)
	}
	zero64 := code(wasm.OpI64Const, 0)
	for _, test := range []struct {
		name    string
		before  []byte
		amount  []byte
		op      wasm.Op
		local   wasm.ValueType
		refused bool
	}{
		{"i32.shl", nil, code(wasm.OpI32Const, 0), wasm.OpI32Shl, wasm.I32, true},
		{"i32.shr_u of 64", nil, code(wasm.OpI32Const, 64), wasm.OpI32ShrU, wasm.I32, true},
		{"i64.shr_s", nil, zero64, wasm.OpI64ShrS, wasm.I64, true},
		{"a local", code(zero64, set, 2), code(get, 2), wasm.OpI64ShrU, wasm.I64, true},
		{"a nop between", nil, code(wasm.OpI32Const, 0, byte(1)), wasm.OpI32Shl, wasm.I32, true},
		{"something between", nil, code(wasm.OpI32Const, 0, get, 0, wasm.OpDrop), wasm.OpI32Shl, wasm.I32, true},
		{"i32.shl by 1", nil, code(wasm.OpI32Const, 1), wasm.OpI32Shl, wasm.I32, false},
		{"i64.shl by 33", nil, code(wasm.OpI64Const, 33), wasm.OpI64Shl, wasm.I64, false},
		{"by what is computed", nil, code(get, 0, get, 0, wasm.OpI32Add), wasm.OpI32Shl, wasm.I32, false},
		{"i32.rotl", nil, code(wasm.OpI32Const, 0), wasm.OpI32Rotl, wasm.I32, false}, // makes a value of its own
	} {
		b, k := module(test.before, test.amount, test.op, test.local)
		m, err := wasm.Check(b, generous)
		switch {
		case test.refused && (err == nil || !strings.Contains(err.Error(), "units of work")):
			t.Errorf("%s: got %v, want that it is refused", test.name, err)
		case !test.refused && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case !test.refused && m.Work() > uint64(k)*100_000_000:
			t.Errorf("%s: %d units", test.name, m.Work())
		}
	}
}

// TestNamesOfValuesAreWork is for a local that is set before many ifs and read behind them.
func TestNamesOfValuesAreWork(t *testing.T) {
	const ifs, uses = 500, 20_000
	use := code(get, 1, wasm.OpDrop)
	rows := repeated(ifs, func(int) []byte { return code(get, 1, wasm.OpIf, empty, wasm.OpEnd) })
	behind := work(t, 2, rows, repeated(uses, func(int) []byte { return use }))
	before := work(t, 2, repeated(uses, func(int) []byte { return use }), rows)
	if most := uint64(ifs * uses * 2); behind < before+most {
		t.Errorf("%d units where %d uses follow %d ifs, %d where they come before; want %d more", behind, uses, ifs, before, most)
	}
}

// TestWhatIsSetOnAWayThatEndsHidesNoNames: the way on has none of it, whatever was opened there. Counted from there, the names were fewer than none.
func TestWhatIsSetOnAWayThatEndsHidesNoNames(t *testing.T) {
	rows := func(n int) []byte {
		return repeated(n, func(int) []byte { return code(get, 0, wasm.OpIf, empty, wasm.OpEnd) })
	}
	uses := repeated(20_000, func(int) []byte { return code(get, 1, wasm.OpDrop) })
	ended := func(inside []byte, end wasm.Op) []byte {
		return code(get, 0, wasm.OpIf, empty, inside, wasm.OpI32Const, 0, set, 1, end, wasm.OpEnd)
	}
	for _, end := range []wasm.Op{wasm.OpReturn, wasm.OpUnreachable} {
		for name, test := range map[string]struct {
			code  []byte
			names int
		}{
			"names before": {code(rows(300), ended(nil, end), uses), 300},
			"names inside": {code(rows(10), ended(rows(300), end), uses), 10},
		} {
			without := work(t, 2, code(rows(310), ended(nil, end)))
			if got := work(t, 2, test.code); got < without+uint64(test.names*20_000*3) || got > 1<<40 {
				t.Errorf("%s, %v: %d units, and %d without the uses of %d names", name, end, got, without, test.names)
			}
		}
	}
}
