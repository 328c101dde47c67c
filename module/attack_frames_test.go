package module_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// The functions and globals of a deep module, by index.
const (
	deepF, deepP, deepK = 0, 1, 2 // recurses; gives 16 values; takes 128
	deepLeft, deepValue = 0, 1    // how many calls are left; something to load
)

// deep returns a module whose function keeps many values on the stack while it calls itself, by what gives most values for the
// fewest bytes; worst is what takes most of a frame.
func deep(random *rand.Rand, worst bool) []byte {
	calls := 50 + random.IntN(3000)
	size := 1 << random.IntN(12)                                       // of the code that makes values, about
	body := []byte{0x23, deepLeft, 0x45, 0x04, 0x40, 0x0f, 0x0b}       // if left == 0: return
	body = append(body, 0x23, deepLeft, 0x41, 1, 0x6b, 0x24, deepLeft) // left--
	height, recursed := 0, false
	recurse := func() {
		body = append(body, 0x10, deepF)
		recursed = true
	}
	only := -1 // what it is full of, one time in two
	if random.IntN(2) == 0 {
		only = random.IntN(5)
	}
	if worst {
		calls, size, only = 3000, 2000, 4
	}
	for len(body) < size && height < 3800 {
		next := random.IntN(8)
		if only >= 0 && random.IntN(20) > 0 {
			if next = only; only == 4 && height < 128 {
				next = 0 // what it takes must be given first
			}
		}
		switch next {
		case 0:
			body, height = append(body, 0x10, deepP), height+16
		case 1:
			body, height = append(body, 0x23, deepValue), height+1
		case 2:
			body, height = append(body, 0x42, byte(random.IntN(64))), height+1
		case 3: // a block that passes 16 values through
			if height >= 16 {
				body = append(body, 0x02, 4, 0x0b)
			}
		case 4:
			if height >= 128 {
				body, height = append(body, 0x10, deepK), height-128
			}
		case 5:
			if height > 0 { // a new value for an old one
				body = append(body, 0x42, 7, 0x7c)
			}
		case 6:
			body, height = append(body, 0x20, 0), height+1
		case 7:
			if height > 0 {
				body, height = append(body, 0x21, byte(random.IntN(4))), height-1
			}
		}
		if !recursed && random.IntN(40) == 0 {
			recurse()
		}
	}
	recurse()
	for range height {
		body = append(body, 0x24, deepValue)
	}
	f := append([]byte{1, 4, 0x7e}, append(body, 0x0b)...) // four locals, i64
	p := []byte{0}
	for i := range 16 {
		p = append(p, 0x42, byte(i))
	}
	p = append(p, 0x0b)
	k := []byte{0, 0x20, 0, 0x20, 0xff, 0, 0x7c, 0x24, deepValue, 0x0b}
	many := func(n int) []byte { return vector(n, 0x7e) }
	return sketch{
		types: join([]byte{5}, []byte{0x60, 0, 1, 0x7f}, []byte{0x60, 0, 0}, []byte{0x60, 0}, many(16), []byte{0x60}, many(128), []byte{0},
			[]byte{0x60}, many(16), many(16)),
		functions: []byte{4, 1, 2, 3, 0},
		globals:   []byte{2, 0x7f, 1, 0x41, 0, 0x0b, 0x7e, 1, 0x42, 5, 0x0b},
		bodies:    [][]byte{f, p, k},
		code:      join([]byte{0x41}, sleb(calls), []byte{0x24, deepLeft, 0x10, deepF, 0x41, 0}),
	}.bytes()
}

// recursive returns a module whose function calls itself so often: its body comes first, and after the call it needs its first locals, all of 64 bits.
func recursive(declared []byte, locals, calls int, body []byte) []byte {
	f := append(declared, 0x23, deepLeft, 0x45, 0x04, 0x40, 0x0f, 0x0b) // if left == 0: return
	f = append(f, 0x23, deepLeft, 0x41, 1, 0x6b, 0x24, deepLeft)        // left--
	f = append(append(f, body...), 0x10, deepF)
	for i := range locals {
		f = append(f, 0x20, byte(i), 0x24, deepValue)
	}
	return sketch{
		types:     join([]byte{2}, []byte{0x60, 0, 1, 0x7f}, []byte{0x60, 0, 0}),
		functions: []byte{2, 1, 0},
		globals:   []byte{2, 0x7f, 1, 0x41, 0, 0x0b, 0x7e, 1, 0x42, 5, 0x0b},
		bodies:    [][]byte{append(f, 0x0b)},
		code:      join([]byte{0x41}, sleb(calls), []byte{0x24, deepLeft, 0x10, deepF, 0x41, 0}),
	}.bytes()
}

// merged returns a module whose function calls itself from within many ifs, each of which sets some of many locals: the engine makes a new
// value of each where the ways through an if meet.
func merged(ifs, locals, set, calls int) []byte {
	var body []byte
	assign := func(from int) {
		for i := range set {
			local := byte((from + i) % locals)
			body = append(body, 0x20, local, 0x42, 1, 0x7c, 0x21, local) // local++
		}
	}
	for i := range ifs {
		body = append(body, 0x23, deepLeft, 0x04, 0x40)
		assign(i * set)
	}
	body = append(body, 0x10, deepF)
	for i := range ifs {
		assign(i*set + 1)
		body = append(body, 0x0b)
	}
	return recursive([]byte{1, byte(locals), 0x7e}, locals, calls, body)
}

