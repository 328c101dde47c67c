package modbus

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/registers"
)

// asking is what a serial server is asked, in which order.
type asking struct {
	mu       sync.Mutex
	requests [][]byte
}

func (a *asking) add(request []byte) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, bytes.Clone(request))
	return len(a.requests)
}

func (a *asking) all() [][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.requests)
}

// TestALineWithoutAnswersIsMadeAnew after some requests, though late answers are told by their shape and not by it.
func TestALineWithoutAnswersIsMadeAnew(t *testing.T) {
	t.Parallel()
	s := Kind.Settings().(*Settings)
	s.Address, s.Framing = "127.0.0.1:1", RTU
	c := newClient(nil, s)
	for c.failed = range mostFailed {
		if !c.survives(errSilent) {
			t.Errorf("the line is given up after %d requests", c.failed)
		}
	}
	if c.failed = mostFailed; c.survives(errSilent) {
		t.Errorf("the line is kept after %d requests without an answer", c.failed)
	}
	if c.failed = 0; c.survives(errGone) || c.survives(errFraming) {
		t.Error("a line that is gone, or on which no Modbus is spoken, is kept")
	}
}

// TestBehindMoreThanAnAnswerAnotherShapeIsAskedFor: what else comes may look as the next answer does.
func TestBehindMoreThanAnAnswerAnotherShapeIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]byte{"": nil, "half a frame": {1, 3}, "of another unit": summed(2, 3, 2, 0, 7)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked asking
			address := overTCP(t, func(request, own []byte) [][]byte {
				if asked.add(request); request[1] == 3 { // the first exchange began with another shape
					own = append(bytes.Clone(own), more...)
				}
				return [][]byte{own}
			})
			s := Kind.Settings().(*Settings)
			at := 0
			s.Address, s.Framing, s.Timeout, s.Registers = address, RTU, 5*time.Second, map[string]Register{"level": {Holding: &at, Format: registers.Format{Type: registers.Uint16}}}
			o := opened(t, s)
			for range 3 {
				b, err := o.Observe(t.Context())
				if err != nil || len(b.Readings) != 1 || string(b.Readings[0].Body) != "\x00\x2a" {
					t.Fatalf("got %v, %v", b.Readings, err)
				}
			}
			others := 0
			for _, request := range asked.all() {
				if request[1] != 3 {
					others++
				}
			}
			want := 1 // for who asked before the source was opened
			if more != nil {
				want = 3
			}
			if others != want {
				t.Errorf("%d times another shape was asked for, want %d", others, want)
			}
		})
	}
}
