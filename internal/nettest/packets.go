package nettest

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// A PacketRelay passes datagrams on to a peer, and does to what the peer says what it is told to. It begins by doing nothing.
//
//	Silence    nothing is passed on, either way, until Resume
//	Lose       every so many-th datagram is lost, both ways
//	Delay      what the peer says comes later
//	Late       what the peer says next comes behind the question after it
type PacketRelay struct {
	// Address is where it listens.
	Address string

	near  *net.UDPConn
	to    *net.UDPAddr
	all   sync.WaitGroup
	ended chan struct{}

	mu     sync.Mutex
	far    map[netip.AddrPort]*net.UDPConn // a socket for each who asks, so that the peer tells them apart
	silent bool
	lose   int
	seen   int
	delay  time.Duration
	late   bool
	held   []packet
	isOver bool
}

type packet struct {
	to   netip.AddrPort
	body []byte
}

// NewPacketRelay returns one to an address, which ends with the test.
func NewPacketRelay(t testing.TB, to string) *PacketRelay {
	t.Helper()
	address, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	near, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &PacketRelay{Address: near.LocalAddr().String(), near: near, to: address, ended: make(chan struct{}), far: map[netip.AddrPort]*net.UDPConn{}}
	r.all.Go(r.serve)
	t.Cleanup(r.end)
	return r
}

func (r *PacketRelay) end() {
	close(r.ended)
	_ = r.near.Close()
	r.mu.Lock()
	r.isOver = true
	for _, far := range r.far {
		_ = far.Close()
	}
	r.mu.Unlock()
	r.all.Wait()
}

func (r *PacketRelay) serve() {
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := r.near.ReadFromUDPAddrPort(buffer)
		if err != nil {
			select {
			case <-r.ended:
				return
			default:
				continue // of an earlier datagram that nobody took
			}
		}
		held, passes := r.ask()
		for _, p := range held {
			_, _ = r.near.WriteToUDPAddrPort(p.body, p.to) // datagrams may be lost
		}
		if far := r.socketOf(from); far != nil && passes {
			_, _ = far.Write(buffer[:n])
		}
	}
}

// ask returns what comes in front of a question, and whether that is passed on.
func (r *PacketRelay) ask() (held []packet, passes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held, r.held = r.held, nil
	return held, !r.loses()
}

// loses needs mu.
func (r *PacketRelay) loses() bool {
	r.seen++
	return r.silent || r.lose > 0 && r.seen%r.lose == 0
}

func (r *PacketRelay) socketOf(from netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if far := r.far[from]; far != nil || r.isOver {
		return far
	}
	far, err := net.DialUDP("udp", nil, r.to)
	if err != nil {
		return nil
	}
	r.far[from] = far
	r.all.Go(func() { r.answers(from, far) })
	return far
}

func (r *PacketRelay) answers(to netip.AddrPort, far *net.UDPConn) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := far.Read(buffer)
		select {
		case <-r.ended:
			return
		default:
		}
		if err != nil {
			r.refused(to, far)
			return
		}
		p := packet{to, append([]byte(nil), buffer[:n]...)}
		if delay, passes := r.answer(p); passes && delay > 0 {
			r.all.Go(func() {
				timer := time.NewTimer(delay)
				defer timer.Stop()
				select {
				case <-timer.C:
					_, _ = r.near.WriteToUDPAddrPort(p.body, p.to)
				case <-r.ended:
				}
			})
		} else if passes {
			_, _ = r.near.WriteToUDPAddrPort(p.body, p.to)
		}
	}
}

// refused forgets a socket on which the machine of the peer said that nobody listens.
func (r *PacketRelay) refused(to netip.AddrPort, far *net.UDPConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.far, to)
	_ = far.Close()
}

func (r *PacketRelay) answer(p packet) (delay time.Duration, passes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.late {
		r.late = false
		r.held = append(r.held, p)
		return 0, false
	}
	return r.delay, !r.loses()
}

// Silence passes nothing on any more.
func (r *PacketRelay) Silence() { r.set(func() { r.silent = true }) }

// Resume passes everything on again, at once.
func (r *PacketRelay) Resume() {
	r.set(func() { r.silent, r.lose, r.delay, r.late, r.held = false, 0, 0, false, nil })
}

// Lose loses every n-th datagram from now on; 0: none.
func (r *PacketRelay) Lose(n int) { r.set(func() { r.lose, r.seen = n, 0 }) }

// Delay has what the peer says come later by d.
func (r *PacketRelay) Delay(d time.Duration) { r.set(func() { r.delay = d }) }

// Late holds back the next datagram of the peer until there is another question, whoever asks, and passes it on in front of that.
func (r *PacketRelay) Late() { r.set(func() { r.late = true }) }

func (r *PacketRelay) set(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}
