//go:build integration

package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/internal/registers"
	"github.com/dodona-oracle/dodona/internal/tty"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// compiled returns the program of testdata/peer.c, which is made once.
var compiled = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "modbus-peer-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "peer")
	out, err := exec.Command("sh", "-c", `gcc -O1 -o "$1" testdata/peer.c $(pkg-config --cflags --libs libmodbus)`, "sh", program).CombinedOutput()
	if err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	return program, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if program, _ := compiled(); program != "" {
		_ = os.RemoveAll(filepath.Dir(program)) // the system's temporary folder
	}
	os.Exit(code)
}

// libmodbus returns the command that serves at a port, and on a line if one is given with its unit.
func libmodbus(t *testing.T, port int, line ...string) peertest.Command {
	t.Helper()
	program, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{strconv.Itoa(port)}
	if len(line) > 0 {
		args = append(args, append(line, "9600")...)
	}
	return peertest.Command{Name: program, Args: args, ReadyLine: "listening"}
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// write writes holding registers of a peer at a port, as another master would.
func write(t *testing.T, port, at int, text string) {
	t.Helper()
	c, err := net.Dial("tcp", local(port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	pdu := binary.BigEndian.AppendUint16([]byte{16}, uint16(at))
	pdu = binary.BigEndian.AppendUint16(pdu, uint16(len(text)/2))
	pdu = append(append(pdu, byte(len(text))), text...)
	frame := binary.BigEndian.AppendUint16([]byte{0, 1, 0, 0}, uint16(1+len(pdu)))
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(append(append(frame, 1), pdu...)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 12)
	if n, err := c.Read(answer); err != nil || n != 12 || answer[7] != 16 {
		t.Fatalf("write registers: % x, %v", answer[:n], err)
	}
}

// textSize is that of what the suite's peer says, which stands in its holding registers from 0 on.
const textSize = 40

// saying are the points of the suite.
func saying() map[string]Register {
	return map[string]Register{"text": {Holding: at(0), Format: registers.Format{Type: registers.String, Length: textSize}}}
}

// said is how the suite's peer says n: padded with blanks, which are no part of it.
func said(n int) string { return fmt.Sprintf("%-*s", textSize, sourcetest.Body(n)) }

// TestSuite runs the suite against libmodbus over TCP, behind a relay.
func TestSuite(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		port := peertest.Port(t)
		relay := nettest.NewRelay(t, local(port))
		s := settings(saying(), func(s *Settings) { s.Address, s.Timeout = relay.Address, 500*time.Millisecond })
		return subject(t, s, port, relay, libmodbus(t, port))
	})
}

// TestSuiteOnASerialLine runs it against libmodbus on a line whose middle is a relay.
func TestSuiteOnASerialLine(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		port := peertest.Port(t)
		var relay *nettest.Relay
		near, far := serialLine(t, func(to string) string { relay = nettest.NewRelay(t, to); return relay.Address })
		s := settings(saying(), func(s *Settings) {
			s.Address, s.Serial, s.Framing, s.Timeout = "", &tty.Settings{Device: near}, "", 500*time.Millisecond
		})
		subject := subject(t, s, port, relay, libmodbus(t, port, far, "1"))
		subject.Faults.Vanish = nil // the line is its one connection
		return subject
	})
}

// TestFaultsBehindAGateway tries them with libmodbus on a line behind a gateway that passes on whatever comes: RTU over TCP.
func TestFaultsBehindAGateway(t *testing.T) {
	sourcetest.RunFaults(t, func(t *testing.T) sourcetest.Subject {
		near, far := peertest.Pty(t)
		port := peertest.Port(t)
		relay := nettest.NewRelay(t, gateway(t, near))
		s := settings(saying(), func(s *Settings) { s.Address, s.Framing, s.Timeout = relay.Address, RTU, 500*time.Millisecond })
		return subject(t, s, port, relay, libmodbus(t, port, far, "1"))
	})
}

