package knx

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vapourismo/knx-go/knx/cemi"
	"github.com/vapourismo/knx-go/knx/knxnet"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/source"
)

// FuzzTelegrams decodes what stands in a journal, whoever wrote it.
func FuzzTelegrams(f *testing.F) {
	for _, value := range [][]byte{{0x0c, 0x1a}, {0x80}, {1, 2, 3, 4}, []byte("21.5\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")} {
		f.Add(append(append([]byte{codeIndication, 0, 0xbc, 0xe0, 0x11, 0x14, 0x0a, 0x03}, byte(1+len(value)), 0, groupWrite<<6), value...))
	}
	f.Add([]byte{codeIndication, 2, 9, 9, 0xbc, 0xe0, 0x11, 0x14, 0x0a, 0x03, 1, 0, groupWrite<<6 | 1})
	rules := map[string]rule{}
	for dpt := range subs {
		rules[dpt] = rule{Address: "1/2/3", DPT: dpt}
	}
	for _, dpt := range []string{"1.001", "3.007", "16.000", "28.001", "20.102"} {
		rules[dpt] = rule{Address: "1/2/3", DPT: dpt}
	}
	d, err := newDecoder(rules)
	if err != nil {
		f.Fatal(err)
	}
	fuzztest.Run(f, func(t *testing.T, body []byte) {
		r, err := d.Apply(t.Context(), dodona.Call{Readings: []dodona.Reading{{Item: "1/2/3", Body: body, Received: time.Unix(1_800_000_000, 0)}}})
		if err != nil || len(r.Points) != len(rules) {
			t.Fatalf("%d points, %v", len(r.Points), err)
		}
		for _, p := range r.Points {
			if p.Quality == dodona.Bad && p.Reason == "" {
				t.Fatalf("%x is bad without a reason", body)
			}
		}
	})
}

// FuzzDatagrams sends a tunnel and a route whatever there is: what they take is a telegram of a group.
func FuzzDatagrams(f *testing.F) {
	ldata := readOf(2563, 0x1114)
	ldata.Data = &cemi.AppData{Command: cemi.GroupValueWrite, Data: []byte{0, 0x0c, 0x1a}}
	for _, p := range []knxnet.ServicePackable{
		&knxnet.TunnelReq{Channel: 1, Payload: &cemi.LDataInd{LData: ldata}}, &knxnet.TunnelRes{Channel: 1}, &knxnet.ConnStateRes{Channel: 1}, &knxnet.ConnRes{Channel: 1, Control: here},
		&knxnet.DiscReq{Channel: 1, Control: here}, &knxnet.RoutingInd{Payload: &cemi.LDataInd{LData: ldata}},
	} {
		f.Add(knxnet.AllocAndPack(p))
	}
	f.Add([]byte{6, 0x10, 5, 0x31, 0, 10, 4, 0, 0, 3}) // a router lost three
	nobody, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { nobody.Close() })
	socket, err := net.DialUDP("udp4", nil, nobody.LocalAddr().(*net.UDPAddr))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { socket.Close() })
	s := Settings{Gateway: "127.0.0.1", Individual: "15.15.255", Silence: time.Minute, Timeout: time.Second, Heartbeat: time.Minute, Groups: map[string]Group{"t": {Address: "1/2/3", DPT: "9.001"}}}
	fuzztest.Run(f, func(t *testing.T, b []byte) {
		o, err := open(t.Context(), s, source.Env{Source: "bus", Now: time.Now, Dropped: func(uint64, string) {}})
		if err != nil {
			t.Fatal(err)
		}
		of := o.(*bus)
		now := time.Now()
		tunnel := &tunnel{line: of.newLine(socket, "the tunnel", now), channel: 1}
		route := &route{line: of.newLine(socket, "routing", now)}
		_ = tunnel.datagram(bytes.Clone(b), netip.AddrPort{}, now) // an error ends a line, which is made anew
		_ = route.datagram(bytes.Clone(b), netip.AddrPort{}, now)
		for len(of.queue) > 0 {
			r := <-of.queue
			if got, err := parseTelegram(r.Body); err != nil || groupText(got.group) != r.Item || r.Item != "1/2/3" {
				t.Fatalf("%x is a reading of %s: %+v, %v", b, r.Item, got, err)
			}
		}
	})
}
