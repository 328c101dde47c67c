package snmp

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gosnmp/gosnmp"

	"github.com/dodona-oracle/dodona"
)

// emptyIntegers makes of each empty OCTET STRING of an answer an INTEGER of no bytes, as some power strips send.
func emptyIntegers(raw []byte) []byte {
	for _, arc := range []byte{3, 7} {
		oid := []byte{tagOID, 4, 0x2b, 6, 9, arc}
		raw = bytes.Replace(raw, append(bytes.Clone(oid), tagOctets, 0), append(bytes.Clone(oid), tagInteger, 0), 1)
	}
	return raw
}

// strip answers 1.3.6.9.N by N, and the ones that odd names by nothing.
func strip(requests *atomic.Int32, odd func(n int) bool) func(asked *gosnmp.SnmpPacket) *gosnmp.SnmpPacket {
	return func(asked *gosnmp.SnmpPacket) *gosnmp.SnmpPacket {
		requests.Add(1)
		said := &gosnmp.SnmpPacket{RequestID: asked.RequestID}
		for _, v := range asked.Variables {
			var n int
			_, _ = fmt.Sscanf(v.Name, ".1.3.6.9.%d", &n)
			pdu := gosnmp.SnmpPDU{Name: v.Name, Type: gosnmp.Integer, Value: n}
			if odd(n) {
				pdu.Type, pdu.Value = gosnmp.OctetString, []byte{}
			}
			said.Variables = append(said.Variables, pdu)
		}
		return said
	}
}

// TestAVariableThatCannotBeDecodedCostsItselfAlone, and is asked for alone from then on.
func TestAVariableThatCannotBeDecodedCostsItselfAlone(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	var mended atomic.Bool
	s := spoiler(t, strip(&requests, func(n int) bool { return (n == 3 || n == 7) && !mended.Load() }), emptyIntegers)
	s.OIDs = map[string]Variable{}
	for n := range 16 {
		s.OIDs[fmt.Sprintf("v%d", n)] = Variable{OID: fmt.Sprintf("1.3.6.9.%d", n)}
	}
	p := lying(t, s)
	for exchange, most := range []int32{16, 3, 3, 1} {
		requests.Store(0)
		mended.Store(exchange >= 2)
		b, err := p.Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Readings) != 16 || requests.Load() > most {
			t.Errorf("exchange %d: %d readings in %d requests, want 16 in %d at most", exchange, len(b.Readings), requests.Load(), most)
		}
		for _, r := range b.Readings {
			odd := exchange < 2 && (r.Item == "1.3.6.9.3" || r.Item == "1.3.6.9.7")
			if odd != (r.Quality == dodona.Bad) {
				t.Errorf("exchange %d: %s is %s: %s", exchange, r.Item, r.Quality, r.Detail)
			}
			if want := "what the device says of it cannot be decoded: bytes: 02 00, zero length integer"; odd && r.Detail != want {
				t.Errorf("%s is bad as %q, want %q", r.Item, r.Detail, want)
			}
		}
	}
}

func TestADeviceOfWhichNothingCanBeDecodedSaysWhy(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	s := spoiler(t, strip(&requests, func(int) bool { return true }), emptyIntegers)
	s.OIDs = map[string]Variable{"a": {OID: "1.3.6.9.3"}, "b": {OID: "1.3.6.9.7"}}
	if b, err := lying(t, s).Observe(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "answers cannot be decoded: bytes: 02 00, zero length integer") {
		t.Errorf("got %v, %v", b.Readings, err)
	}
}

// TestAWalkThatComesToWhatCannotBeDecodedSaysWhere: what it is of is not known, so it cannot go on behind it.
func TestAWalkThatComesToWhatCannotBeDecodedSaysWhere(t *testing.T) {
	t.Parallel()
	s := spoiler(t, func(asked *gosnmp.SnmpPacket) *gosnmp.SnmpPacket {
		said := &gosnmp.SnmpPacket{RequestID: asked.RequestID}
		var n int
		_, _ = fmt.Sscanf(asked.Variables[0].Name, ".1.3.6.9.%d", &n) // 0 of the root itself
		for range max(asked.MaxRepetitions, 1) {
			n++
			pdu := gosnmp.SnmpPDU{Name: fmt.Sprintf(".1.3.6.9.%d", n), Type: gosnmp.Integer, Value: n}
			if n == 3 {
				pdu.Type, pdu.Value = gosnmp.OctetString, []byte{}
			}
			said.Variables = append(said.Variables, pdu)
		}
		return said
	}, emptyIntegers)
	if _, _, err := Scan(t.Context(), s, "1.3.6.9", 10); err == nil || !strings.Contains(err.Error(), "walk 1.3.6.9: what follows 1.3.6.9.2: bytes: 02 00, zero length integer") {
		t.Errorf("got %v", err)
	}
}
