package module_test

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Attacks that no text can express, or whose text would be megabytes, are built here, each from a recipe in words.

// leb appends an unsigned LEB128.
func leb(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// section writes one section: its id, its size, its bytes.
func section(id byte, content []byte) []byte {
	return append(leb([]byte{id}, uint64(len(content))), content...)
}

// vector writes a count and as many times the item.
func vector(count int, item ...byte) []byte {
	return append(leb(nil, uint64(count)), bytes.Repeat(item, count)...)
}

// name writes a length and a text.
func wasmName(text string) []byte { return append(leb(nil, uint64(len(text))), text...) }

// join puts bytes one after another.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// wasmHeader is how every module begins.
var wasmHeader = []byte("\x00asm\x01\x00\x00\x00")

// A sketch is a module with one function, dodona_run, in a memory of a page. Its zero value answers with no points.
// Sections that are given stand where they belong; a nil one is the usual one.
type sketch struct {
	types, imports, functions, tables, memories, globals, exports, elements, data []byte
	bodies                                                                        [][]byte // of the functions before dodona_run
	locals                                                                        []byte   // of dodona_run: a vector of (count, type)
	code                                                                          []byte   // of dodona_run, which returns what it leaves; without the end
	tail                                                                          []byte   // after everything
}

// i32const0 is the usual body of dodona_run.
var i32const0 = []byte{0x41, 0x00}

func (s sketch) bytes() []byte {
	usual := func(id byte, given, otherwise []byte) []byte {
		if given == nil {
			given = otherwise
		}
		if given == nil {
			return nil
		}
		return section(id, given)
	}
	if s.locals == nil {
		s.locals = []byte{0}
	}
	if s.code == nil {
		s.code = i32const0
	}
	body := join(s.locals, s.code, []byte{0x0b})
	code := leb(nil, uint64(len(s.bodies)+1))
	for _, b := range s.bodies {
		code = append(leb(code, uint64(len(b))), b...)
	}
	code = append(leb(code, uint64(len(body))), body...)
	return join(
		wasmHeader,
		usual(1, s.types, []byte{1, 0x60, 0, 1, 0x7f}),
		usual(2, s.imports, nil),
		usual(3, s.functions, append(leb(nil, uint64(len(s.bodies)+1)), make([]byte, len(s.bodies)+1)...)),
		usual(4, s.tables, nil),
		usual(5, s.memories, []byte{1, 1, 1, 1}),
		usual(6, s.globals, nil),
		usual(7, s.exports, s.usualExports()),
		usual(9, s.elements, nil),
		section(10, code),
		usual(11, s.data, nil),
		s.tail,
	)
}

// usualExports exports the memory, and as dodona_run the function after the bodies.
func (s sketch) usualExports() []byte {
	return join([]byte{2}, wasmName("memory"), []byte{2, 0}, wasmName("dodona_run"), leb([]byte{0}, uint64(len(s.bodies))))
}

// emptyBody is a function that returns 0.
var emptyBody = []byte{0, 0x41, 0, 0x0b}

// generated are the attacks by name, each with its recipe.
var generated = map[string]func() []byte{
	// 100,000 tables of 4,096 functions each.
	"tables-many": func() []byte {
		return sketch{tables: vector(100_000, 0x70, 1, 0x80, 0x20, 0x80, 0x20)}.bytes()
	},
	// A million mutable globals: 173 MiB in wazero.
	"globals-many": func() []byte {
		return sketch{globals: vector(1_000_000, 0x7f, 1, 0x41, 0, 0x0b)}.bytes()
	},
	// One run of 8.6 thousand million locals, and a second that makes their sum overflow 32 bits.
	"locals-8.6e9": func() []byte {
		return sketch{locals: join([]byte{2}, leb(nil, 1<<32-1), []byte{0x7e}, leb(nil, 1<<32-1), []byte{0x7e})}.bytes()
	},
	// A function that calls itself 40 times and traps, with a name of 2 MB: each of the frames that wazero tells of had it.
	"name-2mb": func() []byte { return namedRecursion(2_000_000, 1) },
	// The same with 7.5 MB, which took 1.6 GB.
	"name-7.5mb": func() []byte { return namedRecursion(7_500_000, 1) },
	// A name of 800 bytes for each of 9,000 functions.
	"names-9000": func() []byte { return namedRecursion(800, 9000) },
	// 50 million locals in 38 bytes: 1,272 MiB in the compiler, a dead process in the interpreter.
	"locals-50m": func() []byte { return sketch{locals: append(leb([]byte{1}, 50_000_000), 0x7e)}.bytes() },
	// A million locals: 267 MiB in the interpreter.
	"locals-1m": func() []byte { return sketch{locals: append(leb([]byte{1}, 1_000_000), 0x7e)}.bytes() },
	// 100,000 runs of no local at all.
	"locals-empty-runs": func() []byte { return sketch{locals: vector(100_000, 0, 0x7e)}.bytes() },
	// 100,000 blocks, each in the one before: more than a minute in the compiler.
	"blocks-nested": func() []byte {
		const n = 100_000
		return sketch{code: join(bytes.Repeat([]byte{0x02, 0x40}, n), bytes.Repeat([]byte{0x0b}, n), i32const0)}.bytes()
	},
	// 200 loops inside each other over 500 locals, 8 KiB: 25 seconds in the compiler, which joins every local at every
	// loop. Every local is changed in the innermost one.
	"loops-nested": func() []byte { return nestedLoops(200, 500) },
	// 500 br_table of 2,000 targets each, 1 MB: more than a minute in the compiler.
	"br_table": func() []byte {
		table := join([]byte{0x41, 0, 0x0e}, vector(2000, 0), []byte{0})
		var code []byte
		for range 500 {
			code = append(code, 0x02, 0x40)
			code = append(code, table...)
			code = append(code, 0x0b)
		}
		return sketch{code: append(code, i32const0...)}.bytes()
	},
	// One function of 780 KB without a branch: 363 MiB in the compiler.
	"function-780k": func() []byte {
		return sketch{
			locals: []byte{1, 1, 0x7f},
			code:   append(bytes.Repeat([]byte{0x20, 0, 0x41, 1, 0x6a, 0x21, 0}, 780_000/7), i32const0...),
		}.bytes()
	},
	// 20,000 constants on the operand stack, then as many drops.
	"stack-20k": func() []byte {
		return sketch{code: join(bytes.Repeat([]byte{0x41, 1}, 20_000), bytes.Repeat([]byte{0x1a}, 20_000), i32const0)}.bytes()
	},
	// 200,000 functions that return 0.
	"functions-200k": func() []byte {
		bodies := make([][]byte, 200_000)
		for i := range bodies {
			bodies[i] = emptyBody
		}
		return sketch{bodies: bodies}.bytes()
	},
	// 500,000 types: 183 MiB in the compiler.
	"types-500k": func() []byte { return sketch{types: vector(500_000, 0x60, 0, 1, 0x7f)}.bytes() },
	// One type of 100,000 parameters.
	"type-wide": func() []byte {
		return sketch{types: join([]byte{2, 0x60, 0, 1, 0x7f, 0x60}, vector(100_000, 0x7f), []byte{0})}.bytes()
	},
	// input_count, imported 100,000 times.
	"imports-100k": func() []byte {
		one := join(wasmName("dodona_v1"), wasmName("input_count"), []byte{0, 0})
		return sketch{
			imports: append(leb(nil, 100_000), bytes.Repeat(one, 100_000)...),
			exports: join([]byte{2}, wasmName("memory"), []byte{2, 0}, wasmName("dodona_run"), leb([]byte{0}, 100_000)),
		}.bytes()
	},
	// 100,000 exports of dodona_run under names of one to four bytes.
	"exports-100k": func() []byte {
		exports := leb(nil, 100_002)
		exports = append(exports, join(wasmName("memory"), []byte{2, 0}, wasmName("dodona_run"), []byte{0, 0})...)
		for i := range 100_000 {
			exports = append(append(exports, wasmName("x"+string(leb(nil, uint64(i+128))))...), 0, 0)
		}
		return sketch{exports: exports}.bytes()
	},
	// A million data segments of no bytes.
	"data-1m": func() []byte { return sketch{data: vector(1_000_000, 0, 0x41, 0, 0x0b, 0)}.bytes() },
	// A custom section of 50 MB.
	"custom-50mb": func() []byte {
		return sketch{tail: section(0, append(wasmName("ballast"), make([]byte, 50<<20)...))}.bytes()
	},
	// Nothing.
	"empty": func() []byte { return []byte{} },
	// A header and nothing else.
	"header": func() []byte { return bytes.Clone(wasmHeader) },
	// The header of a component (WebAssembly component model), and what cannot be one.
	"component": func() []byte { return append([]byte("\x00asm\x0d\x00\x01\x00"), 0xff, 0xff, 0xff, 0xff, 0x0f) },
	// A text, as somebody who names the wrong file gives it.
	"text": func() []byte { return []byte("(module (memory (export \"memory\") 1))") },
	// A program of Linux.
	"elf": func() []byte { return append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 4096)...) },
	// Every section twice.
	"sections-twice": func() []byte {
		one := sketch{}.bytes()
		return append(one, one[len(wasmHeader):]...)
	},
	// Bytes after the last section.
	"garbage": func() []byte { return sketch{tail: []byte{0x7f, 0x03, 1, 2, 3}}.bytes() },
	// A function name section that names functions 2^32-1 and says it is 4 GiB long.
	"names-bomb": func() []byte {
		return sketch{tail: section(0, join(wasmName("name"), []byte{1}, leb(nil, 1<<32-1), leb(nil, 1<<32-1)))}.bytes()
	},
}

