package knx

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vapourismo/knx-go/knx/cemi"
	"github.com/vapourismo/knx-go/knx/knxnet"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// A gateway is one that a test plays: it says what it likes.
type gateway struct {
	t      *testing.T
	socket *net.UDPConn
	peer   netip.AddrPort
}

func play(t *testing.T) *gateway {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return &gateway{t: t, socket: socket}
}

// hear returns what the source sends next.
func (g *gateway) hear() knxnet.Service {
	g.t.Helper()
	b := make([]byte, 1000)
	if err := g.socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		g.t.Fatal(err)
	}
	n, from, err := g.socket.ReadFromUDPAddrPort(b)
	if err != nil {
		g.t.Fatal(err)
	}
	g.peer = from
	var service knxnet.Service
	if _, err := knxnet.Unpack(b[:n], &service); err != nil {
		g.t.Fatal(err)
	}
	return service
}

// listen hands over what the source sends from now on.
func (g *gateway) listen() <-chan knxnet.Service {
	said := make(chan knxnet.Service, 100)
	go func() { // until the socket is closed
		b := make([]byte, 1000)
		for {
			_ = g.socket.SetReadDeadline(time.Time{})
			n, _, err := g.socket.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			var service knxnet.Service
			if _, err := knxnet.Unpack(b[:n], &service); err == nil {
				said <- service
			}
		}
	}()
	return said
}

func (g *gateway) say(p knxnet.ServicePackable) {
	g.t.Helper()
	g.raw(knxnet.AllocAndPack(p))
}

func (g *gateway) raw(b []byte) {
	g.t.Helper()
	if _, err := g.socket.WriteToUDPAddrPort(b, g.peer); err != nil {
		g.t.Fatal(err)
	}
}

// writes says that a device writes a value.
func (g *gateway) writes(number byte, value ...byte) {
	g.t.Helper()
	of := readOf(2563, 0x1114)
	of.Data = &cemi.AppData{Command: cemi.GroupValueWrite, Data: append([]byte{0}, value...)}
	g.say(&knxnet.TunnelReq{Channel: 7, SeqNumber: number, Payload: &cemi.LDataInd{LData: of}})
}

// accepted opens a source on the gateway and gives it tunnel 7.
func (g *gateway) accepted(change func(*Settings), env source.Env) dodona.Source {
	g.t.Helper()
	s := Kind.Settings().(*Settings)
	s.Gateway, s.Timeout = g.socket.LocalAddr().String(), 20*time.Second
	s.Groups = map[string]Group{"temperature": {Address: "1/2/3", DPT: "9.001"}}
	if change != nil {
		change(s)
	}
	o, err := Kind.Open(g.t.Context(), s, env)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = o.Close() })
	connected := make(chan error, 1)
	go func() {
		_, err := o.Observe(g.t.Context())
		connected <- err
	}()
	if _, is := g.hear().(*knxnet.ConnReq); !is {
		g.t.Fatal("it asks for no tunnel")
	}
	g.say(&knxnet.ConnRes{Channel: 7, Control: here})
	if err := <-connected; err != nil {
		g.t.Fatal(err)
	}
	return o
}

func (g *gateway) wantAck(number byte) {
	g.t.Helper()
	if res, is := g.hear().(*knxnet.TunnelRes); !is || res.SeqNumber != number || res.Channel != 7 || res.Status != knxnet.NoError {
		g.t.Fatalf("heard %+v, want the acknowledgement of %d", res, number)
	}
}

// TestTelegramsAreTakenOnceAndInOrder: what is sent again for want of an acknowledgement is acknowledged and not taken, what is out of sequence neither.
func TestTelegramsAreTakenOnceAndInOrder(t *testing.T) {
	var dropped []string
	g := play(t)
	o := g.accepted(nil, source.Env{Dropped: func(_ uint64, cause string) { dropped = append(dropped, cause) }})
	g.writes(0, 0x0c, 0x1a)
	g.wantAck(0)
	g.writes(0, 0x0c, 0x1a)
	g.wantAck(0)
	g.writes(5, 0x0c, 0x1f)
	g.raw([]byte("no KNXnet/IP"))
	g.raw([]byte{6, 0x10, 4, 0x20, 0, 8, 4, 7})
	g.writes(1, 0x0c, 0x1b)
	g.wantAck(1)
	// Time-outs of the kernel's own aside, both wait now.
	var got []string
	for len(got) < 2 {
		b, err := o.Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Readings {
			got = append(got, r.Item+" "+string(r.Body[len(r.Body)-1])+" "+r.Detail)
		}
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], "1/2/3 \x1a write from 1.1.20 to 1/2/3 by the tunnel") || !strings.HasPrefix(got[1], "1/2/3 \x1b") {
		t.Errorf("got %q", got)
	}
	if len(dropped) != 3 || !strings.Contains(dropped[0], "out of sequence") || !strings.Contains(dropped[1], "no KNXnet/IP") {
		t.Errorf("dropped %q", dropped)
	}
}

// ends waits until the source fails.
func ends(t *testing.T, o dodona.Source) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if _, err := o.Observe(ctx); err != nil {
			return err
		}
	}
}

