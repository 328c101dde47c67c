package module

import (
	"encoding/binary"
	"slices"
)

// emptyModule is a module without anything.
var emptyModule = []byte("\x00asm\x01\x00\x00\x00")

// section writes a section of the binary format.
func section(id byte, content ...[]byte) []byte {
	body := slices.Concat(content...)
	return slices.Concat([]byte{id}, uleb(len(body)), body)
}

// uleb writes an unsigned integer of the binary format.
func uleb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }
