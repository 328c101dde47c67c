package knx

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

var start = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)

// frame is a telegram in cEMI that writes a value: six bits after a dot, else bytes.
func frame(t *testing.T, group, value string) []byte {
	t.Helper()
	address, err := parseGroup(group)
	if err != nil {
		t.Fatal(err)
	}
	f := []byte{codeIndication, 0, 0xbc, 0xe0, 0x11, 0x14, byte(address >> 8), byte(address)}
	small, is := strings.CutPrefix(value, ".")
	raw, err := hex.DecodeString(strings.TrimPrefix(value, "."))
	if err != nil {
		t.Fatal(err)
	}
	if is {
		if len(small) != 2 {
			t.Fatalf("%q", value)
		}
		return append(f, 1, 0, groupWrite<<6|raw[0])
	}
	return append(append(f, byte(1+len(raw)), 0, groupWrite<<6), raw...)
}

func decoded(t *testing.T, r rule, readings ...dodona.Reading) []dodona.Point {
	t.Helper()
	d, err := newDecoder(map[string]rule{"p": r})
	if err != nil {
		t.Fatal(err)
	}
	result, err := d.Apply(t.Context(), dodona.Call{Readings: readings})
	if err != nil {
		t.Fatal(err)
	}
	return result.Points
}

// TestEachTypeIsAnExactDecimal compares with the examples of the standard (03_07_02) and of the ETS.
func TestEachTypeIsAnExactDecimal(t *testing.T) {
	for _, c := range []struct{ dpt, value, want string }{
		{"1.001", ".00", "0"},
		{"1.001", ".01", "1"},
		{"1.001", ".02", "more than the 1 bits"},
		{"1.001", "01", "1 bytes, and values of type 1.001 have 1 bits"},
		{"2.001", ".03", "3"},
		{"3.007", ".0f", "15"},
		{"23.001", ".02", "2"},
		{"5.001", "00", "0"},
		{"5.001", "ff", "100"},
		{"5.001", "80", "50.1961"},
		{"5.003", "80", "180.7059"},
		{"5.004", "80", "128"},
		{"5.010", "ff", "255"},
		{"5.*", "07", "7"},
		{"6.001", "ff", "-1"},
		{"6.010", "80", "-128"},
		{"7.001", "ffff", "65535"},
		{"7.003", "0102", "2580"},
		{"7.004", "0001", "100"},
		{"8.001", "8000", "-32768"},
		{"8.010", "ffff", "-0.01"},
		{"8.003", "ffff", "-10"},
		{"9.001", "0c1a", "21"},
		{"9.001", "8a24", "-30"},
		{"9.001", "0000", "0"},
		{"9.001", "0001", "0.01"},
		{"9.001", "8001", "-20.47"},
		{"9.001", "7ffe", "670433.28"},
		{"9.001", "f800", "-671088.64"},
		{"9.001", "7fff", "invalid (7FFF)"},
		{"9.001", "0c", "1 bytes, and values of type 9.001 have 2"},
		{"9.001", ".01", "six bits at most"},
		{"12.001", "ffffffff", "4294967295"},
		{"13.010", "ffffffff", "-1"},
		{"13.002", "00000001", "0.0001"},
		{"13.001", "80000000", "-2147483648"},
		{"14.019", "3dcccccd", "0.1"},
		{"14.019", "c2f6e979", "-123.456"},
		{"14.019", "7f800000", "no finite number"},
		{"14.019", "7fc00000", "no finite number"},
		{"14.019", "00000001", "0.000000000000000000000000000000000000000000001"},
		{"16.000", "32312e350000000000000000000a", "21.5"},
		{"16.000", "4f4646000000000000000000000d", "no number"},
		{"16.000", "3231", "2 bytes, and values of type 16.000 have 14"},
		{"17.001", "3f", "63"},
		{"20.102", "03", "3"},
		{"21.001", "81", "129"},
		{"22.101", "8001", "32769"},
		{"28.001", "2d3700", "-7"},
		{"24.001", "3700", "7"},
		{"29.010", "ffffffffffffffff", "-1"},
		{"27.001", "00010001", "65537"},
		{"4.001", "37", "7"},
		{"4.002", "41", "no number"},
		{"10.001", "000000", "0"},
		{"10.001", "f73b3b", "86399"},
		{"10.001", "180000", "86400"},
		{"10.001", "180001", "24:00:01 is no time"},
		{"10.001", "003c00", "00:60:00 is no time"},
		{"10.001", "0000ff", "is no time"},
		{"11.001", "010146", "36525"},
		{"11.001", "01015a", "7305"},
		{"11.001", "1d0218", "19782"},
		{"11.001", "1d0219", "2025-02-29 is no date"},
		{"11.001", "000000", "2000-00-00 is no date"},
		{"11.001", "010164", "100 is no year"},
		{"19.001", "4601010000000000", "0"},
		{"19.001", "7e0c012a0b162080", "1796119882"},
		{"19.001", "7e0c012a0b162081", "1796119882"},
		{"19.001", "7e0c012a0b168000", "its clock has a fault"},
		{"19.001", "7e0c012a0b161000", "does not know the date"},
		{"19.001", "7e0c012a0b160800", "does not know the date"},
		{"19.001", "7e0c012a0b160200", "does not know the time"},
		{"19.001", "7e0d012a0b160000", "2026-13-01 is no date"},
		{"25.1000", "21", "33"},
		{"26.001", "41", "65"},
		{"30.1010", "000101", "257"},
		{"232.600", "ff8000", "16744448"},
		{"235.001", "fffffffe0500", "-2"},
		{"235.001", "000003e80501", "1000"},
		{"235.001", "000003e80502", "the energy is invalid"},
		{"12.1200", "00000007", "7"},
	} {
		r := dodona.Reading{Item: "1/2/3", Body: frame(t, "1/2/3", c.value), Received: start}
		all := decoded(t, rule{Address: "1/2/3", DPT: c.dpt}, r)
		if len(all) != 1 || !all[0].Time.Equal(start) {
			t.Fatalf("%+v", all)
		}
		if p := all[0]; p.Quality == dodona.Good && p.Value.String() != c.want || p.Quality != dodona.Good && !strings.Contains(p.Reason, c.want) {
			t.Errorf("%s of %s: %+v, want %s", c.value, c.dpt, p, c.want)
		}
	}
	for _, dpt := range []string{"", "9", "9.1", "temperature", "15.001", "251.600", "9.0001", "09.001", "9.100000"} {
		if _, err := formatOf(dpt); err == nil {
			t.Errorf("%q is a type of numbers", dpt)
		}
	}
}

