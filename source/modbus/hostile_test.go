//go:build integration

package modbus

import (
	"bytes"
	"context"
	"crypto/x509"
	"maps"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/internal/tty"
)

// A tamperer stands between a source and its peer, and does to frames what it is told. Each packet is one frame: whoever tests sends no faster.
type tamperer struct {
	address string

	mu     sync.Mutex
	asked  int                                  // questions so far
	change func(asked int, frame []byte) frames // of what the peer says to a question
	before func(asked int, frame []byte) frames // of what is asked
}

// frames are what is sent instead of one, and what is kept to be sent behind the next question.
type frames struct{ now, late []byte }

// newTamperer ends with the test.
func newTamperer(t *testing.T, to string) *tamperer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	same := func(_ int, frame []byte) frames { return frames{now: frame} }
	tampers := &tamperer{address: l.Addr().String(), change: same, before: same}
	var all sync.WaitGroup
	ended, end := context.WithCancel(context.Background())
	t.Cleanup(func() {
		end()
		_ = l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			stop := context.AfterFunc(ended, func() { _, _ = near.Close(), far.Close() })
			all.Go(func() { defer stop(); tampers.pass(near, far) })
		}
	})
	return tampers
}

// tell says how questions and answers are changed from now on; the next question is number 0.
func (m *tamperer) tell(change, before func(asked int, frame []byte) frames) {
	m.mu.Lock()
	defer m.mu.Unlock()
	same := func(_ int, frame []byte) frames { return frames{now: frame} }
	m.asked, m.change, m.before = 0, same, same
	if change != nil {
		m.change = change
	}
	if before != nil {
		m.before = before
	}
}

// count returns how many questions there were since tell.
func (m *tamperer) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

// pass hands on one question and its answer after the other.
func (m *tamperer) pass(near, far net.Conn) {
	defer near.Close()
	defer far.Close()
	var late []byte
	var mu sync.Mutex
	answers := make(chan struct{})
	go func() {
		defer close(answers)
		buffer := make([]byte, 1024)
		for {
			n, err := wholeFrame(far, buffer)
			if err != nil {
				_ = near.Close()
				return
			}
			m.mu.Lock()
			what := m.change(m.asked-1, bytes.Clone(buffer[:n]))
			m.mu.Unlock()
			mu.Lock()
			late = append(late, what.late...)
			mu.Unlock()
			if _, err := near.Write(what.now); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 1024)
	for {
		n, err := near.Read(buffer)
		if err != nil {
			break
		}
		mu.Lock()
		behind := late
		late = nil
		mu.Unlock()
		if len(behind) > 12 && n >= 12 && behind[2] == 0 && behind[3] == 0 && behind[5] == byte(len(behind)-6) { // as peers do that answer in the name of the newest
			copy(behind[:2], buffer[:2])
		}
		_, _ = near.Write(behind)
		m.mu.Lock()
		what := m.before(m.asked, bytes.Clone(buffer[:n]))
		m.asked++
		m.mu.Unlock()
		if _, err := far.Write(what.now); err != nil {
			break
		}
	}
	_ = far.Close()
	<-answers
}

// wholeFrame reads what comes until it pauses: a line hands a frame over in pieces.
func wholeFrame(from net.Conn, buffer []byte) (n int, err error) {
	if err := from.SetReadDeadline(time.Time{}); err != nil {
		return 0, err
	}
	for n, err = from.Read(buffer); err == nil; {
		if err := from.SetReadDeadline(time.Now().Add(15 * time.Millisecond)); err != nil {
			return n, err
		}
		more, errMore := from.Read(buffer[n:])
		if n += more; errMore != nil {
			break
		}
	}
	return n, err
}

// alike are points whose answers have one shape.
func alike() map[string]Register {
	points := map[string]Register{}
	for n := 100; n < 1000; n += 100 {
		points["p"+strconv.Itoa(n)] = Register{Holding: at(n)}
	}
	return points
}

// wantOwn fails if a point is neither its own register nor bad; it returns how many are bad.
func wantOwn(t *testing.T, got map[string]string) (bad int) {
	t.Helper()
	for point, text := range got {
		if _, err := strconv.Atoi(text); err != nil {
			bad++
		} else if "p"+text != point {
			t.Errorf("%s is %s, which is another's", point, text)
		}
	}
	return bad
}

// tampered returns settings for alike over a line to libmodbus with a tamperer in it.
func tampered(t *testing.T, framing string) (Settings, *tamperer) {
	t.Helper()
	port := peertest.Port(t)
	s := settings(alike(), func(s *Settings) { s.Timeout, s.Retries = 400*time.Millisecond, 0 })
	var tampers *tamperer
	switch framing {
	case "tcp":
		peertest.Start(t, libmodbus(t, port))
		tampers = newTamperer(t, local(port))
		s.Address = tampers.address
	case "serial":
		near, far := serialLine(t, func(to string) string { tampers = newTamperer(t, to); return tampers.address })
		peertest.Start(t, libmodbus(t, port, far, "1"))
		s.Address, s.Serial, s.Framing = "", &tty.Settings{Device: near}, RTU
	case "gateway":
		near, far := peertest.Pty(t)
		peertest.Start(t, libmodbus(t, port, far, "1"))
		tampers = newTamperer(t, gateway(t, near))
		s.Address, s.Framing = tampers.address, RTU
	}
	s.Complete()
	return s, tampers
}

// recovers reads until all points are there again, each of which is its own or bad until then.
func recovers(t *testing.T, s Settings, opened dodona.Source) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		bad := -1
		b, err := opened.Observe(t.Context())
		if err == nil {
			bad = wantOwn(t, decoded(t, s, b.Readings))
		}
		if bad == 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("it does not recover: %d points are bad, %v", bad, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

var lines = []string{"tcp", "serial", "gateway"}

func TestALateAnswerIsNeverTakenForAnothers(t *testing.T) {
	t.Parallel()
	for _, framing := range lines {
		for _, which := range []int{0, 4, 8} {
			t.Run(framing+" "+strconv.Itoa(which), func(t *testing.T) {
				t.Parallel()
				s, tampers := tampered(t, framing)
				opened := open(t, s)
				recovers(t, s, opened)
				tampers.tell(func(asked int, frame []byte) frames {
					if asked == which {
						return frames{late: frame}
					}
					return frames{now: frame}
				}, nil)
				if b, err := opened.Observe(t.Context()); err != nil {
					t.Logf("observe: %v", err)
				} else if bad := wantOwn(t, decoded(t, s, b.Readings)); bad == 0 {
					t.Error("no point is bad though an answer was late")
				}
				recovers(t, s, opened)
			})
		}
	}
}

func TestWhatAPeerAddsToItsAnswersIsDropped(t *testing.T) {
	t.Parallel()
	twice := func(_ int, frame []byte) frames { return frames{now: append(frame, frame...)} }
	for _, framing := range lines {
		t.Run(framing, func(t *testing.T) {
			t.Parallel()
			s, tampers := tampered(t, framing)
			s.Timeout = 5 * time.Second
			opened := open(t, s)
			recovers(t, s, opened)
			tampers.tell(twice, nil)
			for range 3 {
				if b, err := opened.Observe(t.Context()); err != nil {
					t.Errorf("answers given twice: %v", err)
				} else if bad := wantOwn(t, decoded(t, s, b.Readings)); bad > 0 {
					t.Errorf("answers given twice: %d points are bad", bad)
				}
			}
			if framing != "tcp" {
				tampers.tell(func(_ int, frame []byte) frames { return frames{now: append(summed(9, 3, 4, 1, 2, 3, 4), frame...)} }, nil)
				recovers(t, s, opened)
			}
		})
	}
}

func TestWhatIsNoAnswerIsBadAndMends(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		framing string
		change  func(frame []byte) []byte
		want    string
	}{
		"another unit":           {"tcp", func(f []byte) []byte { f[6]++; return f }, "no answer"},
		"another transaction":    {"tcp", func(f []byte) []byte { f[0] ^= 0x55; return f }, "no answer"},
		"another function":       {"tcp", func(f []byte) []byte { f[7] = 4; return f }, "no request of ours"},
		"a length that lies":     {"tcp", func(f []byte) []byte { f[8] = 4; return f }, "no request of ours"},
		"a header of nothing":    {"tcp", func(f []byte) []byte { f[5] = 0; return f }, "no Modbus"},
		"a header too long":      {"tcp", func(f []byte) []byte { f[4], f[5] = 0, 255; return f }, "no Modbus"},
		"another protocol":       {"tcp", func(f []byte) []byte { f[3] = 1; return f }, "no Modbus"},
		"half":                   {"tcp", func(f []byte) []byte { return f[:8] }, "no Modbus"},
		"text":                   {"tcp", func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }, "no Modbus"},
		"a flipped bit":          {"serial", func(f []byte) []byte { f[3] ^= 1; return f }, "bytes that are none"},
		"another unit of a line": {"serial", func([]byte) []byte { return summed(2, 3, 2, 0, 100) }, "no answer"},
		"half of a frame":        {"serial", func(f []byte) []byte { return f[:5] }, "bytes that are none"},
		"noise without an end":   {"gateway", func([]byte) []byte { return bytes.Repeat([]byte{1, 3, 2, 9}, 5<<10) }, "no "},
		"text where is RTU":      {"gateway", func([]byte) []byte { return []byte("OK\r\n") }, "bytes that are none"},
		"nothing":                {"gateway", func([]byte) []byte { return nil }, "no answer"},
		"an unknown exception":   {"tcp", func(f []byte) []byte { return append(append(f[:5], 3, 1), 0x83, 0x77) }, "exception 119: unknown"},
		"an exception of other":  {"tcp", func(f []byte) []byte { return append(append(f[:5], 3, 1), 0x84, 2) }, "no request of ours"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, tampers := tampered(t, c.framing)
			s.Registers = map[string]Register{"p100": {Holding: at(100)}, "p200": {Holding: at(200)}}
			opened := open(t, s)
			recovers(t, s, opened)
			tampers.tell(func(_ int, frame []byte) frames { return frames{now: c.change(frame)} }, nil)
			b, err := opened.Observe(t.Context())
			said := ""
			if err != nil {
				said = err.Error()
			} else {
				for point, text := range decoded(t, s, b.Readings) {
					if said += text; !strings.Contains(text, " ") {
						t.Errorf("%s is %s", point, text)
					}
				}
			}
			if !strings.Contains(said, c.want) {
				t.Errorf("said is %q, want %q", said, c.want)
			}
			tampers.tell(nil, nil)
			recovers(t, s, opened)
		})
	}
}

