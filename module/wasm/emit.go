package wasm

import "encoding/binary"

// appendIndexed appends an instruction with one index.
func appendIndexed(b []byte, op Op, index uint32) []byte {
	return appendU32(append(b, byte(op)), index)
}

// appendU32 appends v as unsigned LEB128.
func appendU32(b []byte, v uint32) []byte { return binary.AppendUvarint(b, uint64(v)) }

// appendS64 appends v as signed LEB128, which is the same for all widths that hold it.
func appendS64(b []byte, v int64) []byte {
	for v < -0x40 || v >= 0x40 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v&0x7f))
}

func appendName(b []byte, s string) []byte { return append(appendU32(b, uint32(len(s))), s...) }

// appendSized appends contents with their length before them.
func appendSized(b, contents []byte) []byte {
	return append(appendU32(b, uint32(len(contents))), contents...)
}

// items returns a vector without its count.
func items(vector []byte) []byte {
	for i, c := range vector {
		if c < 0x80 {
			return vector[i+1:]
		}
	}
	return nil
}
