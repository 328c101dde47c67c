package mqttc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dodona-oracle/dodona/internal/handshake"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// Types of packets, as the first four bits of each say.
const (
	connack    = 2
	publish    = 3
	puback     = 4
	pubrec     = 5
	disconnect = 14
	auth       = 15
)

// A wire is what the libraries read from and write to. They trust what a packet says of its length, and one of them calls a frozen
// broker connected: so packets are bounded here, a packet is due within each keep-alive, and what is written has a deadline.
//
// A message that is too large is acknowledged and passed over, else the broker would send it again for ever.
//
// It is a [sync.Locker] because one of the libraries writes a packet in pieces: they leave together when it unlocks.
type wire struct {
	net.Conn
	in        *bufio.Reader
	client    string
	most      int
	oversized func(topic string, size int)
	due       atomic.Int64 // within how long a packet is due, a time.Duration

	left   int    // bytes of the packet that is being read
	head   []byte // of a packet, what is given to the library first
	answer atomic.Pointer[connackPacket]

	pieces  bool // a packet is written in pieces, between Lock and Unlock
	writing sync.Mutex
	out     []byte

	mu  sync.Mutex
	why error
}

// A connackPacket is what of the answer to a CONNECT tells the versions apart.
type connackPacket struct {
	length int
	code   byte
}

func newWire(conn net.Conn, cfg Config) *wire {
	w := &wire{Conn: conn, in: bufio.NewReaderSize(conn, 4096), client: cfg.ClientID, most: int(max(cfg.MaxPacket, 0)), oversized: cfg.Oversized}
	if w.most == 0 {
		w.most = int(defaultMaxPacket)
	}
	if w.oversized == nil {
		w.oversized = func(string, int) {}
	}
	w.expect(cfg.Settings.KeepAlive)
	return w
}

// expect says how often the broker is pinged.
func (w *wire) expect(keepAlive time.Duration) { w.due.Store(int64(keepAlive + pingGrace)) }

// leave says that the connection ends because somebody here wants it: what fails after that is no news.
func (w *wire) leave(why error) { w.fail(why) }

// fail notes why the connection cannot be used any more; the first reason counts.
func (w *wire) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.why == nil {
		w.why = err
	}
}

func (w *wire) cause() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.why
}

// Read returns bytes of packets that are no larger than most.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.read(p)
	if err != nil && !errors.Is(err, net.ErrClosed) { // a library that closes says why itself
		w.fail(w.failure(err, "read"))
	}
	return n, err
}

func (w *wire) read(p []byte) (int, error) {
	for len(w.head) == 0 && w.left == 0 {
		if err := w.next(); err != nil {
			return 0, err
		}
	}
	if len(w.head) > 0 {
		n := copy(p, w.head)
		w.head = w.head[n:]
		return n, nil
	}
	n, err := w.in.Read(p[:min(len(p), w.left)])
	w.left -= n
	return n, err
}

// failure says in words what happened to the connection.
func (w *wire) failure(err error, doing string) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return wordless{w.client}
	case errors.Is(err, os.ErrDeadlineExceeded) && doing == "read":
		// Fault (exchange): a broker is frozen, or the way to it is cut.
		return fmt.Errorf("no packet from the broker in %s, though it was pinged: it is frozen, or the way to it is cut", unit.FormatDuration(time.Duration(w.due.Load())))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the broker takes nothing for %s", unit.FormatDuration(writeLimit))
	}
	return err
}

// next reads where the next packet begins. A packet that was begun is due whole, however slowly it comes.
func (w *wire) next() error {
	first, err := w.first()
	if err != nil {
		return err
	}
	if w.answer.Load() == nil && first>>4 != connack && first>>4 != auth && first>>4 != disconnect {
		return w.foreign(first)
	}
	size, head, err := w.length(first)
	if err != nil {
		return err
	}
	if first>>4 == connack && w.answer.Load() == nil {
		if b, err := w.in.Peek(min(size, 2)); err == nil && len(b) == 2 {
			w.answer.Store(&connackPacket{size, b[1]})
		}
	}
	if size+len(head) <= w.most {
		w.head, w.left = head, size
		return nil
	}
	if first>>4 != publish {
		// Fault (exchange): a packet is larger than was agreed.
		return fmt.Errorf("the broker sends a packet of type %d with %d bytes, more than %d", first>>4, size, w.most)
	}
	return w.pass(first, size)
}

