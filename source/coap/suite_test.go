//go:build integration

package coap

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

const (
	identity = "edge01"
	key      = "secretPSK"
)

// settings are those of a test, which waits less long than a device on a slow line.
func settings(url string, change func(*Settings)) *Settings {
	var s Settings
	s.Default()
	s.URL, s.Timeout, s.AckTimeout, s.Ping = url, 4*time.Second, 500*time.Millisecond, time.Second
	if change != nil {
		change(&s)
	}
	s.PSK = nil
	if s.isSecure() {
		s.PSK = &PSK{Identity: identity, Key: secret.New(key)}
	}
	return &s
}

// libcoap returns libcoap's server at a port of loopback; over DTLS it is at the port after that.
func libcoap(t *testing.T, port int, args ...string) *peertest.Process {
	t.Helper()
	client := peertest.Debian(t, "coap-client-openssl")
	return peertest.Start(t, peertest.Command{
		Name: peertest.Debian(t, "coap-server-openssl"),
		Args: append([]string{"-A", "127.0.0.1", "-p", strconv.Itoa(port), "-k", key, "-h", "hint"}, args...),
		Ready: func(ctx context.Context) error {
			return exec.CommandContext(ctx, client, "-B", "1", fmt.Sprintf("coap://127.0.0.1:%d/", port)).Run()
		},
	})
}

// put has libcoap's server say something at /example_data.
func put(t *testing.T, port int, body string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("coap://127.0.0.1:%d/example_data", port)
	if out, err := exec.Command(peertest.Debian(t, "coap-client-openssl"), "-m", "put", "-t", "json", "-f", path, url).CombinedOutput(); err != nil {
		t.Fatalf("put: %v, %s", err, out)
	}
}

// aiocoap returns the device of testdata/peer.py, and what has it say something at /value.
func aiocoap(t *testing.T, port int, args ...string) (*peertest.Process, func(t *testing.T, body string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "value")
	say := func(t *testing.T, body string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	say(t, "{}")
	process := peertest.Start(t, peertest.Command{
		Name: peertest.Python(t), Args: append([]string{"testdata/peer.py", strconv.Itoa(port), file}, args...), ReadyLine: "ready",
	})
	return process, say
}

// TestSuite runs the suite against libcoap's server, which is asked.
func TestSuite(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		port := peertest.UDPPort(t)
		relay := nettest.NewPacketRelay(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		var server *peertest.Process
		return sourcetest.Subject{
			Kind: Kind, Settings: settings("coap://"+relay.Address+"/example_data", nil),
			Start: func(t *testing.T) {
				if server == nil {
					server = libcoap(t, port)
				} else {
					server.Restart()
				}
			},
			Stop: func(*testing.T) {
				if server != nil {
					server.Stop()
				}
			},
			Say: func(t *testing.T, n int) { put(t, port, sourcetest.Body(n)) },
			Faults: sourcetest.Faults{
				Freeze: func(*testing.T) { server.Freeze() },
				Thaw:   func(*testing.T) { server.Thaw() },
				Kill:   func(*testing.T) { server.Kill() },
				Late:   func(*testing.T) { relay.Late() },
			},
		}
	})
}

// TestSuiteOfObservations runs the suite against aiocoap, which speaks by itself.
func TestSuiteOfObservations(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject { return observed(t, false) })
}

// TestFaultsOverDTLS runs the faults of the suite against aiocoap over DTLS.
func TestFaultsOverDTLS(t *testing.T) {
	sourcetest.RunFaults(t, func(t *testing.T) sourcetest.Subject { return observed(t, true) })
}

func observed(t *testing.T, secure bool) sourcetest.Subject {
	port := peertest.UDPPort(t)
	url, args := fmt.Sprintf("coap://127.0.0.1:%d/value", port), []string(nil)
	if secure {
		url, args = fmt.Sprintf("coaps://127.0.0.1:%d/value", port+1), []string{identity, key}
	}
	var device *peertest.Process
	var say func(*testing.T, string)
	return sourcetest.Subject{
		Kind: Kind, Settings: settings(url, func(s *Settings) { s.Observe, s.Renew = true, time.Second }),
		Start: func(t *testing.T) {
			if device == nil {
				device, say = aiocoap(t, port, args...)
			} else {
				device.Restart()
			}
		},
		Stop: func(*testing.T) {
			if device != nil {
				device.Stop()
			}
		},
		Say: func(t *testing.T, n int) { say(t, sourcetest.Body(n)) },
		Faults: sourcetest.Faults{
			Freeze: func(*testing.T) { device.Freeze() },
			Thaw:   func(*testing.T) { device.Thaw() },
			Kill:   func(*testing.T) { device.Kill() },
		},
	}
}
