package evm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
)

// A face is one of several endpoints of the same chain.
type face struct {
	*ledger
	trips func(method string) error         // as a ledger's
	takes func(method string) time.Duration // until it answers; nil: no time
	says  func(method string) string        // instead of the ledger's answer; empty: that
	lag   uint64                            // blocks that it is behind
	asked map[string]*atomic.Int64
}

func newFace(l *ledger) *face {
	f := &face{ledger: l, asked: make(map[string]*atomic.Int64)}
	for _, method := range []string{"eth_sendRawTransaction", "eth_getTransactionReceipt"} {
		f.asked[method] = new(atomic.Int64)
	}
	return f
}

func (f *face) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	var q struct {
		Method string
		Params []json.RawMessage
	}
	_ = json.Unmarshal(body, &q)
	if n := f.asked[q.Method]; n != nil {
		n.Add(1)
	}
	if f.takes != nil {
		select {
		case <-req.Context().Done():
			return nil, req.Context().Err()
		case <-time.After(f.takes(q.Method)):
		}
	}
	if f.trips != nil {
		switch err := f.trips(q.Method); {
		case errors.Is(err, errHangs):
			<-req.Context().Done()
			return nil, req.Context().Err()
		case err != nil:
			return nil, err
		}
	}
	text := ""
	if f.says != nil {
		text = f.says(q.Method)
	}
	if text == "" && f.lag > 0 {
		text = f.late(q.Method, q.Params)
	}
	if text != "" {
		answer := `{"jsonrpc":"2.0","id":1,` + text + `}`
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte(answer))), Request: req}, nil
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	return f.ledger.RoundTrip(req)
}

// late returns what a node says that has not seen the newest blocks. It would take a transaction again that is in one of them.
func (f *face) late(method string, params []json.RawMessage) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch method {
	case "eth_sendRawTransaction", "eth_chainId":
		return ""
	case "eth_estimateGas":
		return `"result":"0x15f90"`
	}
	return `"result":` + f.result(method, params, f.head()-f.lag)
}

type facesByHost map[string]*face

func (h facesByHost) RoundTrip(req *http.Request) (*http.Response, error) {
	return h[req.URL.Host].RoundTrip(req)
}

// newPair returns a sink in front of several faces of a ledger.
func newPair(t *testing.T, l *ledger, faces ...*face) *bench {
	t.Helper()
	b := newBench(t, 1, l)
	hosts := make(facesByHost)
	var urls []string
	for n, f := range faces {
		host := fmt.Sprintf("rpc%d.example", n+1)
		hosts[host] = f
		urls = append(urls, "http://"+host)
	}
	if err := b.reach(urls, &http.Client{Transport: hosts}); err != nil {
		t.Fatal(err)
	}
	return b
}

// each fails one request in that time, with all its tries.
func each(pause, at time.Duration, with error) func(string) error {
	next, left := time.Now().Add(at), tries
	return func(string) error {
		if time.Now().Before(next) {
			return nil
		}
		if left--; left == 0 {
			next, left = next.Add(pause), tries
		}
		return with
	}
}

// rounds delivers one round after the other, and returns for how many seconds the sink stood how.
func (b *bench) rounds(l *ledger, from, to dodona.Round, most, every time.Duration) map[sink.State]int {
	b.t.Helper()
	states := make(map[sink.State]int)
	for r := from; r <= to; r++ {
		b.attest(r)
		for begun := time.Now(); time.Since(begun) < every || l.holds(r) == 0; time.Sleep(time.Second) {
			states[b.status().State]++
			if time.Since(begun) > most && l.holds(r) == 0 {
				b.t.Fatalf("round %d is not delivered in %s: %+v", r, most, b.status())
			}
		}
		if n := l.holds(r); n != 1 {
			b.t.Errorf("round %d is mined %d times", r, n)
		}
	}
	return states
}

// TestTwoEndpointsThatFailInTurnAreNotSlow: what one failed at is answered by the other at once, so nobody waits.
func TestTwoEndpointsThatFailInTurnAreNotSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		b := newPair(t, l, first, second)
		first.trips, second.trips = each(200*time.Second, 100*time.Second, err502), each(200*time.Second, 200*time.Second, err502)
		b.begin()
		b.within(time.Minute, "it is ready", b.isReady)
		if states := b.rounds(l, 1, 40, time.Minute, 50*time.Second); states[sink.OK] != 2000 {
			t.Errorf("the sink says %v", states)
		}
		if len(b.events) > 0 {
			t.Errorf("events %q", b.events)
		}
	})
}

// TestOneThatWasSlowIsWellAgain while a request fails now and then, and is answered at the next try.
func TestOneThatWasSlowIsWellAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		b := newBench(t, 1, l)
		b.begin()
		b.attest(1)
		time.Sleep(20 * time.Second)
		l.trip(always(err502))
		b.attest(2)
		b.within(2*time.Minute, "it waits", func() bool { return b.status().State == sink.Retrying })
		time.Sleep(time.Minute)
		n := 0
		l.trip(func(string) error {
			if n++; n%20 == 0 {
				return err502
			}
			return nil
		})
		b.rounds(l, 3, 12, 2*time.Minute, 30*time.Second)
		if states := b.rounds(l, 13, 60, time.Minute, 30*time.Second); len(states) != 1 || states[sink.OK] == 0 {
			t.Errorf("the sink says %v: %+v", states, b.status())
		}
	})
}

