package module_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// TestTheStackStaysWithinItsBound: whatever a module does, its stack is within what was promised to it when it was loaded. Half of the
// modules are those that have most on the stack for their size, half do a little of everything.
func TestTheStackStaysWithinItsBound(t *testing.T) {
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
		if int64(module.StackBound(m))+64<<10 != module.Promised(e) {
			t.Errorf("%d bytes are promised to one instance with a bound of %d and a page", module.Promised(e), module.StackBound(m))
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
