package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const code = `package p

// Bounded reports n in 1..3.
func Bounded(n int) bool { return n >= 1 && n <= 3 }

// Sign is tested with what its case is not.
func Sign(n int) int {
	switch {
	case n < 0:
		return -1
	}
	return 1
}

func Nobody(n int) bool { return n > 3 }
`

const tests = `package p

import "testing"

func TestBounded(t *testing.T) {
	for n, want := range []bool{false, true, true, true} {
		if Bounded(n) != want {
			t.Error(n)
		}
	}
}

func TestSign(t *testing.T) {
	if Sign(0) != 1 {
		t.Error("0 has no sign")
	}
}
`

func TestMutantsAreKilledOrLive(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles a package several times")
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"go.mod": "module m\n\ngo 1.26\n", "p/p.go": code, "p/p_test.go": tests} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := try(options{short: true, only: "→ `n "}, t.TempDir(), "p")
	if err != nil {
		t.Fatal(err)
	}
	var live []string
	for _, m := range s.survivors {
		live = append(live, m.key())
	}
	want := []string{ // nobody asks for 4, nor for anything of Nobody
		"p/p.go Bounded: `n >= 1 && n <= 3` → `n >= 1`",
		"p/p.go Nobody: `n > 3` → `n >= 3`",
	}
	if !slices.Equal(live, want) || s.tried != 7 {
		t.Errorf("alive: %q of %d, want %q of 7", live, s.tried, want)
	}
}

func TestReasonsStayBesideSurvivors(t *testing.T) {
	page := filepath.Join(t.TempDir(), "mutants.md")
	all, err := mutants("p", "p/p.go", []byte(code))
	if err != nil {
		t.Fatal(err)
	}
	o := options{most: 2, seed: 1}
	if err := writePage(page, o, []score{{pkg: "p", tried: 2, survivors: all[:2]}, {pkg: "q"}}, nil); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(page)
	argued := strings.Replace(string(text), noReason, "it says the same", 1)
	if err := os.WriteFile(page, []byte(argued), 0o644); err != nil {
		t.Fatal(err)
	}
	reasons, err := readReasons(page)
	if err != nil || len(reasons) != 1 || reasons[all[0].key()] != "it says the same" {
		t.Fatalf("reasons %q, error %v, want that of %s", reasons, err, all[0].key())
	}
	// The first is not tried this time, the second was killed: the row with a reason stays, the other goes.
	tried := score{pkg: "p", tried: 1, rest: map[string]bool{all[0].key(): true}}
	o.short = true
	if err := writePage(page, o, []score{tried}, reasons); err != nil {
		t.Fatal(err)
	}
	text, _ = os.ReadFile(page)
	if got := string(text); !strings.Contains(got, all[0].key()+" | it says the same |") || strings.Contains(got, all[1].key()) || !strings.Contains(got, "## q") || !strings.Contains(got, "with -n 2 -seed 1 -short.\n") {
		t.Errorf("the page is\n%s", got)
	}
}

func TestTestsThatTakeLongRunInPartsOfTheirOwn(t *testing.T) {
	for _, c := range []struct {
		lasts []time.Duration
		want  []int // how many each part has
	}{
		{nil, nil},
		{[]time.Duration{1}, []int{1}},
		{[]time.Duration{1, 1}, []int{1, 1}},
		{[]time.Duration{1, 1, 1, 1, 1}, []int{3, 2}},
		{[]time.Duration{1, 1, 1, time.Second, 2 * time.Second, 9 * time.Second}, []int{3, 2, 1}},
		{[]time.Duration{time.Second, time.Second, time.Second, time.Second, time.Second, time.Second}, []int{2, 2, 2}},
	} {
		var tests []*one
		for _, d := range c.lasts {
			tests = append(tests, &one{cost: bound{passed: d}})
		}
		var got []int
		for _, part := range parts(tests) {
			got = append(got, len(part))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("tests of %v are in parts of %v, want %v", c.lasts, got, c.want)
		}
	}
}
