package wasm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// binaryOf puts a file together from its sections.
func binaryOf(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), bytes.Join(sections, nil)...)
}

// section is one section, by its number, its contents in parts: bytes, strings, and numbers as LEB128.
func section(id byte, contents ...any) []byte {
	body := parts(contents...)
	return append(binary.AppendUvarint([]byte{id}, uint64(len(body))), body...)
}

func parts(contents ...any) []byte {
	var b []byte
	for _, c := range contents {
		switch c := c.(type) {
		case int:
			b = binary.AppendUvarint(b, uint64(c))
		case string:
			b = append(b, c...)
		case []byte:
			b = append(b, c...)
		default:
			panic(fmt.Sprintf("a part of type %T", c))
		}
	}
	return b
}

// sized is a part after its own length.
func sized(contents ...any) []byte {
	b := parts(contents...)
	return append(binary.AppendUvarint(nil, uint64(len(b))), b...)
}

// nothing is the type section of () -> (), and one function section of that type.
var nothing = slices.Concat(section(1, 1, "\x60\x00\x00"), section(3, 1, 0))

// bodyOf is a module with a memory and one function of type () -> () and the given code, without its last end.
func bodyOf(code ...any) []byte {
	return binaryOf(nothing, section(5, "\x01\x00\x01"), section(10, 1, sized("\x00", parts(code...), "\x0b")))
}

// localsOf is a module of one function with that many locals of type i32.
func localsOf(n int, code ...any) []byte {
	return binaryOf(nothing, section(10, 1, sized(1, n, "\x7f", parts(code...), "\x0b")))
}

// generous lets everything pass that the limits let pass.
var generous = wasm.Policy{Pages: 1 << 16, Allow: func(string, string, wasm.FuncType) error { return nil }}

