package coap

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/dodona-oracle/dodona/internal/unit"
)

const (
	maxDatagram    = 64 << 10
	maxRetransmits = 4  // RFC 7252 §4.8
	maxWaiting     = 64 // notifications that nobody took yet
	maxConfirmed   = 16 // messages that are known again when they are sent again
	// exchangeLifetime is for how long a message may be sent again, and its id stands for no other (RFC 7252 §4.8.2).
	exchangeLifetime = 247 * time.Second
)

var (
	// Fault (exchange): a device does not want to be asked.
	errReset = errors.New("the device refuses the request with a reset")
	errEnded = errors.New("the source is closed")
)

// A link is a connection to one device: a socket that takes datagrams of that address alone, or a DTLS session on one. One request at
// a time waits for its answer. Whoever opened it ends it.
type link struct {
	conn    net.Conn
	lost    func(n uint64, cause string)
	ack     time.Duration
	reading sync.WaitGroup

	notified chan message.Message // of tokens that are observed, in the order in which they came
	gone     chan struct{}        // closed when nothing comes any more

	mu      sync.Mutex
	mid     uint16
	why     error // gone is closed
	pending *request
	tokens  map[string]int32 // that are observed, with the id of the message that came last; −1: none
	heard   time.Time
	// confirmed are the messages that were confirmed last, in a ring: the device sends one again if our word was lost.
	confirmed [maxConfirmed]confirmed
	next      int
}

// A confirmed message is known by its id and its token: a device that was restarted begins its ids anew, and nobody has its tokens twice.
type confirmed struct {
	mid   int32
	token string
	at    time.Time
}

// A request is one that waits for its answer.
type request struct {
	token  string
	mid    int32
	heard  bool                 // an empty answer was there
	others int                  // answers that came meanwhile, of other tokens
	answer chan message.Message // has room for an empty answer and another one
}

// newLink begins to read.
func newLink(conn net.Conn, ack time.Duration, lost func(uint64, string)) *link {
	l := &link{
		conn: conn, lost: lost, ack: ack, notified: make(chan message.Message, maxWaiting), gone: make(chan struct{}),
		mid: uint16(rand.Uint32()), tokens: map[string]int32{}, heard: time.Now(),
	}
	l.reading.Go(l.read)
	return l
}

// end closes the link and waits for its reader.
func (l *link) end() {
	_ = l.conn.Close() // nobody is left to tell
	l.reading.Wait()
}

// read takes what comes, until the link ends or the device is not there.
func (l *link) read() {
	defer close(l.gone)
	buffer := make([]byte, maxDatagram)
	for {
		n, err := l.conn.Read(buffer)
		if err != nil {
			l.mu.Lock()
			l.why = err
			l.mu.Unlock()
			return
		}
		m, err := decode(append([]byte(nil), buffer[:n]...))
		if err != nil {
			continue // what is no message is of nobody (RFC 7252 §4.2)
		}
		l.take(m)
	}
}

// take hands a message to who waits for it.
func (l *link) take(m message.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = time.Now()
	if m.Type == message.Confirmable && l.knows(m) {
		l.confirm(m) // again, and not taken again (RFC 7252 §4.2)
		return
	}
	if p := l.pending; p != nil {
		is := m.MessageID == p.mid && (m.Type == message.Acknowledgement || m.Type == message.Reset) && !p.heard
		if isResponse(m) {
			is = string(m.Token) == p.token
		}
		if is {
			l.confirm(m)
			p.heard = true
			if isResponse(m) {
				l.answered(m)
			}
			p.answer <- m // has room: see request
			return
		}
	}
	last, observed := l.tokens[string(m.Token)]
	if l.pending != nil && isResponse(m) && !observed {
		l.pending.others++
	}
	switch {
	case m.Type == message.Acknowledgement || m.Type == message.Reset: // of what was given up
	case !isResponse(m) || !observed:
		// Fault (dropped): a device answers what was given up, or nothing that was asked.
		l.lost(1, "a message answers nothing that is waited for")
		l.refuse(m)
	case last == m.MessageID:
		l.confirm(m) // said again, or doubled by the network
	default:
		l.enqueue(m)
	}
}

// answered has nobody wait any more: what comes next with the token of an observation is a notification. The caller holds mu.
func (l *link) answered(m message.Message) {
	l.pending = nil
	if _, observed := l.tokens[string(m.Token)]; observed {
		l.tokens[string(m.Token)] = m.MessageID
	}
}

