//go:build linux && !race

package module

// The race detector reserves more memory than a child may have.

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/dodona-oracle/dodona/internal/memtest"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// TestNativeCodeThatIsRefusedTakesNoMemory: what does not fit into the memory for modules is asked for before it is taken, and so it is when it
// comes from the cache.
func TestNativeCodeThatIsRefusedTakesNoMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	wasm := textShape{
		types: 1, typ: func(int) []byte { return []byte{0x60, 4, 0x7f, 0x7e, 0x7d, 0x7c, 0} }, functions: 280,
		body: slices.Concat([]byte{0, 0x20, 3}, bytes.Repeat([]byte{0xb1, 0xba}, 600), []byte{0x1a, 0x0b}), // conversions to i64 and back
	}.module()
	c := new(telemetrytest.Tally)
	e := newTestEngine(t, inChild(t, Options{Dir: t.TempDir(), Key: make([]byte, 32), Memory: 8 << 20, Recorder: c}))
	for _, from := range []string{"a child", "the cache"} {
		before := memtest.Reset(t)
		_, err := e.Load(t.Context(), Spec{Name: "large", Wasm: wasm})
		if !errors.Is(err, ErrMemory) {
			t.Fatalf("from %s: got %v, want ErrMemory", from, err)
		}
		if grown := memtest.Peak(t) - before; grown > 16<<20 {
			t.Errorf("from %s: the process grew by %s, want at most 16 MiB, for native code that was refused: %v", from, unit.About(grown), err)
		} else {
			t.Logf("from %s: %s", from, unit.About(grown))
		}
	}
	c.Want(t, "a module that is refused for want of memory, and kept", fates, 1, 0, 0)
}

// TestTextOfStandardGo: the largest of real programs has small margins.
func TestTextOfStandardGo(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	file := filepath.Join(t.TempDir(), "json-go.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", file, "./testdata/guests/src/json-go")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := Spec{Name: "json", Wasm: b, Limits: manifest.Limits{Pages: 64, Depth: 64, Fuel: 100_000_000}}
	for name, o := range map[string]Options{"compiled": inChild(t, Options{}), "interpreted": {Interpreter: true}} {
		t.Run(name, func(t *testing.T) {
			o.Dir, o.Key = t.TempDir(), make([]byte, 32)
			heldBy(t, o, "standard Go", s, 1.35)
		})
	}
}

// TestTextStaysWithinItsPrices: one more feed of a module takes at most what it is promised, whatever the module has much of.
func TestTextStaysWithinItsPrices(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	shapes := textShapes()
	many := textShape{functions: 1000, body: []byte{0, 0x0b}, data: segments(1000, 0), globals: shapes["globals"].globals}
	for engine, o := range map[string]Options{"compiled": {}, "interpreted": {Interpreter: true}} {
		t.Run(engine, func(t *testing.T) {
			for name, shape := range shapes {
				heldBy(t, o, name, Spec{Name: "shape", Wasm: shape.module()}, 0)
			}
			heldBy(t, o, "instances", Spec{Name: "instances", Wasm: many.module(), Instances: 20}, 0)
		})
	}
}
