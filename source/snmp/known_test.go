package snmp

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/secret"
)

func TestWellKnownObjectsHaveTheirNames(t *testing.T) {
	for oid, want := range map[string]string{
		"1.3.6.1.2.1.1.3.0": "sysUpTime.0", "1.3.6.1.2.1.2.2.1.10.2": "ifInOctets.2", "1.3.6.1.2.1.31.1.1.1.6.7": "ifHCInOctets.7", "1.3.6.1.2.1.31.1.1.1.19.1": "ifCounterDiscontinuityTime.1",
		"1.3.6.1.2.1.25.2.3.1.6.31": "hrStorageUsed.31", "1.3.6.1.2.1.25.3.3.1.2.196608": "hrProcessorLoad.196608", "1.3.6.1.2.1.25.2.2.0": "hrMemorySize.0",
		"1.3.6.1.2.1.33.1.2.7.0": "upsBatteryTemperature.0", "1.3.6.1.2.1.99.1.1.1.4.12": "entPhySensorValue.12",
		"1.3.6.1.2.1.25.1.3.0": "", "1.3.6.1.2.1.2.2.1.23.1": "", "1.3.6.1.4.1.8072.1": "", "1.3.6.1.2.1.1": "",
	} {
		name, known := knownName(oid)
		if name != want || known != (want != "") {
			t.Errorf("%s is called %q, want %q", oid, name, want)
		}
		if back, err := (names{}).resolve(name); want != "" && (err != nil || back != oid) {
			t.Errorf("%s stands for %s, %v; want %s", name, back, err, oid)
		}
	}
	all := map[string]bool{}
	for _, list := range tables {
		for _, n := range strings.Fields(list) {
			if n != "-" && all[n] {
				t.Errorf("%s stands twice", n)
			}
			all[n] = true
		}
	}
	if got, err := (names{"sysUpTime": "1.3.6.1.4.1.1"}).resolve("sysUpTime.0"); err != nil || got != "1.3.6.1.4.1.1.0" {
		t.Errorf("a name of the settings is %s, %v: want theirs", got, err)
	}
	if _, err := (names{}).resolve("-"); err == nil {
		t.Error("a dash is a name")
	}
}

// TestAnObjectIsNamedWithItsInstance, for without it a device says that there is no such instance.
func TestAnObjectIsNamedWithItsInstance(t *testing.T) {
	for oid, want := range map[string]string{
		"sysUpTime":               "oids.p.oid: sysUpTime has no value itself: write sysUpTime.0, for there is one",
		"1.3.6.1.2.1.1.3":         "oids.p.oid: sysUpTime has no value itself: write sysUpTime.0, for there is one",
		"upsBatteryVoltage":       "oids.p.oid: upsBatteryVoltage has no value itself: write upsBatteryVoltage.0, for there is one",
		"ifInOctets":              "oids.p.oid: ifInOctets has no value itself: it is a column; write ifInOctets.2 for row 2, or find the row by row",
		"sysUpTime.0":             "",
		"ifInOctets.3":            "",
		"1.3.6.1.4.1.8072.9999.1": "", // who knows
	} {
		s := Kind.Settings().(*Settings)
		s.Address, s.Community, s.OIDs = "127.0.0.1", secret.New("public"), map[string]Variable{"p": {OID: oid}}
		got := ""
		if err := Kind.Check(s); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", oid, got, want)
		}
	}
	s := Kind.Settings().(*Settings)
	s.Address, s.Community = "127.0.0.1", secret.New("public")
	s.OIDs = map[string]Variable{"p": {OID: "ifInOctets", Row: &Row{Column: "ifDescr", Is: "eth0"}}}
	if err := Kind.Check(s); err != nil {
		t.Errorf("a column with a row: %v", err)
	}
}