// serialLine returns the two ends of a line whose middle is what through leads to.
func serialLine(t *testing.T, through func(to string) (address string)) (near, far string) {
	t.Helper()
	dir, port := t.TempDir(), peertest.Port(t)
	near, far = filepath.Join(dir, "near"), filepath.Join(dir, "far")
	exists := func(path string) func(context.Context) error {
		return func(context.Context) error {
			_, err := os.Stat(path)
			return err
		}
	}
	peertest.Start(t, peertest.Command{
		Name: peertest.Debian(t, "socat"), Args: []string{"pty,raw,echo=0,link=" + far, "tcp-listen:" + strconv.Itoa(port) + ",bind=127.0.0.1,reuseaddr"}, Ready: listens(port),
	})
	peertest.Start(t, peertest.Command{
		Name: peertest.Debian(t, "socat"), Args: []string{"pty,raw,echo=0,link=" + near, "tcp:" + through(local(port)) + ""}, Ready: exists(near),
	})
	return near, far
}

// listens reports whether somebody listens at a port, without calling: who is called may serve one call alone.
func listens(port int) func(context.Context) error {
	return func(context.Context) error {
		all, err := os.ReadFile("/proc/net/tcp")
		if want := fmt.Sprintf(" 0100007F:%04X 00000000:0000 0A ", port); err == nil && !strings.Contains(string(all), want) {
			err = errors.New("nobody listens")
		}
		return err
	}
}

// gateway returns the address of one that passes on whatever comes to a line.
func gateway(t *testing.T, line string) string {
	t.Helper()
	port := peertest.Port(t)
	peertest.Start(t, peertest.Command{
		Name: peertest.Debian(t, "socat"), Args: []string{"tcp-listen:" + strconv.Itoa(port) + ",bind=127.0.0.1,reuseaddr,fork", line + ",raw,echo=0"}, Ready: listens(port),
	})
	return local(port)
}

func subject(t *testing.T, s Settings, port int, relay *nettest.Relay, command peertest.Command) sourcetest.Subject {
	t.Helper()
	var peer *peertest.Process
	return sourcetest.Subject{
		Kind: Kind, Settings: &s,
		Start: func(t *testing.T) {
			if peer == nil {
				peer = peertest.Start(t, command)
				return
			}
			peer.Restart()
		},
		Stop: func(*testing.T) {
			if peer != nil {
				peer.Kill()
			}
		},
		Say: func(t *testing.T, n int) { write(t, port, 0, said(n)) },
		Faults: sourcetest.Faults{
			Freeze: func(*testing.T) { peer.Freeze() }, Thaw: func(*testing.T) { peer.Thaw() },
			Kill:   func(*testing.T) { peer.Kill() },
			Vanish: func(*testing.T) { relay.Freeze() },
			Drip:   func(*testing.T) { relay.Drip(time.Second) }, Flow: func(*testing.T) { relay.Resume() },
			Late: func(*testing.T) { relay.Late() },
		},
	}
}

// tables are points in all four tables of a peer, and what they are in each of the peers that testdata has.
func everywhere() (points map[string]Register, want map[string]string) {
	points = map[string]Register{
		"holding": {Holding: at(100)}, "pair": {Holding: at(101), Format: registers.Format{Type: registers.Uint32, Order: "CDAB"}}, "input": {At: "30008"},
		"on": {Coil: at(3)}, "off": {Coil: at(4)}, "discrete": {Discrete: at(5)}, "last": {Holding: at(999)}, "many": {Holding: at(200)},
		"wide": {Holding: at(321), Format: registers.Format{Type: registers.Uint64}},
	}
	want = map[string]string{
		"holding": "100", "pair": strconv.Itoa(102<<16 | 101), "input": "10007", "on": "1", "off": "0", "discrete": "1", "last": "999", "many": "200",
		"wide": strconv.Itoa(321<<48 | 322<<32 | 323<<16 | 324),
	}
	return points, want
}

