package module

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// TestCodeIsPromisedMemory: what the engine keeps of a module counts for as long as a pool runs it, code once for all that run the same and text for
// each: as much when it comes from the cache as when it was compiled, and as much as an interpreter keeps.
func TestCodeIsPromisedMemory(t *testing.T) {
	for name, o := range map[string]Options{
		"compiled here": {}, "compiled in a child": inChild(t, Options{}), "interpreted": {Interpreter: true},
		"interpreted, tried in a child": inChild(t, Options{Interpreter: true}),
	} {
		t.Run(name, func(t *testing.T) {
			o.Dir, o.Key = t.TempDir(), make([]byte, 32)
			var sizes []int64
			for range 2 {
				e := newTestEngine(t, o)
				m := load(t, e, guest(t, "count"))
				instances := m.need(1).memory() + m.need(1).stacks()
				sizes = append(sizes, e.admitted.promised-instances)
				second := load(t, e, guest(t, "count"))
				decoded, instance := m.text.decoded, m.text.instance+m.snapshot.bytes
				if got, want := e.admitted.promised-2*instances, sizes[0]+decoded+instance; got != want {
					t.Errorf("two that run the same code are promised %d bytes for it and for a text each, want %d", got, want)
				}
				if err := m.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got, want := e.admitted.promised-instances, sizes[0]+decoded; got != want { // the code keeps the text that it was made of
					t.Errorf("%d bytes are promised to the code that the second runs and to its text, want %d", got, want)
				}
				if err := second.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := e.admitted.promised; got != 0 || len(e.admitted.shared) != 0 {
					t.Errorf("%d bytes and %d codes are still promised", got, len(e.admitted.shared))
				}
			}
			if sizes[0] != sizes[1] || sizes[0] < 512 {
				t.Errorf("the code is promised %d bytes by the first engine and %d by the next, want as many, and 512 or more", sizes[0], sizes[1])
			}
		})
	}
}

// TestCodeThatDoesNotFitIsRefused: a small memory for modules is for their code too, and the message says what to do.
func TestCodeThatDoesNotFitIsRefused(t *testing.T) {
	wasm, err := os.ReadFile(filepath.Join("testdata", "guests", "plausible-tinygo.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	s := Spec{Name: "plausible", Version: "2.0.0", Wasm: wasm, Limits: manifest.Limits{Pages: 16, Depth: 16}}
	for name, o := range map[string]Options{"compiled": inChild(t, Options{}), "interpreted": {Interpreter: true}} {
		t.Run(name, func(t *testing.T) {
			e := newTestEngine(t, o)
			m := load(t, e, s)
			all, instance := e.admitted.promised, m.need(1).memory()+m.need(1).stacks()
			code := unit.About(all - instance - m.snapshot.bytes)
			o.Memory = all
			load(t, newTestEngine(t, o), s)
			o.Memory = (all + instance) / 2
			small := newTestEngine(t, o)
			_, err := small.Load(t.Context(), s)
			if !errors.Is(err, ErrMemory) {
				t.Fatalf("got %v, want ErrMemory", err)
			}
			for _, word := range []string{"plausible 2.0.0", "code takes " + code, unit.About(instance) + " are promised", "for size (-Os)", "raise `modules.memory`"} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
			if got := small.admitted.promised; got != 0 {
				t.Errorf("%d bytes are still promised", got)
			}
		})
	}
}

// TestTextThatDoesNotFitIsRefused: a file of 1 KB that declares a million locals takes 8 MB, and one segment of data takes its length, without a
// byte of code.
func TestTextThatDoesNotFitIsRefused(t *testing.T) {
	for _, name := range []string{"locals", "one segment", "segments"} {
		wasm := textShapes()[name].module()
		for engine, o := range map[string]Options{"compiled": inChild(t, Options{}), "interpreted": {Interpreter: true}} {
			o.Memory = 4 << 20
			e := newTestEngine(t, o)
			if _, err := e.Load(t.Context(), Spec{Name: "shape", Wasm: wasm}); !errors.Is(err, ErrMemory) {
				t.Errorf("%s, %s: got %v, want ErrMemory", name, engine, err)
			}
			if got := e.admitted.promised; got != 0 {
				t.Errorf("%s, %s: %d bytes are still promised", name, engine, got)
			}
		}
	}
}

// TestTheSnapshotIsPromisedMemory: a guest that fills its memory before the first event and changes all of it in each has it twice. Zeros cost nothing.
func TestTheSnapshotIsPromisedMemory(t *testing.T) {
	const pages = 16
	filled := func(value byte) Spec { // its function fills the memory
		fill := []byte{0, 0x41, 0, 0x41, value, 0x41, 0x80, 0x80, 0xc0, 0x00, 0xfc, 11, 0, 0x41, 0, 0x0b}
		return Spec{Name: "filled", Wasm: bytes.Join([][]byte{
			emptyModule, section(1, []byte{1, 0x60, 0, 1, 0x7f}), section(3, []byte{1, 0}), section(5, []byte{1, 1, pages, pages}),
			section(7, []byte{2, 6}, []byte("memory"), []byte{2, 0, 10}, []byte("dodona_run"), []byte{0, 0}),
			section(10, []byte{1}, uleb(len(fill)), fill),
		}, nil), Limits: manifest.Limits{Pages: pages}}
	}
	engines(t, func(t *testing.T, o Options) {
		promised := map[byte]int64{}
		for _, value := range []byte{0, 1} {
			o.Memory = 0
			e := newTestEngine(t, o)
			m := load(t, e, filled(value))
			promised[value] = e.admitted.promised - m.plain.kept.bytes
			o.Memory = e.admitted.promised - 1
		}
		if got := promised[1] - promised[0]; got != pages*pageBytes {
			t.Errorf("a memory of %d bytes that is filled is promised %d more than one that is empty", pages*pageBytes, got)
		}
		e := newTestEngine(t, o)
		if _, err := e.Load(t.Context(), filled(1)); !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "leaves in memory") {
			t.Errorf("got %v, want ErrMemory, and what it is for", err)
		}
		if got := e.admitted.promised; got != 0 {
			t.Errorf("%d bytes are still promised", got)
		}
	})
}
