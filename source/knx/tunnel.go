package knx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vapourismo/knx-go/knx/cemi"
	"github.com/vapourismo/knx-go/knx/knxnet"

	"github.com/dodona-oracle/dodona"
)

// A tunnel is what a gateway keeps for one client (KNX System Specifications, 03_08_04).
type tunnel struct {
	*line
	channel  byte
	expected byte // the number of the gateway's next telegram
	number   byte // that of our next
	pending  []byte
	sent     int       // how often pending was
	answer   time.Time // until when it must be acknowledged
	waiting  []uint16  // reads that wait for it

	beat  time.Time // when the gateway is asked next whether it has the tunnel still
	beats int       // asked, without an answer
}

const (
	maxBeats = 3 // heartbeats without an answer
	maxSent  = 2 // of a telegram that is not acknowledged
	maxReads = maxGroups
)

// tunnel connects to a gateway.
func (b *bus) tunnel(ctx context.Context) (*line, error) {
	address, err := withPort(b.settings.Gateway)
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	dialing, cancel := context.WithTimeout(ctx, b.settings.Timeout)
	defer cancel()
	dialed, err := new(net.Dialer).DialContext(dialing, "udp4", address)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", b.settings.Gateway, err)
	}
	socket := dialed.(*net.UDPConn) //nolint:errcheck // of udp4
	stop := context.AfterFunc(ctx, func() { _ = socket.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	channel, err := b.request(ctx, socket)
	if err != nil {
		_ = socket.Close()
		return nil, err
	}
	if err := socket.SetReadDeadline(time.Time{}); err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("reach %s: %w", b.settings.Gateway, err)
	}
	now := time.Now()
	t := &tunnel{line: b.newLine(socket, "the tunnel through "+b.settings.Gateway, now), channel: channel, beat: now.Add(b.settings.Heartbeat)}
	t.line.send, t.line.take, t.line.tick = t.read, t.datagram, t.tick
	t.line.close = func(orderly bool) {
		if !orderly { // the channel may be another client's by now, who would lose it
			_ = socket.Close()
			return
		}
		_, _ = socket.Write(knxnet.AllocAndPack(&knxnet.DiscReq{Channel: t.channel, Control: here})) // it gives the tunnel up later all the same
		_ = socket.Close()
	}
	return t.line, nil
}

// here says that answers go to where a request comes from: behind a translated address no other is right.
var here = knxnet.HostInfo{Protocol: knxnet.UDP4}

// request asks a gateway for a tunnel, twice in the time that it has.
func (b *bus) request(ctx context.Context, socket *net.UDPConn) (channel byte, err error) {
	buffer := make([]byte, 4<<10)
	for range 2 {
		if _, err := socket.Write(knxnet.AllocAndPack(&knxnet.ConnReq{Layer: knxnet.TunnelLayerData, Control: here, Tunnel: here})); err != nil {
			return 0, (&line{bus: b, by: "ask " + b.settings.Gateway}).failure(err)
		}
		deadline := time.Now().Add(b.settings.Timeout / 2)
		for {
			_ = socket.SetReadDeadline(deadline) // a socket that cannot have one fails at the read
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
			n, err := socket.Read(buffer)
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				break
			}
			if err != nil {
				return 0, (&line{bus: b, by: "ask " + b.settings.Gateway}).failure(err)
			}
			answer, err := unpack(buffer[:n])
			if err != nil {
				continue
			}
			if res, is := answer.(*knxnet.ConnRes); is {
				return res.Channel, b.refusal(res.Status)
			}
		}
	}
	return 0, fmt.Errorf("no answer from %s in %s: there is no KNXnet/IP interface, or it takes none of this network", b.settings.Gateway, b.settings.Timeout)
}

// refusal says why a gateway gives no tunnel.
func (b *bus) refusal(status knxnet.ErrCode) error {
	switch status {
	case knxnet.NoError:
		return nil
	case knxnet.ErrNoMoreConnections, knxnet.ErrNoMoreUniqueConnections:
		// Fault (exchange): others have all tunnels of an interface.
		return fmt.Errorf("%s has no tunnel free: it has a few, and others have them", b.settings.Gateway)
	case knxnet.ErrConnectionType, knxnet.ErrConnectionOption:
		// Fault (exchange): an interface wants KNX Secure, or has no tunnels.
		return dodona.Permanent(fmt.Errorf("%s gives no tunnel (%s): is it a router alone, or one that wants KNX Secure?", b.settings.Gateway, statusText(status)))
	}
	return fmt.Errorf("%s gives no tunnel: %s", b.settings.Gateway, statusText(status))
}

// statuses are what a gateway says of a tunnel (KNX System Specifications, 03_08_01).
var statuses = map[knxnet.ErrCode]string{
	knxnet.ErrHostProtocolType: "another protocol of the host", knxnet.ErrVersionNotSupported: "another version", knxnet.ErrSequenceNumber: "out of sequence",
	knxnet.ErrConnectionID: "no such channel", knxnet.ErrConnectionType: "no such sort of connection", knxnet.ErrConnectionOption: "no such option",
	knxnet.ErrDataConnection: "trouble with the connection", knxnet.ErrKNXConnection: "trouble with the bus", knxnet.ErrTunnellingLayer: "no such layer",
}

