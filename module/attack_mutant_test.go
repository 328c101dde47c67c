package module_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasm"
	"github.com/dodona-oracle/dodona/module/wasm/wasmtest"
)

// mutated are the modules that are damaged: what languages build, and what uses all host functions.
var mutated = []string{
	"attacks/honest", "attacks/pointers", "attacks/remember", "attacks/point-edges", "attacks/recursion-indirect",
	"abi/core", "abi/wasi", "guests/plausible-c", "guests/plausible-rust", "guests/json-assemblyscript",
}

// mutantFuel is enough for each of them.
const mutantFuel = 200_000

// TestMutantsFailAlone loads damaged modules and runs those that load: flipped bits, other bytes, missing ones, pieces
// moved, files cut. None may do more than a module may, none is a bug of the host, and none changes its neighbour's answer.
func TestMutantsFailAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	compiled := newEngine(t, nil)
	interpreted := newEngine(t, func(o *module.Options) { o.Interpreter = true })
	neighbours := []*neighbour{honest(t, compiled), honest(t, interpreted)}
	debug.FreeOSMemory()
	before := forgetPeak(t)
	var refused, answered, failed atomic.Int64
	var wait sync.WaitGroup
	room := make(chan struct{}, 2)
	for seed, name := range mutated {
		whole, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)+".wasm"))
		if err != nil {
			t.Fatal(err)
		}
		code := codeOf(t, whole)
		wait.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			random := rand.New(rand.NewPCG(uint64(seed), 4))
			loaded := 0
			for i := range mutantsEach {
				e := interpreted // decodes much faster than the compiler compiles
				if i%5 == 0 {
					e = compiled
				}
				switch err := mutantEvent(t, e, mutant(random, whole, code, i)); {
				case err == nil:
					answered.Add(1)
					loaded++
				case err.Cause == "":
					refused.Add(1)
				default:
					failed.Add(1)
					loaded++
				}
			}
			if loaded == 0 || loaded == mutantsEach {
				t.Errorf("%d of %d mutants of %s were loaded: the test does not try both sides", loaded, mutantsEach, name)
			}
		})
	}
	ended := make(chan struct{})
	go func() { wait.Wait(); close(ended) }()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case <-time.After(100 * time.Millisecond):
		}
		for _, n := range neighbours {
			n.same(t)
		}
	}
	if grown := peakBytes(t) - before; grown > attackBudget {
		t.Errorf("the process grew by %d KiB, at most %d are allowed", grown>>10, attackBudget>>10)
	}
	t.Logf("%d refused, %d answered, %d failed", refused.Load(), answered.Load(), failed.Load())
}

// mutantEvent loads a mutant and runs one event. The error without a cause is a refusal.
func mutantEvent(t *testing.T, e *module.Engine, b []byte) *module.Error {
	t.Helper()
	s := attackSpec("mutant", b)
	everything(&s)
	s.Capabilities.Serial = []string{"line"}
	s.Host.Serial = func(context.Context, string) (abi.Port, error) { return nil, errors.New("no port") }
	s.Limits = manifest.Limits{Fuel: mutantFuel}
	m, err := e.Load(context.Background(), s)
	if err != nil {
		var failed *module.Error
		if errors.As(err, &failed) && failed.Cause == module.CauseHost || strings.Contains(err.Error(), "bug") {
			t.Errorf("a mutant shows a bug: %v\n%x", err, b)
		}
		return &module.Error{}
	}
	o, err := m.Run(context.Background(), attackEvent(`{"value":21.5}`))
	var failed *module.Error
	switch {
	case err == nil:
	case !errors.As(err, &failed):
		t.Errorf("a mutant failed with %T: %v\n%x", err, err, b)
		failed = &module.Error{Cause: "unknown"}
	case failed.Cause == module.CauseHost || failed.Cause == module.CauseBusy || failed.Cause == module.CauseDeadline:
		t.Errorf("a mutant failed with cause %s: %v\n%x", failed.Cause, err, b)
	}
	if o.Fuel > mutantFuel || o.PeakBytes > manifest.DefaultPages<<16 {
		t.Errorf("a mutant took %d fuel and %d bytes\n%x", o.Fuel, o.PeakBytes, b)
	}
	if err := m.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return failed
}

// codeOf returns where the code section is, in which a mutant most often remains a module.
func codeOf(t *testing.T, b []byte) wasm.Range {
	t.Helper()
	m, err := wasm.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range m.Sections {
		if s.ID == wasm.SectionCode {
			return s.Range
		}
	}
	t.Fatal("no code")
	return wasm.Range{}
}

// mutant damages a copy of a module, every second time in its code alone.
func mutant(random *rand.Rand, b []byte, code wasm.Range, i int) []byte {
	if i%2 == 1 {
		m := slices.Clone(b)
		at := code.Start + random.Uint32N(code.End-code.Start)
		if i%4 == 1 {
			m[at] = byte(random.Uint32())
		} else {
			m[at] ^= 1 << random.IntN(8)
		}
		return m
	}
	return wasmtest.Mutant(random, b, i/2)
}

// TestLengthBombsAreRefused: files that say they are longer than they are, in every section.
func TestLengthBombsAreRefused(t *testing.T) {
	e := newEngine(t, nil)
	n := honest(t, e)
	debug.FreeOSMemory()
	before := forgetPeak(t)
	for name, b := range lengthBombs() {
		m, err := e.Load(context.Background(), attackSpec("bomb", b))
		if err == nil {
			t.Errorf("%s was loaded: %x", name, b)
			_ = m.Close(context.Background())
			continue
		}
		contains(t, "the refusal of "+name, err.Error(), []string{"bomb 1.0.0"})
	}
	n.same(t)
	if grown := peakBytes(t) - before; grown > 16<<20 {
		t.Errorf("the process grew by %d KiB, at most 16 MiB are allowed", grown>>10)
	}
}
