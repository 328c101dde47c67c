package module

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
				decoded, instance := m.text.decoded, m.text.instance
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
			o.Memory = all
			load(t, newTestEngine(t, o), s)
			o.Memory = (all + instance) / 2
			small := newTestEngine(t, o)
			_, err := small.Load(t.Context(), s)
			if !errors.Is(err, ErrMemory) {
				t.Fatalf("got %v, want ErrMemory", err)
			}
			for _, word := range []string{"plausible 2.0.0", "code takes " + bytesText(all-instance), bytesText(instance) + " are promised", "for size (-Os)", "raise the memory for modules"} {
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
