package plant

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// A canned connection says what a stranger sent, and takes every answer.
type canned struct {
	net.Conn // nil: nothing else of it is used
	in       *bytes.Reader
	sent     int
}

func (c *canned) Read(b []byte) (int, error) {
	if c.in.Len() == 0 {
		return 0, io.EOF
	}
	return c.in.Read(b)
}
func (c *canned) Write(b []byte) (int, error)      { c.sent += len(b); return len(b), nil }
func (c *canned) Close() error                     { return nil }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// FuzzModbus: a stranger ends the connection, and nothing else, and an answer is no longer than the protocol's.
func FuzzModbus(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x05"))
	f.Add([]byte("\x00\x01\x00\x00\x00\x02\x01\x80"))
	f.Add([]byte("\x00\x01\x00\x00\x00\x06\x01\x01\x00\x00\x00\x01"))
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		c := &canned{in: bytes.NewReader(raw)}
		(&modbusPart{world: world{every: time.Second}}).serve(c)
		if requests := len(raw)/8 + 1; c.sent > 260*requests {
			t.Errorf("%d bytes are answered with %d", len(raw), c.sent)
		}
	})
}

// FuzzOPCUA: whatever comes on a connection, nothing of the process ends but it.
func FuzzOPCUA(f *testing.F) {
	hello := ua.NewBuffer(nil)
	for range 5 {
		hello.WriteUint32(65535)
	}
	hello.WriteString("opc.tcp://127.0.0.1")
	framed := func(kind string, body []byte) []byte {
		size := uint32(8 + len(body))
		return append(append([]byte(kind), byte(size), byte(size>>8), byte(size>>16), byte(size>>24)), body...)
	}
	open := ua.NewBuffer(nil)
	open.WriteUint32(0)
	open.WriteString(ua.SecurityPolicyURINone)
	open.WriteUint32(0xffffffff)
	open.WriteUint32(0xffffffff)
	open.WriteUint32(1)
	open.WriteUint32(1)
	kind, _ := ua.Encode(ua.NewFourByteExpandedNodeID(0, 446))
	req := &ua.OpenSecureChannelRequest{SecurityMode: ua.MessageSecurityModeNone, RequestHeader: &ua.RequestHeader{AuthenticationToken: ua.NewTwoByteNodeID(0), AdditionalHeader: ua.NewExtensionObject(nil)}}
	body, err := ua.Encode(req)
	if err != nil {
		f.Fatal(err)
	}
	opened := bytes.Join([][]byte{framed("HELF", hello.Bytes()), framed("OPNF", bytes.Join([][]byte{open.Bytes(), kind, body}, nil))}, nil)
	f.Add(opened)
	f.Add(append(bytes.Clone(opened), framed("MSGF", append([]byte("\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x77\x02"), body...))...))
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		part := &opcuaPart{world: world{every: time.Second}, gate: &gate{Listener: nowhere{}}}
		c := &uaChannel{part: part, conn: &canned{in: bytes.NewReader(raw)}, publish: make(chan struct{})}
		if err := c.read(); err == nil {
			t.Error("it reads on without a byte")
		}
	})
}

// A nowhere is a listener with an address alone.
type nowhere struct{ net.Listener }

func (nowhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// A deaf socket sends what nobody hears.
type deaf struct{ udpSocket }

func (deaf) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) { return len(b), nil }

// FuzzCoAP: whatever a datagram says, few are remembered.
func FuzzCoAP(f *testing.F) {
	f.Add([]byte("\x42\x01\x00\x01ab\x60\x54flow"), []byte("\x40\x00\x00\x02"))
	f.Add([]byte("\x40\x01\x00\x01\xbb.well-known\x04core"), []byte("\x70\x00\x00\x02"))
	fuzztest.Run(f, func(t *testing.T, first, second []byte) {
		p := &coapPart{socket: deaf{}, world: world{every: time.Second}, state: Plug, observers: map[string]*observer{}, late: make(chan late, maxLate)}
		peer := netip.MustParseAddrPort("127.0.0.1:9")
		for range 3 {
			p.take(peer, first)
			p.take(peer, second)
			p.tell()
		}
		if len(p.observers) > 2 {
			t.Errorf("%d observers of two datagrams", len(p.observers))
		}
	})
}

func TestObserversAreFew(t *testing.T) {
	p := started(t, Config{})
	part := p.parts[1].(*coapPart)
	c := dialed(t, "udp", at(t, p, "flow"))
	for i := range 2 * maxObservers {
		m := getFlow(int32(i), message.Option{ID: message.Observe})
		m.Token = message.Token{byte(i)}
		got, err := askCoAP(c, m)
		if err != nil || got.Options.HasOption(message.Observe) && i >= maxObservers && string(got.Token) == string(m.Token) && got.Type == message.Acknowledgement {
			t.Fatalf("observer %d: %v, %v", i, &got, err)
		}
	}
	part.mu.Lock()
	defer part.mu.Unlock()
	if len(part.observers) > maxObservers {
		t.Errorf("%d observers", len(part.observers))
	}
}

func TestOrdersAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]Order{
		"unplug boiler":                   {Fault: Unplug, Name: "boiler"},
		"  freeze  mqtt after 20s for 1m": {Fault: Freeze, Name: "mqtt", After: 20 * time.Second, For: time.Minute},
		"plug flow for 5s":                {},
		"unplug":                          {},
		"unplug boiler 5s":                {},
		"unplug boiler after":             {},
		"unplug boiler after 5s after 6s": {},
		"unplug boiler for 48h":           {},
		"unplug boiler for soon":          {},
		"melt boiler":                     {},
		"":                                {},
	} {
		got, err := ParseOrder(text)
		if (err == nil) != (want != Order{}) || err == nil && got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
}
