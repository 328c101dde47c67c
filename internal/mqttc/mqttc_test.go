package mqttc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
)

func TestWhatIsWrongWithTheSettingsIsSaid(t *testing.T) {
	for _, c := range []struct {
		change func(s *Settings)
		want   string // "": nothing is wrong
	}{
		{func(*Settings) {}, ""},
		{func(s *Settings) { s.URL = "" }, "url: missing"},
		{func(s *Settings) { s.URL = "broker:1883" }, "the scheme is missing"},
		{func(s *Settings) { s.URL = "tcp://broker:1883" }, `scheme "tcp"`},
		{func(s *Settings) { s.URL = "ftp://broker" }, `scheme "ftp"`},
		{func(s *Settings) { s.URL = "mqtt://u:p4ss@broker" }, "user and password do not belong"},
		{func(s *Settings) { s.URL = "mqtt://broker:70000" }, "port"},
		{func(s *Settings) { s.URL = "mqtt://broker/topic" }, "has no path"},
		{func(s *Settings) { s.URL = "mqtt://broker?qos=1" }, "options are settings"},
		{func(s *Settings) { s.URL = "ws://broker/mqtt?token=1" }, ""},
		{func(s *Settings) { s.URL = "mqtt://" }, "not a URL"},
		{func(s *Settings) { s.Version = "4" }, "version"},
		{func(s *Settings) { s.ClientID = "{hostname}" }, "{hostname} stands for nothing"},
		{func(s *Settings) { s.ClientID = "{client_id}" }, "client_id"},
		{func(s *Settings) { s.User = "{node}/{client_id}/?api-version=2018-06-30" }, ""},
		{func(s *Settings) { s.Password = secret.New("p4ss") }, "user: missing"},
		{func(s *Settings) { s.CA = "ca.pem" }, "ca: goes with mqtts://"},
		{func(s *Settings) { s.ALPN = []string{"mqtt"} }, "alpn: goes with mqtts://"},
		{func(s *Settings) { s.URL, s.ALPN = "mqtts://broker", []string{""} }, "alpn: a name"},
		{func(s *Settings) { s.URL, s.TLS.Key = "mqtts://broker", "k" }, "tls.cert: missing"},
		{func(s *Settings) { s.KeepAlive = 0 }, "keep_alive"},
		{func(s *Settings) { s.ConnectTimeout = time.Minute }, "connect_timeout"},
		{func(s *Settings) { s.Session = -1 }, "session"},
		{func(s *Settings) { s.ReceiveMaximum = 70_000 }, "receive_maximum"},
	} {
		var s Settings
		s.Default()
		s.URL = "mqtt://broker"
		c.change(&s)
		err := s.Check()
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "p4ss")) {
			t.Errorf("%+v: %v, want %q and no secret", s.URL, err, c.want)
		}
	}
}

func TestNamesAreFilledIn(t *testing.T) {
	var s Settings
	s.Default()
	s.User = "hub.example/{client_id}/?node={node}"
	id, user := s.Identity(Names{Node: "gw-7", Name: "boiler"})
	if id != "gw-7-boiler" || user != "hub.example/gw-7-boiler/?node=gw-7" {
		t.Errorf("got %q and %q", id, user)
	}
	if s.Exclusive() != "" {
		t.Errorf("%q is not shared", s.Exclusive())
	}
	if s.ClientID, s.URL = "fixed", "mqtts://broker"; s.Exclusive() != "client_id fixed at broker:8883" {
		t.Errorf("got %q", s.Exclusive())
	}
}

func TestReasonCodesAreWords(t *testing.T) {
	for _, c := range []struct {
		r        Refused
		hopeless bool
		want     string
	}{
		{Refused{What: "the connection", Code: 0x86, version: Five}, true, "the broker refuses the connection: user name or password is wrong"},
		{Refused{What: "the connection", Code: 4, version: Three}, true, "user name or password is wrong"},
		{Refused{What: "the connection", Code: 0x88, version: Five, Why: "a\nb"}, false, "it is not available (it says: a·b)"},
		{Refused{What: "a message to t", Code: 0x99, version: Five}, false, "the payload is not what its format says"},
		{Refused{What: "x", Code: 0xFE, version: Five}, false, "reason code 0xfe"},
		{Refused{What: "x", Code: 0x80, version: Three}, true, "it does not say why"},
	} {
		if got := c.r.Error(); !strings.Contains(got, c.want) || c.r.Hopeless() != c.hopeless {
			t.Errorf("%q, hopeless %v; want %q, %v", got, c.r.Hopeless(), c.want, c.hopeless)
		}
	}
	told := toldError{&Refused{What: "the connection", Code: 0x8E, version: Five}}
	if got := told.Error(); got != "the broker ended the connection: another connection came with the same client id; each needs its own" || !errors.Is(told, errTold) || !IsHopeless(told) {
		t.Error(got)
	}
}

