//go:build linux && !race && !cgo

package module

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/dodona-oracle/dodona/module/native"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// straight is a body that puts local 3, an f64, on the stack, or what begin says, goes through a piece n times, and ends.
func straight(begin string, piece string, n int, end string) []byte {
	return slices.Concat([]byte{0}, []byte(begin), bytes.Repeat([]byte(piece), n), []byte(end), []byte{0x0b})
}

// The pieces: i64.trunc_f64_u and f64.convert_i64_u; i64.div_s; i32.load; f64.max and f64.abs, whose last result is made an i64, as it would not be
// compiled otherwise.
func pairs(n int) []byte     { return straight("\x20\x03", "\xb1\xba", n, "\x1a") }
func divisions(n int) []byte { return straight("\x20\x01", "\x20\x01\x7f", n, "\x1a") }
func loads(n int) []byte     { return straight("\x20\x00", "\x28\x02\x00", n, "\x1a") }
func greatest(n int) []byte  { return straight("\x20\x03", "\x20\x03\xa5\x99", n, "\xb1\x1a") }

func roots(n int) []byte { return straight("\x20\x03", "\x9f\x22\x03", n, "\x1a") } // f64.sqrt, whose NaN local.tee sees
func reads(n int) []byte { return straight("", "\x20\x00\x1a", n, "") }

// manyBodies is a module with functions of a parameter of each type of number.
func manyBodies(n int, body []byte, first ...[]byte) []byte {
	types, code := uleb(n+len(first)), uleb(n+len(first))
	for _, b := range append(first, slices.Repeat([][]byte{body}, n)...) {
		types = append(types, 0)
		code = append(append(code, uleb(len(b))...), b...)
	}
	return slices.Concat(emptyModule,
		section(1, []byte{1, 0x60, 4, 0x7f, 0x7e, 0x7d, 0x7c, 0}),
		section(3, types), section(5, []byte{1, 0, 1}), section(10, code))
}

// full adds as many segments of data as there may be, so that the file is nearly as large as it may be.
func full(b []byte) []byte {
	const segments = 100_000
	size := (wasm.MaxBytes-len(b))/segments - 3
	segment := slices.Concat([]byte{1}, uleb(size), make([]byte, size))
	return append(b, section(11, slices.Concat(uleb(segments), bytes.Repeat(segment, segments)))...)
}

// decoded says in the table that code is made to be interpreted.
const decoded kind = "decoded"

// A refusing loader notes the size of native code, and loads nothing.
type refusing struct{ asked int64 }

var errRefused = errors.New("refused")

func (r *refusing) Keep(_ context.Context, native int64) error {
	r.asked = native
	return errRefused
}
func (*refusing) Forget()                    {}
func (*refusing) Load(context.Context) error { return errRefused }

// TestWhatIsAcceptedCompilesInTheChild compiles the most that is accepted of what becomes large, or has it read to be interpreted, where the child has
// the memory and time that it has in use; some percent more is refused. With the race detector, the child takes a multiple of both, and with C's
// library each of its threads reserves addresses as it likes; what is shipped has neither.
func TestWhatIsAcceptedCompilesInTheChild(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, test := range []struct {
		name string
		kind kind
		code func(percent int) []byte
	}{
		{"conversions", untraced, func(p int) []byte { return manyBodies(1, pairs(56*p)) }},
		{"divisions", untraced, func(p int) []byte { return manyBodies(1, divisions(101*p)) }},
		{"loads, traced", traced, func(p int) []byte { return manyBodies(1, loads(124*p)) }},
		{"small functions", untraced, func(p int) []byte { return full(manyBodies(295*p/100, pairs(600))) }},
		{"a large one first", untraced, func(p int) []byte { return full(manyBodies(1306*p/100, greatest(200), divisions(10_100))) }},
		{"all at once", untraced, func(p int) []byte { return full(manyBodies(286*p/100, pairs(600), divisions(10_100))) }},
		{"many instructions", decoded, func(p int) []byte { return full(manyBodies(3680*p/100, reads(300))) }},
		{"canonical numbers", decoded, func(p int) []byte { return full(manyBodies(424*p/100, roots(586), roots(14_900))) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy := wasm.Policy{Pages: 1}
			checked, err := wasm.Check(test.code(100), policy)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := wasm.Check(test.code(104), policy); err == nil {
				t.Error("four percent more are accepted: this does not compile the most that is")
			}
			code, err := checked.Rewrite(wasm.Rewriting{Fuel: true, Depth: true, NaN: true, Globals: true, Start: true, MaxDepth: 512, MaxPages: 64})
			if err != nil {
				t.Fatal(err)
			}
			e := newTestEngine(t, inChild(t, Options{Interpreter: test.kind == decoded}))
			made, err := e.native.Find(native.Guest{Name: test.name, Kind: string(test.kind)})
			if err != nil {
				t.Fatal(err)
			}
			var by refusing
			if err := made.Load(t.Context(), native.Rewritten{Wasm: code}, &by); !errors.Is(err, errRefused) {
				t.Fatal(err)
			}
			if size := by.asked; size > native.LargestCode*3/4 {
				t.Errorf("%d bytes of native code, want at most three quarters of %d", size, native.LargestCode)
			}
		})
	}
}