const mostSaid = 80 // bytes of what is no packet

// foreign says what answers where a broker was expected.
func (w *wire) foreign(first byte) error {
	says, _ := w.in.Peek(min(w.in.Buffered(), mostSaid)) // what has come with it
	says, _, _ = bytes.Cut(append([]byte{first}, says...), []byte("\r\n"))
	if bytes.HasPrefix(says, []byte("HTTP/")) {
		// Fault (exchange): a web server answers at the broker's port.
		return fmt.Errorf("what answers speaks HTTP and not MQTT (%s): see the port of url; MQTT over WebSocket has ws:// or wss://, and a port for both may want alpn", plain.Quote(string(says), mostSaid))
	}
	// Fault (exchange): what answers is no broker.
	return fmt.Errorf("what answers is no broker of MQTT: it says %s", plain.Quote(string(says), mostSaid))
}

// first waits for a packet, and gives it as long to come whole as it had to begin.
func (w *wire) first() (byte, error) {
	due := time.Duration(w.due.Load())
	if err := w.Conn.SetReadDeadline(time.Now().Add(due)); err != nil {
		return 0, err
	}
	first, err := w.in.ReadByte()
	if err != nil {
		return 0, err
	}
	return first, w.Conn.SetReadDeadline(time.Now().Add(due))
}

// length reads how long a packet is, and returns its head too.
func (w *wire) length(first byte) (size int, head []byte, err error) {
	head = []byte{first}
	for shift := 0; shift < 28; shift += 7 {
		b, err := w.in.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		head = append(head, b)
		size |= int(b&0x7f) << shift
		if b < 0x80 {
			return size, head, nil
		}
	}
	// Fault (exchange): what comes is no MQTT.
	return 0, nil, errors.New("the broker sends what is no packet of MQTT: a length of more than four bytes")
}

// pass passes over a message that is too large, and acknowledges it.
func (w *wire) pass(first byte, size int) error {
	var of [2]byte
	if _, err := io.ReadFull(w.in, of[:]); err != nil {
		return err
	}
	topic := make([]byte, int(of[0])<<8|int(of[1]))
	qos, rest := first>>1&3, size-2-len(topic)
	if qos > 0 {
		rest -= 2
	}
	if rest < 0 {
		return errors.New("the broker sends what is no packet of MQTT: a topic that is longer than its message")
	}
	if _, err := io.ReadFull(w.in, topic); err != nil {
		return err
	}
	if qos > 0 {
		if _, err := io.ReadFull(w.in, of[:]); err != nil {
			return err
		}
	}
	if _, err := io.CopyN(io.Discard, w.in, int64(rest)); err != nil {
		return err
	}
	w.oversized(string([]rune(string(topic))), size)
	switch qos {
	case 1:
		return w.write([]byte{puback << 4, 2, of[0], of[1]})
	case 2:
		return w.write([]byte{pubrec << 4, 2, of[0], of[1]})
	}
	return nil
}

// Lock begins a packet.
func (w *wire) Lock() { w.writing.Lock() }

// Unlock sends the packet; if that fails, the connection ends, which whoever reads learns.
func (w *wire) Unlock() {
	if len(w.out) > 0 {
		if err := w.put(w.out); err != nil {
			_ = w.Conn.Close() // the failure is noted
		}
		w.out = w.out[:0]
		if cap(w.out) > 64<<10 {
			w.out = nil
		}
	}
	w.writing.Unlock()
}

// Write writes a packet, or a piece of one.
func (w *wire) Write(p []byte) (int, error) {
	if w.pieces { // the caller holds the lock
		w.out = append(w.out, p...)
		return len(p), nil
	}
	return len(p), w.write(p)
}

// write writes a packet.
func (w *wire) write(p []byte) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	return w.put(p)
}

func (w *wire) put(p []byte) error {
	if err := w.Conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	_, err := w.Conn.Write(p)
	if err != nil {
		w.fail(w.failure(handshake.Told(w.Conn, err), "write"))
	}
	return err
}

// Close closes the connection. It may be called twice.
func (w *wire) Close() error { return w.Conn.Close() }
