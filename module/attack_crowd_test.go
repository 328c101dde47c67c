package module_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// A crowd writes a function that keeps as much alive as it can, in ways that it likes more or less.
type crowd struct {
	*rand.Rand
	likes  [crowdWays]float64
	body   []byte
	stack  []byte // types of the operands: I is i64, F is f64
	base   int    // of the innermost block
	blocks []bool // those around; whether a branch to it takes nothing
	left   int    // bytes, about
	i, f   int    // how many locals of each type, after two of i32
}

// What a crowd does.
const (
	crowdGet = iota
	crowdSet
	crowdTee
	crowdConst
	crowdGlobal
	crowdGlobalSet
	crowdLoad
	crowdStore
	crowdUnary
	crowdBinary
	crowdShift
	crowdDivide
	crowdFloat
	crowdConvert
	crowdGive // a call that gives 16 values
	crowdTake // a call that takes 128
	crowdPass // a call of (i64, f64) -> (f64, i64)
	crowdSelf
	crowdBlock
	crowdLoop
	crowdIf
	crowdBranch
	crowdSwitch
	crowdGrow
	crowdWays
)

// The globals of a crowd: those of [deep], how many branches back are left, and one of each kind.
const (
	crowdBack, crowdFixed, crowdOther, crowdReal = 2, 3, 4, 5
	crowdF, crowdP, crowdK, crowdG               = 0, 1, 2, 3
)

func (c *crowd) put(b ...byte) { c.body = append(c.body, b...) }

func (c *crowd) push(t byte) { c.stack = append(c.stack, t) }

// top reports whether the operands of the innermost block end with these types, and takes them.
func (c *crowd) top(types string) bool {
	at := len(c.stack) - len(types)
	if at < c.base || string(c.stack[at:]) != types {
		return false
	}
	c.stack = c.stack[:at]
	return true
}

// local returns a local of a type.
func (c *crowd) local(t byte) byte {
	if t == 'F' {
		return byte(2 + c.i + c.IntN(c.f))
	}
	return byte(2 + c.IntN(c.i))
}

// some appends what does anything, until so many bytes are left.
func (c *crowd) some(until int) {
	for c.left > until && len(c.stack) < 3500 {
		sum := 0.0
		for _, l := range c.likes {
			sum += l
		}
		at, way := c.Float64()*sum, 0
		for way < crowdWays-1 && at >= c.likes[way] {
			at -= c.likes[way]
			way++
		}
		before := len(c.body)
		if way >= crowdGive {
			c.other(way)
		} else {
			c.simple(way)
		}
		c.left -= max(1, len(c.body)-before)
	}
}

func (c *crowd) simple(way int) {
	t := "IIF"[c.IntN(3)]
	switch way {
	case crowdGet:
		c.put(0x20, c.local(t))
		c.push(t)
	case crowdSet:
		if n := len(c.stack); n > c.base {
			t := c.stack[n-1]
			c.stack = c.stack[:n-1]
			c.put(0x21, c.local(t))
		}
	case crowdTee:
		if n := len(c.stack); n > c.base {
			c.put(0x22, c.local(c.stack[n-1]))
		}
	case crowdConst:
		if t == 'F' {
			c.put(0x44)
			c.body = binary.LittleEndian.AppendUint64(c.body, math.Float64bits(c.NormFloat64()))
		} else {
			c.put(0x42, byte(c.IntN(64)))
		}
		c.push(t)
	case crowdGlobal:
		g := []byte{deepValue, crowdFixed, crowdOther, crowdReal}[c.IntN(4)]
		c.put(0x23, g)
		c.push("IF"[g/crowdReal]) // only the last one is real
	case crowdGlobalSet:
		if c.top("I") {
			c.put(0x24, []byte{deepValue, crowdOther}[c.IntN(2)])
		} else if c.top("F") {
			c.put(0x24, crowdReal)
		}
	case crowdLoad:
		c.put(0x20, byte(c.IntN(2)))
		c.put(map[byte]byte{'I': 0x29, 'F': 0x2b}[t], 3, byte(8*c.IntN(16)))
		c.push(t)
	case crowdStore:
		if c.top("I") { // becomes an address, at which a number is put
			c.put(0xa7, 0x41, 0xff, 7, 0x71, 0x22, byte(c.IntN(2)), 0x42, 1, 0x37, 3, 0)
		}
	default:
		c.compute(way)
	}
}

// compute appends what makes numbers out of numbers.
func (c *crowd) compute(way int) {
	switch way {
	case crowdUnary:
		if c.top("I") {
			c.put([]byte{0x79, 0x7a, 0x7b, 0xc2}[c.IntN(4)])
			c.push('I')
		}
	case crowdBinary:
		if c.top("II") {
			c.put([]byte{0x7c, 0x7d, 0x7e, 0x83, 0x84, 0x85}[c.IntN(6)])
			c.push('I')
		}
	case crowdShift:
		if c.top("II") {
			c.put([]byte{0x86, 0x87, 0x88, 0x89, 0x8a}[c.IntN(5)])
			c.push('I')
		}
	case crowdDivide:
		if c.top("II") {
			c.put(0x42, 1, 0x84, []byte{0x80, 0x82}[c.IntN(2)])
			c.push('I')
		}
	case crowdFloat:
		if c.top("FF") {
			c.put(byte(0xa0 + c.IntN(7)))
			c.push('F')
		}
	case crowdConvert:
		if c.top("I") {
			c.put(0xb9)
			c.push('F')
		} else if c.top("F") {
			c.put(0xfc, 6)
			c.push('I')
		}
	}
}

// condition appends an i32 that is mostly 0.
func (c *crowd) condition() { c.put(0x20, c.local('I'), 0x50) }