// open opens a source.
func open(t testing.TB, s Settings) dodona.Source {
	t.Helper()
	opened, err := Kind.Open(t.Context(), &s, source.Env{Source: "plc"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return opened
}

// read makes one exchange and returns what the points are: the value, or the reason why there is none.
func read(t *testing.T, s Settings, opened dodona.Source) map[string]string {
	t.Helper()
	b, err := opened.Observe(t.Context())
	if err != nil {
		t.Fatalf("observe: %v", err)
	}
	return decoded(t, s, b.Readings)
}

func decoded(t *testing.T, s Settings, readings []dodona.Reading) map[string]string {
	t.Helper()
	transform, err := decoder(s.rules())
	if err != nil {
		t.Fatal(err)
	}
	r, err := transform.Apply(t.Context(), dodona.Call{Readings: readings})
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, p := range r.Points {
		if said[p.ID] = p.Value.String(); p.Quality != dodona.Good {
			said[p.ID] = p.Reason
		}
	}
	return said
}

func wantSaid(t *testing.T, got, want map[string]string) {
	t.Helper()
	for point, text := range want {
		if got[point] != text && (text == "" || !strings.Contains(got[point], text)) {
			t.Errorf("%s is %q, want %q", point, got[point], text)
		}
	}
}

func python(t *testing.T, args ...string) peertest.Command {
	t.Helper()
	return peertest.Command{Name: peertest.Python(t), Args: append([]string{"testdata/peer.py"}, args...), ReadyLine: "listening"}
}

func script(t *testing.T, name string, args ...string) peertest.Command {
	t.Helper()
	c := peertest.Node(t, "testdata/"+name, args...)
	c.ReadyLine = "listening"
	return c
}

func TestEveryPeerIsReadOverTCP(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]func(t *testing.T, port int) peertest.Command{
		"libmodbus":     func(t *testing.T, port int) peertest.Command { return libmodbus(t, port) },
		"pymodbus":      func(t *testing.T, port int) peertest.Command { return python(t, strconv.Itoa(port), "tcp") },
		"modbus-serial": func(t *testing.T, port int) peertest.Command { return script(t, "serial.js", strconv.Itoa(port)) },
		"jsmodbus":      func(t *testing.T, port int) peertest.Command { return script(t, "js.js", strconv.Itoa(port)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := peertest.Port(t)
			peertest.Start(t, command(t, port))
			points, want := everywhere()
			s := settings(points, func(s *Settings) { s.Address, s.Timeout, s.Gap = local(port), 5*time.Second, 30 })
			opened := open(t, s)
			wantSaid(t, read(t, s, opened), want)
			points["absent"], points["beside"] = Register{Holding: at(2100)}, Register{Holding: at(998)}
			wantSaid(t, read(t, s, open(t, s)), want)
		})
	}
}

func TestEveryPeerIsReadOnASerialLine(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]func(t *testing.T, line string) peertest.Command{
		"libmodbus":     func(t *testing.T, line string) peertest.Command { return libmodbus(t, peertest.Port(t), line, "1") },
		"pymodbus":      func(t *testing.T, line string) peertest.Command { return python(t, line, "rtu") },
		"modbus-serial": func(t *testing.T, line string) peertest.Command { return script(t, "serial.js", "0", line) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			near, far := peertest.Pty(t)
			peertest.Start(t, command(t, far))
			points, want := everywhere()
			s := settings(points, func(s *Settings) {
				s.Address, s.Framing, s.Serial, s.Timeout = "", "", &tty.Settings{Device: near}, 5*time.Second
			})
			opened := open(t, s)
			for range 2 {
				wantSaid(t, read(t, s, opened), want)
			}
		})
	}
}

func TestARefusedBlockIsSplitOnceAndRemembered(t *testing.T) {
	t.Parallel()
	port := peertest.Port(t)
	peertest.Start(t, libmodbus(t, port))
	points := map[string]Register{"hole": {Holding: at(1500)}}
	for n := 1490; n < 1510; n++ {
		points["p"+strconv.Itoa(n)] = Register{Holding: at(n)}
	}
	s := settings(points, func(s *Settings) { s.Address, s.Timeout = local(port), 5*time.Second })
	opened := open(t, s)
	var items [2][]string
	for i := range items {
		b, err := opened.Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Readings {
			items[i] = append(items[i], r.Item)
		}
		got := decoded(t, s, b.Readings)
		for n := 1490; n < 1510; n++ {
			want := strconv.Itoa(n)
			if n == 1500 {
				want = "exception 2: illegal data address"
			}
			wantSaid(t, got, map[string]string{"p" + strconv.Itoa(n): want})
		}
	}
	if !slices.Equal(items[0], items[1]) || len(items[0]) < 3 || len(items[0]) > 10 || !slices.Contains(items[0], "1/holding/1500") {
		t.Errorf("read is %q, then %q: want the hole alone, and few others", items[0], items[1])
	}
	if known := len(opened.(*device).blocks); known != len(items[0]) {
		t.Errorf("the next exchange begins with %d requests, want one for each of %q", known, items[0])
	}
}
