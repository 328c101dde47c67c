package extract

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of numbers in CBOR that are not of a fixed size. None of what they leave out fits a value.
const (
	maxBignum  = 128   // bytes
	maxBinary  = 1_200 // exponent of a number to the base 2
	maxDecimal = 1_000 // exponent of one to the base 10
)

// fromCBOR returns the JSON document that a body in CBOR (RFC 8949) says, number by number the same: integers and decimal fractions
// as they are, floating-point numbers as the shortest decimal that is nearest to them and to no other of their width.
//
// A name that is an integer becomes its decimal text, bytes base64url without padding, undefined and other simple values null, NaN and
// infinities NaN and Infinity. Tags 2 to 5 are numbers; of any other, what is tagged stands. What cannot be said so is an error.
func fromCBOR(body []byte) ([]byte, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("the document has %d bytes, at most %d are read", len(body), maxBody)
	}
	if len(body) == 0 {
		return nil, errors.New("the document is empty")
	}
	c := cborReader{rest: body}
	err := c.item(0)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("the document is not CBOR: it is cut off after %d bytes", len(body))
	case err != nil:
		return nil, fmt.Errorf("the document is not CBOR that can be read: %w at byte %d", err, len(body)-len(c.rest))
	case len(c.rest) > 0:
		return nil, fmt.Errorf("the document is not one item of CBOR: %d bytes follow it", len(c.rest))
	}
	return c.out, nil
}

