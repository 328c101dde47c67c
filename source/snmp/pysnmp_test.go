//go:build integration

package snmp

import (
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

const plant = "1.3.6.1.4.1.53864."

// A pysnmp is a device that tells what a test sets.
type pysnmp struct {
	address string
	command peertest.Command
	control net.Conn
}

func startPySNMP(t *testing.T) *pysnmp {
	t.Helper()
	p := preparePySNMP(t)
	peertest.Start(t, p.command)
	return p
}

func preparePySNMP(t *testing.T) *pysnmp {
	t.Helper()
	python := peertest.Python(t)
	port, control := strconv.Itoa(peertest.UDPPort(t)), strconv.Itoa(peertest.UDPPort(t))
	p := &pysnmp{address: "127.0.0.1:" + port}
	p.command = peertest.Command{Name: python, Args: []string{"testdata/agent.py", port, control}, ReadyLine: "ready"}
	c, err := net.Dial("udp", "127.0.0.1:"+control)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p.control = c
	return p
}

// set sets a variable.
func (p *pysnmp) set(t *testing.T, number int, value string) {
	t.Helper()
	if _, err := fmt.Fprintf(p.control, "%d %s", number, value); err != nil {
		t.Fatal(err)
	}
	if err := p.control.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.control.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
}

// TestASecondDeviceOfAnotherMaker is read by every version, and its counters wrap.
func TestASecondDeviceOfAnotherMaker(t *testing.T) {
	t.Parallel()
	p := startPySNMP(t)
	for name, change := range map[string]func(*Settings){
		"v1": func(s *Settings) { s.Version = "1" }, "v2c": nil, "v3": by(user("u256", "sha-256", "aes")),
	} {
		s := (&snmpd{}).settings(change)
		s.Address = p.address
		s.OIDs = map[string]Variable{
			"whole": {OID: plant + "3.0"}, "text": {OID: plant + "4.0", Scale: decimal("10")}, "none": {OID: plant + "9.0"},
			"c32": {OID: plant + "1.0", As: "delta"}, "c64": {OID: plant + "2.0", As: "delta"},
		}
		if name == "v1" {
			delete(s.OIDs, "c64") // v1 has none
		}
		o := opened(t, s, source.Env{})
		p.set(t, 1, "4294967290")
		p.set(t, 2, "18446744073709551610")
		got := observed(t, s, o)
		if got["whole"].Value.String() != "-7" || got["text"].Value.String() != "215" || got["none"].Quality != dodona.Bad {
			t.Errorf("%s: %+v", name, got)
		}
		p.set(t, 1, "5")
		p.set(t, 2, "5")
		waitFor(t, func() error { // its clock counts hundredths
			p.set(t, 1, "4294967290")
			p.set(t, 2, "18446744073709551610")
			observed(t, s, o)
			time.Sleep(20 * time.Millisecond)
			p.set(t, 1, "5")
			p.set(t, 2, "5")
			got := observed(t, s, o)
			if got["c32"].Value.String() != "11" || name != "v1" && got["c64"].Value.String() != "11" {
				return fmt.Errorf("%s: %+v, %+v", name, got["c32"], got["c64"])
			}
			return nil
		})
	}
}

// TestFaultsOfANetworkInBetween: an answer that comes too late is never taken for another request's, and a half-open way is left.
func TestFaultsOfANetworkInBetween(t *testing.T) {
	for name, change := range map[string]func(*Settings){"v2c": nil, "v3": by(user("u256", "sha-256", "aes"))} {
		t.Run(name, func(t *testing.T) {
			sourcetest.RunFaults(t, func(t *testing.T) sourcetest.Subject {
				d := preparePySNMP(t) // snmpd keeps what its extensions said
				relay := nettest.NewPacketRelay(t, d.address)
				s := (&snmpd{}).settings(func(s *Settings) {
					if change != nil {
						change(s)
					}
					s.Address = relay.Address
					s.Timeout, s.Retries = time.Second, 0
					s.OIDs = map[string]Variable{"hello": {OID: plant + "4.0"}}
				})
				return sourcetest.Subject{
					Kind: Kind, Settings: s,
					Say:    func(t *testing.T, n int) { d.set(t, 4, sourcetest.Body(n)) },
					Start:  func(t *testing.T) { peertest.Start(t, d.command) },
					Faults: sourcetest.Faults{Late: func(*testing.T) { relay.Late() }},
				}
			})
		})
	}
}