// namedRecursion is a module whose first function calls itself 40 times and traps. It has as many functions as asked for,
// each with a name of that many bytes.
func namedRecursion(size, functions int) []byte {
	s := sketch{
		globals: []byte{1, 0x7f, 1, 0x41, 0, 0x0b},
		bodies: [][]byte{{
			0,
			0x23, 0, 0x41, 1, 0x6a, 0x24, 0, // calls++
			0x23, 0, 0x41, 40, 0x4a, 0x04, 0x40, 0x00, 0x0b, // if calls > 40: unreachable
			0x10, 0, 0x0b,
		}},
		code: []byte{0x10, 0},
	}
	names := leb(nil, uint64(functions))
	for i := range functions {
		if i > 0 {
			s.bodies = append(s.bodies, emptyBody)
		}
		names = append(leb(names, uint64(i)), wasmName(strings.Repeat("A", size))...)
	}
	s.tail = section(0, join(wasmName("name"), section(1, names)))
	return s.bytes()
}

// nestedLoops returns a function with loops inside each other; in the innermost every local grows by one.
func nestedLoops(depth, locals int) []byte {
	var inner []byte
	for i := range locals {
		inner = append(leb(append(inner, 0x20), uint64(i)), 0x41, 1, 0x6a)
		inner = leb(append(inner, 0x21), uint64(i))
	}
	code := bytes.Repeat([]byte{0x03, 0x40}, depth)
	code = append(code, inner...)
	for range depth {
		code = append(code, 0x20, 0, 0x41, 3, 0x49, 0x0d, 0, 0x0b) // br_if to the loop's head while local 0 < 3
	}
	return sketch{locals: append(leb([]byte{1}, uint64(locals)), 0x7f), code: append(code, i32const0...)}.bytes()
}

// lengthBombs are, for every section, one that says it is 4 GiB long, one that says it has 2^32-1 entries, and one whose
// first entry says it is that long.
func lengthBombs() map[string][]byte {
	huge := leb(nil, 1<<32-1)
	bombs := map[string][]byte{}
	for id, name := range []string{"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count"} {
		bombs[name+" size"] = join(wasmHeader, []byte{byte(id)}, huge)
		bombs[name+" count"] = join(wasmHeader, section(byte(id), huge))
		bombs[name+" entry"] = join(wasmHeader, section(byte(id), append([]byte{1}, huge...)))
		bombs[name+" long number"] = join(wasmHeader, []byte{byte(id)}, bytes.Repeat([]byte{0x80}, 64), []byte{0})
		bombs[name+" cut"] = join(wasmHeader, []byte{byte(id), 5, 1})
	}
	return bombs
}