// sleb returns a signed LEB128 of a number that is not negative.
func sleb(n int) (b []byte) {
	for {
		low := byte(n & 0x7f)
		if n >>= 7; n == 0 && low&0x40 == 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

// TestDeepModulesEndAlikeOnEveryEngine: at the highest limits, whatever frames look like, the module's own count of its depth ends it, or
// nothing does; never the stack of one engine.
func TestDeepModulesEndAlikeOnEveryEngine(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	compiled, interpreted := newEngine(t, nil), newEngine(t, func(o *module.Options) { o.Interpreter = true })
	ends := map[module.Cause]int{}
	for n := range 60 {
		wasm := deep(random, n == 0)
		if n >= 40 { // the last two are the worst that are known
			locals := 2 + random.IntN(118)
			set := 1 + random.IntN(min(locals, 28))
			wasm = merged(1+random.IntN(min(340, 2500/set)), locals, set, 3000)
			switch n {
			case 57:
				wasm = turned(1+random.IntN(300), 2+random.IntN(118), 3000)
			case 58:
				wasm = turned(300, 120, 3000)
			case 59:
				wasm = merged(340, 120, 1, 3000)
			}
		}
		var fuel [2]uint64
		var cause [2]module.Cause
		for i, e := range []*module.Engine{compiled, interpreted} {
			s := attackSpec("deep", wasm)
			s.Limits = manifest.Limits{Depth: manifest.MaxDepth, Fuel: 1_000_000_000}
			m, err := e.Load(context.Background(), s)
			if err != nil {
				t.Fatalf("seed %d, module %d of %d bytes: %v", seed, n, len(wasm), err)
			}
			out, err := m.Run(context.Background(), attackEvent(`{}`))
			var failed *module.Error
			if errors.As(err, &failed) {
				cause[i] = failed.Cause
			} else if err != nil {
				t.Fatal(err)
			}
			fuel[i] = out.Fuel
			if err := m.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if fuel[0] != fuel[1] || cause[0] != cause[1] {
			t.Errorf("seed %d, module %d of %d bytes: compiled %d fuel, cause %q; interpreted %d fuel, cause %q", seed, n, len(wasm), fuel[0], cause[0], fuel[1], cause[1])
		}
		ends[cause[0]]++
	}
	if ends[""] == 0 || ends[module.CauseDepth] == 0 || ends[""]+ends[module.CauseDepth] != 60 {
		t.Errorf("seed %d: ends %v: want answers and ends by depth, and no others", seed, ends)
	}
}

// TestAnOutgrownStackIsGivenBack: a pooled instance does not keep for ever what one deep event needed.
func TestAnOutgrownStackIsGivenBack(t *testing.T) {
	ctx := context.Background()
	m, err := newEngine(t, nil).Load(ctx, attackSpec("deep", merged(60, 28, 1, 100)))
	if err != nil {
		t.Fatal(err)
	}
	grown, err := module.StackOf(ctx, m, attackEvent(`{}`))
	if err != nil || grown < 100<<10 {
		t.Fatalf("a deep event leaves a stack of %d bytes, %v: this module is not deep", grown, err)
	}
	least := grown
	for range 1024 {
		if _, err := m.Run(ctx, attackEvent(`{}`)); err != nil {
			t.Fatal(err)
		}
		least = min(least, module.StackHeld(m))
	}
	if least == 0 || least > 16<<10 {
		t.Errorf("in 1,024 events the instance held never less than %d bytes of stack", least)
	}
	if err := m.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestTheStackIsBounded: what one event can make of it, at the default bound of depth and at the highest one.
func TestTheStackIsBounded(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	e := newEngine(t, nil)
	for depth, most := range map[uint32]int{manifest.DefaultDepth: 6 << 20, manifest.MaxDepth: 18 << 20} {
		for name, wasm := range map[string][]byte{"values": deep(rand.New(rand.NewPCG(1, 1)), true), "ifs": merged(340, 120, 1, 3000), "turns": turned(300, 120, 3000)} {
			s := attackSpec("deep", wasm)
			s.Limits = manifest.Limits{Depth: depth, Fuel: 1_000_000_000}
			m, err := e.Load(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			size, err := module.StackOf(context.Background(), m, attackEvent(`{}`))
			if err != nil || size > most {
				t.Errorf("%s, depth %d: a stack of %d bytes, %v; want at most %d", name, depth, size, err, most)
			}
			if err := m.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
}

// turned returns a module whose function calls itself after a loop with many ways back to its head. Each gives the head a value of every
// local, by way of one more, because one local is as it was.
func turned(branches, locals, calls int) []byte {
	body := []byte{0x03, 0x40}
	again := []byte{0x20, byte(locals), 0x0d, 0} // if the last local is not 0, which it is
	for i := range locals {
		if i == locals-1 {
			body = append(body, bytes.Repeat(again, branches)...)
		}
		body = append(body, 0x20, byte(i), 0x42, 1, 0x7c, 0x21, byte(i)) // local++
	}
	return recursive([]byte{2, byte(locals), 0x7e, 1, 0x7f}, locals, calls, append(append(body, again...), 0x0b))
}
