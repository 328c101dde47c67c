package plant

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"
	"go.uber.org/goleak"
)

// started returns a plant that is closed after the test, when nothing of it runs any more.
func started(t *testing.T, c Config) *Plant {
	t.Helper()
	before := goleak.IgnoreCurrent()
	p, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, before)
	})
	return p
}

// at returns the address of a device.
func at(t *testing.T, p *Plant, name string) string {
	t.Helper()
	for _, d := range p.Devices() {
		if d.Name == name {
			return d.Address
		}
	}
	t.Fatalf("no device is called %s", name)
	return ""
}

const patience = 20 * time.Second // of a slow machine

// askModbus asks for what a PDU wants, of unit 1.
func askModbus(c net.Conn, pdu ...byte) ([]byte, error) {
	if _, err := c.Write(append([]byte{0, 7, 0, 0, 0, byte(1 + len(pdu)), 1}, pdu...)); err != nil {
		return nil, err
	}
	head := make([]byte, 7)
	if _, err := io.ReadFull(c, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[4:])-1)
	_, err := io.ReadFull(c, body)
	return body, err
}

func dialed(t *testing.T, network, address string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheBoilerAnswersModbus(t *testing.T) {
	p := started(t, Config{Seed: 1})
	c := dialed(t, "tcp", at(t, p, "boiler"))
	got, err := askModbus(c, 3, 0, 0, 0, 5)
	if err != nil || len(got) != 12 || got[0] != 3 || got[1] != 10 {
		t.Fatalf("got %x, %v, want five registers", got, err)
	}
	if tenths := binary.BigEndian.Uint16(got[2:]); tenths < 680 || tenths > 920 {
		t.Errorf("got %d tenths of a degree, want 680 to 920", tenths)
	}
	for _, c2 := range []struct {
		about string
		pdu   []byte
		want  string
	}{
		{"past the end", []byte{3, 0, 4, 0, 2}, "\x83\x02"},
		{"too many", []byte{3, 0, 0, 0, 126}, "\x83\x03"},
		{"a write", []byte{6, 0, 0, 0, 1}, "\x86\x01"},
		{"too short", []byte{3, 0}, "\x83\x03"},
	} {
		if got, err := askModbus(c, c2.pdu...); err != nil || string(got) != c2.want {
			t.Errorf("%s: got %x, %v, want %x", c2.about, got, err, c2.want)
		}
	}
}

// askCoAP sends a message and returns the next one that comes.
func askCoAP(c net.Conn, m message.Message) (message.Message, error) {
	raw := make([]byte, maxDatagram)
	n, err := coder.DefaultCoder.Encode(m, raw)
	if err != nil {
		return m, err
	}
	if _, err := c.Write(raw[:n]); err != nil {
		return m, err
	}
	return nextCoAP(c)
}

func nextCoAP(c net.Conn) (message.Message, error) {
	raw := make([]byte, maxDatagram)
	n, err := c.Read(raw)
	if err != nil {
		return message.Message{}, err
	}
	return decodeCoAP(raw[:n])
}

func getFlow(id int32, options ...message.Option) message.Message {
	m := message.Message{Type: message.Confirmable, MessageID: id, Token: message.Token{1, 2}, Code: codes.GET}
	for _, o := range append([]message.Option{{ID: message.URIPath, Value: []byte("flow")}}, options...) {
		m.Options = m.Options.Add(o)
	}
	return m
}

func TestTheFlowMeterAnswersAndNotifies(t *testing.T) {
	p := started(t, Config{Seed: 1, Every: 20 * time.Millisecond})
	c := dialed(t, "udp", at(t, p, "flow"))
	got, err := askCoAP(c, getFlow(1))
	if err != nil || got.Code != codes.Content || !strings.Contains(string(got.Payload), `"n":"rate","u":"l/s","v":`) {
		t.Fatalf("got %v %s, %v, want SenML", &got, got.Payload, err)
	}
	got, err = askCoAP(c, getFlow(2, message.Option{ID: message.Accept, Value: []byte{60}}))
	if err != nil || got.Code != codes.NotAcceptable {
		t.Errorf("asked for CBOR: got %v, %v, want 4.06", &got, err)
	}
	got, err = askCoAP(c, getFlow(3, message.Option{ID: message.Observe}))
	if err != nil || !got.Options.HasOption(message.Observe) {
		t.Fatalf("asked to observe: got %v, %v", &got, err)
	}
	for range 3 {
		if got, err = nextCoAP(c); err != nil || got.Code != codes.Content || !got.Options.HasOption(message.Observe) {
			t.Fatalf("want a notification, got %v, %v", &got, err)
		}
	}
	part := p.parts[1].(*coapPart)
	for deadline := time.Now().Add(patience); ; { // it answers none of the questions whether it is there
		part.mu.Lock()
		left := len(part.observers)
		part.mu.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("an observer that is gone is told for ever")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestFaultsWantANameOfThePlant(t *testing.T) {
	p := started(t, Config{})
	for name, want := range map[string]string{"boiler": "", "modbus": "", "kettle": "nothing in the plant is called"} {
		if err := p.Fault(name, Plug); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	if err := p.Fault("boiler", "explode"); err == nil {
		t.Error("a boiler can explode")
	}
}

func TestAFaultOfAServerIsFelt(t *testing.T) {
	p := started(t, Config{})
	c := dialed(t, "tcp", at(t, p, "boiler"))
	ask := func() error { _, err := askModbus(c, 3, 0, 0, 0, 1); return err }
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	_ = p.Fault("boiler", Freeze)
	if err := c.SetDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("what is frozen: got %v, want a timeout", err)
	}
	_ = p.Fault("boiler", Plug)
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(c, make([]byte, 11)); err != nil {
		t.Errorf("what thaws answers late, got %v", err)
	}
	_ = p.Fault("modbus", Unplug)
	if err := ask(); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("what is unplugged: got %v, want a connection that is cut", err)
	}
	if other, err := net.Dial("tcp", at(t, p, "boiler")); err == nil { // it may be cut before Dial returns
		defer other.Close()
		if got, err := askModbus(other, 3, 0, 0, 0, 1); err == nil {
			t.Errorf("what is unplugged answers %x", got)
		}
	}
	_ = p.Fault("boiler", Lie)
	c = dialed(t, "tcp", at(t, p, "boiler"))
	if got, err := askModbus(c, 3, 0, 0, 0, 1); err != nil || string(got) != "\x03\x02\x7f\xff" {
		t.Errorf("what lies: got %x, %v", got, err)
	}
	_ = p.Fault("boiler", Plug)
	if got, err := askModbus(c, 3, 0, 0, 0, 1); err != nil || string(got) == "\x03\x02\x7f\xff" {
		t.Errorf("what is mended: got %x, %v", got, err)
	}
}
