package wasm

// componentVersion is what a component has where a core module has the version of the binary format: version 13, layer 1.
const componentVersion = 0x0001000d

// buildCore says how to get a core module.
const buildCore = "build a core module: Go with GOOS=wasip1 GOARCH=wasm and -buildmode=c-shared, TinyGo with -target=wasm-unknown, Rust with --target wasm32-unknown-unknown, C with clang --target=wasm32-wasi -mexec-model=reactor, AssemblyScript with asc"
