package wasm_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// programOf is a module of one function (i32, f64) -> i32 with some locals, amid everything that code can refer to:
// types, an import, a table, a memory, globals, and segments.
func programOf(code []byte) []byte {
	return binaryOf(
		section(1, 5, "\x60\x02\x7f\x7c\x01\x7f", "\x60\x00\x00", "\x60\x01\x7e\x02\x7e\x7f", "\x60\x01\x7f\x01\x7f", "\x60\x02\x7d\x70\x00"),
		section(2, 1, "\x01a\x01b\x00\x03"),
		section(3, 2, "\x00\x01"),
		section(4, 1, "\x70\x01\x02\x04"),
		section(5, 1, "\x01\x01\x02"),
		section(6, 4, "\x7f\x01\x41\x00\x0b", "\x7e\x00\x42\x00\x0b", "\x70\x01\xd0\x70\x0b", "\x6f\x01\xd0\x6f\x0b"),
		section(7, 1, "\x03run\x00\x01"),
		section(9, 2, "\x00\x41\x00\x0b\x01\x02", "\x01\x00\x01\x00"),
		section(12, 1),
		section(10, 2, sized("\x03\x01\x7e\x01\x7d\x01\x70", code), sized("\x00\x0b")),
		section(11, 1, "\x01\x01x"),
	)
}

// randomProgram writes instructions of all kinds with immediates that are mostly in range. Blocks are mostly closed.
func randomProgram(random *rand.Rand) []byte {
	var b []byte
	small := func(n int) byte { return byte(random.IntN(n)) }
	typed := []byte{0x7f, 0x7e, 0x7d, 0x7c, 0x70, 0x6f}
	open := 1
	if random.IntN(2) == 0 {
		b = append(b, 0x00) // what follows finds any operand it wants
	}
	for range 1 + random.IntN(14) {
		switch random.IntN(16) {
		case 0:
			b = append(b, []byte{0x00, 0x0f}[random.IntN(2)])
		case 1, 2:
			block := append([]byte{0x40, 0x40, 0, 1, 2, 3, 4}, typed...)
			b = append(b, 2+small(3), block[random.IntN(len(block))])
			open++
		case 3:
			if open > 1 {
				b = append(b, 0x0b)
				open--
			}
		case 4:
			b = append(b, 0x05)
		case 5:
			b = append(b, 0x0c+small(2), small(open+1))
		case 6:
			n := random.IntN(4)
			b = append(b, 0x0e, byte(n))
			for range n + 1 {
				b = append(b, small(open))
			}
		case 7:
			b = append(b, [][]byte{{0x10, small(4)}, {0x11, small(6), 0}, {0xd0, typed[4+random.IntN(2)]}, {0xd1}, {0xd2, small(3)}}[random.IntN(5)]...)
		case 8:
			b = append(b, [][]byte{{0x1a}, {0x1a}, {0x1b}, {0x1c, 1, typed[random.IntN(6)]}}[random.IntN(4)]...)
		case 9, 10:
			b = append(b, 0x20+small(3), small(6))
		case 11:
			b = append(b, 0x23+small(2), small(5))
		case 12:
			b = append(b, [][]byte{{0x41, small(64)}, {0x42, small(64)}, {0x43, 0, 0, 0, 0}, {0x44, 0, 0, 0, 0, 0, 0, 0, 0}}[random.IntN(4)]...)
		case 13:
			b = append(b, 0x28+small(0x17), small(4), small(2))
		case 14:
			b = append(b, 0x45+small(0x80))
		default:
			b = append(b, [][]byte{
				{0x3f, 0},
				{0x40, 0},
				{0xfc, small(8)},
				{0xfc, 8, small(2), 0},
				{0xfc, 9, small(2)},
				{0xfc, 10, 0, 0},
				{0xfc, 11, 0},
				{0xfc, 12, small(3), 0},
				{0xfc, 13, small(3)},
				{0xfc, 14, 0, 0},
				{0xfc, 15 + small(3), 0},
				{0x25, 0},
				{0x26, 0},
			}[random.IntN(13)]...)
		}
	}
	for range open {
		if random.IntN(4) > 0 {
			b = append(b, 0x00)
		}
		b = append(b, 0x0b)
	}
	return b
}

// FuzzCode judges instructions alone, because few changes of a whole file leave its lengths right.
func FuzzCode(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 3))
	for range 100 {
		f.Add(randomProgram(random))
	}
	j := newJudge(f)
	fuzztest.Run(f, func(t *testing.T, code []byte) {
		b := programOf(code)
		m, err := wasm.Parse(b)
		if err != nil || m.Validate() != nil {
			return
		}
		compiled, err := j.runtime.CompileModule(t.Context(), b)
		if err != nil {
			t.Fatalf("wazero does not compile what is valid: %v\n%x", err, b)
		}
		compiled.Close(t.Context())
	})
}

// Random code is judged alike by both validators, whatever the verdict. There is one exception: wazero forgets the type
// that a select with a type leaves in code that is never reached, and accepts more there than the specification.
func TestRandomCodeIsJudgedAsWazeroDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const programs = 100_000
	seed := uint64(7)
	random := rand.New(rand.NewPCG(seed, 2))
	j := newJudge(t)
	valid, lax := 0, 0
	for range programs {
		code := randomProgram(random)
		b := programOf(code)
		m, err := wasm.Parse(b)
		if err == nil {
			err = m.Validate()
		}
		compiled, theirs := j.runtime.CompileModule(t.Context(), b)
		if theirs == nil {
			compiled.Close(t.Context())
		}
		switch {
		case (err == nil) == (theirs == nil):
		case err != nil && bytes.IndexByte(code, byte(wasm.OpSelectT)) >= 0:
			lax++
		default:
			t.Errorf("%x:\n  we say %v\nwazero says %v", b, err, theirs)
		}
		if err == nil {
			valid++
		}
	}
	t.Logf("%d of %d programs are valid; wazero accepts %d more", valid, programs, lax)
	if valid < programs/20 || lax > programs/500 {
		t.Errorf("%d of %d programs are valid, and wazero accepts %d more (seed %d)", valid, programs, lax, seed)
	}
}