// The major types of CBOR.
const (
	cborUint byte = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

// A cborReader writes in JSON what it reads.
type cborReader struct {
	rest []byte
	out  []byte
}

// A head is the beginning of an item.
type head struct {
	major    byte
	width    byte // of the argument: 0 in the head itself, or bytes
	argument uint64
	open     bool // of indefinite length, or the break that ends one
}

// next takes the head of an item.
func (c *cborReader) next() (h head, err error) {
	if len(c.rest) == 0 {
		return h, io.ErrUnexpectedEOF
	}
	h.major = c.rest[0] >> 5
	info := c.rest[0] & 31
	c.rest = c.rest[1:]
	switch {
	case info < 24:
		h.argument = uint64(info)
		return h, nil
	case info < 28:
		h.width = 1 << (info - 24)
		if len(c.rest) < int(h.width) {
			return h, io.ErrUnexpectedEOF
		}
		var wide [8]byte
		copy(wide[8-h.width:], c.rest)
		h.argument = binary.BigEndian.Uint64(wide[:])
		c.rest = c.rest[h.width:]
		return h, nil
	case info == 31 && h.major >= cborBytes && h.major != cborTag:
		h.open = true
		return h, nil
	}
	return h, errors.New("a length that has no meaning")
}

// item writes the next item.
func (c *cborReader) item(depth int) error {
	h, err := c.next()
	if err != nil {
		return err
	}
	return c.write(h, depth)
}

// write writes the item that begins with h.
func (c *cborReader) write(h head, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	if len(c.out) > maxText {
		return fmt.Errorf("more than %d bytes of text in JSON", maxText)
	}
	switch h.major {
	case cborUint, cborNegative:
		c.out = append(c.out, integer(h)...)
		return nil
	case cborBytes, cborText:
		text, err := c.text(h)
		if err != nil {
			return err
		}
		c.quote(text)
		return nil
	case cborArray:
		return c.sequence(h, depth, '[', ']', func() error { return c.item(depth + 1) })
	case cborMap:
		return c.sequence(h, depth, '{', '}', func() error {
			if err := c.name(); err != nil {
				return err
			}
			return c.item(depth + 1)
		})
	case cborTag:
		return c.tagged(h.argument, depth)
	}
	return c.simple(h)
}

// integer returns the digits of an integer.
func integer(h head) string {
	digits := strconv.FormatUint(h.argument, 10)
	if h.major == cborUint {
		return digits
	}
	if h.argument == math.MaxUint64 {
		return "-18446744073709551616"
	}
	return "-" + strconv.FormatUint(h.argument+1, 10)
}

// sequence writes the elements of an array, or the pairs of a map.
func (c *cborReader) sequence(h head, depth int, begin, end byte, element func() error) error {
	if depth >= maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	c.out = append(c.out, begin)
	for i := uint64(0); h.open || i < h.argument; i++ {
		if h.open && c.atBreak() {
			break
		}
		if i > 0 {
			c.out = append(c.out, ',')
		}
		if err := element(); err != nil {
			return err
		}
	}
	c.out = append(c.out, end)
	return nil
}

// atBreak takes the break that ends an item of indefinite length, if it comes next.
func (c *cborReader) atBreak() bool {
	const stop = 0xff
	if len(c.rest) == 0 || c.rest[0] != stop {
		return false
	}
	c.rest = c.rest[1:]
	return true
}

// name writes the name of a member.
func (c *cborReader) name() error {
	h, err := c.next()
	if err != nil {
		return err
	}
	var text string
	switch h.major {
	case cborUint, cborNegative:
		text = integer(h)
	case cborText:
		if text, err = c.text(h); err != nil {
			return err
		}
	default:
		return errors.New("a name in a map that is neither a text nor an integer")
	}
	c.quote(text)
	c.out = append(c.out, ':')
	return nil
}

// text returns a text, or bytes as one.
func (c *cborReader) text(h head) (string, error) {
	raw, err := c.chunks(h)
	switch {
	case err != nil:
		return "", err
	case h.major == cborBytes:
		return base64.RawURLEncoding.EncodeToString(raw), nil
	}
	return string(raw), nil
}

// chunks returns the bytes of a text or of bytes, which may come in parts.
func (c *cborReader) chunks(h head) ([]byte, error) {
	if !h.open {
		return c.bytes(h)
	}
	var all []byte
	for !c.atBreak() {
		part, err := c.next()
		if err != nil {
			return nil, err
		}
		if part.major != h.major || part.open {
			return nil, errors.New("a part of a text that is none")
		}
		raw, err := c.bytes(part)
		if err != nil {
			return nil, err
		}
		all = append(all, raw...)
	}
	return all, nil
}

// bytes takes the bytes of one part.
func (c *cborReader) bytes(h head) ([]byte, error) {
	if h.argument > uint64(len(c.rest)) {
		return nil, io.ErrUnexpectedEOF
	}
	raw := c.rest[:h.argument]
	if h.major == cborText && !utf8.Valid(raw) {
		return nil, errors.New("a text that is not UTF-8")
	}
	c.rest = c.rest[h.argument:]
	return raw, nil
}

// quote writes a text in JSON.
func (c *cborReader) quote(text string) {
	const hex = "0123456789abcdef"
	c.out = append(c.out, '"')
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '"', b == '\\':
			c.out = append(c.out, '\\', b)
		case b < ' ':
			c.out = append(c.out, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		default:
			c.out = append(c.out, b)
		}
	}
	c.out = append(c.out, '"')
}

// simple writes what is neither a number nor has anything in it, and floating-point numbers.
func (c *cborReader) simple(h head) error {
	switch {
	case h.open:
		return errors.New("a break where nothing is open")
	case h.width == 1 && h.argument < 32:
		return errors.New("a simple value in a longer form than it has")
	case h.width == 2:
		c.out = append(c.out, shortestHalf(uint16(h.argument))...)
	case h.width == 4:
		c.out = append(c.out, shortest(float64(math.Float32frombits(uint32(h.argument))), 32)...)
	case h.width == 8:
		c.out = append(c.out, shortest(math.Float64frombits(h.argument), 64)...)
	case h.argument == 20:
		c.out = append(c.out, "false"...)
	case h.argument == 21:
		c.out = append(c.out, "true"...)
	default:
		c.out = append(c.out, "null"...)
	}
	return nil
}

