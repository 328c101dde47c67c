package evm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An endpoint is one way to the chain. Its fields belong to the client's lock.
type endpoint struct {
	url     string
	host    string    // for people: the path may hold a key
	checked time.Time // when it last said that it is of our chain; zero: ask before it is believed
	err     error     // what it failed with last; nil after an answer
	failed  time.Time

	until time.Time     // it asked to be left alone until then
	gap   time.Duration // between requests, learned from being asked for patience
	last  time.Time     // when a request may begin at the earliest: the one before, and the gap
	slow  time.Time     // when it last asked for patience, or the gap was last halved
}

const (
	checkEvery = 5 * time.Minute // behind one address there may be other nodes tomorrow
	leastGap   = 200 * time.Millisecond
	mostGap    = 2 * time.Second
	calmAfter  = time.Minute      // without being asked for patience, before the gap is halved
	mostWait   = 30 * time.Second // for one endpoint and question; what asks for more is not waited for
	usualWait  = time.Second      // where it does not say how long
	mostAsks   = 8                // of one question, each after the patience that was asked for
)

// fail notes what an endpoint failed with. What fails may be another node when it comes back, so it is asked for its chain
// again; but not what only asks for patience, which one more question a question would lengthen.
func (e *endpoint) fail(why error) {
	e.err, e.failed = why, time.Now()
	if !asksForPatience(why) {
		e.checked = time.Time{}
	}
}

// errPatience: the endpoint is well and wants fewer requests. Ask another one, or wait.
type errPatience struct {
	after time.Duration
	text  string
}

func (e *errPatience) Error() string {
	return fmt.Sprintf("%s: it asks for patience of %s", e.text, e.after)
}

func asksForPatience(err error) bool {
	var p *errPatience
	return errors.As(err, &p)
}

// A question is one request and what makes an answer acceptable.
type question struct {
	method  string
	params  []any
	result  any
	judge   func() error // nil: every answer is
	patient bool         // wait where patience is asked for
}

// try asks one endpoint, after it has said that it is of the right chain.
func (c *Client) try(ctx context.Context, e *endpoint, q question) error {
	if err := c.check(ctx, e, q.patient); err != nil {
		return err
	}
	if err := c.paced(ctx, e, q); err != nil {
		return err
	}
	if q.judge == nil {
		return nil
	}
	return q.judge()
}

// check asks an endpoint for its chain now and then.
func (c *Client) check(ctx context.Context, e *endpoint, patient bool) error {
	c.mu.Lock()
	fresh := !e.checked.IsZero() && time.Since(e.checked) < checkEvery
	c.mu.Unlock()
	if fresh {
		return nil
	}
	var id Uint
	if err := c.paced(ctx, e, question{method: "eth_chainId", result: &id, patient: patient}); err != nil {
		return fmt.Errorf("ask for its chain id: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chainID == 0 {
		c.chainID = uint64(id)
	}
	if uint64(id) != c.chainID {
		return fmt.Errorf("%w: it says %d, want %d", ErrWrongChain, id, c.chainID)
	}
	e.checked = time.Now()
	return nil
}

// paced asks at the pace that the endpoint bears. Patience that it asks for is kept to, and learned from.
func (c *Client) paced(ctx context.Context, e *endpoint, q question) error {
	for begun, asks := time.Now(), 1; ; asks++ {
		if err := c.wait(ctx, e, q.patient); err != nil {
			return err
		}
		err := c.post(ctx, e, q)
		var patience *errPatience
		if !errors.As(err, &patience) {
			return err
		}
		c.mu.Lock()
		e.slowDown(time.Now(), patience.after)
		c.mu.Unlock()
		if !q.patient || asks == mostAsks || time.Since(begun)+patience.after > c.patience {
			return err
		}
	}
}

// slowDown notes that the endpoint wants to be left alone for a while, and fewer requests from then on.
func (e *endpoint) slowDown(now time.Time, after time.Duration) {
	e.until, e.slow = now.Add(after), now
	e.gap = min(max(2*e.gap, leastGap), mostGap)
}

// wait takes a place in the endpoint's pace and waits for it. Who is not patient does not wait for more than the gap.
func (c *Client) wait(ctx context.Context, e *endpoint, patient bool) error {
	c.mu.Lock()
	now := time.Now()
	if e.gap > 0 && now.Sub(e.slow) > calmAfter {
		if e.gap, e.slow = e.gap/2, now; e.gap < leastGap/4 {
			e.gap = 0
		}
	}
	if left := e.until.Sub(now); left > 0 && !patient {
		c.mu.Unlock()
		return &errPatience{left.Round(time.Millisecond), "not asked"}
	}
	at := now
	for _, t := range []time.Time{e.until, e.last} {
		if t.After(at) {
			at = t
		}
	}
	e.last = at.Add(e.gap)
	c.mu.Unlock()
	if !at.After(now) {
		return nil
	}
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// requestID is that of every request: one is under way on a connection, and an answer with another id is another's.
const requestID = 1

// post sends one request and reads its answer.
func (c *Client) post(ctx context.Context, e *endpoint, q question) error {
	params := q.params
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(struct {
		Version string `json:"jsonrpc"`
		ID      int    `json:"id"`
		Method  string `json:"method"`
		Params  []any  `json:"params"`
	}{"2.0", requestID, q.method, params})
	if err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL cannot be requested")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.agent)
	resp, err := c.http.Do(req)
	if err != nil {
		return c.failure(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return c.failure(ctx, err)
	}
	if len(text) > maxBody {
		return fmt.Errorf("an answer of more than %d MiB", maxBody>>20)
	}
	err = decode(resp.StatusCode, text, q.result)
	var said *Error
	switch {
	case err == nil:
		return nil
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
		return &errPatience{retryAfter(resp.Header, time.Now()), err.Error()}
	case errors.As(err, &said) && said.limited():
		return &errPatience{retryAfter(resp.Header, time.Now()), err.Error()}
	}
	return err
}

// limited reports whether the node spoke of too many requests. A limit of gas is the transaction's.
func (e *Error) limited() bool {
	m := strings.ToLower(e.Message)
	if e.Code == 429 || strings.Contains(m, "rate limit") || strings.Contains(m, "too many requests") {
		return true
	}
	return !strings.Contains(m, "gas") && (strings.Contains(m, "limit exceeded") || e.Code == -32005 && strings.Contains(m, "limit"))
}

// retryAfter reads the header of that name, seconds or a date (RFC 9110, 10.2.3), and keeps it within bounds.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	after := usualWait
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		after = at.Sub(now)
	}
	return min(max(after, leastGap), mostWait)
}

func decode(status int, text []byte, result any) error {
	var answer struct {
		ID     json.RawMessage `json:"id"`
		Result json.RawMessage `json:"result"`
		Error  *Error          `json:"error"`
	}
	err := json.Unmarshal(text, &answer)
	switch {
	case err == nil && answer.Error != nil && status != http.StatusTooManyRequests:
		return answer.Error
	case status != http.StatusOK:
		return fmt.Errorf("HTTP status %d", status)
	case err != nil:
		return fmt.Errorf("the answer is no JSON-RPC: %s", shown(err.Error()))
	case len(answer.Result) == 0:
		return errors.New("the answer has neither a result nor an error")
	case string(answer.ID) != strconv.Itoa(requestID):
		return fmt.Errorf("the answer is to request %s: want %d", shown(string(answer.ID)), requestID)
	case result == nil:
		return nil
	case isNull(answer.Result) && !nullable(result):
		return errors.New("the result is null")
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return fmt.Errorf("the result cannot be read: %s", shown(err.Error()))
	}
	return nil
}