func TestAnAnswerOfAnotherUnitCountsWhereAnyDoes(t *testing.T) {
	t.Parallel()
	s, tampers := tampered(t, "tcp")
	s.AnyUnit, s.Timeout = true, 5*time.Second
	tampers.tell(func(_ int, frame []byte) frames { frame[6] = 255; return frames{now: frame} }, nil)
	if bad := wantOwn(t, read(t, s, open(t, s))); bad > 0 {
		t.Errorf("%d points are bad", bad)
	}
}

func TestAConnectionThatIsStuckIsMadeAnew(t *testing.T) {
	t.Parallel()
	port := peertest.Port(t)
	peertest.Start(t, script(t, "js.js", strconv.Itoa(port)))
	tampers := newTamperer(t, local(port))
	s := settings(alike(), func(s *Settings) { s.Address, s.Timeout, s.Retries = tampers.address, time.Second, 1 })
	opened := open(t, s)
	recovers(t, s, opened)
	tampers.tell(nil, func(asked int, frame []byte) frames {
		if asked == 3 {
			frame[7] = 0x63 // no question of ours: whoever shares the connection asks it
		}
		return frames{now: frame}
	})
	if bad := wantOwn(t, read(t, s, opened)); bad > 0 {
		t.Errorf("%d points are bad, though the question is asked again", bad)
	}
}

func TestAConnectionThatWasClosedWhileIdleIsMadeAnew(t *testing.T) {
	t.Parallel()
	port := peertest.Port(t)
	peertest.Start(t, libmodbus(t, port))
	relay := nettest.NewRelay(t, local(port))
	s := settings(alike(), func(s *Settings) { s.Address, s.Timeout, s.Retries = relay.Address, 5*time.Second, 0 })
	opened := open(t, s)
	for range 3 {
		if bad := wantOwn(t, read(t, s, opened)); bad > 0 {
			t.Errorf("%d points are bad", bad)
		}
		relay.Cut()
	}
}

func TestTheConnectionIsClosedAfterEachExchangeIfAsked(t *testing.T) {
	t.Parallel()
	port := peertest.Port(t)
	peertest.Start(t, libmodbus(t, port))
	relay := nettest.NewRelay(t, local(port))
	s := settings(alike(), func(s *Settings) { s.Address, s.CloseAfterPoll = relay.Address, true })
	opened := open(t, s)
	for range 3 {
		wantOwn(t, read(t, s, opened))
	}
	if made := relay.Made(); made != 3 {
		t.Errorf("%d connections for 3 exchanges", made)
	}
}

