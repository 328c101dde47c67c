package evm

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// TestWhoRefusesWithoutAPauseIsNotAskedAllTheTime: a Retry-After of 0, or of next to nothing, does not mean at once.
func TestWhoRefusesWithoutAPauseIsNotAskedAllTheTime(t *testing.T) {
	for name, after := range map[string]string{"zero": "0", "a date that is over": "Mon, 04 Jan 1999 15:04:05 GMT", "nothing is said": ""} {
		bubble(t, name, func(t *testing.T) {
			b := newBench(t, 1, newLedger())
			var asked atomic.Int64
			refuses := tripper(func(req *http.Request) (*http.Response, error) {
				asked.Add(1)
				header := http.Header{}
				if after != "" {
					header.Set("Retry-After", after)
				}
				return &http.Response{StatusCode: http.StatusTooManyRequests, Header: header, Body: http.NoBody, Request: req}, nil
			})
			if err := b.reach([]string{"http://rpc1.example"}, refuses); err != nil {
				t.Fatal(err)
			}
			b.begin()
			time.Sleep(time.Hour)
			if n := asked.Load(); n < 30 || n > 400 { // each quarter of a minute
				t.Errorf("it was asked %d times in an hour", n)
			}
		})
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