// statusText writes a status. The library's own String calls itself for ever where it knows none, and no recover ends that.
func statusText(status knxnet.ErrCode) string {
	if text, known := statuses[status]; known {
		return text
	}
	return fmt.Sprintf("status 0x%02x", uint8(status))
}

// write sends a frame of the protocol.
func (t *tunnel) write(frame []byte) error {
	if _, err := t.socket.Write(frame); err != nil {
		return t.failure(err)
	}
	return nil
}

// read reads a group, once what was sent before is acknowledged.
func (t *tunnel) read(group uint16) error {
	if t.pending != nil {
		if len(t.waiting) < maxReads {
			t.waiting = append(t.waiting, group)
		}
		return nil
	}
	t.pending = knxnet.AllocAndPack(&knxnet.TunnelReq{Channel: t.channel, SeqNumber: t.number, Payload: &cemi.LDataReq{LData: readOf(group, 0)}})
	t.sent, t.answer = 1, time.Now().Add(t.bus.settings.Timeout/maxSent)
	return t.write(t.pending)
}

// tick asks whether the gateway has the tunnel still, and sends again what it did not acknowledge.
func (t *tunnel) tick(now time.Time) (next time.Time, err error) {
	if t.pending != nil && !t.answer.After(now) {
		if t.sent == maxSent {
			return now, fmt.Errorf("%s does not acknowledge what is sent", t.by)
		}
		t.sent++
		t.answer = now.Add(t.bus.settings.Timeout / maxSent)
		if err := t.write(t.pending); err != nil {
			return now, err
		}
	}
	if !t.beat.After(now) {
		if t.beats == maxBeats {
			// Fault (exchange): an interface is gone.
			return now, fmt.Errorf("%s does not answer heartbeats: %s is not there any more", t.by, t.bus.settings.Gateway)
		}
		t.beats++
		t.beat = now.Add(t.bus.settings.Timeout)
		if err := t.write(knxnet.AllocAndPack(&knxnet.ConnStateReq{Channel: t.channel, Control: here})); err != nil {
			return now, err
		}
	}
	next = t.beat
	if t.pending != nil && t.answer.Before(next) {
		next = t.answer
	}
	return next, nil
}

// datagram takes what comes of the gateway: nobody else reaches the socket.
func (t *tunnel) datagram(b []byte, _ netip.AddrPort, now time.Time) error {
	service, content, err := serviceOf(b)
	if err == nil && service == knxnet.TunnelReqService {
		return t.telegram(content, now)
	}
	if err != nil {
		t.bus.env.Dropped(1, t.by+": what is no KNXnet/IP")
		return nil
	}
	message, err := unpack(b)
	if err != nil {
		t.bus.env.Dropped(1, t.by+": what is no KNXnet/IP")
		return nil
	}
	switch m := message.(type) {
	case *knxnet.TunnelRes:
		return t.acknowledged(m)
	case *knxnet.ConnStateRes:
		if m.Channel != t.channel {
			return nil
		}
		if m.Status != knxnet.NoError {
			return fmt.Errorf("%s does not know %s any more: %s", t.bus.settings.Gateway, t.by, statusText(m.Status))
		}
		t.beats, t.beat = 0, now.Add(t.bus.settings.Heartbeat)
	case *knxnet.DiscReq:
		if m.Channel == t.channel {
			_ = t.write(knxnet.AllocAndPack(&knxnet.DiscRes{Channel: t.channel})) // it ends all the same
			return fmt.Errorf("%s ended %s", t.bus.settings.Gateway, t.by)
		}
	}
	return nil
}

// acknowledged takes the answer to what was sent last.
func (t *tunnel) acknowledged(m *knxnet.TunnelRes) error {
	if m.Channel != t.channel || t.pending == nil || m.SeqNumber != t.number {
		return nil
	}
	if m.Status != knxnet.NoError {
		return fmt.Errorf("%s refuses what is sent: %s", t.by, statusText(m.Status))
	}
	t.number++
	t.pending = nil
	if len(t.waiting) == 0 {
		return nil
	}
	group := t.waiting[0]
	t.waiting = t.waiting[1:]
	return t.read(group)
}

// telegram takes a telegram of the gateway, each once and in its order, and acknowledges it.
func (t *tunnel) telegram(content []byte, now time.Time) error {
	if len(content) < tunnelSize || content[0] != tunnelSize {
		t.bus.env.Dropped(1, t.by+": what is no KNXnet/IP")
		return nil
	}
	channel, number := content[1], content[2]
	switch {
	case channel != t.channel:
		// Fault (dropped): an interface answers for another tunnel.
		t.bus.env.Dropped(1, t.by+": a telegram of another channel")
		return nil
	case number == t.expected:
		t.expected++
		t.hear(content[tunnelSize:], now)
	case number != t.expected-1: // which came before, but its acknowledgement was lost
		// Fault (dropped): a telegram comes twice, or too late.
		t.bus.env.Dropped(1, t.by+": a telegram out of sequence")
		return nil
	}
	return t.write(knxnet.AllocAndPack(&knxnet.TunnelRes{Channel: channel, SeqNumber: number}))
}