func TestATelegramCountsForItsGroupAlone(t *testing.T) {
	of := func(item string, body []byte) dodona.Reading {
		return dodona.Reading{Item: item, Body: body, Received: start}
	}
	r := rule{Address: "1/2/3", DPT: "9.001", Scale: mustDecimal(t, "2"), Offset: mustDecimal(t, "-1"), Unit: "Cel"}
	all := decoded(t, r, of("1/2/3", frame(t, "1/2/3", "0c1a")), of("1/2/4", frame(t, "1/2/4", "0c1a")), of("1/2/3", frame(t, "1/2/3", "0c1b")))
	if len(all) != 2 || all[0].Value.String() != "41" || all[1].Value.String() != "41.04" || all[0].Unit != "Cel" {
		t.Errorf("got %+v", all)
	}
	reads := frame(t, "1/2/3", "0c1a")
	reads[10] = groupRead << 6
	for name, body := range map[string][]byte{
		"another group's": frame(t, "1/2/4", "0c1a"), "a read": reads, "nothing": {}, "cut": frame(t, "1/2/3", "0c1a")[:11], "longer": append(frame(t, "1/2/3", "0c1a"), 0),
	} {
		if all := decoded(t, r, of("1/2/3", body)); len(all) != 1 || all[0].Quality != dodona.Bad || all[0].Reason == "" {
			t.Errorf("%s: %+v", name, all)
		}
	}
	r.From = "1.1.21"
	if all := decoded(t, r, of("1/2/3", frame(t, "1/2/3", "0c1a"))); len(all) != 0 {
		t.Errorf("another device's: %+v", all)
	}
	r.From = "1.1.20"
	if all := decoded(t, r, of("1/2/3", frame(t, "1/2/3", "0c1a"))); len(all) != 1 || all[0].Quality != dodona.Good {
		t.Errorf("its device's: %+v", all)
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

func TestAddressesAreReadAsTheETSShowsThem(t *testing.T) {
	for text, want := range map[string]uint16{"1/2/3": 2563, "1/515": 2563, "2563": 2563, "31/7/255": 65535, "0/0/1": 1} {
		if got, err := parseGroup(text); err != nil || got != want {
			t.Errorf("%s is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0/0/0", "0", "32/0/0", "1/8/0", "1/2/256", "1/2048", "65536", "1/2/3/4", "a", "1//2", "1/+2/3", "-1"} {
		if got, err := parseGroup(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
	if got, err := parseIndividual("1.1.20"); err != nil || individualText(got) != "1.1.20" || groupText(2563) != "1/2/3" {
		t.Errorf("1.1.20 is %d, %v", got, err)
	}
	for _, text := range []string{"", "16.0.0", "1.1", "1.1.256", "1/1/20"} {
		if got, err := parseIndividual(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestSettingsAreCheckedBeforeAnythingIsSent(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"nowhere":        {func(s *Settings) { s.Gateway = "" }, "gateway: want the KNXnet/IP interface"},
		"both":           {func(s *Settings) { s.Routing = "224.0.23.12" }, "routing: a source either tunnels"},
		"a URL":          {func(s *Settings) { s.Gateway = "udp://10.0.0.5" }, "want host or host:port"},
		"no multicast":   {func(s *Settings) { s.Gateway, s.Routing = "", "10.0.0.5" }, "want a multicast address"},
		"no groups":      {func(s *Settings) { s.Groups = nil }, "groups: want the points"},
		"an address":     {func(s *Settings) { s.Groups["a"] = Group{Address: "1/2/300", DPT: "9.001"} }, `groups.a.address: "1/2/300" is no group address`},
		"a type":         {func(s *Settings) { s.Groups["a"] = Group{Address: "1/2/3", DPT: "9.1"} }, `groups.a.dpt: "9.1": want a datapoint type`},
		"a version":      {func(s *Settings) { s.Groups["a"] = Group{Address: "1/2/3", DPT: "15.000"} }, "values of type 15 are no numbers"},
		"too often":      {func(s *Settings) { s.Groups["a"] = Group{Address: "1/2/3", DPT: "9.001", Read: time.Millisecond} }, "groups.a.read: 1ms: want at least 1s"},
		"whom to watch":  {func(s *Settings) { s.Watch = "b" }, `watch: "b" is not among groups`},
		"a device":       {func(s *Settings) { s.Individual = "1/1/1" }, "individual"},
		"who says it":    {func(s *Settings) { s.Groups["a"] = Group{Address: "1/2/3", DPT: "9.001", From: "1/1/1"} }, "groups.a.from"},
		"an interface":   {func(s *Settings) { s.Interface = "eth0" }, "interface: it is for routing"},
		"slow to notice": {func(s *Settings) { s.Heartbeat = time.Hour }, "heartbeat: 1h: want 1s"},
	} {
		s := Kind.Settings().(*Settings)
		s.Gateway, s.Groups = "10.0.0.5", map[string]Group{"temperature": {Address: "1/2/3", DPT: "9.001"}}
		c.change(s)
		if err := Kind.Check(s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	a, b := Group{Address: "1/515", DPT: "9.001"}, Group{Address: "2563", DPT: "9.001", Unit: "Cel"}
	left, err := a.rule()
	right, err2 := b.rule()
	if err != nil || err2 != nil || left != right {
		t.Errorf("equal meaning has the rules %+v and %+v, %v, %v", left, right, err, err2)
	}
}