// feed gives a wire what a broker sends, and returns what of it a library reads.
func feed(t testing.TB, sent []byte, most int) (read []byte, large []string, answered []byte, err error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var s Settings
	s.Default()
	w := newWire(ours, Config{Settings: s, MaxPacket: unit.Size(most), Oversized: func(topic string, _ int) { large = append(large, topic) }})
	w.answer.Store(&connackPacket{}) // it has let us in
	done := make(chan []byte)
	go func() {
		_, _ = theirs.Write(sent)
		_ = theirs.(*net.TCPConn).CloseWrite()
		back, _ := io.ReadAll(theirs)
		_ = theirs.Close()
		done <- back
	}()
	read, err = io.ReadAll(w)
	_ = ours.Close()
	return read, large, <-done, err
}

func TestALargeMessageIsAcknowledgedAndPassedOver(t *testing.T) {
	small := []byte{0x30, 4, 0, 1, 't', 'x'}
	large := append([]byte{0x32, 105, 0, 1, 'L', 0, 9}, make([]byte, 100)...)
	exactly := append([]byte{0x34, 105, 0, 1, 'E', 0, 7}, make([]byte, 100)...)
	all := append(append(append(append([]byte{}, small...), large...), exactly...), small...)
	read, names, answered, err := feed(t, all, 50)
	if err != nil || string(read) != string(small)+string(small) {
		t.Errorf("read % x, %v", read, err)
	}
	if strings.Join(names, " ") != "L E" || string(answered) != string([]byte{0x40, 2, 0, 9, 0x50, 2, 0, 7}) {
		t.Errorf("passed over %v, answered % x", names, answered)
	}
}

func TestWhatIsNoPacketEndsTheConnection(t *testing.T) {
	for name, c := range map[string]struct {
		sent []byte
		want string
	}{
		"a length of five bytes": {[]byte{0x30, 0xff, 0xff, 0xff, 0xff, 1}, "a length of more than four bytes"},
		"a large one of no use":  {[]byte{0x90, 0xff, 0x7f}, "a packet of type 9 with 16383 bytes, more than 50"},
		"a long topic":           {append([]byte{0x30, 100, 0x10, 0}, make([]byte, 98)...), "a topic that is longer than its message"},
	} {
		if _, _, _, err := feed(t, c.sent, 50); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestWhoAnswersWithoutABrokersAnswerIsNamed: a web server at the port, or something else that speaks first.
func TestWhoAnswersWithoutABrokersAnswerIsNamed(t *testing.T) {
	for _, c := range []struct{ sent, want string }{
		{"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", `speaks HTTP and not MQTT ("HTTP/1.1 400 Bad Request"): see the port of url`},
		{"SSH-2.0-OpenSSH_9.2p1\r\n", `is no broker of MQTT: it says "SSH-2.0-OpenSSH_9.2p1"`},
		{"\x15\x03\x01\x00\x02\x02\x16" + strings.Repeat("\xff", 5000), `is no broker of MQTT: it says "\x15`},
		{"\x30\x04\x00\x01tx", "is no broker of MQTT: it says"},
	} {
		var s Settings
		s.Default()
		w := newWire(&memory{in: bytes.NewReader([]byte(c.sent))}, Config{Settings: s, MaxPacket: 50})
		if read, err := io.ReadAll(w); err == nil || len(read) > 0 || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 600 {
			t.Errorf("%q: read %q, %v; want %q", c.sent[:min(20, len(c.sent))], read, err, c.want)
		}
	}
}

// A memory is a connection without a network: a peer that has sent something, and takes whatever it is sent.
type memory struct {
	net.Conn
	in *bytes.Reader
}

func (m *memory) Read(b []byte) (int, error)       { return m.in.Read(b) }
func (m *memory) Write(b []byte) (int, error)      { return len(b), nil }
func (m *memory) Close() error                     { return nil }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }

func FuzzWire(f *testing.F) {
	f.Add([]byte{0x30, 4, 0, 1, 't', 'x'})
	f.Add(append([]byte{0x32, 105, 0, 1, 'L', 0, 9}, make([]byte, 100)...))
	var s Settings
	s.Default()
	fuzztest.Run(f, func(t *testing.T, sent []byte) {
		w := newWire(&memory{in: bytes.NewReader(sent)}, Config{Settings: s, MaxPacket: 50, Oversized: func(string, int) {}})
		if len(sent)%2 == 0 {
			w.answer.Store(&connackPacket{})
		}
		read, _ := io.ReadAll(w)
		if len(read) > len(sent) {
			t.Fatalf("read %d bytes of %d", len(read), len(sent))
		}
	})
}
