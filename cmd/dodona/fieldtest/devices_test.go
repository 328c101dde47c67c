//go:build integration

package fieldtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/peertest"
)

// devices are the peers that stand in a plant or in a building.
var devices = []maker{
	{"modbus", startModbus},
	{"opcua", startOPCUA},
	{"s7", startS7},
	{"snmp", startSNMP},
	{"knx", startKNX},
	{"serial-ask", func(t testing.TB, _ bool) *peer { return startSerial(t, "ask") }},
	{"serial-stream", func(t testing.TB, _ bool) *peer { return startSerial(t, "stream") }},
}

// testdata returns the absolute path of a peer that the tests of a source have.
func testdata(t testing.TB, kind, file string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "..", "source", kind, "testdata", file))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return path
}

// sourcesOf returns sources that read one peer alike: most of them if many, else few.
func sourcesOf(protocol string, many bool, few, most int, points []string, settings func(n int) string) (list []source) {
	if many {
		few = most
	}
	for n := 1; n <= few; n++ {
		s := source{name: fmt.Sprintf("%s-%d", protocol, n), settings: settings(n)}
		s.protocol, _, _ = strings.Cut(protocol, "-")
		for _, p := range points {
			if p == "" {
				s.points = append(s.points, s.name)
				continue
			}
			s.points = append(s.points, s.name+"."+p)
		}
		list = append(list, s)
	}
	return list
}

// abcd are the points of documents, and how they are found.
var abcd = []string{"a", "b", "c", "d"}

const abcdRules = "points: {a: /a, b: /b, c: /c, d: /d}"

// document is what peers say that are told what to say.
func document() []byte {
	n := time.Now().Unix() % 1000
	return fmt.Appendf(nil, `{"a":%d,"b":%d.5,"c":%d,"d":%d}`, n, n, n+1, n+2)
}

func startModbus(t testing.TB, many bool) *peer {
	program := filepath.Join(t.TempDir(), "modbus-peer")
	build := exec.Command("sh", "-c", `gcc -O1 -o "$1" "$2" $(pkg-config --cflags --libs libmodbus)`, "sh", program, testdata(t, "modbus", "peer.c"))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	port := peertest.Port(t)
	return &peer{
		parts: []*peertest.Process{peertest.Start(t, peertest.Command{Name: program, Args: []string{strconv.Itoa(port)}, ReadyLine: "listening"})},
		sources: sourcesOf("modbus", many, 2, 6, abcd, func(n int) string {
			return fmt.Sprintf(`modbus: {address: "127.0.0.1:%d", unit: %d, registers: {a: {holding: 10}, b: {holding: 20, type: uint32}, c: {input: 30}, d: {coil: 3}}}`, port, n)
		}),
	}
}

func startOPCUA(t testing.TB, many bool) *peer {
	port := peertest.Port(t)
	options, err := json.Marshal(map[string]int{"port": port, "control": peertest.Port(t)})
	if err != nil {
		t.Fatalf("%v", err)
	}
	server := peertest.Start(t, peertest.Command{Name: peertest.Python(t), Args: []string{testdata(t, "opcua", "asyncua_server.py"), string(options)}, ReadyLine: "ready"})
	return &peer{
		parts: []*peertest.Process{server},
		sources: sourcesOf("opcua", many, 2, 4, abcd, func(n int) string {
			read := "read: poll"
			if n%2 == 1 {
				read = "read: subscribe, publishing: 500ms, keep_alive: 1s, refresh: 1s"
			}
			const id = "nsu=urn:dodona:test:plant;s="
			return fmt.Sprintf(`opcua: {endpoint: "opc.tcp://127.0.0.1:%d/plant", security: None, %s, nodes: {a: {id: "%s"}, b: {id: "%s"}, c: {id: "%s"}, d: {id: "%s"}}}`,
				port, read, id+"Boiler.T", id+"Boiler.F", id+"Tank1.Level", id+"Tank2.Level")
		}),
	}
}

func startS7(t testing.TB, many bool) *peer {
	port, control := peertest.Port(t), peertest.Port(t)
	args := []string{testdata(t, "s7", "controller.py"), strconv.Itoa(port), strconv.Itoa(control)}
	return &peer{
		parts: []*peertest.Process{peertest.Start(t, peertest.Command{Name: peertest.Python(t), Args: args, ReadyLine: "ready"})},
		sources: sourcesOf("s7", many, 1, 4, abcd, func(int) string {
			return fmt.Sprintf(`s7: {address: "127.0.0.1:%d", registers: {a: {at: DB1.DBD4, type: real}, b: {at: DB1.DBW8, type: int}, c: {at: DB2.DBW2, type: int}, d: DB1.DBX10.3}}`, port)
		}),
	}
}