// trouble are the registers of peer.py that are some.
func trouble() map[string]Register {
	return map[string]Register{
		"busy": {Holding: at(901)}, "acknowledged": {Holding: at(902)}, "busier": {Holding: at(903)}, "well": {Holding: at(100)}, "input": {Input: at(1)},
	}
}

func TestAUnitThatIsBusyIsAskedAgain(t *testing.T) {
	t.Parallel()
	port := peertest.Port(t)
	peertest.Start(t, python(t, strconv.Itoa(port), "tcp"))
	s := settings(trouble(), func(s *Settings) { s.Address, s.Timeout, s.OneByOne = local(port), 5*time.Second, true })
	wantSaid(t, read(t, s, open(t, s)), map[string]string{"busy": "901", "acknowledged": "902", "busier": "exception 6: busy", "well": "100", "input": "10001"})
}

func TestAGatewayWithoutPathMarksTheUnitAlone(t *testing.T) {
	t.Parallel()
	port := peertest.Port(t)
	peertest.Start(t, python(t, strconv.Itoa(port), "tcp"))
	for address, want := range map[int]string{904: "exception 10: the gateway has no path", 905: "exception 11: the gateway had no answer"} {
		s := settings(map[string]Register{"far": {Holding: at(address)}, "beside": {Holding: at(920)}, "other": {Holding: at(1), UnitID: at(2)}},
			func(s *Settings) { s.Address, s.Timeout = local(port), 5*time.Second })
		opened := open(t, s)
		for range 3 {
			wantSaid(t, read(t, s, opened), map[string]string{"far": want, "beside": want, "other": "1"})
		}
	}
}

func TestARegisterThatIsNeverAnsweredHidesNoOther(t *testing.T) {
	t.Parallel()
	port := peertest.Port(t)
	peertest.Start(t, python(t, strconv.Itoa(port), "tcp"))
	s := settings(map[string]Register{"silent": {Holding: at(906)}, "before": {Holding: at(100)}, "behind": {Input: at(1)}, "other": {Holding: at(1), UnitID: at(2)}},
		func(s *Settings) { s.Address, s.Timeout, s.Retries = local(port), time.Second, 0 })
	opened := open(t, s)
	for range 4 {
		wantSaid(t, read(t, s, opened), map[string]string{"silent": "no answer within the timeout", "before": "100", "behind": "10001", "other": "1"})
	}
}

// TestAPeerThatIsLateIsNotMistaken, which gives a late answer the transaction of the newest question.
func TestAPeerThatIsLateIsNotMistaken(t *testing.T) {
	t.Parallel()
	for _, framing := range []string{"tcp", "serial"} {
		t.Run(framing, func(t *testing.T) {
			t.Parallel()
			s := settings(map[string]Register{"p900": {Holding: at(900)}, "p920": {Holding: at(920)}, "p940": {Holding: at(940)}},
				func(s *Settings) { s.Timeout, s.Retries = time.Second, 0 })
			if framing == "tcp" {
				port := peertest.Port(t)
				peertest.Start(t, python(t, strconv.Itoa(port), "tcp"))
				s.Address = local(port)
			} else {
				near, far := peertest.Pty(t)
				peertest.Start(t, python(t, far, "rtu"))
				s.Address, s.Serial, s.Framing = "", &tty.Settings{Device: near}, RTU
			}
			recovers(t, s, open(t, s))
		})
	}
}

// TestASilentUnitDoesNotHoldUpTheOthers on a bus of two, one of which is not there.
func TestASilentUnitDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	s, tampers := tampered(t, "serial")
	s.Timeout = time.Second
	s.Registers = map[string]Register{"p100": {Holding: at(100)}, "gone": {Holding: at(5), UnitID: at(9)}, "too": {Input: at(7), UnitID: at(9)}}
	opened := open(t, s)
	var of []int
	for range 4 {
		before := tampers.count()
		wantSaid(t, read(t, s, opened), map[string]string{"p100": "100", "gone": "no answer", "too": "no answer"})
		of = append(of, tampers.count()-before)
	}
	if last := of[len(of)-1]; last > 1 && of[len(of)-2] > 1 {
		t.Errorf("the exchanges have %d requests: want one in those in which the silent unit rests", of)
	}
}

