package fuzztest

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
)

const (
	maxPool = 256     // inputs that pieces are taken from
	maxSize = 4 << 10 // of an input, unless its seed is larger: what is in it counts, not how long it is
)

// A mutator makes inputs of inputs.
type mutator struct {
	rand *rand.Rand
	pool [][]byte
}

// keep takes pieces of inputs from now on.
func (m *mutator) keep(args []reflect.Value) {
	for _, a := range args {
		var b []byte
		switch {
		case a.Kind() == reflect.String:
			b = []byte(a.String())
		case a.Kind() == reflect.Slice:
			b = append([]byte(nil), a.Bytes()...)
		}
		if len(b) > 0 && len(m.pool) < maxPool {
			m.pool = append(m.pool, b)
		}
	}
}

// mutated returns other arguments than the ones it is given, of which one or more are as they were.
func (m *mutator) mutated(args []reflect.Value) []reflect.Value {
	out := append([]reflect.Value(nil), args...)
	for first := true; first || m.rand.IntN(3) == 0; first = false {
		i := m.rand.IntN(len(out))
		out[i] = m.value(out[i])
	}
	return out
}

func (m *mutator) value(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch {
	case v.Kind() == reflect.String:
		out.SetString(string(m.bytes([]byte(v.String()))))
	case v.Kind() == reflect.Slice:
		out.SetBytes(m.bytes(append([]byte(nil), v.Bytes()...)))
	case v.Kind() == reflect.Bool:
		out.SetBool(!v.Bool())
	case v.CanInt():
		out.SetInt(int64(m.number(uint64(v.Int()))) << (64 - v.Type().Bits()) >> (64 - v.Type().Bits()))
	case v.CanUint():
		out.SetUint(m.number(v.Uint()) << (64 - v.Type().Bits()) >> (64 - v.Type().Bits()))
	case v.CanFloat():
		out.SetFloat(m.float(v.Float()))
	default:
		panic("fuzztest: no input can be made of " + v.Type().String())
	}
	return out
}

// edges are numbers that code is wrong about.
var edges = []uint64{
	0, 1, 2, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 125, 126, 127, 128, 129, 253, 254, 255, 256, 1000, 1023, 1024, 4095, 4096, 10000,
	1<<15 - 1, 1 << 15, 1<<16 - 1, 1 << 16, 1<<24 - 1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<53 + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1,
}

func (m *mutator) number(n uint64) uint64 {
	switch m.rand.IntN(5) {
	case 0:
		return edges[m.rand.IntN(len(edges))]
	case 1:
		return -edges[m.rand.IntN(len(edges))]
	case 2:
		return n ^ 1<<m.rand.IntN(64)
	case 3:
		return n + uint64(m.rand.IntN(65)) - 32
	}
	return m.rand.Uint64() >> m.rand.IntN(64)
}

func (m *mutator) float(x float64) float64 {
	switch m.rand.IntN(4) {
	case 0:
		return math.Float64frombits(m.number(math.Float64bits(x)))
	case 1:
		return -x
	case 2:
		return x * math.Pow(10, float64(m.rand.IntN(41)-20))
	}
	return float64(int64(m.number(0)))
}

// tokens are pieces of text that formats give a meaning.
var tokens = []string{
	"\x00", "\xff", "\r\n", "\n", "\"", "\\", "'", ",", ";", ":", "{", "}", "[", "]", "(", ")", "<", ">", "/", "~1", "*", "#", "+", "-", ".", "$", "%", "&", "=", " ", "\t",
	"0", "-1", "1e400", "1e-400", "NaN", "null", "true", "9223372036854775808", "18446744073709551616", "\\u0000", "\\ud800", "\ufeff", "\u202e", "é", "😀", "..", "://",
}

// bytes changes some bytes, which it may overwrite.
func (m *mutator) bytes(b []byte) []byte {
	limit := max(maxSize, len(b))
	for first := true; first || m.rand.IntN(2) == 0; first = false {
		b = m.change(b)
	}
	return b[:min(len(b), limit)]
}

func (m *mutator) change(b []byte) []byte {
	if len(b) == 0 {
		return m.piece()
	}
	at := m.rand.IntN(len(b))
	end := at + 1 + m.rand.IntN(min(len(b)-at, 32))
	switch m.rand.IntN(11) {
	case 0:
		b[at] ^= 1 << m.rand.IntN(8)
	case 1:
		b[at] = byte(m.rand.Uint32())
	case 2:
		b[at] += byte(m.rand.IntN(33)) - 16
	case 3: // shorter
		return b[:at]
	case 4:
		return append(b[:at], b[end:]...)
	case 5: // twice
		return insert(b, at, append([]byte(nil), b[at:end]...))
	case 6:
		return insert(b, at, []byte(tokens[m.rand.IntN(len(tokens))]))
	case 7:
		return insert(b, at, m.piece())
	case 8: // over what is there
		copy(b[at:], m.piece())
	case 9:
		m.overwrite(b[at:])
	case 10: // another place
		from := m.rand.IntN(len(b))
		copy(b[at:end], b[from:])
	}
	return b
}

// piece returns a piece of some input, or what nobody wrote.
func (m *mutator) piece() []byte {
	if len(m.pool) == 0 || m.rand.IntN(4) == 0 {
		b := make([]byte, 1+m.rand.IntN(16))
		for i := range b {
			b[i] = byte(m.rand.Uint32())
		}
		return b
	}
	of := m.pool[m.rand.IntN(len(m.pool))]
	at := m.rand.IntN(len(of))
	return append([]byte(nil), of[at:at+1+m.rand.IntN(min(len(of)-at, 64))]...)
}

// overwrite writes a number of some width and order: lengths, counts and addresses stand so in what devices send.
func (m *mutator) overwrite(b []byte) {
	n := m.number(0)
	var text []byte
	switch order := binary.AppendByteOrder(binary.BigEndian); m.rand.IntN(6) {
	case 0:
		text = order.AppendUint16(nil, uint16(n))
	case 1:
		text = order.AppendUint32(nil, uint32(n))
	case 2:
		text = order.AppendUint64(nil, n)
	case 3:
		text = binary.LittleEndian.AppendUint16(nil, uint16(n))
	case 4:
		text = binary.LittleEndian.AppendUint32(nil, uint32(n))
	case 5:
		text = binary.AppendUvarint(nil, n)
	}
	copy(b, text)
}

func insert(b []byte, at int, piece []byte) []byte {
	return append(b[:at:at], append(piece, b[at:]...)...)
}
