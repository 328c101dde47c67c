package wasm

import (
	"encoding/binary"
	"fmt"
)

// componentVersion is what a component has where a core module has the version of the binary format: version 13, layer 1.
const componentVersion = 0x0001000d

// buildCore says how to get a core module.
const buildCore = "build a core module: Go with GOOS=wasip1 GOARCH=wasm and -buildmode=c-shared, TinyGo with -target=wasm-unknown, Rust with --target wasm32-unknown-unknown, C with clang --target=wasm32-wasi -mexec-model=reactor, AssemblyScript with asc (no jco, no wasm-tools component)"

// The sections of components that decide whether one can be unwrapped.
const (
	componentModule = 1  // a core module
	componentNested = 4  // another component
	componentStart  = 9  // a function to call
	componentImport = 10 // something from the outside
	componentLast   = 12
)

// Unwrap returns the core module of b: b itself, or the only core module inside a component that imports nothing, holds
// no other component and has no start function. Scalars look the same in a component's interface and in its module, so
// such a module means what its component means. It copies nothing. Errors are [*Refusal].
func Unwrap(b []byte) ([]byte, error) {
	if len(b) < 8 || string(b[:4]) != "\x00asm" || b[6] != 1 || b[7] != 0 {
		return b, nil // whatever it is, Parse says what is wrong with it
	}
	if v := binary.LittleEndian.Uint32(b[4:]); v != componentVersion || len(b) > maxParse {
		return nil, &Refusal{What: fmt.Sprintf("this is a component of the unknown version %d", v&0xffff), Where: nowhere, Do: buildCore}
	}
	r := reader{b: b, off: 8, end: uint32(len(b)), section: noSection}
	var core []byte
	for r.err == nil && r.off < r.end {
		at := r.off
		id := r.byte()
		contents := r.take(r.u32())
		why := ""
		switch {
		case r.err != nil:
		case id > componentLast:
			why = fmt.Sprintf("it has a section %d, which is unknown", id)
		case id == componentNested:
			why = "it has another component inside"
		case id == componentStart:
			why = "it has a start function"
		case id == componentImport:
			why = "it imports interfaces (WIT), and Dodona knows only core imports"
		case id == componentModule && core != nil:
			why = "it has several core modules"
		case id == componentModule:
			core = b[contents.Start:contents.End]
		}
		if why != "" {
			return nil, wrapped(why, int64(at))
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if core == nil {
		return nil, wrapped("it has no core module", -1)
	}
	if len(core) < 8 || string(core[:8]) != "\x00asm\x01\x00\x00\x00" {
		return nil, wrapped("what it holds as a core module is none", -1)
	}
	return core, nil
}

// wrapped refuses a component.
func wrapped(why string, offset int64) *Refusal {
	return &Refusal{What: "this is a component that cannot be unwrapped: " + why, Where: Where{Section: noSection, Function: -1, Offset: offset}, Do: buildCore}
}
