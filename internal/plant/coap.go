package plant

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"
)

const (
	maxObservers = 32
	maxLate      = 64   // answers that wait while the device is slow
	maxDatagram  = 1500 // bytes of a request; a longer one is cut, and then no message
	confirmEvery = 8    // notifications, of which one asks whether its observer is still there
	maxUnheard   = 3    // such questions without an answer until an observer is forgotten
	maxOptions   = 128
)

// A coapPart is the flow meter: /flow, which may be observed, as SenML, JSON or text.
type coapPart struct {
	socket udpSocket
	world  world

	mu        sync.Mutex
	state     Fault
	number    uint16 // of the next message of ours
	sequence  uint32 // of the next notification
	observers map[string]*observer
	late      chan late
}

// A udpSocket is what is used of a [net.UDPConn].
type udpSocket interface {
	ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	LocalAddr() net.Addr
	Close() error
}

// An observer is told of each new value.
type observer struct {
	peer    netip.AddrPort
	token   message.Token
	format  uint32
	told    int
	asked   uint16 // the number of the last message that asks whether it is there
	unheard int
}

// A late answer waits until its time.
type late struct {
	due  time.Time
	peer netip.AddrPort
	raw  []byte
}

func startCoAP(_ context.Context, c Config, w world) (part, error) {
	at, err := net.ResolveUDPAddr("udp", address(c.Host, c.CoAP))
	if err != nil {
		return nil, fmt.Errorf("listen for coap: %w", err)
	}
	socket, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, fmt.Errorf("listen for coap: %w", err)
	}
	var seed [2]byte
	_, _ = rand.Read(seed[:]) // never fails
	return &coapPart{
		socket: socket, world: w, state: Plug, number: binary.BigEndian.Uint16(seed[:]), observers: map[string]*observer{}, late: make(chan late, maxLate),
	}, nil
}

func (p *coapPart) devices() []Device {
	return []Device{{Name: "flow", Protocol: CoAP, Address: p.socket.LocalAddr().String(), Points: []Point{
		{"rate", "l/s", "/flow, SenML record rate"},
		{"total", "l", "/flow, SenML record total"},
	}}}
}

// fault: what is unplugged forgets who observes it, as a device without power does.
func (p *coapPart) fault(_ string, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = f
	if f == Unplug {
		clear(p.observers)
	}
}

func (p *coapPart) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = p.socket.Close() })
	defer stop()
	var workers sync.WaitGroup
	defer workers.Wait()
	workers.Go(func() { p.notify(ctx) })
	workers.Go(func() { p.delay(ctx) })
	raw := make([]byte, maxDatagram)
	for {
		n, peer, err := p.socket.ReadFromUDPAddrPort(raw)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as an ICMP message of a peer that is gone
			if ctx.Err() != nil {
				return
			}
			continue
		}
		p.take(peer, raw[:n])
	}
}

// take answers one datagram; what is none of CoAP gets no answer.
func (p *coapPart) take(peer netip.AddrPort, raw []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == Unplug || p.state == Freeze {
		return
	}
	m, err := decodeCoAP(raw)
	switch {
	case err != nil:
	case m.Type == message.Acknowledgement || m.Type == message.Reset:
		p.heard(peer, m)
	case m.Code == codes.Empty: // a ping
		p.send(peer, message.Message{Type: message.Reset, MessageID: m.MessageID})
	case m.Code < codes.Created:
		p.answer(peer, m)
	}
}

func decodeCoAP(raw []byte) (m message.Message, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the library panicked: %v", v)
		}
	}()
	m.Options = make(message.Options, 0, maxOptions)
	_, err = coder.DefaultCoder.Decode(bytes.Clone(raw), &m)
	return m, err
}

// heard takes in what an observer says of a notification.
func (p *coapPart) heard(peer netip.AddrPort, m message.Message) {
	for key, o := range p.observers {
		if o.peer != peer || uint16(m.MessageID) != o.asked {
			continue
		}
		o.unheard = 0
		if m.Type == message.Reset {
			delete(p.observers, key)
		}
	}
}

const discovery = `</flow>;rt="flow";if="sensor";ct="110 50 0";obs;title="Flow"`