// shortest writes the shortest decimal that is read as f in so many bits, or that f is no number.
func shortest(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

// shortestHalf does so for 16 bits.
func shortestHalf(bits uint16) string {
	f := half(bits)
	if bits&0x7c00 == 0x7c00 || bits&0x7fff == 0 {
		return shortest(f, 64)
	}
	below, above := (half(bits-1)+f)/2, (half(bits+1)+f)/2
	if bits&0x7fff == 0x7bff { // the largest has none above it
		above = f + (f - below)
	}
	low, high := math.Min(below, above), math.Max(below, above)
	for digits := 1; ; digits++ {
		text := strconv.FormatFloat(f, 'g', digits, 64)
		d, _ := strconv.ParseFloat(text, 64) // it was written by strconv
		if low < d && d < high || bits&1 == 0 && (d == low || d == high) || d == f {
			return text
		}
	}
}

// half returns a floating-point number of 16 bits.
func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&31), float64(bits&1023)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		f = math.Inf(1)
		if fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(fraction+1024, exponent-25)
	}
	if bits>>15 != 0 {
		f = -f
	}
	return f
}

// The tags that make a number of what they stand before.
const (
	tagBignum         = 2
	tagNegativeBignum = 3
	tagDecimal        = 4
	tagBinary         = 5
)

// tagged writes what stands behind a tag.
func (c *cborReader) tagged(tag uint64, depth int) error {
	h, err := c.next()
	if err != nil {
		return err
	}
	switch tag {
	case tagBignum, tagNegativeBignum:
		n, err := c.bignum(tag, h)
		if err != nil {
			return err
		}
		c.out = n.Append(c.out, 10)
		return nil
	case tagDecimal, tagBinary:
		return c.fraction(tag, h)
	}
	return c.write(h, depth+1)
}

// bignum takes the integer that a tag makes of bytes.
func (c *cborReader) bignum(tag uint64, h head) (*big.Int, error) {
	if h.major != cborBytes {
		return nil, errors.New("a large integer that is not written in bytes")
	}
	raw, err := c.chunks(h)
	if err != nil {
		return nil, err
	}
	if len(raw) > maxBignum {
		return nil, fmt.Errorf("an integer of %d bytes, at most %d are read", len(raw), maxBignum)
	}
	n := new(big.Int).SetBytes(raw)
	if tag == tagNegativeBignum {
		n.Not(n) // −1 − n
	}
	return n, nil
}

// fraction writes mantissa × base^exponent.
func (c *cborReader) fraction(tag uint64, h head) error {
	if h.major != cborArray || h.open || h.argument != 2 {
		return errors.New("a fraction that is not an exponent and a mantissa")
	}
	e, err := c.whole()
	if err != nil {
		return err
	}
	m, err := c.whole()
	if err != nil {
		return err
	}
	base, most := "10", int64(maxDecimal)
	if tag == tagBinary {
		base, most = "2", maxBinary
	}
	if !e.IsInt64() || e.Int64() > most || e.Int64() < -most {
		return fmt.Errorf("a fraction with an exponent to the base %s beyond %d", base, most)
	}
	if tag == tagDecimal {
		c.out = append(m.Append(c.out, 10), 'e')
		c.out = e.Append(c.out, 10)
		return nil
	}
	c.out = append(c.out, binaryFraction(m, e.Int64())...)
	return nil
}

// binaryFraction returns m × 2^e in decimal, which has as many decimals as the exponent is below zero.
func binaryFraction(m *big.Int, e int64) string {
	if e >= 0 {
		return new(big.Int).Lsh(m, uint(e)).String()
	}
	text := new(big.Rat).SetFrac(m, new(big.Int).Lsh(big.NewInt(1), uint(-e))).FloatString(int(-e))
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// whole takes an integer of any size.
func (c *cborReader) whole() (*big.Int, error) {
	h, err := c.next()
	if err != nil {
		return nil, err
	}
	switch h.major {
	case cborUint:
		return new(big.Int).SetUint64(h.argument), nil
	case cborNegative:
		n := new(big.Int).SetUint64(h.argument)
		return n.Not(n), nil
	case cborTag:
		if h.argument == tagBignum || h.argument == tagNegativeBignum {
			inner, err := c.next()
			if err != nil {
				return nil, err
			}
			return c.bignum(h.argument, inner)
		}
	}
	return nil, errors.New("a fraction of what is no integer")
}
