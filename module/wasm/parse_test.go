package wasm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

func TestInstructionsTileTheCode(t *testing.T) {
	seen := map[wasm.Op]bool{}
	for name, b := range corpus(t) {
		m, err := wasm.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		for i, body := range m.Code {
			d := m.Decode(body.Code)
			at, depth := body.Code.Start, 1
			for !d.Done() {
				in, err := d.Next()
				if err != nil {
					t.Fatalf("%s, function %d: %v", name, i, err)
				}
				if in.Start != at || in.End <= in.Start {
					t.Fatalf("%s, function %d: %s from %d to %d, after an end at %d", name, i, in.Op, in.Start, in.End, at)
				}
				if first := b[in.Start]; in.Op < 0x100 && first != byte(in.Op) || in.Op >= 0x100 && first != 0xfc {
					t.Errorf("%s, function %d: byte %x is read as %s", name, i, first, in.Op)
				}
				at = in.End
				seen[in.Op] = true
				switch in.Op {
				case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
					depth++
				case wasm.OpEnd:
					depth--
				}
			}
			if at != body.Code.End || depth != 0 {
				t.Errorf("%s, function %d: read to %d of %d, %d blocks open", name, i, at, body.Code.End, depth)
			}
		}
	}
	if len(seen) < 90 {
		t.Errorf("the corpus has only %d instructions", len(seen))
	}
}

func TestImmediatesAreRead(t *testing.T) {
	for _, test := range []struct {
		code string
		want wasm.Instr
	}{
		{"\x41\x7f", wasm.Instr{Op: wasm.OpI32Const, Value: 0xffffffff}},
		{"\x42\x7f", wasm.Instr{Op: wasm.OpI64Const, Value: 0xffffffffffffffff}},
		{"\x42\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", wasm.Instr{Op: wasm.OpI64Const, Value: 1 << 63}},
		{"\x43\x00\x00\xc0\x7f", wasm.Instr{Op: wasm.OpF32Const, Value: 0x7fc00000}},
		{"\x44\x01\x00\x00\x00\x00\x00\xf0\x3f", wasm.Instr{Op: wasm.OpF64Const, Value: 0x3ff0000000000001}},
		{"\x02\x40", wasm.Instr{Op: wasm.OpBlock, Block: wasm.EmptyBlock}},
		{"\x03\x7e", wasm.Instr{Op: wasm.OpLoop, Block: wasm.BlockType(wasm.I64) - 0x80}},
		{"\x04\x80\x01", wasm.Instr{Op: wasm.OpIf, Block: 128}},
		{"\x28\x02\x80\x02", wasm.Instr{Op: wasm.OpI32Load, Index: 2, Second: 256}},
		{"\x11\x03\x00", wasm.Instr{Op: wasm.OpCallIndirect, Index: 3}},
		{"\x0e\x02\x05\x06\x07", wasm.Instr{Op: wasm.OpBrTable, Index: 7}},
		{"\x1c\x01\x6f", wasm.Instr{Op: wasm.OpSelectT, Index: uint32(wasm.ExternRef)}},
		{"\xfc\x0c\x04\x01", wasm.Instr{Op: wasm.OpTableInit, Index: 4, Second: 1}},
		{"\xfc\x0e\x02\x03", wasm.Instr{Op: wasm.OpTableCopy, Index: 2, Second: 3}},
		{"\xfc\x8b\x80\x80\x80\x00\x00", wasm.Instr{Op: wasm.OpMemoryFill}},
		{"\xd2\x09", wasm.Instr{Op: wasm.OpRefFunc, Index: 9}},
	} {
		m, err := wasm.Parse(bodyOf(test.code))
		if err != nil {
			t.Fatal(err)
		}
		code := m.Code[0].Code
		d := m.Decode(code)
		got, err := d.Next()
		test.want.Start, test.want.End = code.Start, code.Start+uint32(len(test.code))
		if err != nil || got != test.want {
			t.Errorf("%x: got %+v, %v, want %+v", test.code, got, err, test.want)
		}
		if got.Op == wasm.OpBrTable && (len(d.Targets) != 2 || d.Targets[0] != 5 || d.Targets[1] != 6) {
			t.Errorf("the labels of br_table are %v", d.Targets)
		}
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	m, err := wasm.Parse(bodyOf(strings.Repeat("\x41\x00\x42\x01\x1a\x1a\x02\x40\x0b", 1000)))
	if err != nil {
		t.Fatal(err)
	}
	got := testing.AllocsPerRun(10, func() {
		for d := m.Decode(m.Code[0].Code); !d.Done(); {
			if _, err := d.Next(); err != nil {
				t.Fatal(err)
			}
		}
	})
	if got > 1 {
		t.Errorf("%v allocations, at most the decoder's own", got)
	}
}

func TestFunctionsAreNamedByTheNameSection(t *testing.T) {
	names := func(contents ...any) []byte {
		return append(bodyOf(), section(0, append([]any{sized("name")}, contents...)...)...)
	}
	for _, test := range []struct {
		b    []byte
		want string
	}{
		{bodyOf(), ""},
		{names(0, sized(sized("module")), 1, sized(2, 0, sized("parse"), 1, sized("x"))), "parse"},
		{names(1, sized(1, 3, sized("other"))), ""},
		{names(1, sized(9, 0, sized("short"))), "short"}, // truncated: good for a message
		{names(1, sized(1, 0, sized("\xff"))), ""},
		{names(1, sized(1, 0, sized(strings.Repeat("n", 100)))), strings.Repeat("n", 100)},
		{names(1, sized(1, 0, sized(strings.Repeat("n", 101)))), strings.Repeat("n", 100)},
		{names(1, sized(1, 0, sized("n"+strings.Repeat("é", 60)))), "n" + strings.Repeat("é", 49)}, // whole characters
		{names(1, sized(1, 0, sized("n"+strings.Repeat("n", 98)+"🜁"))), "n" + strings.Repeat("n", 98)},
	} {
		m, err := wasm.Parse(test.b)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.FunctionName(0); got != test.want {
			t.Errorf("%x: got %q, want %q", test.b, got, test.want)
		}
		if got := m.FunctionNames()[0]; got != test.want {
			t.Errorf("%x: got %q of all names, want %q", test.b, got, test.want)
		}
	}
}

// TestRewrittenModulesHaveShortNames holds because wazero writes them many times into the text of a trap.
func TestRewrittenModulesHaveShortNames(t *testing.T) {
	const functions = 2700
	s := source{named: true}
	for i := range functions {
		s.functions = append(s.functions, function{name: fmt.Sprintf("%04d", i) + strings.Repeat("é", 60)})
	}
	m, err := wasm.Parse(s.assemble())
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Rewrite(wasm.Rewriting{Fuel: true})
	if err != nil {
		t.Fatal(err)
	}
	again, err := wasm.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for i, name := range again.FunctionNames() {
		if want := fmt.Sprintf("%04d", i-1) + strings.Repeat("é", 48); name != want { // one import was added
			t.Fatalf("function %d is called %q, want %q", i, name, want)
		}
		sum += len(name)
	}
	if sum < 200<<10 || sum > 256<<10 {
		t.Errorf("all names together have %d bytes, want nearly 256 KiB and no more", sum)
	}
}