// answer sends what a request asks for.
func (p *coapPart) answer(peer netip.AddrPort, m message.Message) {
	out := message.Message{Type: message.Acknowledgement, MessageID: m.MessageID, Token: m.Token, Code: codes.Content}
	if m.Type == message.NonConfirmable {
		out.Type, out.MessageID = message.NonConfirmable, p.next()
	}
	path, err := m.Options.Path()
	format := acceptable(m.Options)
	switch {
	case err != nil && !errors.Is(err, message.ErrOptionNotFound), path != "/flow" && path != "/.well-known/core":
		out.Code = codes.NotFound
	case m.Code != codes.GET:
		out.Code = codes.MethodNotAllowed
	case path == "/.well-known/core":
		out.Options, out.Payload = numbered(nil, message.ContentFormat, 40), []byte(discovery)
	case format == unacceptable:
		out.Code = codes.NotAcceptable
	default:
		if p.observes(peer, m, format) {
			out.Options = numbered(out.Options, message.Observe, p.sequence)
		}
		p.represent(&out, format)
	}
	p.send(peer, out)
}

// observes registers a peer, or forgets it, as its request says.
func (p *coapPart) observes(peer netip.AddrPort, m message.Message, format uint32) bool {
	wants, err := m.Options.Observe()
	if err != nil {
		return false
	}
	key := peer.String() + " " + string(m.Token)
	if wants != 0 {
		delete(p.observers, key)
		return false
	}
	if p.observers[key] == nil && len(p.observers) >= maxObservers {
		return false // it may ask again and again instead
	}
	p.observers[key] = &observer{peer: peer, token: m.Token, format: format}
	return true
}

// The formats of a representation, by their numbers.
const (
	asText       = 0
	asJSON       = 50
	asSenML      = 110
	unacceptable = 1 << 16
)

// acceptable returns the format that a request wants.
func acceptable(options message.Options) uint32 {
	accept, err := options.GetUint32(message.Accept)
	switch {
	case errors.Is(err, message.ErrOptionNotFound):
		return asSenML
	case err == nil && (accept == asText || accept == asJSON || accept == asSenML):
		return accept
	}
	return unacceptable
}

// represent writes the flow as it is now into a message.
func (p *coapPart) represent(m *message.Message, format uint32) {
	rate, total, since := p.world.flow(time.Now())
	if p.state == Lie { // the wheel that counts is gone
		rate, total = -9999999, 0
	}
	liters := decimal(rate, 2)
	switch format {
	case asText:
		m.Payload = []byte(liters)
	case asJSON:
		m.Payload = fmt.Appendf(nil, `{"time":%q,"rate":%s,"total":%d}`, since.Format(time.RFC3339Nano), liters, total)
	default:
		m.Payload = fmt.Appendf(nil, `[{"bn":"plant:flow:","bt":%s,"n":"rate","u":"l/s","v":%s},{"n":"total","u":"l","v":%d}]`, decimal(since.UnixMilli(), 3), liters, total)
	}
	m.Options = numbered(m.Options, message.ContentFormat, format)
	m.Options = numbered(m.Options, message.MaxAge, uint32(max(5, 2*p.world.every/time.Second)))
}

// notify tells observers of each new value.
func (p *coapPart) notify(ctx context.Context) {
	ticks := time.NewTicker(p.world.every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			p.tell()
		}
	}
}

func (p *coapPart) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == Unplug || p.state == Freeze {
		return
	}
	p.sequence = (p.sequence + 1) & (1<<24 - 1)
	for key, o := range p.observers {
		out := message.Message{Type: message.NonConfirmable, MessageID: p.next(), Token: o.token, Code: codes.Content}
		if o.told++; o.told%confirmEvery == 0 {
			if o.unheard++; o.unheard > maxUnheard {
				delete(p.observers, key)
				continue
			}
			out.Type, o.asked = message.Confirmable, uint16(out.MessageID)
		}
		out.Options = numbered(nil, message.Observe, p.sequence)
		p.represent(&out, o.format)
		p.send(o.peer, out)
	}
}

func (p *coapPart) next() int32 {
	p.number++
	return int32(p.number)
}

// send writes a message to a peer; a device that is slow does so later.
func (p *coapPart) send(peer netip.AddrPort, m message.Message) {
	raw := make([]byte, maxDatagram)
	n, err := coder.DefaultCoder.Encode(m, raw)
	if err != nil { // never: it is ours and small
		return
	}
	if p.state != Slow {
		_, _ = p.socket.WriteToUDPAddrPort(raw[:n], peer) // a datagram may be lost anyway
		return
	}
	select {
	case p.late <- late{due: time.Now().Add(lateness), peer: peer, raw: raw[:n]}:
	default: // as one that is lost
	}
}

// delay sends what is late, one after another.
func (p *coapPart) delay(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-p.late:
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(l.due)):
				_, _ = p.socket.WriteToUDPAddrPort(l.raw, l.peer)
			}
		}
	}
}

// numbered returns options with one more whose value is a number.
func numbered(options message.Options, id message.OptionID, n uint32) message.Options {
	raw := bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, n), "\x00")
	return options.Add(message.Option{ID: id, Value: raw})
}
