package snmp

import (
	"errors"
	"math"
)

// The tags of BER that SNMP uses (RFC 3416, RFC 2578).
const (
	tagInteger        = 0x02
	tagOctets         = 0x04
	tagNull           = 0x05
	tagOID            = 0x06
	tagSequence       = 0x30
	tagIPAddress      = 0x40
	tagCounter32      = 0x41
	tagGauge32        = 0x42
	tagTimeTicks      = 0x43
	tagOpaque         = 0x44
	tagCounter64      = 0x46
	tagUinteger32     = 0x47
	tagNoSuchObject   = 0x80
	tagNoSuchInstance = 0x81
	tagEndOfMibView   = 0x82
)

// typeNames are what people call the types.
var typeNames = map[byte]string{
	tagInteger: "an Integer32", tagOctets: "an OCTET STRING", tagNull: "a Null", tagOID: "an OBJECT IDENTIFIER", tagIPAddress: "an IpAddress",
	tagCounter32: "a Counter32", tagGauge32: "a Gauge32", tagTimeTicks: "TimeTicks", tagOpaque: "an Opaque", tagCounter64: "a Counter64",
	tagUinteger32: "an Unsigned32", tagNoSuchObject: "noSuchObject", tagNoSuchInstance: "noSuchInstance", tagEndOfMibView: "endOfMibView",
}

// A varbind is one variable and what the device says it is.
type varbind struct {
	name  string // its OID
	tag   byte
	value []byte // the content in BER
}

var errBER = errors.New("not BER")

// cutTLV returns the first element of BER and what follows it.
func cutTLV(b []byte) (tag byte, value, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, nil, errBER
	}
	tag, length, at := b[0], int(b[1]), 2
	if length >= 0x80 {
		n := length & 0x7f
		if n == 0 || n > 4 || len(b) < 2+n {
			return 0, nil, nil, errBER
		}
		var long uint64
		for _, digit := range b[2 : 2+n] {
			long = long<<8 | uint64(digit)
		}
		if long > math.MaxInt32 {
			return 0, nil, nil, errBER
		}
		length, at = int(long), 2+n
	}
	if len(b)-at < length {
		return 0, nil, nil, errBER
	}
	return tag, b[at : at+length], b[at+length:], nil
}

// cut returns the content of the first element of BER, which must have a tag.
func cut(b []byte, want byte) (value, rest []byte, err error) {
	tag, value, rest, err := cutTLV(b)
	if err == nil && tag != want {
		err = errBER
	}
	return value, rest, err
}

func appendTLV(b []byte, tag byte, value []byte) []byte {
	b = append(b, tag)
	switch n := len(value); {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 0x100:
		b = append(b, 0x81, byte(n))
	case n < 0x10000:
		b = append(b, 0x82, byte(n>>8), byte(n))
	default:
		b = append(b, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, value...)
}

// parseVarbinds reads a VarBindList: the body of a reading.
func parseVarbinds(body []byte) ([]varbind, error) {
	list, rest, err := cut(body, tagSequence)
	if err != nil || len(rest) > 0 {
		return nil, errBER
	}
	var all []varbind
	for len(list) > 0 {
		var one []byte
		if one, list, err = cut(list, tagSequence); err != nil {
			return nil, err
		}
		name, one, err := cut(one, tagOID)
		if err != nil {
			return nil, err
		}
		oid, err := oidOf(name)
		if err != nil {
			return nil, err
		}
		tag, value, rest, err := cutTLV(one)
		if err != nil || len(rest) > 0 {
			return nil, errBER
		}
		all = append(all, varbind{oid, tag, value})
	}
	return all, nil
}

// appendVarbinds writes a VarBindList. The names must be numeric.
func appendVarbinds(b []byte, all ...varbind) ([]byte, error) {
	var list []byte
	for _, v := range all {
		oid, err := oidBytes(v.name)
		if err != nil {
			return nil, err
		}
		list = appendTLV(list, tagSequence, appendTLV(appendTLV(nil, tagOID, oid), v.tag, v.value))
	}
	return appendTLV(b, tagSequence, list), nil
}

// oidOf returns the OID of its content in BER.
func oidOf(content []byte) (string, error) {
	var arcs []uint32
	var arc uint64
	for i, digit := range content {
		if arc = arc<<7 | uint64(digit&0x7f); arc > math.MaxUint32 {
			return "", errBER
		}
		if digit&0x80 != 0 {
			if i == len(content)-1 {
				return "", errBER
			}
			continue
		}
		if len(arcs) == 0 {
			first := min(arc/40, 2)
			arcs = append(arcs, uint32(first))
			arc -= 40 * first
		}
		arcs = append(arcs, uint32(arc))
		arc = 0
		if len(arcs) > maxArcs {
			return "", errBER
		}
	}
	if len(arcs) == 0 {
		return "", errBER
	}
	return joinArcs(arcs), nil
}

// oidBytes returns the content of an OID in BER.
func oidBytes(oid string) ([]byte, error) {
	arcs, err := arcsOf(oid)
	if err != nil {
		return nil, err
	}
	first := uint64(arcs[0])*40 + uint64(arcs[1])
	b := appendBase128(nil, first)
	for _, arc := range arcs[2:] {
		b = appendBase128(b, uint64(arc))
	}
	return b, nil
}

func appendBase128(b []byte, n uint64) []byte {
	shift := 0
	for n>>shift > 0x7f {
		shift += 7
	}
	for ; shift > 0; shift -= 7 {
		b = append(b, byte(n>>shift)|0x80)
	}
	return append(b, byte(n)&0x7f)
}

// appendSigned writes an INTEGER in as few bytes as can be.
func appendSigned(b []byte, n int64) []byte {
	size := 1
	for size < 8 && (n < -(1<<(8*size-1)) || n >= 1<<(8*size-1)) {
		size++
	}
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// appendUnsigned writes an unsigned number in as few bytes as can be, with a zero in front where the first bit would be a sign.
func appendUnsigned(b []byte, n uint64) []byte {
	size := 1
	for size < 9 && n>>(8*size-1) > 0 {
		size++
	}
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// signed reads the content of an INTEGER of 64 bits at most.
func signed(content []byte) (int64, error) {
	if len(content) == 0 || len(content) > 8 {
		return 0, errBER
	}
	n := int64(int8(content[0]))
	for _, digit := range content[1:] {
		n = n<<8 | int64(digit)
	}
	return n, nil
}

// unsigned reads the content of an unsigned number. Some devices leave out the zero that keeps the first bit from being a sign.
func unsigned(content []byte) (uint64, error) {
	if len(content) == 9 && content[0] == 0 {
		content = content[1:]
	}
	if len(content) == 0 || len(content) > 8 {
		return 0, errBER
	}
	var n uint64
	for _, digit := range content {
		n = n<<8 | uint64(digit)
	}
	return n, nil
}
