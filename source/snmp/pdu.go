package snmp

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"strings"

	"github.com/gosnmp/gosnmp"
)

// varbindOf writes what the library read as a varbind again. The library keeps no varbind as it came, and an encrypted one is never seen whole: so
// the body of a reading is its value in the shortest BER, which is the one form that SNMP lets devices send, but for lengths.
func varbindOf(pdu gosnmp.SnmpPDU) (varbind, error) {
	v := varbind{name: strings.TrimPrefix(pdu.Name, "."), tag: byte(pdu.Type)}
	bad := func() (varbind, error) {
		return v, fmt.Errorf("the library read a %T as type 0x%02x, which is none of SNMP", pdu.Value, byte(pdu.Type))
	}
	switch pdu.Type {
	case gosnmp.Integer:
		n, is := pdu.Value.(int)
		if !is {
			return bad()
		}
		v.value = appendSigned(nil, int64(n))
	case gosnmp.Counter32, gosnmp.Gauge32, gosnmp.TimeTicks, gosnmp.Counter64, gosnmp.Uinteger32:
		n, is := unsignedOf(pdu.Value)
		if !is {
			return bad()
		}
		v.value = appendUnsigned(nil, n)
	case gosnmp.OctetString, gosnmp.Opaque:
		b, is := pdu.Value.([]byte)
		if !is {
			return bad()
		}
		v.value = b
	case gosnmp.ObjectIdentifier:
		text, _ := pdu.Value.(string)
		content, err := oidBytes(text)
		if err != nil {
			return bad()
		}
		v.value = content
	case gosnmp.IPAddress:
		text, _ := pdu.Value.(string) // nil where the device sends an empty one
		ip := net.ParseIP(text)
		if v.value = ip.To4(); v.value == nil {
			v.value = ip
		}
	case gosnmp.OpaqueFloat:
		f, is := pdu.Value.(float32)
		if !is {
			return bad()
		}
		v.tag, v.value = tagOpaque, binary.BigEndian.AppendUint32([]byte{0x9f, 0x78, 4}, math.Float32bits(f))
	case gosnmp.OpaqueDouble:
		f, is := pdu.Value.(float64)
		if !is {
			return bad()
		}
		v.tag, v.value = tagOpaque, binary.BigEndian.AppendUint64([]byte{0x9f, 0x79, 8}, math.Float64bits(f))
	case gosnmp.Null, gosnmp.NoSuchObject, gosnmp.NoSuchInstance, gosnmp.EndOfMibView:
	default:
		return bad()
	}
	return v, nil
}

func unsignedOf(value any) (uint64, bool) {
	switch n := value.(type) {
	case uint:
		return uint64(n), true
	case uint32:
		return uint64(n), true
	case uint64:
		return n, true
	}
	return 0, false
}
