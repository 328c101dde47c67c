package nettest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// echo answers each line with itself, until the test ends.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

type asker struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, network, address string) asker {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return asker{t, c, bufio.NewReader(c)}
}

func (a asker) say(line string) {
	a.t.Helper()
	if _, err := io.WriteString(a, line+"\n"); err != nil {
		a.t.Fatal(err)
	}
}

func (a asker) want(line string) {
	a.t.Helper()
	_ = a.SetReadDeadline(time.Now().Add(time.Minute))
	if got, err := a.lines.ReadString('\n'); strings.TrimSpace(got) != line {
		a.t.Errorf("got %q, %v; want %q", got, err, line)
	}
}

func (a asker) wantSilence() {
	a.t.Helper()
	_ = a.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if got, err := a.lines.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		a.t.Errorf("got %q, %v; want nothing", got, err)
	}
}

func TestALateAnswerComesInFrontOfTheNext(t *testing.T) {
	r := NewRelay(t, echo(t))
	a := dial(t, "tcp", r.Address)
	a.say("0")
	a.want("0")
	r.Late()
	a.say("1")
	a.wantSilence()
	a.say("2")
	a.want("1")
	a.want("2")
	a.say("3")
	a.want("3")
}

func TestASilentRelayTakesConnectionsAndSaysNothing(t *testing.T) {
	r := NewRelay(t, echo(t))
	before := dial(t, "tcp", r.Address)
	before.say("0")
	before.want("0")
	r.Silence()
	before.say("1")
	before.wantSilence()
	during := dial(t, "tcp", r.Address)
	during.say("1")
	during.wantSilence()
	r.Resume()
	after := dial(t, "tcp", r.Address)
	after.say("2")
	after.want("2")
	before.say("3")
	before.wantSilence()
	if got := r.Made(); got != 3 {
		t.Errorf("%d connections made, want 3", got)
	}
}

func TestADripEndsAtOnceAndLosesNothing(t *testing.T) {
	r := NewRelay(t, echo(t))
	a := dial(t, "tcp", r.Address)
	r.Drip(time.Hour)
	a.say("slow")
	_ = a.SetReadDeadline(time.Now().Add(time.Minute))
	if got, err := a.lines.ReadByte(); got != 's' {
		t.Fatalf("got %q, %v; want the first byte", got, err)
	}
	a.wantSilence()
	r.Resume()
	a.want("low")
}

func TestACutConnectionEndsWithinAnAnswer(t *testing.T) {
	r := NewRelay(t, echo(t))
	a := dial(t, "tcp", r.Address)
	r.CutAfter(3)
	a.say("12345")
	if got, err := io.ReadAll(a); string(got) != "123" {
		t.Errorf("got %q, %v; want 123", got, err)
	}
	b := dial(t, "tcp", r.Address)
	b.say("12345")
	b.want("12345")
}

func TestPacketsAreLateAndLost(t *testing.T) {
	peer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := peer.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = peer.WriteTo(buffer[:n], from)
		}
	}()
	r := NewPacketRelay(t, peer.LocalAddr().String())
	a := dial(t, "udp", r.Address)
	a.say("0")
	a.want("0")
	r.Late()
	a.say("1")
	a.wantSilence()
	a.say("2")
	a.want("1")
	a.want("2")
	r.Silence()
	a.say("3")
	a.wantSilence()
	r.Resume()
	a.say("4")
	a.want("4")
	r.Lose(1)
	a.say("5")
	a.wantSilence()
	r.Resume()
	r.Delay(10 * time.Millisecond)
	a.say("6")
	a.want("6")
}
