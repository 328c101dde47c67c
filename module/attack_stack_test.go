package module_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// TestTheStackStaysWithinItsBound: whatever a module does, its stack is within what was promised to it when it was loaded. Half of the
// modules are those that have most on the stack for their size, half do a little of everything.
func TestTheStackStaysWithinItsBound(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	e := newEngine(t, nil)
	worst, refused := 0.0, 0
	for n := range 60 {
		locals := 2 + random.IntN(118)
		set := 1 + random.IntN(min(locals, 28))
		name, wasm := "crowd", crowded(random)
		switch {
		case n == 0:
			name, wasm = "ifs", merged(340, 120, 1, 3000)
		case n == 1:
			name, wasm = "turns", turned(300, 120, 3000)
		case n < 12:
			name, wasm = "values", deep(random, n == 2)
		case n < 22:
			name, wasm = "ifs", merged(1+random.IntN(min(340, 2500/set)), locals, set, 3000)
		case n < 30:
			name, wasm = "turns", turned(1+random.IntN(300), locals, 3000)
		}
		s := attackSpec("deep", wasm)
		s.Limits = manifest.Limits{Depth: []uint32{16, manifest.DefaultDepth, manifest.MaxDepth}[random.IntN(3)], Fuel: 1_000_000_000}
		m, err := e.Load(context.Background(), s)
		if err != nil && name == "crowd" && strings.Contains(err.Error(), "nested more than") {
			refused++
			continue
		}
		if err != nil {
			t.Fatalf("seed %d, module %d, %s of %d bytes: %v", seed, n, name, len(wasm), err)
		}
		size, err := module.StackOf(context.Background(), m, attackEvent(`{}`))
		if bound := module.StackBound(m); err != nil || size > bound {
			t.Errorf("seed %d, module %d, %s of %d bytes, depth %d: a stack of %d bytes, %v; at most %d are promised", seed, n, name, len(wasm), s.Limits.Depth, size, err, bound)
		} else {
			worst = max(worst, float64(size)/float64(bound))
		}
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	t.Logf("at most %.2f of the bound are taken; %d modules were refused", worst, refused)
	if refused > 20 || worst < 0.3 {
		t.Errorf("seed %d: %d modules of 60 were refused, and the others took %.2f of their bounds at most: this shows nothing", seed, refused, worst)
	}
}

// TestTheStackIsPromisedFromTheCacheToo: a module that is loaded from the cache is promised what it was when it was checked.
func TestTheStackIsPromisedFromTheCacheToo(t *testing.T) {
	dir := t.TempDir()
	var promised []int64
	for range 2 {
		e := newEngine(t, func(o *module.Options) { o.Dir, o.Key = dir, make([]byte, 32) })
		m, err := e.Load(context.Background(), attackSpec("deep", merged(60, 28, 1, 100)))
		if err != nil {
			t.Fatal(err)
		}
		promised = append(promised, module.Promised(e))
		if int64(module.StackBound(m))+64<<10+module.CodeOf(m) != module.Promised(e) {
			t.Errorf("%d bytes are promised to one instance with a bound of %d, a page, and code of %d", module.Promised(e), module.StackBound(m), module.CodeOf(m))
		}
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if left := module.Promised(e); left != 0 {
			t.Errorf("%d bytes are promised to nobody", left)
		}
	}
	if promised[0] != promised[1] || promised[0] <= 128<<10 {
		t.Errorf("%d bytes are promised when it is compiled, %d from the cache", promised[0], promised[1])
	}
}

// crafted returns a module whose function calls itself after a part that is repeated, over few locals that are alive throughout.
func crafted(locals, times int, open []byte, part func(i int) []byte, shut []byte) []byte {
	var body []byte
	for i := range locals {
		body = append(body, 0x23, deepValue, 0x42, byte(i), 0x7c, 0x21, byte(i))
	}
	body = append(body, open...)
	for i := range times {
		body = append(body, part(i)...)
	}
	return recursive([]byte{1, byte(locals), 0x7e}, locals, 3000, append(body, shut...))
}

// TestTheStackOfFewValuesStaysWithinItsBound: little is alive, and yet values are driven out of their registers, by instructions that
// want certain ones and by what goes from one block to another.
func TestTheStackOfFewValuesStaysWithinItsBound(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	e := newEngine(t, nil)
	turn := func(n int) (b []byte) { // each local gets the value of another one
		for i := range n {
			b = append(b, 0x20, byte(i))
		}
		for i := range n {
			b = append(b, 0x21, byte((i*3+1)%n))
		}
		return b
	}
	again := []byte{0x23, deepLeft, 0x41, 0x7f, 0x46, 0x0d, 0} // if left == -1, which never is
	for _, n := range []int{2, 4, 5, 7, 8, 10, 14} {
		for name, wasm := range map[string][]byte{
			"divisions and shifts": crafted(n, 60*n, nil, func(i int) []byte {
				return []byte{0x20, byte(i % n), 0x20, byte((i + 1) % n), 0x42, 1, 0x84, 0x80, 0x20, byte((i + 2) % n), 0x86, 0x21, byte(i % n)}
			}, nil),
			"rotations": crafted(n, 60*n, nil, func(i int) []byte {
				return []byte{0x20, byte(i % n), 0x20, byte((i + 1) % n), 0x89, 0x21, byte(i % n)}
			}, nil),
			"fills": crafted(n, 20*n, nil, func(i int) []byte {
				return []byte{0x41, 0, 0x41, 1, 0x41, 8, 0xfc, 11, 0, 0x20, byte(i % n), 0x20, byte((i + 1) % n), 0x7c, 0x21, byte(i % n)}
			}, nil),
			"copies": crafted(n, 20*n, nil, func(i int) []byte {
				return []byte{0x41, 0, 0x41, 1, 0x41, 8, 0xfc, 10, 0, 0, 0x41, 0, 0x40, 0, 0xac, 0x20, byte((i + 1) % n), 0x7c, 0x21, byte(i % n)}
			}, nil),
			"ways back": crafted(n, 200, []byte{0x03, 0x40}, func(int) []byte { return append(turn(n), again...) }, []byte{0x0b}),
			"ways out":  crafted(n, 100, []byte{0x02, 0x40}, func(int) []byte { return append(turn(n), again...) }, []byte{0x0b}),
			"ifs": crafted(n, 100, nil, func(int) []byte {
				return join([]byte{0x23, deepLeft, 0x04, 0x40}, turn(n), []byte{0x05}, turn(n), turn(n), []byte{0x0b})
			}, nil),
		} {
			s := attackSpec("deep", wasm)
			s.Limits = manifest.Limits{Depth: manifest.MaxDepth, Fuel: 1_000_000_000}
			m, err := e.Load(context.Background(), s)
			if err != nil {
				t.Fatalf("%s of %d: %v", name, n, err)
			}
			size, err := module.StackOf(context.Background(), m, attackEvent(`{}`))
			if bound := module.StackBound(m); err != nil || size > bound {
				t.Errorf("%s of %d: a stack of %d bytes, %v; at most %d are promised", name, n, size, err, bound)
			}
			if err := m.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
}
