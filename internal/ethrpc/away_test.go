package ethrpc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
)

// An actor is an endpoint that is played in fake time.
type actor struct {
	chain uint64
	trips func() error // what comes instead of an answer; errHangs: nothing
	says  string       // the answer; empty: a number
	takes time.Duration
	asked []string // methods that it answered
	times int      // requests
}

var (
	errHangs = errors.New("hangs")
	err502   = errors.New("HTTP status 502")
)

func (a *actor) RoundTrip(req *http.Request) (*http.Response, error) {
	a.times++
	if a.trips != nil {
		switch err := a.trips(); {
		case errors.Is(err, errHangs):
			<-req.Context().Done()
			return nil, req.Context().Err()
		case err != nil:
			return nil, err
		}
	}
	select {
	case <-req.Context().Done():
		return nil, req.Context().Err()
	case <-time.After(a.takes):
	}
	body, _ := io.ReadAll(req.Body)
	var q struct{ Method string }
	_ = json.Unmarshal(body, &q)
	a.asked = append(a.asked, q.Method)
	result := uint64(42)
	if q.Method == "eth_chainId" {
		result = a.chain
	}
	answer := fmt.Sprintf(`{"id":1,"result":"0x%x"}`, result)
	if a.says != "" {
		answer = a.says
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: req}, nil
}

// stage returns a client of actors; their names are a, b and so on.
func stage(t *testing.T, o ethrpc.Options, actors ...*actor) *ethrpc.Client {
	t.Helper()
	hosts := make(actorsByHost)
	for i, a := range actors {
		name := string(rune('a' + i))
		o.URLs = append(o.URLs, "http://"+name)
		hosts[name] = a
	}
	o.Through = hosts
	c, err := ethrpc.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type actorsByHost map[string]*actor

func (h actorsByHost) RoundTrip(req *http.Request) (*http.Response, error) {
	return h[req.URL.Host].RoundTrip(req)
}

func always(err error) func() error { return func() error { return err } }

func read(t *testing.T, c *ethrpc.Client) error {
	t.Helper()
	n, err := c.Nonce(t.Context(), dodona.Address{}, ethrpc.Latest)
	if err == nil && n != 42 {
		t.Fatalf("got %d, want 42", n)
	}
	return err
}

// TestWhatComesBackAsAnotherChainIsNotBelieved: an endpoint that was gone, or away, or that was doubted, is asked for its chain first.
func TestWhatComesBackAsAnotherChainIsNotBelieved(t *testing.T) {
	for name, leave := range map[string]func(*testing.T, *actor, *ethrpc.Client){
		"gone for a moment": func(t *testing.T, a *actor, c *ethrpc.Client) {
			a.trips = always(syscall.ECONNREFUSED)
			_ = read(t, c)
		},
		"away for two minutes": func(t *testing.T, a *actor, c *ethrpc.Client) {
			a.trips = always(err502)
			for range 12 {
				_ = read(t, c)
				time.Sleep(10 * time.Second)
			}
		},
		"silent for two minutes": func(t *testing.T, a *actor, c *ethrpc.Client) {
			a.trips = always(errHangs)
			for range 20 {
				_ = read(t, c)
			}
		},
		"doubted":            func(_ *testing.T, _ *actor, c *ethrpc.Client) { c.Skip(errors.New("an old block")) },
		"after five minutes": func(*testing.T, *actor, *ethrpc.Client) { time.Sleep(5 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &actor{chain: 5}
				c := stage(t, ethrpc.Options{Tries: 3}, a)
				for range 3 {
					if err := read(t, c); err != nil {
						t.Fatal(err)
					}
				}
				leave(t, a, c)
				a.chain, a.trips, a.asked = 6, nil, nil
				for range 2 {
					if err := read(t, c); !errors.Is(err, ethrpc.ErrWrongChain) || !strings.Contains(err.Error(), "it says 6, want 5") {
						t.Errorf("got %v, want another chain", err)
					}
				}
				if fmt.Sprint(a.asked) != "[eth_chainId eth_chainId]" {
					t.Errorf("it was asked %q, want nothing but its chain", a.asked)
				}
			})
		})
	}
}

// TestOneThatWasDownIsNotSlow when it is back.
func TestOneThatWasDownIsNotSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &actor{chain: 5}
		c := stage(t, ethrpc.Options{Tries: 3}, a)
		_ = read(t, c)
		a.trips = always(errHangs)
		for range 20 {
			_ = read(t, c)
		}
		a.trips = nil
		for range 3 {
			if err := read(t, c); err != nil {
				t.Fatal(err)
			}
		}
		if s, is := c.Slow(); is || s.Times > 0 {
			t.Errorf("slow: %+v, %v", s, is)
		}
	})
}