// corpus returns the modules of testdata/corpus by name.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.wasm")
	if err != nil || len(files) < 4 {
		t.Fatalf("corpus: %v, %v", files, err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		if all[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// checkedGuests are the guests that tests of modules run.
func checkedGuests(t *testing.T) map[string]*wasm.Module {
	t.Helper()
	files, err := filepath.Glob("../testdata/guests/*.wasm")
	if err != nil || len(files) < 6 {
		t.Fatalf("guests: %v, %v", files, err)
	}
	all := map[string]*wasm.Module{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if all[file], err = wasm.Check(b, generous); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return all
}

func TestGuestsOfAllLanguagesAreAccepted(t *testing.T) {
	for name, b := range corpus(t) {
		p := generous
		p.Memory = true
		p.Exports = map[string]wasm.FuncType{"dodona_run": {Results: []wasm.ValueType{wasm.I32}}}
		m, err := wasm.Check(b, p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(m.Code) == 0 || len(m.Code) != len(m.Functions) {
			t.Errorf("%s: %d bodies of %d functions", name, len(m.Code), len(m.Functions))
		}
	}
}

func TestRefusalsSayWhatWhereAndWhatToDo(t *testing.T) {
	named := func(b []byte) []byte {
		return append(b, section(0, sized("name"), 1, sized(1, 0, sized("parse")))...)
	}
	for _, test := range []struct{ name, b, want string }{
		{"text", "(module)", "this is not WebAssembly: the file does not begin with 00 61 73 6d; give the .wasm file"},
		{"empty", "", "this is not WebAssembly"},
		{"component", "\x00asm\x0d\x00\x01\x00", "this is a component, not a core module; build a core module: Go with"},
		{"version", "\x00asm\x02\x00\x00\x00", "the version of the binary format is not 1"},
		{"truncated", "\x00asm\x01\x00\x00\x00\x01\x05\x01", "offset 0xa: the section is longer than the file; the file is damaged"},
		{"order", string(binaryOf(section(3, 0), section(1, 0))), "type section, offset 0xd: the section is there twice or out of order"},
		{"twice", string(binaryOf(section(1, 0), section(1, 0))), "twice or out of order"},
		{"unknown section", string(binaryOf(section(14, 0))), "section 14, offset 0xa: there is no section with this number"},
		{"tags", string(binaryOf(section(13, 0))), "it has exception tags, which Dodona does not run; build without exceptions"},
		{"rest", string(binaryOf(section(1, 0, 0))), "the section is longer than its contents"},
		{"lengths", string(binaryOf(nothing)), "the function section and the code section have different lengths"},
		{"bomb", string(binaryOf(section(1, "\xff\xff\xff\xff\x0f"))), "type section, offset 0xf: the list is longer than the section"},
		{"name", string(binaryOf(section(0, "\x01\xff"))), "custom section, offset 0xb: the name is not UTF-8"},
		{"overlong", string(binaryOf(section(1, "\x80\x80\x80\x80\x80\x00"))), "the integer has more bytes than its type needs"},
		{"too large", string(binaryOf(section(1, "\x80\x80\x80\x80\x10"))), "the integer is too large for its type"},
		{"simd type", string(binaryOf(section(1, 1, "\x60\x01\x7b\x00"))), "the type v128 needs SIMD"},
		{"simd", string(named(bodyOf("\xfd\x0c", make([]byte, 16)))), `code section, function 0 "parse", offset 0x1c: it uses SIMD, which Dodona does not run: its results differ between processors; build without SIMD`},
		{"threads", string(bodyOf("\xfe\x03\x00")), "function 0, offset 0x1c: it uses threads"},
		{"shared", string(binaryOf(section(5, "\x01\x03\x01\x02"))), "memory section, offset 0xb: it is shared between threads"},
		{"memory64", string(binaryOf(section(5, "\x01\x04\x01"))), "64-bit addresses (memory64)"},
		{"tail calls", string(bodyOf("\x12\x00")), "it uses tail calls"},
		{"exceptions", string(bodyOf("\x06\x40\x0b")), "it uses exceptions"},
		{"references", string(bodyOf("\x14\x00")), "typed references"},
		{"garbage collection", string(binaryOf(section(1, 1, "\x5f\x00\x00"))), "this is not a function type"},
		{"two memories", string(binaryOf(section(5, "\x02\x00\x01\x00\x01"))), "there are 2 memories; build with one memory"},
		{"second memory", string(bodyOf("\x41\x00\x28\x42\x01\x00\x1a")), "one of several memories"},
		{"opcode", string(bodyOf("\x27")), "there is no instruction with this number"},
		{"alignment", string(bodyOf("\x41\x00\x2d\x01\x00\x1a")), "offset 0x1f: i32.load8_u is aligned to more than its size"},
		{"element outside", string(binaryOf(section(1, 1, "\x60\x00\x00"), section(3, 1, 0), section(4, "\x01\x70\x00\x02"), section(9, "\x01\x00\x41\x01\x0b\x02\x00\x00"), section(10, 1, "\x02\x00\x0b"))), "element section, offset 0x1b: segment 0 is out of bounds: 2 elements from 1 on, and the table has 2"},
		{"element far outside", string(binaryOf(section(4, "\x01\x70\x00\x02"), section(9, "\x01\x00\x41\x7f\x0b\x00"))), "0 elements from 4294967295 on, and the table has 2"},
		{"data outside", string(binaryOf(section(5, "\x01\x00\x01"), section(11, "\x02\x00\x41\xff\xff\x03\x0b\x01a\x00\x41\xff\xff\x03\x0b\x02ab"))), "segment 1 is out of bounds: 2 bytes from 65535 on, and the memory has 65536"},
		{"two tables", string(binaryOf(section(4, "\x02\x70\x00\x01\x70\x00\x01"))), "there are 2 tables, at most 1"},
		{"table.grow", string(bodyOf("\xd0\x70\x41\x01\xfc\x0f\x00\x1a")), "table.grow is not run; build without changing tables"},
		{"memory.init", string(bodyOf("\xfc\x08\x00\x00")), "memory.init is not run"},
		{"imported memory", string(binaryOf(section(2, 1, "\x03env\x06memory\x02\x00\x01"))), `import section, offset 0xb: it imports what may not be linked: "memory" of "env" (the module must define its memory: AssemblyScript without --importMemory`},
		{"imported table", string(binaryOf(section(2, 1, "\x01e\x01t\x01\x70\x00\x01"))), "--import-table"},
		{"imported global", string(binaryOf(section(2, 1, "\x01e\x01g\x03\x7f\x00"))), "(the module must define its globals)"},
		{"reserved export", string(binaryOf(section(5, "\x01\x00\x01"), section(7, 1, sized("dodona:fuel"), "\x02\x00"))), `it exports "dodona:fuel", and names that begin with dodona: are reserved; choose another name`},
		{"empty module", string(binaryOf(section(1, 1, "\x60\x00\x00"), section(2, 1, "\x00\x01a\x00\x00"))), `"a" of "" (the name of its module is empty)`},
		{"reserved import", string(binaryOf(section(1, 1, "\x60\x00\x00"), section(2, 1, sized("dodona:rt"), sized("refuel"), "\x00\x00"))), `"refuel" of "dodona:rt" (names that begin with dodona: are reserved)`},
		{"exported twice", string(binaryOf(section(5, "\x01\x00\x01"), section(7, 2, "\x01a\x02\x00\x01a\x02\x00"))), `export section, offset 0x14: the name "a" is exported twice`},
		{"exported function", string(binaryOf(section(7, 1, "\x01a\x00\x05"))), `"a" exports function 5, and there is none`},
		{"name section", string(binaryOf(section(0, sized("name"), "\x01\x05\x01"))), "custom section, offset 0x11: it ends too early; build again, or remove the name section"},
		{"two name sections", string(binaryOf(section(0, sized("name")), section(0, sized("name")))), "there are two name sections"},
		{"operand", string(named(bodyOf("\x41\x00\x7c\x1a"))), `code section, function 0 "parse", offset 0x1e: i64.add needs an operand of type i64, not i32; the compiler or a tool`},
		{"empty stack", string(bodyOf("\x1a")), "drop needs an operand, and the stack is empty"},
		{"left over", string(bodyOf("\x41\x00")), "block leaves more operands than its type has results"},
		{"label", string(bodyOf("\x0c\x01")), "br goes 1 blocks out, and there are 1"},
		{"local", string(bodyOf("\x20\x00\x1a")), "there is no local 0"},
		{"global", string(bodyOf("\x23\x00\x1a")), "there is no global 0"},
		{"function", string(bodyOf("\x10\x01")), "there is no function 1"},
		{"table", string(bodyOf("\x41\x00\x11\x00\x00")), "there is no table 0"},
		{"type", string(binaryOf(section(1, 0), section(3, 1, 7), section(10, 1, "\x02\x00\x0b"))), "function 0 has type 7, and there is none"},
		{"else", string(bodyOf("\x05")), "else stands outside of an if"},
		{"end", string(bodyOf("\x0b")), "there is code after the function's end"},
		{"no end", string(bodyOf("\x02\x40")), "it ends too early"},
		{"segment", string(binaryOf(section(11, 1, "\x00\x41\x00\x0b\x00"))), "data section, offset 0xb: there is no memory 0"},
		{"constant", string(binaryOf(section(6, 1, "\x7f\x00\x42\x00\x0b"))), "global section, offset 0xd: the constant has type i64 and must have type i32"},
		{"computed constant", string(binaryOf(section(6, 1, "\x7f\x00\x41\x00\x41\x00\x6a\x0b"))), "a constant is one instruction and end, not i32.const"},
		{"start", string(binaryOf(section(1, 1, "\x60\x01\x7f\x00"), section(3, 1, 0), section(8, 0), section(10, 1, "\x02\x00\x0b"))), "the start function has type (i32) -> () and must have () -> ()"},
	} {
		_, err := wasm.Check([]byte(test.b), generous)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s:\n got %v\nwant %s", test.name, err, test.want)
			continue
		}
		var r *wasm.Refusal
		if !errors.As(err, &r) || r.What == "" || r.Do == "" {
			t.Errorf("%s: %#v is not a whole refusal", test.name, err)
		}
	}
}

func TestAllRefusedImportsAreNamedAtOnce(t *testing.T) {
	b := binaryOf(section(1, 2, "\x60\x00\x00", "\x60\x01\x7e\x01\x7f"),
		section(2, 4, "\x01e\x01g\x03\x7f\x00", "\x03env\x05abort\x00\x00", "\x09dodona_v1\x04fail\x00\x00", "\x09dodona_v1\x08http_get\x00\x01"))
	_, err := wasm.Check(b, wasm.Policy{Allow: func(module, name string, ft wasm.FuncType) error {
		switch {
		case module != "dodona_v1":
			return errors.New("there is no such module")
		case name == "http_get":
			return fmt.Errorf("needs the capability http_get; it has type %s", ft)
		}
		return nil
	}})
	want := `import section, offset 0x16: it imports what may not be linked: "g" of "e" (the module must define its globals), "abort" of "env" (there is no such module), ` +
		`"http_get" of "dodona_v1" (needs the capability http_get; it has type (i64) -> i32); grant what is missing, or build without it`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, err := wasm.Check(b, wasm.Policy{}); err == nil || !strings.Contains(err.Error(), `"fail" of "dodona_v1" (nothing may be imported)`) {
		t.Errorf("without a rule for imports: %v", err)
	}
}

func TestThePolicyIsKept(t *testing.T) {
	run := map[string]wasm.FuncType{"dodona_run": {Results: []wasm.ValueType{wasm.I32}}}
	empty := binaryOf(section(5, "\x01\x00\x03"))
	wrong := binaryOf(nothing, section(7, 1, sized("dodona_run"), "\x00\x00"), section(10, 1, "\x02\x00\x0b"))
	for _, test := range []struct {
		b    []byte
		p    wasm.Policy
		want string
	}{
		{empty, wasm.Policy{Pages: 2}, "it starts with 3 pages of 64 KiB, at most 2; raise the limit of pages"},
		{empty, wasm.Policy{Pages: 3, Memory: true}, `there is no exported memory "memory"; export the memory`},
		{empty, wasm.Policy{Pages: 3, Exports: run}, `there is no exported function "dodona_run"; export the function dodona_run, of type () -> i32`},
		{wrong, wasm.Policy{Exports: run}, `export section, offset 0x14: the exported function "dodona_run" has type () -> () and must have () -> i32`},
		{empty, wasm.Policy{Pages: 3}, ""},
	} {
		_, err := wasm.Check(test.b, test.p)
		if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(got, test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

func TestOnlyBareComponentsAreUnwrapped(t *testing.T) {
	core := binaryOf(section(5, "\x01\x00\x01"))
	component := func(sections ...[]byte) []byte {
		return append([]byte("\x00asm\x0d\x00\x01\x00"), bytes.Join(sections, nil)...)
	}
	for _, b := range [][]byte{core, component(section(1, core)), component(section(0, sized("x")), section(1, core), section(2, 0), section(11, 0))} {
		got, err := wasm.Unwrap(b)
		if err != nil || !bytes.Equal(got, core) {
			t.Errorf("Unwrap(%x) = %x, %v", b, got, err)
		}
	}
	for want, b := range map[string][]byte{
		"it has no core module":                   component(),
		"it has several core modules":             component(section(1, core), section(1, core)),
		"it imports interfaces (WIT)":             component(section(10, 0), section(1, core)),
		"it has another component inside":         component(section(4, component()), section(1, core)),
		"it has a start function":                 component(section(1, core), section(9, 0)),
		"what it holds as a core module is none":  component(section(1, component())),
		"it has a section 77, which is unknown":   component(section(77)),
		"this is a component of the unknown vers": []byte("\x00asm\x0a\x00\x01\x00"),
	} {
		_, err := wasm.Unwrap(b)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Rust with --target wasm32-unknown-unknown") {
			t.Errorf("got %v, want %q and how to build", err, want)
		}
	}
	if _, err := wasm.Unwrap(component(section(1, core))[:12]); err == nil || !strings.Contains(err.Error(), "too early") {
		t.Errorf("a truncated component: %v", err)
	}
}
