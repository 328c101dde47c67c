//go:build integration

package s7

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// A controller is python-snap7's server.
type controller struct {
	*peertest.Process
	address string
	control int
}

func startController(t testing.TB) *controller {
	t.Helper()
	port, control := peertest.Port(t), peertest.Port(t)
	return &controller{
		peertest.Start(t, peertest.Command{
			Name: peertest.Python(t), Args: []string{"testdata/controller.py", strconv.Itoa(port), strconv.Itoa(control)}, ReadyLine: "ready",
		}),
		fmt.Sprintf("127.0.0.1:%d", port), control,
	}
}

// set writes the memory of the controller.
func (c *controller) set(t testing.TB, area string, offset int, bytes []byte) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", c.control), 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%s %d %x\n", area, offset, bytes); err != nil {
		t.Fatal(err)
	}
	if said, err := bufio.NewReader(conn).ReadString('\n'); err != nil || said != "done\n" {
		t.Fatalf("set %s: %q, %v", area, said, err)
	}
}

func (c *controller) settings(registers map[string]Register) *Settings {
	s := Kind.Settings().(*Settings)
	s.Address, s.Registers = c.address, registers
	return s
}

// subject has a text to say, which is padded to the length of its register.
func (c *controller) subject(t *testing.T) sourcetest.Subject {
	t.Helper()
	const length = 64
	settings := c.settings(map[string]Register{"said": {At: "DB1.DBB100", Type: "char", Length: length}})
	settings.Timeout, settings.ConnectTimeout = time.Second, time.Second
	return sourcetest.Subject{
		Kind: Kind, Settings: settings,
		Say: func(t *testing.T, n int) {
			t.Helper()
			body := sourcetest.Body(n)
			c.set(t, "DB1", 100, []byte(body+strings.Repeat(" ", length-len(body))))
		},
	}
}

func TestSuite(t *testing.T) {
	c := startController(t)
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		if strings.Contains(t.Name(), "/Faults/") {
			return sourcetest.Subject{} // they are tried with controllers of their own
		}
		s := c.subject(t)
		c.Kill()
		s.Start, s.Stop = func(*testing.T) { c.Restart() }, func(*testing.T) { c.Kill() }
		return s
	})
}

// TestFaults freezes for 25 s, kills, and has answers come late, a byte a second and not at all.
func TestFaults(t *testing.T) {
	sourcetest.RunFaults(t, func(t *testing.T) sourcetest.Subject {
		c := startController(t)
		s := c.subject(t)
		relay := nettest.NewRelay(t, c.address)
		s.Settings.(*Settings).Address = relay.Address
		s.Start = func(t *testing.T) {
			select {
			case <-c.Ended():
				c.Restart()
			default:
			}
		}
		s.Faults = sourcetest.Faults{
			Freeze: func(*testing.T) { c.Freeze() }, Thaw: func(*testing.T) { c.Thaw() }, FreezeFor: 25 * time.Second,
			Kill:   func(*testing.T) { c.Kill() },
			Vanish: func(*testing.T) { relay.Freeze() },
			Drip:   func(*testing.T) { relay.Drip(time.Second) }, Flow: func(*testing.T) { relay.Resume() },
			Late: func(*testing.T) { relay.Late() },
		}
		return s
	})
}
