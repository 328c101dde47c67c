//go:build integration

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/peertest"
)

// TestWhatAScanFindsIsReadByWhatItPrints: as a configuration, and as a file of points.
func TestWhatAScanFindsIsReadByWhatItPrints(t *testing.T) {
	port := peertest.Port(t)
	unit := peertest.Node(t, "testdata/scanned.js", strconv.Itoa(port))
	unit.Ready = peertest.Dial(port)
	peertest.Start(t, unit)
	t.Chdir(t.TempDir())
	address := fmt.Sprintf("127.0.0.1:%d", port)

	code, found, talk := said(t, "source", "scan", "modbus", address, "unit=3", "--to", "15")
	if code != 0 || !strings.Contains(talk, "found 9 points") {
		t.Fatalf("exit code %d\n%s%s", code, found, talk)
	}
	for _, line := range []string{
		"      address: " + address, "      unit: 3", "        coil-1: {coil: 1}  # 1", "        holding-9: {holding: 9}  # 27 (0x001b)",
	} {
		if !strings.Contains(found, line+"\n") {
			t.Errorf("there is no line %q in\n%s", line, found)
		}
	}
	if err := os.WriteFile("found.yaml", []byte(found+"feeds: {level: {every: 1s, from: [modbus.holding-9]}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, talk := said(t, "source", "read", "found.yaml"); code != 0 || !strings.Contains(out, "modbus.holding-9") || !strings.Contains(out, " 27 ") {
		t.Errorf("what was found is read: exit code %d\n%s%s", code, out, talk)
	}

	code, table, talk := said(t, "source", "scan", "found.yaml", "modbus", "--of", "holding", "--from", "3", "--to", "9", "--csv")
	if want := "name,holding,note\nholding-3,3,9 (0x0009)\nholding-4,4,12 (0x000c)\nholding-8,8,24 (0x0018)\nholding-9,9,27 (0x001b)\n"; code != 0 || table != want {
		t.Fatalf("exit code %d\n%s%s\nwant\n%s", code, table, talk, want)
	}
	if err := os.WriteFile("tags.csv", []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "sources: {plc: {modbus: {address: \"" + address + "\", unit: 3, registers: {file: tags.csv}}}}\nfeeds: {level: {every: 1s, from: [plc.holding-8]}}\n"
	if err := os.WriteFile("tags.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, talk := said(t, "source", "read", "tags.yaml"); code != 0 || !strings.Contains(out, "plc.holding-8") || !strings.Contains(out, " 24 ") {
		t.Errorf("what was found is read from a file: exit code %d\n%s%s", code, out, talk)
	}

	for words, want := range map[string]string{
		"modbus " + address + " unit=3 --most 3":          "found 3 points; there is more than 3 (--most)",
		"modbus " + address + " unit=3 --of input --to 9": "nothing was found",
		"modbus " + address + " unit=3 --of tank":         "\"tank\" is no table",
		"modbus " + address + " unit=3 --from 70000":      "want them from 0 to 65535",
		"modbus " + address + " adress=x":                 "it is called \"address\" here",
		"modbus":                                          "name the address of what is scanned by kind modbus",
		"http http://127.0.0.1/":                          "cannot be scanned; those that can: ",
		"mqtt mqtt://127.0.0.1":                           "topics: [\"#\"]",
		"modbuss 127.0.0.1":                               "\"modbuss\" is no kind of source and no file; kinds that can be scanned: ",
		"absent.yaml":                                     "absent.yaml: no such file",
		"modbus 127.0.0.1:1":                              "connection refused",
		"found.yaml --to 15":                              "found 9 points",
	} {
		_, out, talk := said(t, append([]string{"source", "scan"}, strings.Fields(words)...)...)
		if !strings.Contains(talk, want) {
			t.Errorf("%s: got\n%s%s\nwant %q", words, out, talk, want)
		}
	}
}
