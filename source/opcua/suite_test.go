//go:build integration

package opcua

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// A door stands before a server that takes long to start: closed, it is as if the server were not there.
type door struct {
	address string
	to      string
	all     sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	through  map[net.Conn]bool
}

func newDoor(t *testing.T, to string) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{address: l.Addr().String(), to: to, through: map[net.Conn]bool{}}
	_ = l.Close()
	return d
}

func (d *door) open(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.listener = l
	d.mu.Unlock()
	d.all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", d.to)
			if err != nil {
				_ = near.Close()
				continue
			}
			d.mu.Lock()
			shut := d.listener != l
			d.through[near], d.through[far] = true, true
			d.mu.Unlock()
			if shut {
				d.cut()
			}
			for _, ends := range [][2]net.Conn{{near, far}, {far, near}} {
				d.all.Go(func() {
					_, _ = io.Copy(ends[0], ends[1])
					_, _ = ends[0].Close(), ends[1].Close()
				})
			}
		}
	})
}

func (d *door) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.through {
		_ = c.Close()
		delete(d.through, c)
	}
}

func (d *door) shut(*testing.T) {
	d.mu.Lock()
	if d.listener != nil {
		_ = d.listener.Close()
	}
	d.listener = nil
	d.mu.Unlock()
	d.cut()
	d.all.Wait()
}

// says returns what has the plant say in a node what the suite looks for.
func (p *plant) says(node string) func(*testing.T, int) {
	return func(_ *testing.T, n int) { p.do("set %s %s", node, sourcetest.Body(n)) }
}

const labelNode = "Boiler.Label"

// labelled are settings that read a text, with short times.
func labelled(address, node string, read Read) *Settings {
	return settings("opc.tcp://"+address+"/plant", func(s *Settings) {
		s.Nodes = map[string]Node{"label": {ID: plantNS + node}}
		s.Read = read
		s.Publishing, s.KeepAlive, s.Refresh = 100*time.Millisecond, 500*time.Millisecond, 2*time.Second
		s.Timeout, s.ConnectTimeout = 4*time.Second, 8*time.Second
	})
}

func addressOf(p *plant) string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

func TestSuite(t *testing.T) {
	p := asyncua(t, "", "")
	for _, read := range []Read{readSubscribe, readPoll} {
		t.Run(string(read), func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
				d := newDoor(t, addressOf(p))
				p.do("set %s nothing yet", labelNode)
				return sourcetest.Subject{Kind: Kind, Settings: labelled(d.address, labelNode, read), Start: d.open, Stop: d.shut, Say: p.says(labelNode)}
			})
		})
	}
	sourcetest.RunFaults(t, func(t *testing.T) sourcetest.Subject { return faulty(t, p) })
}

// faulty freezes both servers for 25 s, kills one, and does to connections what networks do.
func faulty(t *testing.T, shared *plant) sourcetest.Subject {
	bound := 3 * time.Minute
	switch name := t.Name()[strings.LastIndex(t.Name(), "/")+1:]; name {
	case "TellsAFreeze":
		p := asyncua(t, "", "")
		return sourcetest.Subject{Kind: Kind, Settings: labelled(addressOf(p), labelNode, readSubscribe), Say: p.says(labelNode), Faults: sourcetest.Faults{
			Freeze: func(*testing.T) { p.Freeze() }, Thaw: func(*testing.T) { p.Thaw() }, FreezeFor: 25 * time.Second, Bound: bound,
		}}
	case "TellsAKill":
		p := asyncua(t, "", "")
		begun := false
		return sourcetest.Subject{Kind: Kind, Settings: labelled(addressOf(p), labelNode, readSubscribe), Say: p.says(labelNode), Start: func(*testing.T) {
			if begun {
				p.Restart()
			}
			begun = true
		}, Faults: sourcetest.Faults{Kill: func(*testing.T) { p.Kill() }, Bound: bound}}
	default:
		relay := nettest.NewRelay(t, addressOf(shared))
		shared.do("text %s nothing", name)
		s := sourcetest.Subject{Kind: Kind, Settings: labelled(relay.Address, name, readSubscribe), Say: shared.says(name), Faults: sourcetest.Faults{Bound: bound}}
		switch name {
		case "LeavesAHalfOpenLine":
			s.Faults.Vanish = func(*testing.T) { relay.Freeze() }
		case "EndsADrip":
			s.Faults.Drip, s.Faults.Flow = func(*testing.T) { relay.Drip(time.Second) }, func(*testing.T) { relay.Resume() }
			s.Faults.Right = label
		case "IsNotMisledByALateAnswer":
			s.Settings = labelled(relay.Address, name, readPoll)
			s.Faults.Late = func(*testing.T) { relay.Late() }
		}
		return s
	}
}