// TestManyThatHangAreToldAfterOneTimeoutEach, and not after three.
func TestManyThatHangAreToldAfterOneTimeoutEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := always(errHangs)
		c := stage(t, ethrpc.Options{Tries: 3}, &actor{trips: hangs}, &actor{trips: hangs}, &actor{trips: hangs})
		begun := time.Now()
		if err := read(t, c); err == nil || time.Since(begun) != 30*time.Second {
			t.Errorf("%v after %s, want an error after 30 s", err, time.Since(begun))
		}
	})
}

// TestOneThatFailsIsTriedAgainAtOnce, but not one that speaks of the request, or is gone.
func TestOneThatFailsIsTriedAgainAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		why  error
		want int
	}{"502": {err502, 3}, "no answer": {errHangs, 2}, "gone": {syscall.ECONNREFUSED, 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &actor{chain: 5}
				client := stage(t, ethrpc.Options{Tries: 3}, a)
				if err := read(t, client); err != nil {
					t.Fatal(err)
				}
				before, begun := a.times, time.Now()
				a.trips = always(c.why)
				if err := read(t, client); err == nil {
					t.Fatal("it is answered")
				}
				if got := a.times - before; got != c.want {
					t.Errorf("it was asked %d times, want %d", got, c.want)
				}
				if took := time.Since(begun); c.why != errHangs && took > 0 {
					t.Errorf("that took %s, want no pause", took)
				}
				if _, is := client.Slow(); is {
					t.Error("an endpoint that does not answer is called slow")
				}
				if c.want == 1 {
					return
				}
				fails := 0
				a.trips = func() error {
					if fails++; fails < c.want {
						return c.why
					}
					return nil
				}
				if err := read(t, client); err != nil {
					t.Errorf("got %v, want the last answer", err)
				}
			})
		})
	}
}

// TestWhatANodeSaysIsNotAskedAgainAtOnce: it answers, though it cannot tell.
func TestWhatANodeSaysIsNotAskedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &actor{chain: 5}
		c := stage(t, ethrpc.Options{Tries: 3}, a)
		_ = read(t, c)
		a.times, a.says = 0, `{"id":1,"error":{"code":-32000,"message":"missing trie node"}}`
		if err := read(t, c); err == nil || a.times != 1 {
			t.Errorf("%v, asked %d times, want once", err, a.times)
		}
	})
}

// TestAnotherEndpointIsAskedBeforeOneIsTriedAgain, and what was waited for the first says nothing of the second.
func TestAnotherEndpointIsAskedBeforeOneIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &actor{chain: 5, trips: always(errHangs)}, &actor{chain: 5}
		c := stage(t, ethrpc.Options{Tries: 3}, a, b)
		for range 3 {
			if err := read(t, c); err != nil {
				t.Fatal(err)
			}
		}
		if a.times != 1 || len(b.asked) != 4 {
			t.Errorf("asked %d and %d times, want 1 and 4", a.times, len(b.asked))
		}
		if s, is := c.Slow(); is {
			t.Errorf("slow: %+v, though the second answers at once", s)
		}
	})
}

// TestOneThatHangsNowAndThenIsSlow, and each request has the full timeout, however fast others are answered: one method may take longer.
func TestOneThatHangsNowAndThenIsSlow(t *testing.T) {
	for _, takes := range []time.Duration{0, 50 * time.Millisecond, 5 * time.Second, 9 * time.Second} {
		t.Run(takes.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				a := &actor{chain: 5, takes: takes, trips: func() error {
					if n++; n%3 > 0 {
						return errHangs
					}
					return nil
				}}
				c := stage(t, ethrpc.Options{Tries: 3}, a)
				for range 10 {
					for read(t, c) != nil {
						continue // two timeouts are enough for one request
					}
				}
				a.takes, n = 9*time.Second, 2
				if err := read(t, c); err != nil {
					t.Errorf("got %v, want the answer that takes long", err)
				}
				if s, is := c.Slow(); !is || s.Host != "a" || s.Times < 19 || s.Of < s.Times+10 || s.Refused != "eth_getTransactionCount: no complete answer in 10s (timeout)" {
					t.Errorf("slow: %+v, %v", s, is)
				}
			})
		})
	}
}
