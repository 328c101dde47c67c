package opcua

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unicode/utf8"

	"github.com/gopcua/opcua/ua"
)

// A cursor reads OPC UA binary (Part 6, 5.2) that a stranger sent. It never reads past its end, never goes deeper than maxDepth, and
// keeps its first error: after one everything reads as zero. The library's own decoder is not let near such bytes; decision 089 says why.
type cursor struct {
	rest  []byte
	err   error
	depth int
}

// maxDepth is how deep variants, data values and diagnostics may stand in each other. Part 6, 5.1.5 asks for 100.
const maxDepth = 100

var (
	errShort = errors.New("the message ends too early")
	errDepth = errors.New("the message is nested too deep")
)

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.rest = nil
}

// take returns the next n bytes, which are the message's own.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.rest) {
		c.fail(errShort)
		return nil
	}
	out := c.rest[:n:n]
	c.rest = c.rest[n:]
	return out
}

func (c *cursor) u8() uint8 {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// f64 returns a double that is an amount of time or a size, not a measured value.
func (c *cursor) f64() float64 { return math.Float64frombits(c.u64()) }

// bytes returns a byte string; nil for a null one.
func (c *cursor) bytes() []byte {
	n := int32(c.u32())
	if n < 0 { // -1 is null, and nothing less has a meaning
		return nil
	}
	return c.take(int(n))
}

// text returns a string with U+FFFD for what is not UTF-8.
func (c *cursor) text() string {
	b := c.bytes()
	if utf8.Valid(b) {
		return string(b)
	}
	return string([]rune(string(b)))
}

// count returns the length of an array whose elements take at least least bytes each.
func (c *cursor) count(least int) int {
	n := int32(c.u32())
	if n <= 0 {
		return 0
	}
	if int(n) > len(c.rest)/least {
		c.fail(errShort)
		return 0
	}
	return int(n)
}

// epoch is that of DateTime: 1601-01-01, in ticks of 100 ns before 1970.
const epoch = 116444736000000000

// time returns a DateTime; zero for none, for the ends of its range, which mean the same, and for years that nobody measures in.
func (c *cursor) time() time.Time { return timeOf(c.u64()) }

func timeOf(ticks uint64) time.Time {
	since := int64(ticks) - epoch
	if int64(ticks) <= 0 || since > math.MaxInt64/100 {
		return time.Time{}
	}
	return time.Unix(since/1e7, since%1e7*100).UTC()
}

// nodeID passes a NodeId, or an ExpandedNodeId, and returns its bytes.
func (c *cursor) nodeID() []byte {
	start := c.rest
	mask := c.u8()
	switch mask & 0x3f {
	case 0:
		c.take(1)
	case 1:
		c.take(3)
	case 2:
		c.take(6)
	case 3, 5:
		c.take(2)
		c.bytes()
	case 4:
		c.take(18)
	default:
		c.fail(errors.New("a node id has an unknown form"))
	}
	if mask&0x80 != 0 {
		c.bytes()
	}
	if mask&0x40 != 0 {
		c.take(4)
	}
	if c.err != nil {
		return nil
	}
	return start[:len(start)-len(c.rest)]
}

// node returns a NodeId, or an ExpandedNodeId without its namespace's URI and server.
func (c *cursor) node() *ua.NodeID {
	raw := c.nodeID()
	if raw == nil {
		return ua.NewTwoByteNodeID(0)
	}
	raw = append([]byte{raw[0] & 0x3f}, raw[1:]...)
	id := new(ua.NodeID)
	if _, err := id.Decode(raw); err != nil {
		c.fail(err)
		return ua.NewTwoByteNodeID(0)
	}
	return id
}

// qualifiedName returns a name without its namespace.
func (c *cursor) qualifiedName() string {
	c.u16()
	return c.text()
}

func (c *cursor) localizedText() string {
	mask := c.u8()
	if mask&1 != 0 {
		c.bytes()
	}
	if mask&2 != 0 {
		return c.text()
	}
	return ""
}

// deeper calls f one level down.
func (c *cursor) deeper(f func()) {
	if c.depth++; c.depth > maxDepth {
		c.fail(errDepth)
	} else {
		f()
	}
	c.depth--
}

// extension passes an ExtensionObject and returns its type and body.
func (c *cursor) extension() (id *ua.NodeID, body []byte) {
	id = c.node()
	if c.u8() == 0 {
		return id, nil
	}
	return id, c.bytes()
}

// dataValue passes a DataValue and returns its bytes.
func (c *cursor) dataValue() []byte {
	start := c.rest
	c.deeper(func() {
		mask := c.u8()
		if mask&ua.DataValueValue != 0 {
			c.variant()
		}
		for _, part := range dataValueParts {
			if mask&part.mask != 0 {
				c.take(part.size)
			}
		}
	})
	if c.err != nil {
		return nil
	}
	return start[:len(start)-len(c.rest)]
}

// dataValueParts are what follows the value, in its order.
var dataValueParts = []struct {
	mask byte
	size int
}{
	{ua.DataValueStatusCode, 4},
	{ua.DataValueSourceTimestamp, 8},
	{ua.DataValueSourcePicoseconds, 2},
	{ua.DataValueServerTimestamp, 8},
	{ua.DataValueServerPicoseconds, 2},
}

// variant passes a Variant.
func (c *cursor) variant() {
	mask := c.u8()
	kind := ua.TypeID(mask & 0x3f)
	if mask&ua.VariantArrayValues == 0 {
		c.builtin(kind)
		return
	}
	for range c.count(1) {
		if c.builtin(kind); c.err != nil {
			return
		}
	}
	if mask&ua.VariantArrayDimensions != 0 {
		c.take(4 * c.count(4))
	}
}

// sizes of the built-in types that have one.
var sizes = map[ua.TypeID]int{
	ua.TypeIDNull: 0, ua.TypeIDBoolean: 1, ua.TypeIDSByte: 1, ua.TypeIDByte: 1, ua.TypeIDInt16: 2, ua.TypeIDUint16: 2,
	ua.TypeIDInt32: 4, ua.TypeIDUint32: 4, ua.TypeIDInt64: 8, ua.TypeIDUint64: 8, ua.TypeIDFloat: 4, ua.TypeIDDouble: 8,
	ua.TypeIDDateTime: 8, ua.TypeIDGUID: 16, ua.TypeIDStatusCode: 4,
}

// builtin passes a value of a built-in type.
func (c *cursor) builtin(kind ua.TypeID) {
	if size, fixed := sizes[kind]; fixed {
		c.take(size)
		return
	}
	switch kind {
	case ua.TypeIDString, ua.TypeIDByteString, ua.TypeIDXMLElement:
		c.bytes()
	case ua.TypeIDNodeID, ua.TypeIDExpandedNodeID:
		c.nodeID()
	case ua.TypeIDQualifiedName:
		c.qualifiedName()
	case ua.TypeIDLocalizedText:
		c.localizedText()
	case ua.TypeIDExtensionObject:
		c.extension()
	case ua.TypeIDDataValue:
		c.dataValue()
	case ua.TypeIDVariant:
		c.deeper(c.variant)
	case ua.TypeIDDiagnosticInfo:
		c.diagnostics()
	default:
		c.fail(errors.New("a value has an unknown type"))
	}
}

// diagnostics passes a DiagnosticInfo.
func (c *cursor) diagnostics() {
	c.deeper(func() {
		mask := c.u8()
		for _, bit := range []byte{0x01, 0x02, 0x08, 0x04} { // symbolic id, namespace, locale, text
			if mask&bit != 0 {
				c.take(4)
			}
		}
		if mask&0x10 != 0 {
			c.bytes()
		}
		if mask&0x20 != 0 {
			c.take(4)
		}
		if mask&0x40 != 0 {
			c.diagnostics()
		}
	})
}
