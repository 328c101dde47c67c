package snmp

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// FuzzMessagesOfStrangers sends a listener whatever there is: what it takes is a list of varbinds that is read again.
func FuzzMessagesOfStrangers(f *testing.F) {
	s := Settings{
		Listen: "127.0.0.1:162", Community: secret.New("public"),
		Users: []User{{Name: "u0"}, {Name: "u1", Auth: "sha-256", AuthPassword: secret.New("password-a")}},
	}
	j, err := newJudge(s)
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range []*gosnmp.SnmpPacket{
		{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.SNMPv2Trap},
		{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.InformRequest},
		{Version: gosnmp.Version1, Community: "public", PDUType: gosnmp.Trap, SnmpTrap: gosnmp.SnmpTrap{Enterprise: ".1.3.6.1.4.1.9", AgentAddress: "10.0.0.1", GenericTrap: 6, SpecificTrap: 3}},
		{Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel, PDUType: gosnmp.SNMPv2Trap, ContextEngineID: "\x80\x00\x00\x00\x01", SecurityParameters: &gosnmp.UsmSecurityParameters{UserName: "u0", AuthoritativeEngineID: "\x80\x00\x00\x00\x01"}},
		{Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel, PDUType: gosnmp.GetRequest, MsgFlags: gosnmp.Reportable, SecurityParameters: &gosnmp.UsmSecurityParameters{}},
	} {
		p.Variables = []gosnmp.SnmpPDU{
			{Name: "." + sysUpTime, Type: gosnmp.TimeTicks, Value: uint32(7)},
			{Name: "." + snmpTrapOID, Type: gosnmp.ObjectIdentifier, Value: ".1.3.6.1.6.3.1.1.5.3"},
			{Name: ".1.3.6.1.4.1.9.1", Type: gosnmp.OpaqueFloat, Value: float32(1.5)},
			{Name: ".1.3.6.1.4.1.9.2", Type: gosnmp.Counter64, Value: uint64(1 << 63)},
		}
		raw, err := p.MarshalMsg()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	rules := map[string]rule{"p": {OID: "1.3.6.1.4.1.9"}}
	d, err := newDecoder(rules)
	if err != nil {
		f.Fatal(err)
	}
	from, now := netip.MustParseAddr("10.0.0.1"), time.Unix(1_800_000_000, 0)
	fuzztest.Run(f, func(t *testing.T, datagram []byte) {
		v, err := j.judge(bytes.Clone(datagram), from, now)
		if err != nil {
			return
		}
		all, err := parseVarbinds(v.reading.Body)
		if err != nil || len(all) == 0 {
			t.Fatalf("%x makes the body %x: %v", datagram, v.reading.Body, err)
		}
		v.reading.Received = now
		if _, err := d.Apply(t.Context(), dodona.Call{Readings: []dodona.Reading{v.reading}}); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzBodiesOfReadings decodes what stands in a journal, whoever wrote it: a value is one that its own bytes say.
func FuzzBodiesOfReadings(f *testing.F) {
	for _, v := range []varbind{
		{"1.3.6.1.2", tagInteger, []byte{0x80}},
		unsignedBind("1.3.6.1.2", tagCounter64, 1<<63),
		{"1.3.6.1.2", tagOctets, []byte("21.5")},
		{"1.3.6.1.2", tagOpaque, []byte{0x9f, 0x78, 4, 0x3f, 0xc0, 0, 0}},
		{"1.3.6.1.2", tagNoSuchInstance, nil},
	} {
		body, err := appendVarbinds(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, "1.3.6.1.2")
		f.Add(body, "10.0.0.1/1.3.6")
	}
	d, err := newDecoder(map[string]rule{
		"v": {OID: "1.3.6.1.2"}, "r": {OID: "1.3.6.1.2", As: asRate, Since: "1.3.6.1"}, "k": {OID: "1.3.6.1", Key: "1.3.6.1", Is: "21.5"},
	})
	if err != nil {
		f.Fatal(err)
	}
	fuzztest.Run(f, func(t *testing.T, body []byte, item string) {
		a := dodona.Reading{Item: item, Body: body, Received: time.Unix(1_800_000_000, 0)}
		b := a
		b.Received = b.Received.Add(time.Second)
		a.Item += ofBefore
		if _, err := d.Apply(t.Context(), dodona.Call{Readings: []dodona.Reading{a, b}}); err != nil {
			t.Fatal(err)
		}
		all, err := parseVarbinds(body)
		if err != nil {
			return
		}
		again, err := appendVarbinds(nil, all...)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := parseVarbinds(again); err != nil || len(same) != len(all) {
			t.Fatalf("%x is written as %x, which is %v, %v", body, again, same, err)
		}
	})
}

// FuzzAnswersOfDevices reads an answer as the library does, and takes what it hands over.
func FuzzAnswersOfDevices(f *testing.F) {
	p := &gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetResponse, RequestID: 1, Variables: []gosnmp.SnmpPDU{
		{Name: "." + sysUpTime, Type: gosnmp.TimeTicks, Value: uint32(7)}, {Name: ".1.3.6.1.2", Type: gosnmp.NoSuchInstance}, {Name: ".1.3.6.1.3", Type: gosnmp.IPAddress, Value: "10.0.0.1"},
	}}
	raw, err := p.MarshalMsg()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	lib := &gosnmp.GoSNMP{Version: gosnmp.Version2c}
	fuzztest.Run(f, func(t *testing.T, datagram []byte) {
		packet, err := lib.SnmpDecodePacket(datagram)
		if err != nil {
			return
		}
		got := answers{}
		takeValues([]string{sysUpTime, "1.3.6.1.2"}, packet.Variables, got)
		for oid, a := range got {
			if a.err == nil && a.varbind.name != oid {
				t.Fatalf("%s was taken for %s", a.varbind.name, oid)
			}
			if a.err != nil {
				continue
			}
			if _, err := appendVarbinds(nil, a.varbind); err != nil {
				t.Fatal(err)
			}
		}
	})
}
