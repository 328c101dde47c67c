package native

import "os"

// A Rewritten is a module as it is compiled.
type Rewritten struct {
	Wasm  []byte
	Stack int64 // bytes of native stack that a call of it may take
}

// A made is native code in a file.
type made struct {
	Rewritten
	name string // wazero's, as folder/file
	size int64  // bytes of it
	file string // in the private folder, that has it
}

// discard removes what was read or compiled and did not come to its place.
func (n *made) discard() {
	if n != nil && n.file != "" {
		_ = os.Remove(n.file)
	}
}
