package ethrpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// An endpoint is one way to the chain. Its fields belong to the client's lock.
type endpoint struct {
	url     string
	host    string    // for people: the path may hold a key
	checked time.Time // when it last said that it is of our chain; zero: ask before it is believed
	used    bool      // it was believed since then
	heard   time.Time // when it last answered
	vain    vain      // what it was asked in vain since then
	err     error     // what it failed with last; nil after an answer
	failed  time.Time
	pace
}

const (
	checkEvery = 5 * time.Minute // behind one address there may be other nodes tomorrow
	awayFor    = 2 * time.Minute // of nothing but failures: what comes back may be another node
)

// fail notes what an endpoint failed with. One that was gone may be another node when it comes back, so it is asked for its chain first;
// what it said of it since it was last gone is good for one answer, or one that is gone every other time would be asked for nothing else.
func (e *endpoint) fail(q *question, begun time.Time, answers uint64, why error) {
	e.err, e.failed = why, time.Now()
	var said *Error
	switch {
	case asksForPatience(why), errors.As(why, &said):
	case errors.Is(why, syscall.ECONNREFUSED):
		if e.used {
			e.checked = time.Time{}
		}
	default:
		if e.vain.times++; e.vain.times == 1 {
			e.vain.since, e.vain.answers = begun, answers
		}
		e.vain.last = q.method + ": " + why.Error()
	}
}

// Vain is what an endpoint was asked without an answer.
type vain struct {
	times   int
	since   time.Time
	answers uint64 // of all endpoints, until then
	last    string // method, and what became of it
}

// away reports whether an endpoint has done nothing but fail for a while.
func (e *endpoint) away(now time.Time) bool { return e.vain.times > 0 && now.Sub(e.heard) >= awayFor }

// gone reports whether it was asked again and again meanwhile.
func (e *endpoint) gone() bool { return e.vain.times > 0 && e.failed.Sub(e.vain.since) >= awayFor }

// fresh reports whether an endpoint need not be asked for its chain. What it said of it is good for one answer, however long that takes to
// come: else one that answers seldom would be asked for nothing else.
func (e *endpoint) fresh(now time.Time) bool {
	return !e.checked.IsZero() && now.Sub(e.checked) < checkEvery && !(e.used && e.away(now))
}

// answered notes that an endpoint answered. What was asked in vain before was waited for, unless the endpoint was away: then it was not slow.
// If another one has answered since, that was waited for in this question alone. The caller holds mu.
func (c *Client) answered(e *endpoint, q *question) {
	now := time.Now()
	if v := e.vain; v.times > 0 && !e.away(now) {
		c.slow.failed(v)
		since := v.since
		if c.answers > v.answers && q.begun.After(since) {
			since = q.begun
		}
		q.waited = max(q.waited, now.Sub(since))
	}
	e.err, e.heard, e.vain = nil, now, vain{}
	c.answers, c.last = c.answers+1, now
}

// try asks one endpoint, after it has said that it is of the right chain.
func (c *Client) try(ctx context.Context, e *endpoint, q *question) error {
	if err := c.check(ctx, e, q); err != nil {
		return err
	}
	if q.method == chainID {
		return nil
	}
	if err := c.paced(ctx, e, q); err != nil {
		return err
	}
	if q.judge == nil {
		return nil
	}
	return q.judge()
}

// chainID is the method that check asks.
const chainID = "eth_chainId"

// check asks an endpoint for its chain now and then.
func (c *Client) check(ctx context.Context, e *endpoint, q *question) error {
	c.mu.Lock()
	fresh := e.fresh(time.Now())
	c.mu.Unlock()
	if fresh {
		return nil
	}
	var id Uint
	asked := &question{method: chainID, result: &id}
	err := c.paced(ctx, e, asked)
	q.waited += asked.waited
	if err != nil {
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
	c.answered(e, q)
	e.checked, e.used, q.checked = e.heard, false, true
	return nil
}

// Confirm asks the current endpoint once more for its chain, because of what it showed: it may be of another one by now ([ErrWrongChain]).
// If it does not answer, what it said of its chain before counts on.
func (c *Client) Confirm(ctx context.Context) error {
	c.mu.Lock()
	e := c.endpoints[c.current]
	before := e.checked
	e.checked = time.Time{}
	c.mu.Unlock()
	err := c.check(ctx, e, &question{method: chainID})
	if err == nil || errors.Is(err, ErrWrongChain) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e.checked = before
	return nil
}

// requestID is that of every request: one is under way on a connection, and an answer with another id is another's.
const requestID = 1

// post sends one request and reads its answer.
func (c *Client) post(ctx context.Context, e *endpoint, q *question) error {
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
	resp, err := c.asks.Ask(req)
	if err != nil {
		return c.failure(ctx, err)
	}
	defer resp.Close()
	text, err := resp.Whole(maxBody)
	switch {
	case errors.Is(err, httpc.ErrTooLarge):
		return fmt.Errorf("an answer of more than %d MiB", maxBody>>20)
	case err != nil:
		return c.failure(ctx, err)
	}
	text = bytes.TrimPrefix(text, []byte(plain.Mark)) // RFC 8259 §8.1
	err = decode(resp.StatusCode, text, q.result)
	if err == nil {
		return nil
	}
	if said, refused := refusal(resp.Response, text, err); refused {
		return &errPatience{after: backoff(resp.Header, said), said: said}
	}
	if c.asks.Refuses(resp.StatusCode) {
		err = fmt.Errorf("%w; %s", err, httpc.AsksForCertificate)
	}
	return err
}

// failure says how an exchange failed, in a line that is fit for a log and names neither path nor query, where keys are kept.
func (c *Client) failure(ctx context.Context, err error) error {
	var proxy *httpc.ProxyError
	switch {
	case ctx.Err() != nil || err == context.DeadlineExceeded:
		return errHung(c.timeout)
	case errors.As(err, &proxy) && proxy.RetryAfter() > 0:
		return &errPatience{after: min(proxy.RetryAfter(), mostAway), said: &Error{Code: proxy.Status, Message: shown(err.Error())}}
	}
	return err
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
