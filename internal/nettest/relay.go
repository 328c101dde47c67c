// Package nettest is what stands between two ends of a network that nobody can rely on: relays that fall silent, names that move, and
// authorities that nobody else knows.
package nettest

import (
	"net"
	"sync"
	"testing"
)

// A Relay passes connections on. What is on those that were made before Freeze goes nowhere from then on, and nobody is told.
type Relay struct {
	// Address is where it listens.
	Address string

	to  string
	all sync.WaitGroup

	mu     sync.Mutex
	frozen chan struct{}
	made   []net.Conn // both ends, one after the other
}

// NewRelay returns one to an address, which ends with the test.
func NewRelay(t testing.TB, to string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Address: l.Addr().String(), to: to, frozen: make(chan struct{})}
	r.all.Go(func() { r.serve(l) })
	t.Cleanup(func() {
		_ = l.Close()
		r.Cut()
		r.all.Wait()
	})
	return r
}

func (r *Relay) serve(l net.Listener) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		r.mu.Lock()
		r.made = append(r.made, near, far)
		frozen := r.frozen
		r.mu.Unlock()
		r.all.Go(func() { pass(near, far, frozen) })
		r.all.Go(func() { pass(far, near, frozen) })
	}
}

// pass ends with either connection.
func pass(from, to net.Conn, frozen chan struct{}) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-frozen:
			continue
		default:
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// Freeze silences the connections that there are.
func (r *Relay) Freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.frozen)
	r.frozen = make(chan struct{})
}

// Cut ends the connections that there are.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.made {
		_ = conn.Close()
	}
}

// Made returns how many connections were made.
func (r *Relay) Made() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.made) / 2
}
