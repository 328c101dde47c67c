package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const shapes = `package p

type T[K comparable] struct{ k K }

func (t *T[K]) One(_ int, rest ...int) int { return len(rest) + 10 }

func (T[K]) Two(int) (n int) { n = 20; return }

func Three[A, B any](A, B) int { return 30 }

func Four(_, _ string) { called = 40 }

var called = 50

func recovers() { if recover() == nil { called = 60 } }

func init() { called = 70 }
`

const caller = `package p

import (
	"fmt"
	"testing"
)

func TestShapes(t *testing.T) {
	Four("", "")
	fmt.Println("calls", (&T[int]{}).One(0, 1), T[string]{}.Two(0), Three(1, ""), called)
}
`

// TestEachFunctionIsCalledInTheShapeItHas: a copy is called with all that its function is called with, and one alone.
func TestEachFunctionIsCalledInTheShapeItHas(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles a package")
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"go.mod": "module m\n\ngo 1.26\n", "p/p.go": shapes, "p/p_test.go": caller} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all, err := ofPackage("p")
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(m mutant) bool { return len(m.is) != 2 || m.is[1] != '1' }) // 10 → 11
	l, err := weave(all)
	if err != nil {
		t.Fatal(err)
	}
	binaries, err := l.build(t.TempDir(), "p", []*suite{{pkg: "p"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"10": "12 20 30 40", "20": "11 21 30 40", "30": "11 20 31 40", "40": "11 20 30 41"}
	for _, m := range all {
		number := l.numbers[m.key()]
		if woven := number > 0 && !l.failed[m.key()]; woven != (want[m.was] != "") {
			t.Errorf("%s is woven in: %t", m.key(), woven)
		}
		if want[m.was] == "" {
			continue
		}
		c := exec.Command(binaries[0])
		c.Env = append(os.Environ(), variable+"="+strconv.Itoa(number))
		out, err := c.Output()
		if err != nil || !strings.Contains(string(out), "calls "+want[m.was]+"\n") {
			t.Errorf("%s: %s, %v, want calls %s", m.key(), out, err, want[m.was])
		}
		delete(want, m.was)
	}
	if len(want) > 0 {
		t.Errorf("no mutant of %v", want)
	}
}
