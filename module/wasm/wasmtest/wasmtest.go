// Package wasmtest damages modules.
package wasmtest

import (
	"math/rand/v2"
	"slices"
)

// Mutant damages a copy of b: bits, bytes, its end, or a piece that is moved elsewhere. I chooses which.
func Mutant(random *rand.Rand, b []byte, i int) []byte {
	m := slices.Clone(b)
	switch i % 8 {
	case 0:
		return m[:random.IntN(len(m))]
	case 1:
		at := random.IntN(len(m))
		n := min(1+random.IntN(8), len(m)-at)
		copy(m[random.IntN(len(m)-n+1):], m[at:at+n])
	case 2, 3:
		m[random.IntN(len(m))] = byte(random.Uint32())
	case 4:
		at := 8 + random.IntN(len(m)-8)
		m = slices.Delete(m, at, at+1)
	default:
		for range 1 + random.IntN(3) {
			m[random.IntN(len(m))] ^= 1 << random.IntN(8)
		}
	}
	return m
}