func startSNMP(t testing.TB, many bool) *peer {
	dir, port := t.TempDir(), peertest.UDPPort(t)
	conf := fmt.Sprintf("agentAddress udp:127.0.0.1:%d\nrocommunity s3cret\nrouser u256 priv\ncreateUser u256 SHA-256 \"password-a\" AES \"password-x\"\n", port)
	if err := os.WriteFile(filepath.Join(dir, "snmpd.conf"), []byte(conf), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	agent := peertest.Start(t, peertest.Command{
		Name: peertest.Debian(t, "snmpd"),
		Args: []string{"-f", "-Lo", "-I", "-smux", "-C", "-c", filepath.Join(dir, "snmpd.conf"), "-p", filepath.Join(dir, "pid")},
		Env:  []string{"MIBS=", "SNMP_PERSISTENT_DIR=" + filepath.Join(dir, "state")}, ReadyLine: "NET-SNMP version",
	})
	return &peer{
		parts: []*peertest.Process{agent},
		sources: sourcesOf("snmp", many, 2, 5, abcd, func(n int) string {
			by := "community: s3cret"
			if n%2 == 0 {
				by = "user: {name: u256, auth: sha-256, auth_password: password-a, priv: aes, priv_password: password-x}"
			}
			const oids = "a: {oid: 1.3.6.1.2.1.1.3.0, scale: 0.01}, b: {oid: 1.3.6.1.2.1.2.1.0}, c: {oid: 1.3.6.1.2.1.11.1.0}, d: {oid: 1.3.6.1.2.1.2.2.1.5.1}"
			return fmt.Sprintf(`snmp: {address: "127.0.0.1:%d", %s, timeout: 1s, oids: {%s}}`, port, by, oids)
		}),
	}
}

// startKNX has a client of xknx say four values each second, through a knxd without a bus.
func startKNX(t testing.TB, many bool) *peer {
	if !peertest.HasNetwork() {
		t.Skip("NOT TESTED HERE: KNX among the others, for want of a network namespace (run as root, with unshare and ip)")
	}
	python := peertest.Python(t)
	port, control := peertest.UDPPort(t), peertest.UDPPort(t)
	ini := filepath.Join(t.TempDir(), "knxd.ini")
	text := fmt.Sprintf("[main]\naddr = 1.0.1\nclient-addrs = 1.0.2:12\nconnections = server,bus\n[server]\nserver = ets_router\nport = %d\ninterface = lo\ntunnel = tunnel\nrouter = router\n[tunnel]\n[router]\n[bus]\ndriver = dummy\n", port)
	if err := durable.Write(ini, []byte(text), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	knxd := peertest.Start(t, peertest.Command{Name: peertest.Debian(t, "knxd"), Args: []string{ini}, Ready: peertest.TakenUDP(port)})
	client := peertest.Start(t, peertest.Command{Name: python, Args: []string{testdata(t, "knx", "client.py"), strconv.Itoa(port), strconv.Itoa(control)}, ReadyLine: "ready"})
	return &peer{
		parts: []*peertest.Process{knxd, client},
		sources: sourcesOf("knx", many, 1, 3, abcd, func(int) string {
			return fmt.Sprintf(`knx: {gateway: "127.0.0.1:%d", expect: 2s, silence: 4s, timeout: 2s, heartbeat: 5s, groups: {a: {address: 1/2/1, dpt: "9.001"}, b: {address: 1/2/2, dpt: "9.001"}, c: {address: 1/2/3, dpt: "9.001"}, d: {address: 1/2/4, dpt: "9.001"}}}`, port)
		}),
		talk: func(ctx context.Context) {
			c, err := net.Dial("udp4", "127.0.0.1:"+strconv.Itoa(control))
			if err != nil {
				return
			}
			defer c.Close()
			for group := 1; group <= 4 && ctx.Err() == nil; group++ {
				fmt.Fprintf(c, "write 1/2/%d 0c%02x", group, time.Now().Second()) // it may be away
			}
		},
	}
}

// startSerial has a device of pyserial at the far end of a cable: it is asked, or speaks once a second.
func startSerial(t testing.TB, mode string) *peer {
	python, folder := peertest.Python(t), t.TempDir()
	dir := t.TempDir()
	near, far := filepath.Join(dir, "near"), filepath.Join(dir, "far")
	socat := peertest.Start(t, peertest.Command{
		Name: peertest.Debian(t, "socat"), Args: []string{"pty,raw,echo=0,link=" + near, "pty,raw,echo=0,link=" + far},
		Ready: func(context.Context) error {
			_, err := os.Stat(far)
			if err == nil {
				_, err = os.Stat(near)
			}
			return err
		},
	})
	device := peertest.Start(t, peertest.Command{Name: python, Args: []string{testdata(t, "serial", "device.py"), far, folder, mode}, ReadyLine: "ready"})
	p := &peer{parts: []*peertest.Process{device, socat}}
	p.unplug = func(part *peertest.Process) { // a name of a terminal goes with it, or leads to that of another cable, which has its number next
		if part == socat {
			_ = os.Remove(near)
			_ = os.Remove(far)
		}
	}
	p.again = func() { // a device whose adapter was pulled out is plugged in anew
		if !isOpen(device.Pid(), far) {
			device.Restart()
		}
	}
	say := filepath.Join(folder, "say")
	rule := abcdRules
	how := "expect: 2s"
	p.talk = func(ctx context.Context) {
		_ = durable.Write(say, document(), 0o600) // told a second later again
		pause(ctx, 30*time.Millisecond)
		_ = os.Remove(say)
	}
	if mode == "ask" {
		how, rule = `requests: {r: {send: "R\r\n", begins: "R "}}`, `points: {a: {regex: '"a":([0-9.]+)'}, b: {regex: '"b":([0-9.]+)'}, c: {regex: '"c":([0-9.]+)'}, d: {regex: '"d":([0-9.]+)'}}`
		p.talk = func(context.Context) { _ = durable.Write(say, document(), 0o600) }
	}
	p.sources = sourcesOf("serial-"+mode, false, 1, 1, abcd, func(int) string {
		return fmt.Sprintf("serial: {device: %q, %s}, %s", near, how, rule)
	})
	return p
}

// isOpen reports whether a process has the terminal open that a link leads to now.
func isOpen(pid int, link string) bool {
	want, err := filepath.EvalSymlinks(link)
	if err != nil {
		return false
	}
	open, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid)) // the pattern is right
	for _, fd := range open {
		if to, err := os.Readlink(fd); err == nil && to == want {
			return true
		}
	}
	return false
}