// TestATunnelWithEverySignOfLifeIsTried: heartbeats are answered, telegrams are acknowledged, and nothing ever comes.
func TestATunnelWithEverySignOfLifeIsTried(t *testing.T) {
	t.Parallel()
	g := play(t)
	o := g.accepted(func(s *Settings) { s.Silence, s.Timeout, s.Heartbeat = time.Second, 2*time.Second, time.Second }, source.Env{})
	failed := make(chan error, 1)
	go func() { failed <- ends(t, o) }()
	reads, beats := 0, 0
	for said := g.listen(); ; {
		select {
		case m := <-said:
			switch m := m.(type) {
			case *knxnet.ConnStateReq:
				beats++
				g.say(&knxnet.ConnStateRes{Channel: 7})
			case *knxnet.TunnelReq:
				reads++
				g.say(&knxnet.TunnelRes{Channel: 7, SeqNumber: m.SeqNumber})
			case *knxnet.DiscReq:
				t.Error("it gives up a channel that may be another client's")
			}
		case err := <-failed:
			if !strings.Contains(err.Error(), "is dead: no telegram for") || reads != 1 || beats < 1 {
				t.Errorf("%v after %d reads and %d heartbeats", err, reads, beats)
			}
			return
		}
	}
}

func TestAConfirmedReadSaysThatAQuietBusIsThere(t *testing.T) {
	t.Parallel()
	g := play(t)
	o := g.accepted(func(s *Settings) { s.Silence, s.Timeout = time.Second, 2*time.Second }, source.Env{})
	ctx, cancel := context.WithCancel(t.Context())
	quiet := make(chan error, 1)
	go func() {
		_, err := o.Observe(ctx)
		quiet <- err
	}()
	for number := range byte(3) {
		m, is := g.hear().(*knxnet.TunnelReq)
		if !is || m.SeqNumber != number {
			t.Fatalf("heard %+v, want the read %d", m, number)
		}
		req, is := m.Payload.(*cemi.LDataReq)
		if !is || req.Destination != 2563 || req.Data.(*cemi.AppData).Command != cemi.GroupValueRead {
			t.Fatalf("it sends %+v, which is no read", m.Payload)
		}
		g.say(&knxnet.TunnelRes{Channel: 7, SeqNumber: number})
		g.say(&knxnet.TunnelReq{Channel: 7, SeqNumber: number, Payload: &cemi.LDataCon{LData: req.LData}})
		g.wantAck(number)
	}
	cancel()
	if err := <-quiet; !errors.Is(err, context.Canceled) {
		t.Errorf("a quiet bus gave %v", err)
	}
}

func TestWhatAGatewayRefusesIsSaid(t *testing.T) {
	t.Parallel()
	for status, c := range map[knxnet.ErrCode]struct {
		want      string
		permanent bool
	}{
		knxnet.ErrNoMoreConnections: {"has no tunnel free", false}, knxnet.ErrConnectionType: {"KNX Secure", true}, knxnet.ErrDataConnection: {"gives no tunnel: trouble with the connection", false},
		0x77: {"gives no tunnel: status 0x77", false}, // of no standard: the library cannot even write it
	} {
		g := play(t)
		s := Kind.Settings().(*Settings)
		s.Gateway, s.Timeout, s.Groups = g.socket.LocalAddr().String(), 20*time.Second, map[string]Group{"t": {Address: "1/2/3", DPT: "9.001"}}
		o, err := Kind.Open(t.Context(), s, source.Env{})
		if err != nil {
			t.Fatal(err)
		}
		refused := make(chan error, 1)
		go func() {
			_, err := o.Observe(t.Context())
			refused <- err
		}()
		g.hear()
		g.raw([]byte{6, 0x10, 2, 6, 0, 8, 0, byte(status)})
		if err := <-refused; err == nil || !strings.Contains(err.Error(), c.want) || dodona.IsPermanent(err) != c.permanent {
			t.Errorf("status %02x: %v, want %s", uint8(status), err, c.want)
		}
		_ = o.Close()
	}
}

// TestWhatARouterLostIsCounted, as it says; what it says of itself is no telegram.
func TestWhatARouterLostIsCounted(t *testing.T) {
	var dropped uint64
	b := &bus{env: source.Env{Dropped: func(n uint64, cause string) {
		if dropped += n; cause != "routing 224.0.23.12:3671: a router lost them" {
			t.Errorf("dropped because %s", cause)
		}
	}}}
	r := &route{line: b.newLine(nil, "routing 224.0.23.12:3671", time.Now())}
	from := netip.MustParseAddrPort("10.0.0.9:3671")
	for _, n := range []byte{3, 4} {
		if err := r.datagram([]byte{6, 0x10, 5, 0x31, 0, 10, 4, 0, 0, n}, from, time.Now()); err != nil {
			t.Error(err)
		}
	}
	if dropped != 7 {
		t.Errorf("%d are dropped, want 7", dropped)
	}
}

func TestAFloodIsBoundedAndCounted(t *testing.T) {
	var dropped uint64
	s := Kind.Settings().(*Settings)
	s.Gateway, s.Groups = "127.0.0.1", map[string]Group{"t": {Address: "1/2/3", DPT: "9.001"}}
	o, err := Kind.Open(t.Context(), s, source.Env{Dropped: func(n uint64, cause string) {
		if dropped += n; !strings.Contains(cause, "1000 telegrams wait already") {
			t.Errorf("dropped: %s", cause)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	body := frame(t, "1/2/3", "0c1a")
	telegram, err := parseTelegram(body)
	if err != nil {
		t.Fatal(err)
	}
	for range maxWaiting + 7 {
		o.(*bus).heard(telegram, body, "x")
	}
	if b, err := o.Observe(t.Context()); err != nil || len(b.Readings) != maxBatch || dropped != 7 {
		t.Errorf("%d at once, %d dropped, %v", len(b.Readings), dropped, err)
	}
}
