package coap

import (
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// A device does what no real one does when it is told to: it is a socket and what a test makes of each message.
type device struct {
	t    *testing.T
	conn *net.UDPConn
	on   func(d *device, m message.Message)

	mu   sync.Mutex
	peer *net.UDPAddr
	all  []message.Message
}

// newDevice returns a device of a test, at the address in its URL.
func newDevice(t *testing.T, on func(d *device, m message.Message)) (d *device, url string) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	d = &device{t: t, conn: conn, on: on}
	var serving sync.WaitGroup
	serving.Go(d.serve)
	t.Cleanup(func() {
		_ = conn.Close()
		serving.Wait()
	})
	return d, "coap://" + conn.LocalAddr().String() + "/t"
}

func (d *device) serve() {
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := d.conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		m, err := decode(append([]byte(nil), buffer[:n]...))
		if err != nil {
			d.t.Errorf("the source sent %x: %v", buffer[:n], err)
			continue
		}
		d.mu.Lock()
		d.peer, d.all = from, append(d.all, m)
		d.mu.Unlock()
		d.on(d, m)
	}
}

// heard returns the messages for which is holds.
func (d *device) heard(is func(m message.Message) bool) (some []message.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.all {
		if is(m) {
			some = append(some, m)
		}
	}
	return some
}

// say sends a message to who asked last.
func (d *device) say(m message.Message) {
	raw, err := encode(m)
	if err != nil {
		d.t.Errorf("encode: %v", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.peer != nil {
		_, _ = d.conn.WriteToUDP(raw, d.peer)
	}
}

// answer returns what answers m with a text.
func answer(m message.Message, body string, options ...message.Option) message.Message {
	a := message.Message{Type: message.Acknowledgement, Code: codes.Content, MessageID: m.MessageID, Token: m.Token, Payload: []byte(body)}
	for _, o := range options {
		a.Options = withBytes(a.Options, o.ID, o.Value)
	}
	return a
}

// option returns an option that is a number.
func option(id message.OptionID, n uint32) message.Option { return with(nil, id, n)[0] }

func isGet(m message.Message) bool { return m.Code == codes.GET }

// quick returns settings of a test without a network that loses.
func quick(url string, change func(s *Settings)) Settings {
	var s Settings
	s.Default()
	s.URL, s.Timeout, s.AckTimeout = url, 20*time.Second, 100*time.Millisecond
	if change != nil {
		change(&s)
	}
	return s
}

// opened returns an open source, and how many readings it says were dropped.
func opened(t *testing.T, s Settings) (src dodona.Source, dropped func() uint64) {
	t.Helper()
	var mu sync.Mutex
	var lost uint64
	src, err := Kind.Open(t.Context(), &s, source.Env{Source: "tank", Dropped: func(n uint64, cause string) {
		if !slices.Contains([]string{
			"notifications came faster than the journal takes them", "a notification is older than the one before it", "a message answers nothing that is waited for",
		}, cause) {
			t.Errorf("dropped because %s", cause)
		}
		mu.Lock()
		defer mu.Unlock()
		lost += n
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src, func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return lost
	}
}

// observe returns the one reading of an exchange.
func observe(t *testing.T, src dodona.Source) dodona.Reading {
	t.Helper()
	b, err := src.Observe(t.Context())
	if err != nil || len(b.Readings) != 1 {
		t.Fatalf("got %v, %v; want one reading", b.Readings, err)
	}
	return b.Readings[0]
}
