package module

import (
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/module/manifest"
)

func TestGuestFunctionOfAStackTrace(t *testing.T) {
	m := &Module{}
	for _, c := range []struct{ trace, want string }{
		{".parse()", "parse"},
		{".parse(i32,i64) i32", "parse"},
		{".parse() (i32,i64)", "parse"},
		{".parse(i32,i64) (i32,f64,i32)", "parse"},
		{".$3() (i32,i32)", "function 1"},
		{".parse(char const*)(i32) (i32,i32)", "parse(char const*)"},
		{".parse(char const*)(i32,i32)", "parse(char const*)"},
		{manifest.ABI + ".fail(i32) (i32,i32)\n\t.parse() (i32,i32)\n\t.dodona_run() i32", "parse"},
		{"", ""},
	} {
		if got := m.guestFunction(c.trace); got != c.want {
			t.Errorf("%q: got %q, want %q", c.trace, got, c.want)
		}
	}
}

func TestTrapInAFunctionOfTwoResultsNamesIt(t *testing.T) {
	two, run := []byte{0, 0x00, 0x0b}, []byte{0, 0x10, 0, 0x6a, 0x0b} // unreachable; and its results added
	code := slices.Concat(
		emptyModule,
		section(1, []byte{2, 0x60, 0, 1, 0x7f, 0x60, 0, 2, 0x7f, 0x7f}),
		section(3, []byte{2, 1, 0}),
		section(5, []byte{1, 1, 1, 1}),
		section(7, []byte{2, 6}, []byte("memory"), []byte{2, 0, 10}, []byte("dodona_run"), []byte{0, 1}),
		section(10, []byte{2}, uleb(len(two)), two, uleb(len(run)), run),
	)
	engines(t, func(t *testing.T, o Options) {
		m := load(t, newTestEngine(t, o), Spec{Name: "two", Wasm: code})
		if _, err := m.Run(t.Context(), reading(`{}`)); err == nil || !strings.Contains(err.Error(), "in function 0: unreachable") {
			t.Errorf("got %v, want it to name function 0", err)
		}
	})
}
