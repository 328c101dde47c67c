// Package nettest is what stands between two ends of a network that nobody can rely on: relays of streams and of packets that fall silent,
// delay, drip, lose, hold an answer back until it is late and cut; names that move, and authorities that nobody else knows.
package nettest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A Relay passes connections on to a peer, and does to what the peer says what it is told to. It begins by doing nothing.
//
//	Freeze     what is on the connections that there are goes nowhere from now on, both ways, and nobody is told: half-open ones
//	Silence    as Freeze, and what is on new connections goes nowhere either, until Resume: a peer that hangs
//	Delay      what the peer says comes later
//	Drip       what the peer says comes a byte at a time
//	Late       what the peer says next comes behind the question after it
//	CutAfter   the connection ends in the middle of what the peer says
//	Cut        the connections that there are end
type Relay struct {
	// Address is where it listens.
	Address string

	to    string
	all   sync.WaitGroup
	ended chan struct{}

	mu     sync.Mutex
	links  []*link
	silent bool
	habit  habit
	late   bool
}

// A habit is how what a peer says is passed on.
type habit struct {
	delay   time.Duration
	drip    time.Duration
	cut     int // after so many bytes more, where cutting
	cutting bool
	over    chan struct{} // closed when there is another habit
}

// A link is one connection, in two halves.
type link struct {
	near, far net.Conn

	mu      sync.Mutex
	frozen  bool
	holding bool
	held    []byte // of what the peer said, until the next question
}

// NewRelay returns one to an address, which ends with the test.
func NewRelay(t testing.TB, to string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Address: l.Addr().String(), to: to, ended: make(chan struct{}), habit: habit{over: make(chan struct{})}}
	r.all.Go(func() { r.serve(l) })
	t.Cleanup(func() {
		close(r.ended)
		_ = l.Close()
		r.Cut()
		r.all.Wait()
	})
	return r
}

func (r *Relay) serve(listener net.Listener) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		l := &link{near: near, far: far}
		r.mu.Lock()
		r.links = append(r.links, l)
		l.frozen = r.silent
		r.mu.Unlock()
		select {
		case <-r.ended: // whoever cuts them did not see this one
			l.close()
			return
		default:
		}
		r.all.Go(func() { l.pass(near, l.ask) })
		r.all.Go(func() { l.pass(far, func(said []byte) error { return r.answer(l, said) }) })
	}
}

// pass hands on what comes from one end until either ends.
func (l *link) pass(from net.Conn, on func([]byte) error) {
	defer l.close()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if l.isFrozen() {
			continue
		}
		if err := on(buffer[:n]); err != nil {
			return
		}
	}
}

func (l *link) close() {
	_ = l.near.Close()
	_ = l.far.Close()
}

func (l *link) isFrozen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frozen
}

// ask hands a question on, behind which comes what was held back.
func (l *link) ask(said []byte) error {
	l.mu.Lock()
	held := l.held
	l.holding, l.held = l.holding && len(held) == 0, nil
	l.mu.Unlock()
	if len(held) > 0 {
		if _, err := l.near.Write(held); err != nil {
			return err
		}
	}
	_, err := l.far.Write(said)
	return err
}

// hold keeps what the peer said if the next thing it says is to be late.
func (l *link) hold(said []byte, late bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holding = l.holding || late
	if l.holding {
		l.held = append(l.held, said...)
	}
	return l.holding
}

// answer hands on what the peer said, as the habit is.
func (r *Relay) answer(l *link, said []byte) error {
	r.mu.Lock()
	h, late := r.habit, r.late
	r.late = false
	cut := h.cutting && len(said) > h.cut
	if cut {
		said = said[:h.cut]
		r.habit.cutting = false
	}
	r.habit.cut -= len(said)
	r.mu.Unlock()
	if l.hold(said, late) {
		return nil
	}
	if h.delay > 0 {
		r.wait(h.delay, h.over)
	}
	for h.drip > 0 && len(said) > 0 {
		if l.isFrozen() {
			return nil
		}
		if _, err := l.near.Write(said[:1]); err != nil {
			return err
		}
		said = said[1:]
		if !r.wait(h.drip, h.over) {
			break // the rest at once
		}
	}
	_, err := l.near.Write(said)
	if cut {
		return net.ErrClosed
	}
	return err
}

// wait reports whether the time passed before the habit was over.
func (r *Relay) wait(d time.Duration, over <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-over:
	case <-r.ended:
	}
	return false
}

func (r *Relay) setHabit(h habit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.habit.over)
	h.over = make(chan struct{})
	r.habit = h
}

// Freeze silences the connections that there are.
func (r *Relay) Freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.freeze()
}

// freeze needs mu.
func (r *Relay) freeze() {
	for _, l := range r.links {
		l.mu.Lock()
		l.frozen = true
		l.mu.Unlock()
	}
}

// Silence silences the connections that there are and those to come, which are accepted all the same.
func (r *Relay) Silence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = true
	r.freeze()
}

// Resume does nothing any more to connections to come, and neither delays nor drips. Those that were silenced stay so.
func (r *Relay) Resume() {
	r.mu.Lock()
	r.silent, r.late = false, false
	r.mu.Unlock()
	r.setHabit(habit{})
}

// Delay has what the peer says come later by d at least; in order.
func (r *Relay) Delay(d time.Duration) { r.setHabit(habit{delay: d}) }

// Drip has what the peer says come a byte in each pause.
func (r *Relay) Drip(pause time.Duration) { r.setHabit(habit{drip: pause}) }

// Late holds back the next answer of the peer until there is another question on the same connection, and passes it on in front of that: who
// gave the first question up reads its answer as that of the second.
func (r *Relay) Late() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = true
}

// CutAfter ends the connection on which the peer says its n-th byte from now and one more, without the latter.
func (r *Relay) CutAfter(n int) { r.setHabit(habit{cutting: true, cut: n}) }

// Cut ends the connections that there are.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.links {
		l.close()
	}
}

// Made returns how many connections were made.
func (r *Relay) Made() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.links)
}