// label is what is wrong with a reading of the label.
func label(r dodona.Reading) error {
	v, err := parseValue(r.Body)
	if err != nil {
		return err
	}
	text := (&cursor{rest: v.variant}).text()
	if !strings.HasPrefix(text, "{") && text != "nothing yet" {
		return fmt.Errorf("it is %q", text)
	}
	return nil
}

// TestNodeOPCUAIsFrozenAndKilled does to the other server what the suite does to the one.
func TestNodeOPCUAIsFrozenAndKilled(t *testing.T) {
	t.Parallel()
	p := nodeOPCUA(t, "", "", t.TempDir())
	pump, said := pumped(t, labelled(addressOf(p), labelNode, readSubscribe), "")
	says := func(n int) {
		t.Helper()
		p.says(labelNode)(t, n)
		said(sourcetest.Mark(n))
	}
	says(1)
	p.Freeze()
	frozen := time.Now()
	said("")
	time.Sleep(time.Until(frozen.Add(25 * time.Second)))
	if got := pump.Status(); got.State == source.OK || got.LastError == "" {
		t.Errorf("after 25 s of silence the status is %s, last error %q", got.State, got.LastError)
	}
	p.Thaw()
	says(2)
	if n, err := strconv.Atoi(p.do("sessions")); err != nil || n > 2 {
		t.Errorf("the server has %d sessions of one source, %v", n, err)
	}
	p.Kill()
	p.Restart()
	says(3)
}

// pumped runs a source as a node does. Said waits for a reading with a text; for trouble if that is empty.
func pumped(t *testing.T, s *Settings, folder string) (pump *source.Pump, said func(text string)) {
	pump = source.NewPump(source.Config{
		Name: "plant", Kind: Kind, Settings: s, Data: folder, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Backoff: backoff.Backoff{Min: 50 * time.Millisecond, Max: time.Second},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = pump.Run(ctx) // returns nil when ctx ends
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return pump, func(text string) {
		t.Helper()
		limit := time.Now().Add(3 * time.Minute)
		for time.Now().Before(limit) {
			limited, end := context.WithTimeout(ctx, time.Second)
			readings, _ := pump.Ask(limited, dodona.RoundAt(time.Now()))
			end()
			if state := pump.Status().State; text == "" && (state == source.Retrying || state == source.Stale) {
				return
			}
			for _, r := range readings {
				if text != "" && strings.Contains(string(r.Body), text) {
					return
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("nothing with %q came; status %+v", text, pump.Status())
	}
}

func TestAnAnswerInPiecesIsWhole(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		defer near.Close()
		for _, b := range framed("ACKF", make([]byte, 20)) {
			if _, err := near.Write([]byte{b}); err != nil {
				return
			}
		}
	}()
	kind, frame, err := (&channel{conn: far}).frame(100)
	if err != nil || kind != "ACKF" || !bytes.Equal(frame[8:], make([]byte, 20)) {
		t.Errorf("%s %x, %v", kind, frame, err)
	}
}
