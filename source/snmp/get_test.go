package snmp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gosnmp/gosnmp"
)

// TestARequestThatIsTooBigIsHalvedAndStaysSmall, and what a device refuses as a whole costs what it refuses alone.
func TestARequestThatIsTooBigIsHalvedAndStaysSmall(t *testing.T) {
	// A device that answers three variables at a time, and of these some.
	device := func(chunk []string, index bool) *gosnmp.SnmpPacket {
		if len(chunk) > 3 {
			return &gosnmp.SnmpPacket{Error: gosnmp.TooBig}
		}
		p := &gosnmp.SnmpPacket{}
		for i, oid := range chunk {
			if strings.HasSuffix(oid, ".4") || strings.HasSuffix(oid, ".5") {
				p.Error, p.Variables = gosnmp.GenErr, nil
				if index {
					p.ErrorIndex = uint8(i + 1)
				}
				return p
			}
			p.Variables = append([]gosnmp.SnmpPDU{{Name: "." + oid, Type: gosnmp.Integer, Value: i}}, p.Variables...) // in another order
		}
		return p
	}
	for _, index := range []bool{true, false} {
		p := &poller{chunk: 24}
		var oids []string
		for i := range 20 {
			oids = append(oids, fmt.Sprintf("1.3.6.%d", i))
		}
		got, requests := answers{}, 0
		queue := p.chunks(oids)
		for len(queue) > 0 && requests < 100 {
			requests++
			chunk := queue[0]
			queue = append(p.take(chunk, device(chunk, index), got), queue[1:]...)
		}
		if len(got) != len(oids) || p.chunk > 3 || requests > 20 {
			t.Errorf("index %v: %d answers after %d requests, of %d at last", index, len(got), requests, p.chunk)
		}
		for i, oid := range oids {
			a := got[oid]
			refused := i == 4 || i == 5
			if refused != (a.err != nil) || refused && a.err.Error() != "the device answers genErr" || !refused && a.varbind.name != oid {
				t.Errorf("index %v: %s is %+v", index, oid, a)
			}
		}
	}
	alone := answers{}
	(&poller{chunk: 24}).take([]string{"1.3.6.1"}, &gosnmp.SnmpPacket{Error: gosnmp.TooBig}, alone)
	if err := alone["1.3.6.1"].err; err == nil || !strings.Contains(err.Error(), "tooBig") {
		t.Errorf("one that is too big alone: %v", err)
	}
}

func TestWhatAnAnswerLeavesOutOrAddsIsNotTaken(t *testing.T) {
	got := answers{}
	takeValues([]string{"1.3.6.1", "1.3.6.2", "1.3.6.3"}, []gosnmp.SnmpPDU{
		{Name: ".1.3.6.2", Type: gosnmp.OctetString, Value: make([]byte, maxValue+1)}, {Name: ".1.3.6.9", Type: gosnmp.Integer, Value: 9}, {Name: ".1.3.6.3", Type: gosnmp.Integer, Value: 3},
	}, got)
	for oid, want := range map[string]string{"1.3.6.1": "leaves it out", "1.3.6.2": "its value has 8193 bytes, at most 8192 are read", "1.3.6.3": ""} {
		if err := got[oid].err; want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", oid, err, want)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d answers to three questions", len(got))
	}
}
