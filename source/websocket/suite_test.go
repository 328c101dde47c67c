//go:build integration

package websocket

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// A peer is ws, a server of Node, and what a test says to it.
type peer struct {
	t       *testing.T
	port    int
	command peertest.Command
	process *peertest.Process
}

func newPeer(t *testing.T, env ...string) *peer {
	t.Helper()
	p := &peer{t: t, port: peertest.Port(t)}
	p.command = peertest.Node(t, "testdata/peer.js", fmt.Sprint(p.port), host())
	p.command.Env = append(p.command.Env, env...)
	p.command.ReadyLine = "ready"
	return p
}

func (p *peer) address() string { return fmt.Sprintf("%s:%d", host(), p.port) }

// host is an address of loopback that no other process has: a port that waits for its server must not go to a peer of another package meanwhile.
func host() string { return fmt.Sprintf("127.%d.%d.2", 1+os.Getpid()/250%250, 1+os.Getpid()%250) }

func (p *peer) start(t *testing.T) {
	t.Helper()
	if p.process == nil {
		p.process = peertest.Start(t, p.command)
		return
	}
	p.process.Restart()
}

func (p *peer) kill(*testing.T) {
	if p.process != nil {
		p.process.Kill()
	}
}

// tell has the peer do something.
func (p *peer) tell(what, body string) string {
	p.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Post("http://"+p.address()+"/"+what, "text/plain", bytes.NewReader([]byte(body)))
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		p.t.Fatalf("%s: %s, %v", what, resp.Status, err)
	}
	return string(said)
}

// What the peer has seen.
type seen struct {
	Connections, Subscribes, Heartbeats int
	Pongs                               []int
	Protocols, Extensions               []any
}

func (p *peer) seen() (s seen) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.tell("seen", "")), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// settings subscribes at an address, with short time-outs that a busy machine may well outlast: then it connects once more.
func settings(address string) *Settings {
	s := Kind.Settings().(*Settings)
	s.URL = "ws://" + address + "/stream"
	s.Subscribe = []Subscription{{
		Send: `{"op":"subscribe","id":1}`, Ack: matches{"/op": "subscribe", "/success": "true", "/id": "1"}, Refused: matches{"/success": "false"},
	}}
	s.Replies = []Reply{{When: matches{"/op": "ping"}, Send: `{"op":"pong","id":{{/id}}}`}}
	s.Ping, s.Pong, s.Timeout = time.Second, 3*time.Second, 5*time.Second
	return s
}

func TestSuite(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		p := newPeer(t)
		relay := nettest.NewRelay(t, p.address())
		return sourcetest.Subject{
			Kind: Kind, Settings: settings(relay.Address), Start: p.start, Stop: p.kill,
			Say: func(_ *testing.T, n int) { p.tell("say", sourcetest.Body(n)) },
			Faults: sourcetest.Faults{
				Freeze: func(*testing.T) { p.process.Freeze() },
				Thaw:   func(*testing.T) { p.process.Thaw() },
				Kill:   p.kill,
				Vanish: func(*testing.T) { relay.Freeze() },
				Flood:  func(_ *testing.T, n int) { p.tell(fmt.Sprintf("flood?n=%d", n), "") },
				Drip:   func(*testing.T) { relay.Drip(time.Second) },
				Flow:   func(*testing.T) { relay.Resume() },
			},
		}
	})
}
