package modbus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/source"
)

// Doors are where devices dial in, by address: sources with one address share a door.
type doors struct {
	mu        sync.Mutex
	byAddress map[string]*door
}

// A door listens at one address for the devices that sources expect.
type door struct {
	doors    *doors
	address  string
	listener net.Listener
	log      *slog.Logger
	inside   sync.WaitGroup // its goroutines

	mu      sync.Mutex
	guests  map[string]*guest // by what a device says first
	waiting []net.Conn        // that did not say yet who they are, the oldest first
	refused uint64
	left    bool
}

// The bounds of a door.
const (
	mostWaiting  = 64               // connections that did not say yet who they are
	mostGreeting = 256              // bytes until it is clear who it is
	greeting     = 10 * time.Second // until then
)

// A guest is a device that one source expects.
type guest struct {
	door    *door
	says    string
	arrived chan struct{} // has something while session is new

	session net.Conn // of the newest call, not taken yet; guarded by door.mu
	call    uint64   // which call that is or was; guarded by door.mu
}

// expect opens the door for one more device.
func (d *doors) expect(l Listen, env source.Env) (*guest, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.byAddress[l.Address]
	if at == nil {
		listener, err := net.Listen("tcp", l.Address)
		if err != nil {
			return nil, fmt.Errorf("listen: address: %w", err)
		}
		at = &door{doors: d, address: l.Address, listener: listener, log: env.Log, guests: map[string]*guest{}}
		if d.byAddress == nil {
			d.byAddress = map[string]*door{}
		}
		d.byAddress[l.Address] = at
		at.inside.Go(at.serve)
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	says := string(l.registration())
	for other := range at.guests {
		if bytes.HasPrefix([]byte(other), []byte(says)) || bytes.HasPrefix([]byte(says), []byte(other)) {
			return nil, fmt.Errorf("listen: id: another source at %s expects %s, which cannot be told from this one", l.Address, plain.Quote(other, 40))
		}
	}
	g := &guest{door: at, says: says, arrived: make(chan struct{}, 1)}
	at.guests[says] = g
	return g, nil
}

// leave has the door expect the device no more. The last one closes it.
func (g *guest) leave() {
	d := g.door
	d.doors.mu.Lock()
	defer d.doors.mu.Unlock()
	d.mu.Lock()
	delete(d.guests, g.says)
	if g.session != nil {
		_ = g.session.Close() // nobody talks to it
		g.session = nil
	}
	last := len(d.guests) == 0
	if last {
		d.left = true
		for _, c := range d.waiting {
			_ = c.Close() // it did not say who it is
		}
	}
	d.mu.Unlock()
	if last {
		delete(d.doors.byAddress, d.address)
		_ = d.listener.Close() // serve ends with it
		d.inside.Wait()
	}
}

// await waits until the device has dialled in.
func (g *guest) await(ctx context.Context) (line, error) {
	for {
		if c := g.take(); c != nil {
			return c, nil
		}
		select {
		case <-g.arrived:
		case <-ctx.Done():
			return nil, errors.New("the device has not dialled in")
		}
	}
}

func (g *guest) take() net.Conn {
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	c := g.session
	g.session = nil
	return c
}

// newer reports whether the device has dialled in again: the session before is dead then, though it may not look it.
func (g *guest) newer() bool {
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	return g.session != nil
}

// serve takes calls until the listener is closed.
func (d *door) serve() {
	for call := uint64(1); ; call++ {
		c, err := d.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many files are open
			time.Sleep(100 * time.Millisecond)
			continue
		}
		d.mu.Lock()
		var out net.Conn
		if len(d.waiting) >= mostWaiting {
			out = d.longest()
			d.forget(out)
		}
		left := d.left
		if !left {
			d.waiting = append(d.waiting, c)
		}
		d.mu.Unlock()
		if out != nil {
			// Fault (log): many dial in and do not say who they are.
			d.refuse(out, fmt.Sprintf("%d others did not say yet who they are", mostWaiting))
		}
		if left {
			_ = c.Close() // nobody expects it any more
			continue
		}
		d.inside.Go(func() { d.welcome(c, call) })
	}
}

// longest returns who is to make room for the next: whoever waits longest of the address from which most wait, for a device says at once who it
// is. The caller holds mu.
func (d *door) longest() net.Conn {
	waits, most := map[string]int{}, 0
	for _, c := range d.waiting {
		host := hostOf(c)
		waits[host]++
		most = max(most, waits[host])
	}
	for _, c := range d.waiting {
		if waits[hostOf(c)] == most {
			return c
		}
	}
	return nil
}

func hostOf(c net.Conn) string {
	host, _, _ := net.SplitHostPort(c.RemoteAddr().String()) // as Accept gave it
	return host
}

// forget has a connection wait no more, and reports whether it did. The caller holds mu.
func (d *door) forget(c net.Conn) (waited bool) {
	i := slices.Index(d.waiting, c)
	if i < 0 {
		return false
	}
	d.waiting = slices.Delete(d.waiting, i, i+1)
	return true
}

// welcome reads who it is, and keeps the connection for the source that expects it.
func (d *door) welcome(c net.Conn, call uint64) {
	said, g, err := d.greeted(c)
	d.mu.Lock()
	waited := d.forget(c)
	left := d.left || !waited || err == nil && (d.guests[g.says] != g || call < g.call)
	if err == nil && !left {
		if g.session != nil {
			_ = g.session.Close() // it was called again
		}
		g.session, g.call = c, call
	}
	d.mu.Unlock()
	switch {
	case left:
		_ = c.Close() // nobody expects it any more, it made room, or it has called again since
	case err != nil:
		d.refuse(c, err.Error())
	default:
		select {
		case g.arrived <- struct{}{}:
		default:
		}
		d.log.Debug("a device has dialled in", "id", plain.Line(said, 40), "from", c.RemoteAddr().String())
	}
}

// greeted reads no more than the registration of a device that is expected.
func (d *door) greeted(c net.Conn) (said string, g *guest, err error) {
	if err := c.SetDeadline(time.Now().Add(greeting)); err != nil {
		return "", nil, err
	}
	var came []byte
	for one := make([]byte, 1); len(came) < mostGreeting; { // a byte at a time: what follows belongs to the source
		if _, err := c.Read(one); err != nil {
			return "", nil, fmt.Errorf("it said %s and no more", plain.Quote(string(came), 40))
		}
		came = append(came, one[0])
		g, more := d.who(came)
		if g != nil {
			return string(came), g, c.SetDeadline(time.Time{})
		}
		if !more {
			break
		}
	}
	// Fault (log): a device dials in that nobody expects.
	return "", nil, fmt.Errorf("no source expects a device that begins with %s", plain.Quote(string(came), 40))
}

// who returns which guest has said all of its registration, or whether one may.
func (d *door) who(came []byte) (g *guest, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if g := d.guests[string(came)]; g != nil {
		return g, false
	}
	for says := range d.guests {
		more = more || bytes.HasPrefix([]byte(says), came)
	}
	return nil, more
}

// refuse closes a connection and says why, each time that their number has doubled.
func (d *door) refuse(c net.Conn, why string) {
	from := c.RemoteAddr().String()
	_ = c.Close() // it is nobody
	d.mu.Lock()
	d.refused++
	n := d.refused
	d.mu.Unlock()
	if n&(n-1) == 0 {
		d.log.Warn(fmt.Sprintf("refused %d of those that dialled in at %s so far; the last, from %s: %s", n, d.address, from, why))
	}
}
