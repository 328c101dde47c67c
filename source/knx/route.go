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

// A route is the multicast group of routers (KNX System Specifications, 03_08_05).
type route struct {
	*line
	out  *net.UDPConn // by which this node reads, and whose own telegrams come back
	own  uint16
	self netip.AddrPort
}

// maxBusy is how long a router may keep this node from reading at once.
const maxBusy = 10 * time.Second

// route joins the group.
func (b *bus) route(context.Context) (*line, error) {
	group, err := b.settings.multicast()
	if err != nil {
		return nil, dodona.Permanent(fmt.Errorf("routing: %w", err))
	}
	var by *net.Interface
	var from *net.UDPAddr
	if b.settings.Interface != "" {
		if by, from, err = interfaceOf(b.settings.Interface); err != nil {
			return nil, fmt.Errorf("interface: %w", err)
		}
	}
	to := net.UDPAddrFromAddrPort(group)
	socket, err := join(group, by)
	if err != nil {
		return nil, fmt.Errorf("routing: join %s: %w", group, err)
	}
	out, err := net.DialUDP("udp4", from, to)
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("routing: reach %s: %w", group, err)
	}
	own, _ := parseIndividual(b.settings.Individual) // Check has looked
	r := &route{line: b.newLine(socket, "routing "+group.String(), time.Now()), out: out, own: own}
	r.self = unmapped(out.LocalAddr().(*net.UDPAddr).AddrPort()) //nolint:errcheck // of udp4
	r.line.send, r.line.take, r.line.tick = r.read, r.datagram, r.tick
	r.line.close = func(bool) {
		_ = socket.Close()
		_ = out.Close()
	}
	return r.line, nil
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// interfaceOf returns a network interface and an address of it, by which the system finds it again.
func interfaceOf(name string) (*net.Interface, *net.UDPAddr, error) {
	by, err := net.InterfaceByName(name)
	if err != nil {
		return nil, nil, err
	}
	addresses, err := by.Addrs()
	if err != nil {
		return nil, nil, err
	}
	for _, a := range addresses {
		if network, is := a.(*net.IPNet); is && network.IP.To4() != nil {
			return by, &net.UDPAddr{IP: network.IP}, nil
		}
	}
	return nil, nil, errors.New(name + " has no address of IPv4")
}

// read reads a group.
func (r *route) read(group uint16) error {
	if _, err := r.out.Write(knxnet.AllocAndPack(&knxnet.RoutingInd{Payload: &cemi.LDataInd{LData: readOf(group, r.own)}})); err != nil {
		return r.failure(err)
	}
	return nil
}

// tick has nothing to do.
func (*route) tick(time.Time) (next time.Time, err error) { return next, nil }

// datagram takes what comes of routers.
func (r *route) datagram(b []byte, from netip.AddrPort, now time.Time) error {
	if unmapped(from) == r.self {
		return nil // an echo
	}
	service, content, err := serviceOf(b)
	if err != nil {
		r.bus.env.Dropped(1, r.by+": what is no KNXnet/IP")
		return nil
	}
	if service == knxnet.RoutingIndService {
		if t, err := parseTelegram(content); err == nil && t.source == r.own {
			return nil // this node's own, through another router
		}
		r.hear(content, now)
		return nil
	}
	message, err := unpack(b)
	if err != nil {
		r.bus.env.Dropped(1, r.by+": what is no KNXnet/IP")
		return nil
	}
	switch m := message.(type) {
	case *knxnet.RoutingLost:
		// Fault (dropped): a router says that it lost telegrams.
		r.bus.env.Dropped(uint64(m.Count), r.by+": a router lost them")
	case *knxnet.RoutingBusy:
		if until := now.Add(min(m.WaitTime, maxBusy)); until.After(r.gap) {
			r.gap = until
		}
	}
	return nil
}