func TestUnitsThatWereAllSilentAreAllAskedOnceOneIsBack(t *testing.T) {
	t.Parallel()
	s, tampers := tampered(t, "tcp")
	s.Timeout = 500 * time.Millisecond
	s.Registers = map[string]Register{"a": {Holding: at(1)}, "b": {Holding: at(2), UnitID: at(2)}, "c": {Holding: at(3), UnitID: at(3)}}
	opened := open(t, s)
	wantSaid(t, read(t, s, opened), map[string]string{"a": "1", "b": "2", "c": "3"})
	tampers.tell(func(int, []byte) frames { return frames{} }, nil)
	for n := range 5 {
		before := tampers.count()
		if _, err := opened.Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer within the timeout") {
			t.Errorf("a line on which nobody answers: %v", err)
		}
		if asked := tampers.count() - before; asked < 1 {
			t.Errorf("exchange %d asks nobody", n)
		}
	}
	tampers.tell(nil, nil)
	want := map[string]string{"a": "1", "b": "2", "c": "3"}
	for n := 0; ; n++ {
		var got map[string]string
		if b, err := opened.Observe(t.Context()); err == nil {
			got = decoded(t, s, b.Readings)
		}
		if maps.Equal(got, want) {
			return
		}
		if n == 6 {
			t.Fatalf("after %d exchanges with one that is back the points are %q", n, got)
		}
	}
}

// TestADeviceIsBelievedUntilItsCertificateEnds, also by a connection that stands.
func TestADeviceIsBelievedUntilItsCertificateEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority := nettest.NewAuthority(t, dir, "plant")
	ownCert, ownKey := authority.Files(t, "gateway", x509.ExtKeyUsageClientAuth)
	port := peertest.Port(t)
	peertest.Start(t, python(t, strconv.Itoa(port), "tcp"))
	points, want := everywhere()
	for life := 3 * time.Second; ; life *= 2 { // on a slow machine the handshake may come too late
		front := authority.Front(t, life, local(port))
		s := settings(points, func(s *Settings) {
			s.Address, s.Timeout, s.ConnectTimeout, s.TLS = front, 5*time.Second, 20*time.Second, &TLS{CA: authority.File, Certificate: httpc.Certificate{Cert: ownCert, Key: ownKey}}
		})
		o := open(t, s)
		ends := time.Now().Add(life)
		first, err := o.Observe(t.Context())
		if err != nil && life < time.Minute && strings.Contains(err.Error(), "expired") {
			continue
		}
		if err != nil || len(first.Readings) == 0 {
			t.Fatalf("%d readings of %d points, %v", len(first.Readings), len(want), err)
		}
		time.Sleep(time.Until(ends))
		if _, err := o.Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "expired") {
			t.Errorf("the certificate is over: %v", err)
		}
		if _, err := o.Observe(t.Context()); !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "expired at ") {
			t.Errorf("the certificate is over, and the device is asked anew: %v", err)
		}
		return
	}
}

func TestPymodbusIsReadByTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority := nettest.NewAuthority(t, dir, "plant")
	cert, key := authority.Files(t, "device", x509.ExtKeyUsageServerAuth)
	ownCert, ownKey := authority.Files(t, "gateway", x509.ExtKeyUsageClientAuth)
	stranger := nettest.NewAuthority(t, dir, "stranger")
	port := peertest.Port(t)
	peertest.Start(t, python(t, strconv.Itoa(port), "tls", cert, key, authority.File))
	points, want := everywhere()
	s := settings(points, func(s *Settings) {
		s.Address, s.Timeout, s.ConnectTimeout, s.TLS = local(port), 5*time.Second, 20*time.Second, &TLS{CA: authority.File, Certificate: httpc.Certificate{Cert: ownCert, Key: ownKey}}
	})
	wantSaid(t, read(t, s, open(t, s)), want)
	for name, c := range map[string]struct {
		tls       TLS
		permanent bool
	}{
		"an authority that nobody knows": {TLS{CA: stranger.File, Certificate: httpc.Certificate{Cert: ownCert, Key: ownKey}}, true},
		"another name":                   {TLS{CA: authority.File, Certificate: httpc.Certificate{Cert: ownCert, Key: ownKey, ServerName: "boiler"}}, true},
		"no certificate":                 {TLS{CA: authority.File}, false},
		"a file that is not there":       {TLS{CA: filepath.Join(dir, "none")}, true},
		"a file without a certificate":   {TLS{CA: key}, true},
	} {
		s.TLS = &c.tls
		if _, err := open(t, s).Observe(t.Context()); err == nil || dodona.IsPermanent(err) != c.permanent {
			t.Errorf("%s: %v, permanent %v, want %v", name, err, dodona.IsPermanent(err), c.permanent)
		}
	}
}
