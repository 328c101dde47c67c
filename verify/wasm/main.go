//go:build wasm || tinygo.wasm

// Command wasm is package verify for the browser: a WebAssembly module without imports of its own. TinyGo builds the
// one that ships (make verifier); Go builds it too, as a WASI reactor.
//
// The host writes options and document, one after the other, to where room says, calls judge with their sizes, and
// finds a JSON verdict of the size that judge returned at where verdict says. It takes a new instance for each document: memory is
// never given back, and a trap is no verdict.
package main

import "unsafe"

func main() {}

var in, out []byte

// room returns where the host writes size bytes.
//
//go:wasmexport room
func room(size uint32) uint32 {
	in = make([]byte, max(size, 1))
	return address(in)
}

// judge reads what the host wrote and returns the size of the verdict.
//
//go:wasmexport judge
func judge(options, document uint32) uint32 {
	if uint64(options)+uint64(document) > uint64(len(in)) {
		return 0
	}
	out = decide(in[:options], in[options:][:document])
	return uint32(len(out))
}

// verdict returns where the verdict stands.
//
//go:wasmexport verdict
func verdict() uint32 { return address(out) }

func address(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