// enqueue keeps a notification. One that must be confirmed and has no room is not, so that the device says it again. The caller holds mu.
func (l *link) enqueue(m message.Message) {
	select {
	case l.notified <- m:
		l.tokens[string(m.Token)] = m.MessageID
		l.confirm(m)
	default:
		if m.Type != message.Confirmable {
			// Fault (dropped): notifications come faster than the journal takes them.
			l.lost(1, "notifications came faster than the journal takes them")
		}
	}
}

// confirm acknowledges a message that wants it. The caller holds mu.
func (l *link) confirm(m message.Message) {
	if m.Type == message.Confirmable {
		l.send(message.Message{Type: message.Acknowledgement, Code: codes.Empty, MessageID: m.MessageID})
		if !l.knows(m) {
			l.confirmed[l.next%maxConfirmed] = confirmed{m.MessageID, string(m.Token), time.Now()}
			l.next++
		}
	}
}

// knows reports whether a message was confirmed, and not long ago. The caller holds mu.
func (l *link) knows(m message.Message) bool {
	for _, c := range l.confirmed {
		if c.mid == m.MessageID && c.token == string(m.Token) && !c.at.IsZero() && time.Since(c.at) < exchangeLifetime {
			return true
		}
	}
	return false
}

// refuse tells the device that nobody waits for a message: then it no longer notifies. The caller holds mu.
func (l *link) refuse(m message.Message) {
	if m.Type == message.Confirmable || isResponse(m) {
		l.send(message.Message{Type: message.Reset, Code: codes.Empty, MessageID: m.MessageID})
	}
}

// send sends a message; what the network loses is sent again by who waits for an answer.
func (l *link) send(m message.Message) {
	raw, err := encode(m)
	if err != nil {
		return // an answer without options always has an encoding
	}
	_, _ = l.conn.Write(raw)
}

// watch takes the notifications of a token from now on.
func (l *link) watch(token message.Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.tokens[string(token)]; !known {
		l.tokens[string(token)] = -1
	}
}

// silence returns for how long nothing came.
func (l *link) silence() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.heard)
}

// lostBy returns why nothing comes any more.
func (l *link) lostBy() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Errorf("the connection ended: %w", l.why)
}

// begin makes a message the request that waits.
func (l *link) begin(m *message.Message) *request {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mid++
	m.MessageID = int32(l.mid)
	l.pending = &request{token: string(m.Token), mid: m.MessageID, answer: make(chan message.Message, 2)}
	return l.pending
}

func (l *link) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = nil
}

// ask sends a confirmable request until it is answered, and returns the answer, or for an empty one (a ping) the reset.
func (l *link) ask(ctx context.Context, m message.Message) (message.Message, error) {
	m.Type = message.Confirmable
	waiting := l.begin(&m)
	defer l.finish()
	raw, err := encode(m)
	if err != nil {
		return m, fmt.Errorf("write the request: %w", err)
	}
	wait := l.ack + time.Duration(rand.Int64N(int64(l.ack)/2+1))
	again := time.NewTimer(wait)
	defer again.Stop()
	for sent, heard := 0, false; ; {
		if sent == 0 {
			if _, err := l.conn.Write(raw); err != nil {
				return m, fmt.Errorf("send: %w", err)
			}
			sent++
		}
		select {
		case a := <-waiting.answer:
			switch {
			case a.Type == message.Reset && m.Code == codes.Empty, isResponse(a):
				return a, nil
			case a.Type == message.Reset:
				return a, errReset
			}
			heard = true // an empty acknowledgement: the answer comes by itself
		case <-again.C:
			if sent <= maxRetransmits && !heard {
				_, _ = l.conn.Write(raw) // what is lost is sent again
				sent++
				wait *= 2
				again.Reset(wait)
			}
		case <-l.gone:
			return m, l.lostBy()
		case <-ctx.Done():
			return m, l.unanswered(ctx, waiting, heard)
		}
	}
}

func (l *link) unanswered(ctx context.Context, waiting *request, heard bool) error {
	l.mu.Lock()
	others := waiting.others
	l.mu.Unlock()
	if heard {
		// Fault (exchange): a device acknowledges and says no more.
		return fmt.Errorf("the device acknowledged the request and did not answer: %w", ctx.Err())
	}
	if others > 0 {
		// Fault (exchange): a device answers something else than it is asked.
		return fmt.Errorf("no answer to the request, and %s to others: late ones, or a device that does not give the token back: %w", unit.Count(others, "answer"), ctx.Err())
	}
	// Fault (exchange): a device does not answer in time.
	return fmt.Errorf("no answer: %w", ctx.Err())
}

// tell sends a request whose answer nobody waits for.
func (l *link) tell(m message.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mid++
	m.MessageID, m.Type = int32(l.mid), message.NonConfirmable
	l.send(m)
}
