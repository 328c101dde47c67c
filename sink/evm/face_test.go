package evm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// What an endpoint may be like: a face of a ledger, how it fails, and what it says instead of the truth.

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
		if err := f.trips(q.Method); err != nil {
			return nil, tripped(req, err)
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
		return answered(req, text), nil
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

var err502 = errors.New("HTTP status 502") // as good as: it does not speak of the request either

// always fails all requests.
func always(with error) func(string) error { return func(string) error { return with } }

// every fails all requests but each nth.
func every(n int, with error) func(string) error {
	i := 0
	return func(string) error {
		if i++; i%n != 0 {
			return with
		}
		return nil
	}
}

// eachTime answers one request in that time.
func eachTime(pause time.Duration, with error) func(string) error {
	next := time.Now()
	return func(string) error {
		if time.Now().Before(next) {
			return with
		}
		next = time.Now().Add(pause)
		return nil
	}
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

// afterPauses fails the first requests after each pause.
func afterPauses(first int, pause time.Duration, with error) func(string) error {
	left, last := first, time.Now()
	return func(string) error {
		if time.Since(last) >= pause {
			left = first
		}
		last = time.Now()
		if left--; left >= 0 {
			return with
		}
		return nil
	}
}

// oneOf answers each request with the same chance.
func oneOf(n uint64, with error) func(string) error {
	lots := rand.New(rand.NewPCG(n, 7))
	return func(string) error {
		if lots.Uint64N(n) > 0 {
			return with
		}
		return nil
	}
}

// away makes an endpoint refuse connections until a time.
func away(until time.Time) func(string) error {
	return func(string) error {
		if time.Now().Before(until) {
			return syscall.ECONNREFUSED
		}
		return nil
	}
}

// failsWhile makes an endpoint fail.
func failsWhile(is *atomic.Bool) func(string) error {
	return func(string) error {
		if is.Load() {
			return err502
		}
		return nil
	}
}

// failsFor makes an endpoint fail what is asked by some methods.
func failsFor(methods ...string) func(string) error {
	return func(method string) error {
		if slices.Contains(methods, method) {
			return err502
		}
		return nil
	}
}

// failsNowAndThen makes an endpoint fail for a while of each period, after it was well for some time.
func failsNowAndThen(well, period, fails time.Duration) func(string) error {
	begun := time.Now()
	return func(string) error {
		if since := time.Since(begun); since > well && since%period < fails {
			return err502
		}
		return nil
	}
}

// saying makes an endpoint answer a method with that result.
func saying(method, result string) func(string) string {
	return func(asked string) string {
		if asked == method {
			return `"result":"` + result + `"`
		}
		return ""
	}
}

// counts makes an endpoint count so many transactions.
func counts(n uint64) func(string) string {
	return saying("eth_getTransactionCount", fmt.Sprintf("0x%x", n))
}

// shows makes an endpoint show a round in each slot.
func shows(round uint64) func(string) string { return saying("eth_getStorageAt", slotWord(round)) }

func slotWord(round uint64) string { return fmt.Sprintf("0x%016x%048x", round, 0) }

// saysWhile makes an endpoint say something, and the truth otherwise.
func saysWhile(is *atomic.Bool, says func(string) string) func(string) string {
	return func(method string) string {
		if is.Load() {
			return says(method)
		}
		return ""
	}
}

// either says what the first of them does that says anything.
func either(all ...func(string) string) func(string) string {
	return func(method string) string {
		for _, says := range all {
			if text := says(method); text != "" {
				return text
			}
		}
		return ""
	}
}

// forever is how often an untruth is told that never ends.
const forever = 1 << 40

// An untruth is what an endpoint says of one method, so many times, once it is told to.
type untruth struct {
	method, says string
	left         atomic.Int64
}

func (l *untruth) tell(method string) string {
	if method == l.method && l.left.Load() > 0 && l.left.Add(-1) >= 0 {
		return `"result":"` + l.says + `"`
	}
	return ""
}

// lies gives a face an untruth, which it does not tell yet.
func (f *face) lies(method, says string) *untruth {
	lie := &untruth{method: method, says: says}
	f.says = lie.tell
	return lie
}

// header returns what a node says of a block so many behind the newest one, or before it.
func (l *ledger) header(ahead int64, at time.Time, baseFee uint64) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := uint64(int64(l.head()) + ahead)
	return `"result":` + blockText(h, h, h-1, at, baseFee)
}

const sendRaw = "eth_sendRawTransaction"

// refusesAll returns what an endpoint says that takes no transaction.
func refusesAll(code int, message string) func(string) string {
	return func(method string) string {
		if method != sendRaw {
			return ""
		}
		return fmt.Sprintf(`"error":{"code":%d,"message":%q}`, code, message)
	}
}

// keepsAll takes each transaction and passes none on.
func keepsAll(method string) string {
	if method == sendRaw {
		return `"result":"0x` + strings.Repeat("1", 64) + `"`
	}
	return ""
}
