package wasm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// budgets are words of what is refused for a module as a whole.
var budgets = []string{"split the function", "native code", "machines that interpret it"}

func TestTheWorkOfCompilingIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			all, k := s.most(t)
			if all.Work() > wasm.MaxWork {
				t.Errorf("%d copies are accepted with %d units, at most %d", k, all.Work(), wasm.MaxWork)
			}
			if k == s.limit() {
				return // another limit comes first
			}
			_, err := wasm.Check(s.copies(k+1), generous)
			want := fmt.Sprintf(`functions up to function %d `, k)
			if err == nil || !strings.Contains(err.Error(), want) || !slices.ContainsFunc(budgets, func(words string) bool { return strings.Contains(err.Error(), words) }) {
				t.Errorf("%d copies: got %v, want %s", k+1, err, want)
			}
		})
	}
}

// TestLongChainsAreRefused is for modules of 20 to 200 KB that compiled for 4 s to 13 s: the compiler goes along a chain for each of
// its blocks, and a long one does not fit a processor's cache.
func TestLongChainsAreRefused(t *testing.T) {
	others := map[string][2]int{
		"chains in chains": {700, 15}, "chains of switches": {2700, 7}, "chains of branches": {8000, 1}, "chains before ifs": {3000, 3},
	}
	for _, s := range chains {
		t.Run(s.name, func(t *testing.T) {
			size, other := others[s.name]
			if !other {
				size = [2]int{4000, 3}
			}
			s.n = size[0]
			if _, err := wasm.Check(s.copies(size[1]), generous); err == nil || !strings.Contains(err.Error(), "units of work") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestCallsPastAddressesAreRefused is for a module of 1.2 MB that compiled for 7 s: at each call the compiler goes through the addresses
// that have been checked before.
func TestCallsPastAddressesAreRefused(t *testing.T) {
	for _, s := range shapes {
		if s.name != "calls past addresses" {
			continue
		}
		if _, err := wasm.Check(s.copies(20), generous); err == nil || !strings.Contains(err.Error(), "units of work") {
			t.Errorf("got %v", err)
		}
	}
}

// TestManyIfsAreRefused is for a module of 1.9 MB that compiled for 25 s.
func TestManyIfsAreRefused(t *testing.T) {
	if _, err := wasm.Check(shape{n: 8100, locals: 32, code: ifs}.copies(20), generous); err == nil || !strings.Contains(err.Error(), "units of work") {
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
	for file, m := range checkedGuests(t) {
		if m.Work() == 0 || m.Work() > wasm.MaxWork/10 {
			t.Errorf("%s: %d units, want at most a tenth of %d", file, m.Work(), wasm.MaxWork)
		}
		if m.Room() > wasm.MaxRoom/5 || m.Native() > wasm.MaxNative/10 || m.Interpreted() > wasm.MaxInterpreted/10 {
			t.Errorf("%s: %d bytes of memory, %d of native code, %d where it is interpreted; want at most a fifth of %d, a tenth of %d, and a tenth of %d",
				file, m.Room(), m.Native(), m.Interpreted(), wasm.MaxRoom, wasm.MaxNative, wasm.MaxInterpreted)
		}
	}
}

// TestStandardGoHasRoomForWork holds that guests of standard Go pass with a third more than they need, nearly.
func TestStandardGoHasRoomForWork(t *testing.T) {
	for _, name := range []string{"stdgo", "stdregexp"} {
		m, err := wasm.Check(standardGo(t, name), generous)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m.Work()*13/10 > wasm.MaxWork {
			t.Errorf("%s: %d units, which leaves less than three tenths to %d", name, m.Work(), wasm.MaxWork)
		}
		if m.Room()*13/10 > wasm.MaxRoom || m.Native()*13/10 > wasm.MaxNative {
			t.Errorf("%s: %d bytes of memory, %d of native code, which leaves less than three tenths to %d or %d",
				name, m.Room(), m.Native(), wasm.MaxRoom, wasm.MaxNative)
		}
		if m.Interpreted()*13/10 > wasm.MaxInterpreted {
			t.Errorf("%s: %d bytes where it is interpreted, which leaves less than three tenths to %d", name, m.Interpreted(), wasm.MaxInterpreted)
		}
	}
}

// work returns the units of a function with that many locals.
func work(t *testing.T, locals int, items ...any) uint64 {
	t.Helper()
	s := shape{locals: locals, code: func(int, int) []byte { return code(items...) }}
	m, err := wasm.Check(s.copies(1), generous)
	if err != nil {
		t.Fatal(err)
	}
	return m.Work()
}

// TestOnlyWhatIsAliveIsWork is for locals that are named before a loop and in it, and whose values nobody reads there.
func TestOnlyWhatIsAliveIsWork(t *testing.T) {
	const locals = 200
	loop := func(inner []byte) []byte {
		ways := repeated(100, func(int) []byte { return code(get, 0, wasm.OpIf, empty, wasm.OpEnd) })
		return code(wasm.OpLoop, empty, ways, inner, get, 0, wasm.OpBrIf, 0, wasm.OpEnd)
	}
	dead := work(t, locals, sets(locals), loop(code(sets(locals), uses(locals))))
	alive := work(t, locals, sets(locals), loop(code(uses(locals), sets(locals))))
	if alive < 2*dead {
		t.Errorf("%d units where %d values are alive in a loop, and %d where they are not; want at least twice as many", alive, locals, dead)
	}
}

// TestDeepLoopsKeepWhatIsAlive is for loops of which each leads only to the head of the one around it, so that what is alive in them
// is not found out one by one.
func TestDeepLoopsKeepWhatIsAlive(t *testing.T) {
	const locals, deep, ways = 400, 25, 8
	nested := code(wasm.OpLoop, empty, get, 0, wasm.OpBr, 0, wasm.OpEnd)
	for range deep {
		inner := repeated(ways, func(int) []byte { return code(get, 0, wasm.OpIf, empty, wasm.OpEnd) })
		nested = code(wasm.OpLoop, empty, get, 0, wasm.OpBrIf, 1, inner, nested, wasm.OpEnd)
	}
	with := work(t, locals, wasm.OpLoop, empty, uses(locals), nested, wasm.OpEnd)
	without := work(t, locals, uses(locals), wasm.OpLoop, empty, nested, wasm.OpEnd)
	if most := uint64(deep * deep * locals * locals); with < without+most {
		t.Errorf("%d units with %d values alive in %d loops, %d without; want %d more", with, locals, deep, without, most)
	}
}

// TestAllWaysOfASwitchLeadToWhatIsAlive is for a function of 4 KB with many switches, which compiled for as long as a much larger one.
func TestAllWaysOfASwitchLeadToWhatIsAlive(t *testing.T) {
	const locals, n = 400, 100
	table := code(wasm.OpBlock, empty, get, 0, wasm.OpBrTable, 2, 1, 0, 1, wasm.OpEnd)
	switches := repeated(n, func(int) []byte { return table })
	got := work(t, locals, wasm.OpBlock, empty, switches, wasm.OpEnd, wasm.OpBlock, empty, table, wasm.OpEnd, uses(locals))
	if want := uint64(n * locals * locals); got < want {
		t.Errorf("%d units for %d ways with %d values, want at least %d", got, n, locals, want)
	}
}

// TestReferencesAreWork is for modules of 6 MB that compiled for 4 and 7 s at a twentieth of the budget.
func TestReferencesAreWork(t *testing.T) {
	const n = 1000
	for name, piece := range map[string][]byte{
		"table.get": code(get, 0, wasm.OpTableGet, 0, wasm.OpDrop),
		"ref.func":  code(wasm.OpRefFunc, 0, wasm.OpDrop),
	} {
		got := work(t, 1, repeated(n, func(int) []byte { return piece }))
		if got < n*5000 {
			t.Errorf("%s: %d cost %d units, want at least %d", name, n, got, n*5000)
		}
	}
}

// TestCanonicalNumbersAreWork is for a module of 6 MB that compiled for 21 s, ten times as long as its units said.
func TestCanonicalNumbersAreWork(t *testing.T) {
	const n = 1000
	got := work(t, 1, get, 0, wasm.OpF64ConvertI32S, repeated(n, func(int) []byte {
		return code(get, 0, wasm.OpF64ConvertI32S, wasm.OpF64Max, wasm.OpF64Abs)
	}), wasm.OpDrop)
	if got < n*8000 {
		t.Errorf("%d of f64.max and f64.abs cost %d units, want at least %d", n, got, n*8000)
	}
}

// TestLargeTablesAreWork is for a module of 4 MB that compiled for 8 s: its first functions made the compiler's tables large, in which
// the others had to look.
func TestLargeTablesAreWork(t *testing.T) {
	const locals = 1700
	fill := repeated(12, func(int) []byte {
		return code(wasm.OpBlock, empty, get, 0, wasm.OpBrIf, 0, repeated(locals-1, func(i int) []byte { return code(get, 0, set, i+1) }), wasm.OpEnd)
	})
	read := code(repeated(60, func(int) []byte { return code(wasm.OpBlock, empty, wasm.OpEnd) }), repeated(9000, func(i int) []byte { return code(get, i%locals, wasm.OpDrop) }))
	units := func(codes ...[]byte) uint64 {
		var m source
		for i, c := range codes {
			m.functions = append(m.functions, function{name: fmt.Sprint("f", i), params: i32s(1), locals: i32s(locals - 1), code: c})
		}
		got, err := wasm.Check(m.assemble(), generous)
		if err != nil {
			t.Fatal(err)
		}
		return got.Work()
	}
	filled := units(fill, fill, fill)
	alone, after := units(read), units(fill, fill, fill, read)-filled
	if after < 2*alone {
		t.Errorf("%d units behind functions that make tables large, and %d alone; want at least twice as many", after, alone)
	}
}

// TestTypesAndGlobalsAreWork is for what is compiled again for each type, and read again after each call.
func TestTypesAndGlobalsAreWork(t *testing.T) {
	m := source{types: slices.Repeat([]wasm.FuncType{{Params: i32s(128), Results: i32s(16)}}, 1000)}
	many, err := wasm.Check(m.assemble(), generous)
	if err != nil {
		t.Fatal(err)
	}
	if most := uint64(1000 * 144 * 500); many.Work() < most {
		t.Errorf("1000 wide types cost %d units, want at least %d", many.Work(), most)
	}
	calls := shape{n: 150, locals: 1, code: pieces(func(int, int) []byte { return code(get, 0, wasm.OpCall, 0) })}
	without, err := wasm.Check(calls.copies(1), generous)
	if err != nil {
		t.Fatal(err)
	}
	calls.globals = 2000
	with, err := wasm.Check(calls.copies(1), generous)
	if err != nil {
		t.Fatal(err)
	}
	if with.Work() < without.Work()+150*2000*100 {
		t.Errorf("150 calls cost %d units with 2000 globals, and %d without", with.Work(), without.Work())
	}
}
