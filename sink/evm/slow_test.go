//go:build integration

package evm_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/evm"
)

// A refuser takes one request of so many, whatever it is and however long one waits.
type refuser struct {
	of      int
	refusal string

	mu    sync.Mutex
	n     int
	taken []string // methods
}

func (r *refuser) take(method string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n++; r.n%r.of != 0 {
		return r.refusal
	}
	r.taken = append(r.taken, method)
	return ""
}

func (r *refuser) methods() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken[:len(r.taken):len(r.taken)]
}

// TestAnEndpointThatRefusesTwoOfThreeDelivers with about as few requests as a delivery takes, and the status says what is waited for.
func TestAnEndpointThatRefusesTwoOfThreeDelivers(t *testing.T) {
	t.Parallel()
	r := newRig(t, "--block-time", "1")
	r.settings.Confirmations = 1
	f := &refuser{of: 3, refusal: "429 1"}
	l := r.behind(f.take)
	round := r.say(7)
	slow := false
	look := func() {
		s := r.loop.Status()
		switch {
		case s.State == sink.OK:
			t.Errorf("the sink says %q while its endpoint refuses two of three", s.State)
		case s.State == sink.Retrying:
			slow = true
			d, _ := s.Detail.(evm.Status)
			for _, want := range []string{"waits for the endpoint 127.0.0.1:", " since ", "HTTP status 429", "the next try is at "} {
				if !strings.Contains(s.LastError, want) || !strings.Contains(d.Troubles["rpc"], want) {
					t.Errorf("the status says %q and %q, want %q in it", s.LastError, d.Troubles["rpc"], want)
				}
			}
		}
	}
	r.within(5*patience, "the slot holds it", func() bool { look(); at, _ := r.slot(); return at == round })
	first := f.methods()
	most := 13 // chain, code, block, nonce, balance, two of prices, slot, estimate, and itself
	for _, method := range first[slices.Index(first, "eth_getBlockByNumber")+1:] {
		if method == "eth_getBlockByNumber" {
			most += 3 // a look more: block, nonce, slot
		}
	}
	if len(first) > most || most > 16 {
		t.Errorf("it took %d requests until the contract had it, want %d at most, of two looks at most: %q", len(first), most, first)
	}
	r.within(5*patience, "it is final", func() bool { look(); return r.has(round, dodona.ReceiptFinal) })
	if took := f.methods()[len(first):]; slices.Contains(took, "eth_estimateGas") {
		t.Errorf("a replacement is prepared for what is in a block already: %q", took)
	}
	next := r.say(8)
	before := len(f.methods())
	r.within(5*patience, "the slot holds the next one", func() bool { look(); at, _ := r.slot(); return at == next })
	if took := f.methods()[before:]; len(took) > 10 { // of two looks, if one was under way
		t.Errorf("the next one took %d requests, want 10 at most: %q", len(took), took)
	}
	if !slow {
		t.Error("the status never said that it waits")
	}
	if !r.told("rpc") {
		t.Error("no event tells that requests wait")
	}
	r.once(round, next)
	l.Close()
	r.say(9)
	r.within(5*patience, "the status says that it is gone, and not that it is slow", func() bool {
		return strings.Contains(r.loop.Status().LastError, "connection refused")
	})
}

// TestAnEndpointThatFailsTwoOfThreeDelivers: no look gets through in one go, and what it learned is kept.
func TestAnEndpointThatFailsTwoOfThreeDelivers(t *testing.T) {
	t.Parallel()
	r := newRig(t, "--block-time", "1")
	f := &refuser{of: 3, refusal: "502"}
	r.behind(f.take)
	round := r.say(7)
	r.untilSlot(round)
	r.until("it is final", func() bool { return r.has(round, dodona.ReceiptFinal) })
	r.once(round)
}

// TestEstimatesThatAloneAreRefusedAreTold as what they are, and everything else goes on.
func TestEstimatesThatAloneAreRefusedAreTold(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]string{
		"-32005": `{"id":1,"error":{"code":-32005,"message":"daily request count exceeded, request rate limited"}}`,
		"429":    "429 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "--block-time", "1")
			var mu sync.Mutex
			refuses, asked := true, 0
			r.behind(func(method string) string {
				mu.Lock()
				defer mu.Unlock()
				asked++
				if method == "eth_estimateGas" && refuses {
					return refusal
				}
				return ""
			})
			round := r.say(7)
			r.until("it is told", func() bool {
				s := r.loop.Status()
				d, _ := s.Detail.(evm.Status)
				said := d.Troubles["estimate "+question.Name]
				return s.State == sink.Stuck && strings.Contains(said, "it refuses eth_estimateGas and answers others") && strings.Contains(said, "`gas`")
			})
			mu.Lock()
			before := asked
			mu.Unlock()
			r.until("the chain is still looked at", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return asked >= before+20
			})
			mu.Lock()
			refuses = false
			mu.Unlock()
			r.untilSlot(round)
			r.until("the trouble is over", func() bool { return r.loop.Status().State == sink.OK })
		})
	}
}

// TestAnEndpointThatComesBackIsOK: what it refused for a while is forgotten.
func TestAnEndpointThatComesBackIsOK(t *testing.T) {
	t.Parallel()
	r := newRig(t, "--block-time", "1")
	var mu sync.Mutex
	var begun time.Time
	r.behind(func(string) string {
		mu.Lock()
		defer mu.Unlock()
		if begun.IsZero() {
			begun = time.Now()
		}
		if time.Since(begun) < 4*time.Second {
			return "429 1"
		}
		return ""
	})
	r.until("it waits", func() bool { return r.loop.Status().State == sink.Retrying })
	round := r.say(7)
	r.untilSlot(round)
	// That takes a minute, and what an idle sink waits for its next look.
	r.within(5*patience, "it is well again", func() bool { return r.loop.Status().State == sink.OK })
}