func (c *crowd) other(way int) {
	switch way {
	case crowdGive:
		c.put(0x10, crowdP)
		for range 16 {
			c.push('I')
		}
	case crowdTake:
		all := make([]byte, 128)
		for i := range all {
			all[i] = 'I'
		}
		if c.top(string(all)) {
			c.put(0x10, crowdK)
		}
	case crowdPass:
		if c.top("IF") {
			c.put(0x10, crowdG)
			c.push('F')
			c.push('I')
		}
	case crowdSelf:
		c.put(0x10, crowdF)
	case crowdBlock, crowdLoop, crowdIf:
		c.nest(way)
	case crowdBranch:
		if n := c.IntN(len(c.blocks)); c.blocks[len(c.blocks)-1-n] {
			c.condition()
			c.body = leb(append(c.body, 0x0d), uint64(n))
		}
	case crowdSwitch:
		if len(c.blocks) > 2 && c.blocks[len(c.blocks)-1] && c.blocks[len(c.blocks)-2] {
			c.put(0x02, 0x40)
			c.condition()
			c.put(0x0e, 2, 0, 1, 2, 0x0b)
		}
	case crowdGrow:
		c.put(0x41, 0, 0x40, 0, 0x1a)
	}
}

// nest appends a block with something in it. It takes 16 numbers and gives them, or nothing.
func (c *crowd) nest(way int) {
	if len(c.blocks) > 200 {
		return
	}
	wide := c.IntN(4) == 0 && way != crowdIf && c.top("IIIIIIIIIIIIIIII")
	if way == crowdIf {
		c.condition()
	}
	t := byte(0x40)
	if wide {
		t = 4
	}
	c.put([]byte{0x02, 0x03, 0x04}[way-crowdBlock], t)
	base := c.base
	c.base = len(c.stack)
	give := c.base
	if wide {
		give += 16
		for range 16 {
			c.push('I')
		}
	}
	c.blocks = append(c.blocks, !wide && way != crowdLoop)
	part := c.IntN(max(1, c.left))
	c.some(part)
	c.settle(give)
	if way == crowdLoop && !wide { // goes back some times
		c.put(0x23, crowdBack, 0x41, 1, 0x6b, 0x24, crowdBack, 0x23, crowdBack, 0x41, 0, 0x4a, 0x0d, 0)
	}
	if way == crowdIf && c.IntN(2) == 0 {
		c.put(0x05)
		c.some(c.IntN(max(1, c.left)))
		c.settle(give)
	}
	c.put(0x0b)
	c.blocks = c.blocks[:len(c.blocks)-1]
	c.base = base
}

// settle leaves so many operands, those above the base being numbers of 64 bits.
func (c *crowd) settle(height int) {
	for len(c.stack) > height || len(c.stack) > c.base && c.stack[len(c.stack)-1] == 'F' {
		if c.top("I") {
			c.put(0x24, deepValue)
		} else if c.top("F") {
			c.put(0x24, crowdReal)
		}
	}
	for i := c.base; i < len(c.stack); i++ {
		if c.stack[i] == 'F' { // one is under what may stay: all go
			c.settle(i)
			break
		}
	}
	for len(c.stack) < height {
		c.put(0x42, 3)
		c.push('I')
	}
}

// crowded returns a module with such a function, which calls itself.
func crowded(random *rand.Rand) []byte {
	c := &crowd{Rand: random, blocks: []bool{false}, left: 1 << (4 + random.IntN(9)), i: 1 + random.IntN(60), f: 1 + random.IntN(20)}
	for i := range c.likes {
		c.likes[i] = math.Pow(random.Float64(), 4)
	}
	c.likes[crowdSelf] *= 0.3
	c.likes[crowdTake] += c.likes[crowdGive] / 8
	c.put(0x23, deepLeft, 0x45, 0x04, 0x40, 0x0f, 0x0b, 0x23, deepLeft, 0x41, 1, 0x6b, 0x24, deepLeft)
	total := c.left
	c.some(total / 2)
	c.put(0x10, crowdF)
	c.some(0)
	c.settle(0)
	for range random.IntN(c.i + 1) { // what is read at the end is alive
		c.put(0x20, c.local('I'), 0x24, deepValue)
	}
	f := []byte{3, 2, 0x7f, byte(c.i), 0x7e, byte(c.f), 0x7c}
	p := []byte{0}
	for i := range 16 {
		p = append(p, 0x42, byte(i))
	}
	k := []byte{0, 0x20, 0, 0x20, 0xff, 0, 0x7c, 0x24, deepValue, 0x0b}
	g := []byte{0, 0x20, 1, 0x20, 0, 0x0b}
	many := func(n int) []byte { return vector(n, 0x7e) }
	return sketch{
		types: join([]byte{6}, []byte{0x60, 0, 1, 0x7f}, []byte{0x60, 0, 0}, []byte{0x60, 0}, many(16), []byte{0x60}, many(128), []byte{0},
			[]byte{0x60}, many(16), many(16), []byte{0x60, 2, 0x7e, 0x7c, 2, 0x7c, 0x7e}),
		functions: []byte{5, 1, 2, 3, 5, 0},
		globals: join([]byte{6, 0x7f, 1, 0x41, 0, 0x0b, 0x7e, 1, 0x42, 5, 0x0b, 0x7f, 1, 0x41, 50, 0x0b, 0x7e, 0, 0x42, 9, 0x0b, 0x7e, 1, 0x42, 8, 0x0b},
			[]byte{0x7c, 1, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b}),
		bodies: [][]byte{append(f, append(c.body, 0x0b)...), append(p, 0x0b), k, g},
		code:   join([]byte{0x41}, sleb(3000), []byte{0x24, deepLeft, 0x10, crowdF, 0x41, 0}),
	}.bytes()
}
