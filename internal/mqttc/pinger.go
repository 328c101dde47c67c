package mqttc

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho/log"
)

// A pinger asks a broker of MQTT 5 for a sign of life when nothing came or went for long. It waits for no answer: the wire does, for
// [pingGrace]. The library's own pinger gives a broker up that did not answer when the next ping is due, however soon that is.
type pinger struct {
	every          time.Duration // unless the broker says another time
	sent, received atomic.Int64  // when the last packet was, in nanoseconds
}

// Run pings until ctx ends, or nothing can be sent.
func (p *pinger) Run(ctx context.Context, conn net.Conn, keepAlive uint16) error {
	every := p.every
	if keepAlive > 0 { // 0: the broker wants none, and we want to know that it is there
		every = time.Duration(keepAlive) * time.Second
	}
	p.PacketSent()
	p.PacketReceived()
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		since := time.Unix(0, min(p.sent.Load(), p.received.Load()))
		if wait := every - time.Since(since); wait > 0 {
			timer.Reset(wait)
			continue
		}
		if _, err := packets.NewControlPacket(packets.PINGREQ).WriteTo(conn); err != nil { // the wire has a deadline for it
			return fmt.Errorf("send a ping: %w", err)
		}
		p.PacketSent()
		timer.Reset(every)
	}
}

// PacketSent is called by the library.
func (p *pinger) PacketSent() { p.sent.Store(time.Now().UnixNano()) }

// PacketReceived is called by the library.
func (p *pinger) PacketReceived() { p.received.Store(time.Now().UnixNano()) }

// PingResp is called by the library, after PacketReceived.
func (p *pinger) PingResp() {}

// SetDebug is called by the library; there is nothing to say.
func (p *pinger) SetDebug(log.Logger) {}