// TestASlowMethodIsWaitedFor, though the endpoint let a request hang once and answers others fast: a broadcast is not cut off, or made twice.
func TestASlowMethodIsWaitedFor(t *testing.T) {
	for _, takes := range []time.Duration{1500 * time.Millisecond, 5 * time.Second, 9 * time.Second} {
		t.Run(takes.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				f := newFace(l)
				f.takes = func(method string) time.Duration {
					if method == "eth_sendRawTransaction" {
						return takes
					}
					return 20 * time.Millisecond
				}
				b := newPair(t, l, f)
				n := 0
				f.trips = func(string) error {
					if n++; n == 20 {
						return errHangs
					}
					return nil
				}
				b.begin()
				b.within(time.Minute, "it is ready", b.isReady)
				b.rounds(l, 1, 5, time.Minute, time.Minute)
				if states := b.rounds(l, 6, 30, time.Minute, time.Minute); len(states) != 1 || states[sink.OK] == 0 {
					t.Errorf("the sink says %v", states)
				}
				if sent := f.asked["eth_sendRawTransaction"].Load(); sent != 30 {
					t.Errorf("30 transactions were sent %d times", sent)
				}
			})
		})
	}
}

// TestADeadEndpointIsNotInTheWayOfOneThatFails: that is tried again first, and the dead one is asked once a minute.
func TestADeadEndpointIsNotInTheWayOfOneThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		of   int
		most time.Duration
	}{"two of three fail": {3, 10 * time.Second}, "nine of ten fail": {10, 2 * time.Minute}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				first, dead := newFace(l), newFace(l)
				first.trips, dead.trips = every(c.of, err502), always(errHangs)
				b := newPair(t, l, first, dead)
				b.begin()
				b.within(10*time.Minute, "it is ready", b.isReady)
				b.rounds(l, 1, 4, 10*time.Minute, 2*time.Minute) // until it is known to be dead
				b.rounds(l, 5, 20, c.most, time.Minute)
			})
		})
	}
}

// TestALiarIsNotInTheWayOfOneThatFails: an endpoint that says politely why nothing can be sent is not believed because the other one fails now
// and then.
func TestALiarIsNotInTheWayOfOneThatFails(t *testing.T) {
	racetest.Spare(t)
	for name, lie := range map[string]map[string]string{
		"no money": {"eth_getBalance": `"result":"0x0"`},
		"refused":  {"eth_estimateGas": `"error":{"code":3,"message":"execution reverted"}`},
	} {
		for _, of := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s, each %d", name, of), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLedger()
					honest, liar := newFace(l), newFace(l)
					honest.trips = every(of, err502)
					liar.says = func(method string) string { return lie[method] }
					b := newPair(t, l, honest, liar)
					b.begin()
					b.within(5*time.Minute, "it is ready", b.isReady)
					b.rounds(l, 1, 12, 3*time.Minute, 7*time.Minute)
				})
			})
		}
	}
}

// TestWhatOthersWriteIsReadEachTime: with several senders, or anchors, a slot that is minutes old is not what the contract holds.
func TestWhatOthersWriteIsReadEachTime(t *testing.T) {
	for name, set := range map[string]func(*Settings){
		"senders": func(s *Settings) { s.Senders = []dodona.Address{{1}} },
		"anchors": func(s *Settings) { s.Anchor = dodona.Address{1} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := slowBench(t, newLedger())
				set(&b.settings)
				if l := b.remembered(); l.Kept || len(l.Slots) > 0 || l.head || l.nonce || l.Balance == nil {
					t.Errorf("remembered: %+v, want money only", l)
				}
			})
		})
	}
}

// TestALookThatAsksNothingIsFollowedByOneThatDoes: else it would be believed for as long as nothing is asked that nobody waits any more.
func TestALookThatAsksNothingIsFollowedByOneThatDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		b := slowBench(t, l)
		l.trip(nil)
		before, _ := l.answers()
		for n, want := range []bool{true, false} {
			v, err := b.look(t.Context(), ethrpc.Header{})
			now, _ := l.answers()
			if err != nil || v.Kept != want || (now == before) != want {
				t.Errorf("look %d: %v, kept %t, %d requests; want the first to ask nothing, the second to do", n, err, v.Kept, now-before)
			}
		}
	})
}

// TestALaggardDoesNotMakeUpForWhatAnotherFailsAt: the first endpoint fails for receipts, slots and estimates, and tells the nonce; the second,
// which answers those, is behind. The view of both looks as if what is in a block were lost, and nothing is sent twice for that.
func TestALaggardDoesNotMakeUpForWhatAnotherFailsAt(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	for _, lag := range []uint64{6, 30, 600} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			l.begun = l.begun.Add(-time.Hour)
			first, second := newFace(l), newFace(l)
			b := newPair(t, l, first, second)
			b.begin()
			b.within(time.Minute, "it is ready", b.isReady)
			b.rounds(l, 1, 1, time.Minute, 30*time.Second)
			second.lag = lag
			first.trips = func(method string) error {
				switch method {
				case "eth_getTransactionReceipt", "eth_getStorageAt", "eth_estimateGas":
					return err502
				}
				return nil
			}
			for r := dodona.Round(2); r <= 30; r++ {
				b.attest(r)
				time.Sleep(time.Minute)
			}
			time.Sleep(10 * time.Minute)
			for r := dodona.Round(2); r <= 30; r++ {
				if n := l.holds(r); n > 1 {
					t.Errorf("%d blocks behind: round %d is mined %d times", lag, r, n)
				}
			}
			for _, e := range b.events {
				if strings.HasPrefix(e, "nonce") {
					t.Errorf("%d blocks behind: told %s", lag, e)
				}
			}
		})
	}
}
