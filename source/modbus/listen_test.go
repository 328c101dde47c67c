//go:build integration

package modbus

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// A modem dials in, says who it is, and passes on what comes to its device, with heartbeats while nothing does. It dials again while it runs.
type modem struct {
	to, device, says, beats string

	end  context.CancelFunc
	runs sync.WaitGroup
}

func (m *modem) start() {
	ctx, cancel := context.WithCancel(context.Background())
	m.end = cancel
	m.runs.Go(func() {
		for ctx.Err() == nil {
			m.call(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}

func (m *modem) stop() {
	if m.end != nil {
		m.end()
		m.runs.Wait()
	}
}

func (m *modem) call(ctx context.Context) {
	out, err := net.Dial("tcp", m.to)
	if err != nil {
		return
	}
	defer out.Close()
	device, err := net.Dial("tcp", m.device)
	if err != nil {
		return
	}
	defer device.Close()
	defer context.AfterFunc(ctx, func() { _, _ = out.Close(), device.Close() })()
	if _, err := io.WriteString(out, m.says); err != nil {
		return
	}
	var all sync.WaitGroup
	var sending sync.Mutex // an answer is sent whole
	ended := make(chan struct{})
	all.Go(func() {
		for m.beats != "" {
			select {
			case <-ended:
				return
			case <-time.After(5 * time.Millisecond):
				sending.Lock()
				_, _ = io.WriteString(out, m.beats)
				sending.Unlock()
			}
		}
	})
	all.Go(func() {
		defer out.Close()
		answer := make([]byte, 1024)
		for {
			n, err := device.Read(answer)
			if err != nil {
				return
			}
			sending.Lock()
			_, _ = out.Write(answer[:n])
			sending.Unlock()
		}
	})
	_, _ = io.Copy(device, out)
	_ = device.Close()
	close(ended)
	all.Wait()
}

// listening returns settings of a device that dials in at a port.
func listening(port int, id string, change ...func(*Settings)) Settings {
	return settings(alike(), append([]func(*Settings){func(s *Settings) {
		s.Address, s.Framing = "", ""
		s.Listen = &Listen{Address: local(port), ID: id, Heartbeat: "0xfe00"}
		s.Timeout = 2 * time.Second
	}}, change...)...)
}

// TestSuiteOfADeviceThatDialsIn runs the suite against libmodbus behind a modem.
func TestSuiteOfADeviceThatDialsIn(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		port, door := peertest.Port(t), peertest.Port(t)
		s := listening(door, "862118052714567", func(s *Settings) {
			s.Framing, s.Registers, s.Timeout, s.ConnectTimeout = TCP, saying(), 500*time.Millisecond, 200*time.Millisecond
		})
		peer := peertest.Start(t, libmodbus(t, port))
		m := &modem{to: local(door), device: local(port), says: "862118052714567", beats: "\xfe\x00"}
		return sourcetest.Subject{
			Kind: Kind, Settings: &s,
			Start: func(*testing.T) { m.start() },
			Stop:  func(*testing.T) { m.stop() },
			Say:   func(t *testing.T, n int) { write(t, port, 0, said(n)) },
			Faults: sourcetest.Faults{
				Freeze: func(*testing.T) { peer.Freeze() }, Thaw: func(*testing.T) { peer.Thaw() },
				Kill: func(*testing.T) { m.stop() },
			},
		}
	})
}

func TestDevicesThatDialInShareAnAddress(t *testing.T) {
	t.Parallel()
	near, far := peertest.Pty(t)
	peertest.Start(t, libmodbus(t, peertest.Port(t), far, "1"))
	serial := gateway(t, near)
	tcp := peertest.Port(t)
	peertest.Start(t, libmodbus(t, tcp))
	door := peertest.Port(t)
	first, second := listening(door, "0x0102af"), listening(door, "modem-2", func(s *Settings) { s.Framing = TCP })
	one, two := open(t, first), open(t, second)
	if _, err := Kind.Open(t.Context(), &second, source.Env{}); err == nil || !strings.Contains(err.Error(), "cannot be told from this one") {
		t.Errorf("a second source of one id: %v", err)
	}
	waits := listening(door, "modem-3", func(s *Settings) { s.ConnectTimeout = 10 * time.Millisecond })
	if _, err := open(t, waits).Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "the device has not dialled in") {
		t.Errorf("a device that does not dial in: %v", err)
	}
	for _, m := range []*modem{{to: local(door), device: serial, says: "\x01\x02\xaf", beats: "\xfe\x00"}, {to: local(door), device: local(tcp), says: "modem-2", beats: "modem-2"}} {
		m.start()
		t.Cleanup(m.stop)
	}
	for range 3 {
		recovers(t, first, one)
		recovers(t, second, two)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	recovers(t, second, two)
}

func TestWhoIsNotExpectedIsRefused(t *testing.T) {
	t.Parallel()
	door := peertest.Port(t)
	s := listening(door, "862118052714567")
	var log logtest.Text
	opened, err := Kind.Open(t.Context(), &s, source.Env{Source: "plant", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	call := func(says string) net.Conn {
		c, err := net.Dial("tcp", local(door))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_, _ = io.WriteString(c, says)
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		return c
	}
	isClosed := func(c net.Conn) bool {
		_, err := c.Read(make([]byte, 1))
		return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
	}
	for _, says := range []string{"862118052714568", "\x16\x03\x01", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("8", 1000), "\x00", "modem", "1"} { // the eighth is told of again
		if !isClosed(call(says)) {
			t.Errorf("whoever says %.20q is let in", says)
		}
	}
	var silent []net.Conn
	for range mostWaiting {
		silent = append(silent, call("8621"))
	}
	call("8621")
	if !isClosed(silent[0]) {
		t.Error("one more than may wait is let in, and the oldest does not make room")
	}
	for end := time.Now().Add(30 * time.Second); !strings.Contains(log.String(), "64 others did not say yet who they are"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the log says\n%s", log.String())
		}
	}
	for _, c := range silent {
		_ = c.Close()
	}
	port := peertest.Port(t)
	near, far := peertest.Pty(t)
	peertest.Start(t, libmodbus(t, port, far, "1"))
	m := &modem{to: local(door), device: gateway(t, near), says: "862118052714567"}
	m.start()
	t.Cleanup(m.stop)
	recovers(t, s, opened)
}

// TestADeviceThatDialsInAgainIsTheNewOne though its old connection, which a network lost, looks alive.
func TestADeviceThatDialsInAgainIsTheNewOne(t *testing.T) {
	t.Parallel()
	door, port := peertest.Port(t), peertest.Port(t)
	peertest.Start(t, libmodbus(t, port))
	s := listening(door, "modem", func(s *Settings) { s.Framing, s.Timeout = TCP, 200*time.Millisecond })
	opened := open(t, s)
	old, err := net.Dial("tcp", local(door))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if _, err := io.WriteString(old, "modem"); err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Observe(t.Context()); err == nil { // it took the old one
		t.Error("a device that says nothing has answered")
	}
	m := &modem{to: local(door), device: local(port), says: "modem"}
	m.start()
	t.Cleanup(m.stop)
	recovers(t, s, opened)
}

// TestACallThatNobodyTookIsClosedByTheNext, so that a device that dials in over and over costs one connection.
func TestACallThatNobodyTookIsClosedByTheNext(t *testing.T) {
	t.Parallel()
	door := peertest.Port(t)
	open(t, listening(door, "modem"))
	call := func() net.Conn {
		c, err := net.Dial("tcp", local(door))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := io.WriteString(c, "modem"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	old := call()
	for range 5 {
		next := call()
		_ = old.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := old.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("the call before is still open: %v", err)
		}
		old = next
	}
}

// TestADeviceIsLetInWhileManySayNothing: whoever dials in again and again to wait keeps no device out.
func TestADeviceIsLetInWhileManySayNothing(t *testing.T) {
	t.Parallel()
	door, port := peertest.Port(t), peertest.Port(t)
	peertest.Start(t, libmodbus(t, port))
	s := listening(door, "862118052714567", func(s *Settings) { s.Framing = TCP })
	var log logtest.Text
	opened, err := Kind.Open(t.Context(), &s, source.Env{Source: "plant", Now: time.Now, Dropped: func(uint64, string) {}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	t.Cleanup(end)
	for range 2 * mostWaiting {
		all.Go(func() {
			for ctx.Err() == nil {
				c, err := net.Dial("tcp", local(door))
				if err != nil {
					continue
				}
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				_, _ = c.Read(make([]byte, 1)) // until it is closed
				stop()
				_ = c.Close()
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	for end := time.Now().Add(time.Minute); !strings.Contains(log.String(), "others did not say yet who they are"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the log says\n%s", log.String())
		}
	}
	m := &modem{to: local(door), device: local(port), says: "862118052714567"}
	m.start()
	t.Cleanup(m.stop)
	recovers(t, s, opened)
}

func TestADoorIsClosedBehindTheLastSource(t *testing.T) {
	t.Parallel()
	door := peertest.Port(t)
	for range 3 {
		var all []dodona.Source
		for n := range 3 {
			s := listening(door, "modem-"+strconv.Itoa(n))
			opened, err := Kind.Open(t.Context(), &s, source.Env{})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, opened)
		}
		for _, opened := range all {
			if err := opened.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		l, err := net.Listen("tcp", local(door))
		if err != nil {
			t.Fatalf("the port is not free: %v", err)
		}
		_ = l.Close()
	}
}
