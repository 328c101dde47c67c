package ethrpc_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
)

func ask(t *testing.T, c *ethrpc.Client) {
	t.Helper()
	if n, err := c.Nonce(t.Context(), dodona.Address{}, ethrpc.Latest); err != nil || n != 0x2a {
		t.Fatalf("got %d, %v; want 42", n, err)
	}
}

// TestAMethodThatIsRefusedAloneIsNotWaitedFor: what the node says of it is said at once the next time, and others are answered.
func TestAMethodThatIsRefusedAloneIsNotWaitedFor(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	t.Parallel()
	a := newNode(t, 5)
	var refuses atomic.Bool
	var estimates, others atomic.Int64
	refuses.Store(true)
	a.reply = func(method string) string {
		if method != "eth_estimateGas" {
			others.Add(1)
		} else if estimates.Add(1); refuses.Load() {
			return `{"id":1,"error":{"code":-32005,"message":"daily request count exceeded, request rate limited"}}`
		}
		return `{"id":1,"result":"0x2a"}`
	}
	c, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{a.URL}, ChainID: 5, Patience: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for range 5 {
		_, err := c.EstimateGas(t.Context(), ethrpc.Message{})
		var said *ethrpc.Error
		if !errors.As(err, &said) || said.Code != -32005 || !strings.Contains(err.Error(), "it refuses eth_estimateGas and answers others") {
			t.Fatalf("got %v, want what the node says, and that it answers others", err)
		}
		ask(t, c)
	}
	if s, is := c.Slow(); is || s.Times > 0 {
		t.Errorf("slow: %+v, %v, though only estimates are refused", s, is)
	}
	if estimates.Load() > 3 || others.Load() > 4+5 {
		t.Errorf("%d estimates and %d others were asked for, want 3 in an hour, and 4 others to see that it is alone", estimates.Load(), others.Load())
	}
	refuses.Store(false)
	for begun := time.Now(); ; {
		gas, err := c.EstimateGas(t.Context(), ethrpc.Message{})
		if err == nil && gas == 0x2a {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("it is answered again, and the client says %v", err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// TestAMethodThatIsRefusedAloneIsAskedOfAnother endpoint.
func TestAMethodThatIsRefusedAloneIsAskedOfAnother(t *testing.T) {
	t.Parallel()
	a, b := newNode(t, 5), newNode(t, 5)
	a.reply = func(method string) string {
		if method == "eth_estimateGas" {
			return `{"id":1,"error":{"code":429,"message":"no"}}`
		}
		return `{"id":1,"result":"0x2a"}`
	}
	c := newClient(t, 5, a, b)
	if gas, err := c.EstimateGas(t.Context(), ethrpc.Message{}); err != nil || gas != 0x2a {
		t.Errorf("got %d, %v", gas, err)
	}
}

// TestWhoIsReadyFirstIsAskedFirst when all endpoints ask for patience.
func TestWhoIsReadyFirstIsAskedFirst(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	t.Parallel()
	a, b := newNode(t, 5), newNode(t, 5)
	var askedA, askedB atomic.Int64
	refuse := func(w http.ResponseWriter, after string) bool {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	a.limit = func(w http.ResponseWriter) bool { askedA.Add(1); return refuse(w, "20") }
	b.limit = func(w http.ResponseWriter) bool { return askedB.Add(1) == 1 && refuse(w, "0") }
	c, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{a.URL, b.URL}, ChainID: 5, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ask(t, c)
	if askedA.Load() != 1 || askedB.Load() != 3 {
		t.Errorf("the one that wants 20 s was asked %d times, the other %d, want 1 and 3", askedA.Load(), askedB.Load())
	}
}

func TestWhatAsksForMoreThanAQuestionsPatienceIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	a := newNode(t, 5)
	var asked atomic.Int64
	a.limit = func(w http.ResponseWriter) bool {
		asked.Add(1)
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"error":{"code":-32005,"message":"come back\ntomorrow"}}`)
		return true
	}
	c := newClient(t, 5, a)
	for range 3 {
		_, err := c.Nonce(t.Context(), dodona.Address{}, ethrpc.Latest)
		if err == nil || !strings.Contains(err.Error(), "HTTP status 429, come back·tomorrow") {
			t.Errorf("got %v, want what it said", err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("it was asked %d times, want to be left alone after the first", asked.Load())
	}
}

// TestASlowEndpointIsTold: who asks hears once that requests wait, for whom, since when, for what and until when.
func TestASlowEndpointIsTold(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	t.Parallel()
	a := newNode(t, 5)
	var all atomic.Int64
	a.limit = func(w http.ResponseWriter) bool {
		if all.Add(1)%3 == 0 {
			return false
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	told := 0
	var c *ethrpc.Client
	c, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{a.URL}, ChainID: 5, Slow: func(context.Context) {
		told++
		s, is := c.Slow()
		if !is || s.Host != strings.TrimPrefix(a.URL, "http://") || s.Since.IsZero() || s.Times == 0 || s.Of < s.Times || s.Each < time.Second/2 ||
			!strings.HasSuffix(s.Refused, ": HTTP status 429") {
			t.Errorf("it tells %+v, %v", s, is)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if s, is := c.Slow(); is {
		t.Errorf("%+v before anything was asked", s)
	}
	for range 4 {
		ask(t, c)
	}
	if s, is := c.Slow(); !is || told != 1 || s.Since.IsZero() || 3*s.Times < 2*s.Of-6 || !s.Next.IsZero() {
		t.Errorf("slow: %+v, %v, told %d times, want once", s, is, told)
	}
}
