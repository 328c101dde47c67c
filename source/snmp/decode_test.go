package snmp

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/dodona-oracle/dodona"
)

var start = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)

// reading is one of a variable, some seconds after the start.
func reading(t *testing.T, seconds int, v varbind) dodona.Reading {
	t.Helper()
	body, err := appendVarbinds(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	r := dodona.Reading{Source: "device", Item: v.name, Body: body, Received: start.Add(time.Duration(seconds) * time.Second)}
	if missing[v.tag] != "" {
		r.Quality, r.Detail = dodona.Bad, missing[v.tag]
	}
	return r
}

func unsignedBind(oid string, tag byte, n uint64) varbind {
	return varbind{oid, tag, appendUnsigned(nil, n)}
}

// decoded returns the one point of a rule.
func decoded(t *testing.T, r rule, readings ...dodona.Reading) dodona.Point {
	t.Helper()
	d, err := newDecoder(map[string]rule{"p": r})
	if err != nil {
		t.Fatal(err)
	}
	dodona.SortReadings(readings)
	result, err := d.Apply(t.Context(), dodona.Call{Readings: readings})
	if err != nil || len(result.Points) != 1 {
		t.Fatalf("%+v, %v", result.Points, err)
	}
	return result.Points[0]
}

func TestEachTypeIsAnExactDecimalOrSaysWhyNot(t *testing.T) {
	const oid = "1.3.6.1.4.1.9.1.0"
	for name, c := range map[string]struct {
		pdu  gosnmp.SnmpPDU
		want string
	}{
		"Integer32":      {gosnmp.SnmpPDU{Type: gosnmp.Integer, Value: -2147483648}, "-2147483648"},
		"-1":             {gosnmp.SnmpPDU{Type: gosnmp.Integer, Value: -1}, "-1"},
		"128":            {gosnmp.SnmpPDU{Type: gosnmp.Integer, Value: 128}, "128"},
		"Counter32":      {gosnmp.SnmpPDU{Type: gosnmp.Counter32, Value: uint(4294967295)}, "4294967295"},
		"Gauge32":        {gosnmp.SnmpPDU{Type: gosnmp.Gauge32, Value: uint(0)}, "0"},
		"TimeTicks":      {gosnmp.SnmpPDU{Type: gosnmp.TimeTicks, Value: uint32(4294967295)}, "4294967295"},
		"Unsigned32":     {gosnmp.SnmpPDU{Type: gosnmp.Uinteger32, Value: uint32(7)}, "7"},
		"Counter64":      {gosnmp.SnmpPDU{Type: gosnmp.Counter64, Value: uint64(math.MaxUint64)}, "18446744073709551615"},
		"text":           {gosnmp.SnmpPDU{Type: gosnmp.OctetString, Value: []byte(" -21.50\n")}, "-21.5"},
		"no number":      {gosnmp.SnmpPDU{Type: gosnmp.OctetString, Value: []byte("21,5 °C")}, "no number"},
		"nothing":        {gosnmp.SnmpPDU{Type: gosnmp.OctetString, Value: []byte{}}, "no number"},
		"float":          {gosnmp.SnmpPDU{Type: gosnmp.OpaqueFloat, Value: float32(0.1)}, "0.1"},
		"double":         {gosnmp.SnmpPDU{Type: gosnmp.OpaqueDouble, Value: 0.1}, "0.1"},
		"NaN":            {gosnmp.SnmpPDU{Type: gosnmp.OpaqueFloat, Value: float32(math.NaN())}, "no finite number"},
		"Opaque":         {gosnmp.SnmpPDU{Type: gosnmp.Opaque, Value: []byte{1, 2}}, "neither a float nor a double"},
		"OID":            {gosnmp.SnmpPDU{Type: gosnmp.ObjectIdentifier, Value: ".1.3.6.1"}, "an OBJECT IDENTIFIER is no number"},
		"IpAddress":      {gosnmp.SnmpPDU{Type: gosnmp.IPAddress, Value: "10.0.0.1"}, "an IpAddress is no number"},
		"Null":           {gosnmp.SnmpPDU{Type: gosnmp.Null}, "a Null is no number"},
		"noSuchInstance": {gosnmp.SnmpPDU{Type: gosnmp.NoSuchInstance}, "the device has no such instance"},
		"noSuchObject":   {gosnmp.SnmpPDU{Type: gosnmp.NoSuchObject}, "no such object"},
		"endOfMibView":   {gosnmp.SnmpPDU{Type: gosnmp.EndOfMibView}, "nothing there"},
	} {
		c.pdu.Name = "." + oid
		v, err := varbindOf(c.pdu)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := decoded(t, rule{OID: oid}, reading(t, 0, v))
		if got := p.Value.String(); p.Quality == dodona.Good && got != c.want || p.Quality != dodona.Good && !strings.Contains(p.Reason, c.want) || !p.Time.Equal(start) {
			t.Errorf("%s: %+v, want %s", name, p, c.want)
		}
	}
	for _, pdu := range []gosnmp.SnmpPDU{
		{Type: gosnmp.UnknownType},
		{Type: gosnmp.Integer, Value: "7"},
		{Type: gosnmp.Counter32},
		{Type: gosnmp.OctetString},
		{Type: 0x99},
		{Type: gosnmp.OpaqueFloat, Value: 1.5},
		{Type: gosnmp.OpaqueDouble},
		{Type: gosnmp.ObjectIdentifier, Value: "x"},
	} {
		if v, err := varbindOf(pdu); err == nil {
			t.Errorf("%+v was taken as %+v", pdu, v)
		}
	}
	scaled := decoded(t, rule{OID: oid, Scale: mustDecimal(t, "0.1"), Offset: mustDecimal(t, "-273.15"), Unit: "Cel"}, reading(t, 0, unsignedBind(oid, tagGauge32, 2951)))
	if scaled.Value.String() != "21.95" || scaled.Unit != "Cel" {
		t.Errorf("scaled: %+v", scaled)
	}
	if p := decoded(t, rule{OID: oid}, reading(t, 0, unsignedBind(sysUpTime, tagTimeTicks, 1))); p.Quality != dodona.Bad || !strings.Contains(p.Reason, oid+" was not read") {
		t.Errorf("without a reading: %+v", p)
	}
	swapped := reading(t, 0, unsignedBind(oid, tagGauge32, 1))
	swapped.Item = "1.3.6.1.4.1.9.2.0"
	if p := decoded(t, rule{OID: swapped.Item}, swapped); p.Quality != dodona.Bad {
		t.Errorf("another variable's value was taken: %+v", p)
	}
}

func mustDecimal(t *testing.T, text string) dodona.Decimal {
	t.Helper()
	d, err := dodona.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAValueIsNoLargerThanItsType(t *testing.T) {
	for tag, want := range map[byte]string{tagCounter32: "a Counter32 of more than 32 bits", tagGauge32: "of more than 32 bits", tagTimeTicks: "of more than 32 bits", tagCounter64: ""} {
		n, err := unsignedBind("1.3.6.1.4.1.9.1.0", tag, 1<<32).number()
		if want == "" && (err != nil || n.String() != "4294967296") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("type 0x%02x: %s, %v, want %q", tag, n, err, want)
		}
	}
}

func TestACounterIsOfOneSizeInBothExchanges(t *testing.T) {
	const oid = "1.3.6.1.2.1.2.2.1.10.3"
	for _, c := range [][2]byte{{tagCounter32, tagCounter64}, {tagCounter64, tagCounter32}} {
		before, last := sample{varbind: unsignedBind(oid, c[0], 1)}, sample{varbind: unsignedBind(oid, c[1], 2)}
		if _, _, err := counts(last, before); err == nil || !strings.Contains(err.Error(), "in the exchange before and is") {
			t.Errorf("0x%02x, then 0x%02x: %v", c[0], c[1], err)
		}
	}
}

func TestACounterWrapsAndBeginsAnew(t *testing.T) {
	const oid, since = "1.3.6.1.2.1.2.2.1.10.3", "1.3.6.1.2.1.31.1.1.1.19.3"
	type exchange struct {
		at      int // seconds
		ticks   int64
		counter uint64
		since   uint64
	}
	for name, c := range map[string]struct {
		tag           byte
		before, now   exchange
		delta, rate   string // or why not
		want          dodona.Quality
		withoutUpTime bool
	}{
		"grows":                   {tagCounter32, exchange{0, 1000, 100, 0}, exchange{10, 2000, 350, 0}, "250", "25", dodona.Good, false},
		"by its own clock":        {tagCounter64, exchange{0, 1000, 0, 0}, exchange{10, 1750, 15, 0}, "15", "2", dodona.Good, false},
		"rounded":                 {tagCounter64, exchange{0, 1000, 0, 0}, exchange{3, 1300, 10, 0}, "10", "3.333", dodona.Good, false},
		"stands still":            {tagCounter64, exchange{0, 1000, 9, 0}, exchange{10, 2000, 9, 0}, "0", "0", dodona.Good, false},
		"wraps at 32 bits":        {tagCounter32, exchange{0, 1000, math.MaxUint32, 0}, exchange{10, 2000, 9, 0}, "10", "1", dodona.Good, false},
		"wraps at 64 bits":        {tagCounter64, exchange{0, 1000, math.MaxUint64, 0}, exchange{10, 2000, 9, 0}, "10", "1", dodona.Good, false},
		"no 64 bits are full":     {tagCounter64, exchange{0, 1000, 1 << 40, 0}, exchange{10, 2000, 9, 0}, "went back", "went back", dodona.Bad, false},
		"uptime wraps":            {tagCounter32, exchange{0, math.MaxUint32 - 499, 100, 0}, exchange{10, 500, 350, 0}, "250", "25", dodona.Good, false},
		"started anew":            {tagCounter32, exchange{0, 900000, 100, 0}, exchange{60, 500, 350, 0}, "started anew", "started anew", dodona.Bad, false},
		"started anew, up longer": {tagCounter32, exchange{0, 1000, 100, 0}, exchange{3600, 200000, 350, 0}, "started anew", "started anew", dodona.Bad, false},
		"began anew":              {tagCounter32, exchange{0, 1000, 100, 0}, exchange{10, 2000, 350, 1500}, "began anew", "began anew", dodona.Bad, false},
		"no clock":                {tagCounter32, exchange{0, 0, 100, 0}, exchange{10, 0, 350, 0}, "250", "25", dodona.Uncertain, true},
		"no clock, back":          {tagCounter32, exchange{0, 0, 350, 0}, exchange{10, 0, 100, 0}, "went back", "went back", dodona.Bad, true},
		"at the same time":        {tagCounter32, exchange{0, 1000, 100, 0}, exchange{1, 1000, 100, 0}, "no time passed", "no time passed", dodona.Bad, false},
		"no counter":              {tagGauge32, exchange{0, 1000, 100, 0}, exchange{10, 2000, 350, 0}, "is no counter", "is no counter", dodona.Bad, false},
	} {
		var readings []dodona.Reading
		for i, e := range []exchange{c.before, c.now} {
			mark := map[int]string{0: ofBefore}[i]
			reading := func(t *testing.T, at int, v varbind) dodona.Reading {
				r := reading(t, at, v)
				r.Item += mark
				return r
			}
			readings = append(readings, reading(t, e.at, unsignedBind(oid, c.tag, e.counter)), reading(t, e.at, unsignedBind(since, tagTimeTicks, e.since)))
			if !c.withoutUpTime {
				readings = append(readings, reading(t, e.at, unsignedBind(sysUpTime, tagTimeTicks, uint64(e.ticks))))
			}
		}
		for as, want := range map[As]string{asDelta: c.delta, asRate: c.rate} {
			p := decoded(t, rule{OID: oid, As: as, Since: since}, readings...)
			if p.Quality != c.want || p.Quality == dodona.Bad && !strings.Contains(p.Reason, want) || p.Quality != dodona.Bad && p.Value.String() != want {
				t.Errorf("%s as %s: %+v, want %s", name, as, p, want)
			}
		}
	}
	once := decoded(t, rule{OID: oid, As: asRate}, reading(t, 0, unsignedBind(oid, tagCounter64, 5)))
	if once.Quality != dodona.Bad || !strings.Contains(once.Reason, "read once so far") {
		t.Errorf("read once: %+v", once)
	}
	was := reading(t, 0, unsignedBind(oid, tagCounter64, 5))
	was.Item += ofBefore
	gone := decoded(t, rule{OID: oid, As: asRate}, was, reading(t, 10, varbind{oid, tagNoSuchInstance, nil}))
	if gone.Quality != dodona.Bad || !strings.Contains(gone.Reason, "no such instance") {
		t.Errorf("gone: %+v", gone)
	}
}

func TestARowIsFoundAnewInEachRound(t *testing.T) {
	const key, column = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.31.1.1.1.6"
	text := func(index, text string) dodona.Reading {
		return reading(t, 0, varbind{key + "." + index, tagOctets, []byte(text)})
	}
	value := func(index string, n uint64) dodona.Reading {
		return reading(t, 0, unsignedBind(column+"."+index, tagCounter64, n))
	}
	r := rule{OID: column, Key: key, Is: "eth0"}
	for name, c := range map[string]struct {
		readings []dodona.Reading
		want     string
	}{
		"found":         {[]dodona.Reading{text("1", "lo"), text("12", "eth0"), value("1", 1), value("12", 12)}, "12"},
		"padded":        {[]dodona.Reading{text("12", "eth0\x00"), value("12", 12)}, "12"},
		"not there":     {[]dodona.Reading{text("1", "lo"), value("1", 1)}, `no row says "eth0"`},
		"twice there":   {[]dodona.Reading{text("1", "eth0"), text("2", "eth0"), value("1", 1)}, "several rows say"},
		"without value": {[]dodona.Reading{text("1", "eth0")}, column + ".1 was not read"},
		"longer":        {[]dodona.Reading{text("1", "eth01"), value("1", 1)}, "no row"},
	} {
		p := decoded(t, r, c.readings...)
		if p.Quality == dodona.Good && p.Value.String() != c.want || p.Quality == dodona.Bad && !strings.Contains(p.Reason, c.want) {
			t.Errorf("%s: %+v, want %s", name, p, c.want)
		}
	}
	for tag, v := range map[string]varbind{"7": unsignedBind("1.1", tagGauge32, 7), "-7": {"1.1", tagInteger, []byte{0xf9}}, "10.0.0.1": {"1.1", tagIPAddress, []byte{10, 0, 0, 1}}, "1.3.6": {"1.1", tagOID, []byte{0x2b, 6}}} {
		if !v.says(tag) {
			t.Errorf("%+v does not say %s", v, tag)
		}
	}
}

// TestAReadingHasThePointsThatAreMadeOfIt: a round names these readings and no others of the device.
func TestAReadingHasThePointsThatAreMadeOfIt(t *testing.T) {
	const key, column, since = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.31.1.1.1.6", "1.3.6.1.2.1.31.1.1.1.19"
	d, err := newDecoder(map[string]rule{
		"level": {OID: "1.3.6.1.4.1.9.1.0"}, "row": {OID: column, Key: key, Is: "eth0"}, "rate": {OID: column, Key: key, Is: "eth0", As: asRate, Since: since},
		"count": {OID: "1.3.6.1.4.1.9.2.0", As: asDelta}, "told": {OID: "1.3.6.1.4.1.9.3.0", From: "10.0.0.9"},
	})
	if err != nil {
		t.Fatal(err)
	}
	told := reading(t, 0, unsignedBind("1.3.6.1.4.1.9.3.0", tagGauge32, 7))
	other := reading(t, 0, unsignedBind("1.3.6.1.4.1.9.30.0", tagGauge32, 7))
	for _, c := range []struct {
		item string
		body []byte
		want string
	}{
		{"1.3.6.1.4.1.9.1.0", nil, "level"},
		{"1.3.6.1.4.1.9.1.01", nil, ""},
		{"1.3.6.1.4.1.9.2.0", nil, "count"},
		{"1.3.6.1.4.1.9.2.0" + ofBefore, nil, "count"},
		{sysUpTime, nil, "count rate"},
		{sysUpTime + ofBefore, nil, "count rate"},
		{key + ".12", nil, "rate row"},
		{column + ".12", nil, "rate row"},
		{since + ".12", nil, "rate"},
		{"10.0.0.9/1.3.6.1.6.3.1.1.5.1", told.Body, "told"},
		{"10.0.0.8/1.3.6.1.6.3.1.1.5.1", told.Body, ""},
		{"10.0.0.9/1.3.6.1.6.3.1.1.5.1", other.Body, ""},
	} {
		var has []string
		for _, point := range []string{"count", "level", "none", "rate", "row", "told"} {
			if d.(decoder).Has(dodona.Reading{Item: c.item, Body: c.body}, point) {
				has = append(has, point)
			}
		}
		if got := strings.Join(has, " "); got != c.want {
			t.Errorf("%s has %q, want %q", c.item, got, c.want)
		}
	}
}

func TestNamesStandForNumbers(t *testing.T) {
	n := names{"ifDescr": "1.3.6.1.2.1.2.2.1.2"}
	for text, want := range map[string]string{
		"ifDescr": "1.3.6.1.2.1.2.2.1.2", "ifDescr.7": "1.3.6.1.2.1.2.2.1.2.7", ".1.3.6": "1.3.6", "2.999.1": "2.999.1", "1.3.006": "1.3.6", "0.0": "0.0",
	} {
		if got, err := n.resolve(text); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1", "tankLevel.1", "1.3.x", "1.40.1", "3.1", "1.3.4294967296", "1..3", "ifDescr.", "1.3.+4", "1.3.-4", strings.Repeat("1.", 128) + "1"} {
		if got, err := n.resolve(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
	if !after("1.3.10", "1.3.9") || after("1.3.9", "1.3.10") || !after("1.3.1.0", "1.3.1") || after("1.3.1", "1.3.1") {
		t.Error("OIDs are in another order than numbers are")
	}
	for _, oid := range []string{"0.0", "1.3.6.1", "2.999.3", "2.4294967295", "1.3.4294967295.128.127.16384"} {
		b, err := oidBytes(oid)
		if err != nil && oid != "2.4294967295" {
			t.Fatal(err)
		}
		if got, err := oidOf(b); (err != nil || got != oid) && oid != "2.4294967295" {
			t.Errorf("%s is %x, which is %s, %v", oid, b, got, err)
		}
	}
}

func TestSettingsAreCheckedBeforeAnythingIsSent(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"nothing":           {func(s *Settings) { s.Address = "" }, "address: want the device's host"},
		"both":              {func(s *Settings) { s.Listen = "0.0.0.0:162" }, "listen: a source either asks"},
		"a URL":             {func(s *Settings) { s.Address = "snmp://10.0.0.2" }, "want host or host:port"},
		"a port":            {func(s *Settings) { s.Address = "10.0.0.2:99999" }, "want host or host:port"},
		"a version":         {func(s *Settings) { s.Version = "2" }, "want 1, 2c or 3"},
		"v3 without a user": {func(s *Settings) { s.Version = "3" }, "user: v3 has users"},
		"priv without auth": {func(s *Settings) { s.Version, s.User = "3", &User{Name: "a", Priv: "aes"} }, "encrypts nothing that is not signed"},
		"no password":       {func(s *Settings) { s.Version, s.User = "3", &User{Name: "a", Auth: "sha-256"} }, "auth_password: it belongs to auth"},
		"an auth":           {func(s *Settings) { s.Version, s.User = "3", &User{Name: "a", Auth: "sha-1"} }, `auth: "sha-1": want md5, sha`},
		"no points":         {func(s *Settings) { s.OIDs = nil }, "oids: want the points"},
		"a name":            {func(s *Settings) { s.OIDs["a"] = Variable{OID: "tankLevel.1"} }, `oids.a.oid: "tankLevel" is not among names`},
		"a row":             {func(s *Settings) { s.OIDs["a"] = Variable{OID: "1.3.6", Row: &Row{Column: "1.3.7"}} }, "oids.a.row.is: want"},
		"as":                {func(s *Settings) { s.OIDs["a"] = Variable{OID: "1.3.6", As: "derivative"} }, "oids.a.as"},
		"users":             {func(s *Settings) { s.Users = []User{{Name: "a"}} }, "users and from say whose notifications"},
		"named wrong":       {func(s *Settings) { s.Names = map[string]string{"a.b": "x"} }, "a name has no dot"},
		"slow":              {func(s *Settings) { s.Timeout = time.Hour }, "timeout: 1h: want 10ms to 1m"},
		"nobody":            {func(s *Settings) { s.Address, s.Listen = "", "0.0.0.0:162" }, "one of them must say whose notifications"},
		"a host to hear":    {func(s *Settings) { s.Address, s.Listen = "", "localhost:162" }, "want an address and a port"},
		"a rate heard": {func(s *Settings) {
			s.Address, s.Listen, s.OIDs["a"] = "", "0.0.0.0:162", Variable{OID: "1.3.6", As: asRate}
		}, "a notification is alone"},
		"an engine": {func(s *Settings) { s.Engine = "xyz" }, "5 to 32 bytes in hexadecimal"},
		"a network": {func(s *Settings) { s.From = []string{"10.0.0.0/99"} }, "from[0]"},
	} {
		s := Kind.Settings().(*Settings)
		s.Address, s.OIDs = "10.0.0.2", map[string]Variable{"uptime": {OID: sysUpTime}}
		c.change(s)
		if err := Kind.Check(s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	for address, want := range map[string]string{"10.0.0.2": "10.0.0.2 161", "ups.lan:1161": "ups.lan 1161", "[::1]:162": "::1 162", "::1": "::1 161", "[fe80::1]": "fe80::1 161"} {
		s := &Settings{Address: address}
		host, port, err := s.target()
		if err != nil || fmt.Sprint(host, " ", port) != want {
			t.Errorf("%s is %s port %d, %v", address, host, port, err)
		}
	}
}

func TestEqualMeaningHasEqualRules(t *testing.T) {
	a := Variable{OID: ".1.3.6.1.2.1.2.2.1.10.007", As: asRate}
	b := Variable{OID: "ifInOctets.7", As: asRate, Since: "1.3.6.1.2.1.31.1.1.1.19.7"}
	left, err := a.rule(nil)
	right, err2 := b.rule(names{"ifInOctets": "1.3.6.1.2.1.2.2.1.10"})
	if err != nil || err2 != nil || left != right {
		t.Errorf("%+v and %+v, %v, %v", left, right, err, err2)
	}
	value := Variable{OID: "1.3.6", As: "value", Decimals: 7}
	if r, _ := value.rule(nil); r != (rule{OID: "1.3.6"}) {
		t.Errorf("what means nothing is in the rules: %+v", r)
	}
}
