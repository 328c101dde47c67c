package peertest_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/peertest"
)

// script echoes each line that comes on a connection.
const script = `
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
socketserver.TCPServer.allow_reuse_address = True
with socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Echo) as s:
    print("listens", flush=True)
    s.serve_forever()
`

func echo(t *testing.T, port int, within time.Duration) error {
	t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("hello\n")); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 6))
	return err
}

func TestAPeerIsStartedFrozenKilledAndStartedAgain(t *testing.T) {
	port := peertest.Port(t)
	p := peertest.Start(t, peertest.Command{Name: peertest.Debian(t, "python3"), Args: []string{"-c", script, strconv.Itoa(port)}, ReadyLine: "listens", Ready: peertest.Dial(port)})
	if err := echo(t, port, time.Minute); err != nil {
		t.Fatal(err)
	}
	p.Freeze()
	if err := echo(t, port, 50*time.Millisecond); err == nil {
		t.Error("a frozen peer answers")
	}
	p.Thaw()
	if err := echo(t, port, time.Minute); err != nil {
		t.Error(err)
	}
	p.Kill()
	if err := peertest.Dial(port)(context.Background()); err == nil {
		t.Error("a killed peer takes connections")
	}
	p.Restart()
	if err := echo(t, port, time.Minute); err != nil {
		t.Error(err)
	}
	if !strings.Contains(p.Output(), "listens") {
		t.Errorf("it printed %q", p.Output())
	}
	p.Freeze() // the end of the test ends it nevertheless
}

func TestNoPortIsGivenTwice(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		for _, port := range []int{peertest.Port(t), peertest.UDPPort(t)} {
			if seen[port] {
				t.Fatalf("port %d was given twice", port)
			}
			seen[port] = true
			if port >= 32768 {
				t.Errorf("port %d may be that of anybody's connection", port)
			}
		}
	}
}

// TestAPortIsHeldForItsProcess, though nobody listens there, and though memory is tidied up.
func TestAPortIsHeldForItsProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("ports are held by names that Linux has")
	}
	port := peertest.UDPPort(t)
	runtime.GC()
	runtime.GC()
	for _, held := range []int{port, port + 1} {
		if l, err := net.Listen("unix", fmt.Sprintf("@dodona-test-port-%d", held)); err == nil {
			l.Close()
			t.Errorf("another process can have port %d", held)
		}
	}
}
