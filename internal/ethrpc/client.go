package ethrpc

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// A Client speaks JSON-RPC to a chain through one of several endpoints. It stays with one while that answers and
// goes to the next when it does not; an endpoint of another chain is never used. It may be used by many goroutines.
type Client struct {
	asks     *httpc.Client
	timeout  time.Duration
	patience time.Duration
	tries    int
	chainID  uint64
	agent    string

	mu        sync.Mutex
	endpoints []*endpoint
	current   int
	turn      int // which of the others SendToAnother took last, from 1
	slow      slow
	onSlow    func(context.Context)
	answers   uint64
	last      time.Time // answer
}

// Options are what a client needs.
type Options struct {
	URLs    []string      // http or https; tried in this order. Required.
	ChainID uint64        // what every endpoint must say of itself; 0: whatever the first that answers says
	Timeout time.Duration // of one request; 0 means 10 s

	// Patience is how long one request waits for endpoints that ask for patience (HTTP 429), if no other answers; 0 means 30 s.
	Patience time.Duration
	// Tries is how often one request is put to endpoints that fail (HTTP 502, no answer in time), one right after the other, if no other
	// answers and two timeouts have not passed; 0 means once. One that is gone is not tried again.
	Tries int
	// Slow is called from within a request when [Client.Slow] begins to tell of a slowness. It may be nil.
	Slow  func(context.Context)
	Agent string // the User-Agent; empty means dodona

	Route   httpc.Route       // to all of them
	Through http.RoundTripper // carries requests instead of connections, in tests; nil: connections
}

// maxBody is the most that an answer may have.
const maxBody = 4 << 20

// An Error is what a node answered instead of a result.
type Error struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// mostMessage bounds what is kept of the words of an error, in bytes: they come into logs, events and the journal.
const mostMessage = 300

// UnmarshalJSON reads what a stranger says, and keeps no more of it than can be shown.
func (e *Error) UnmarshalJSON(text []byte) error {
	type words Error
	if err := json.Unmarshal(text, (*words)(e)); err != nil {
		return err
	}
	if e.Message = shown(e.Message); len(e.Data) > mostRevert {
		e.Data = nil
	}
	return nil
}

func (e *Error) Error() string { return fmt.Sprintf("%s (code %d)", shown(e.Message), e.Code) }

// Reverted reports whether the contract refused the call (EIP-1474 code 3, or in words).
func (e *Error) Reverted() bool {
	return e.Code == 3 || len(e.Revert()) > 0 || strings.Contains(strings.ToLower(e.Message), "revert")
}

// Revert returns the data that the contract reverted with, wherever the node put it, in its words if nowhere else; empty if there is none.
func (e *Error) Revert() []byte {
	var told any
	if json.Unmarshal(e.Data, &told) != nil || told == nil {
		return e.revertInWords()
	}
	for range 4 { // nodes wrap it in an object of their own, or of the node behind them
		switch at := told.(type) {
		case map[string]any:
			told = firstOf(at, "data", "originalError", "result", "output")
		case string:
			text := at[strings.Index(at, "0x")+1:] // "Reverted 0x08c3…"
			text = strings.TrimPrefix(text, "x")
			data, err := hex.DecodeString(text)
			if err != nil || !strings.Contains(at, "0x") {
				return nil
			}
			return data
		}
	}
	return nil
}

var reverted = regexp.MustCompile(`(?i)revert.*?\b0x((?:[0-9a-f]{2}){4,})\b`)

// revertInWords reads "execution reverted: custom error 0x7ca55c77", which is all that some nodes say.
func (e *Error) revertInWords() []byte {
	found := reverted.FindStringSubmatch(e.Message)
	if found == nil {
		return nil
	}
	data, err := hex.DecodeString(found[1])
	if err != nil {
		return nil
	}
	return data
}

func firstOf(object map[string]any, keys ...string) any {
	for _, key := range keys {
		if value, found := object[key]; found {
			return value
		}
	}
	return nil
}

// mostRevert bounds the data of a revert that is read: a reason is a selector and a few words.
const mostRevert = 8 << 10

// Unsupported reports whether the node does not know the method, or not with these parameters.
func (e *Error) Unsupported() bool {
	switch e.Code {
	case -32601, -32602, -32004:
		return true
	}
	return strings.Contains(strings.ToLower(e.Message), "too many arguments")
}

// ErrWrongChain: an endpoint answers for another chain than it should. Change the configuration; do not retry.
var ErrWrongChain = errors.New("another chain")

// mostConnections bounds those to one endpoint.
const mostConnections = 16

// NewClient returns a client. It does not dial.
func NewClient(o Options) (*Client, error) {
	c := &Client{
		timeout: o.Timeout, patience: o.Patience, tries: max(o.Tries, 1), chainID: o.ChainID, agent: o.Agent, onSlow: o.Slow,
	}
	if len(o.URLs) == 0 {
		return nil, errors.New("no RPC endpoint is given")
	}
	for _, text := range o.URLs {
		u, err := url.Parse(text)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return nil, errors.New("an RPC endpoint is no URL such as https://rpc.example/1")
		}
		c.endpoints = append(c.endpoints, &endpoint{url: text, host: u.Host})
	}
	if c.timeout <= 0 {
		c.timeout = 10 * time.Second
	}
	if c.patience <= 0 {
		c.patience = usualPatience
	}
	if c.agent == "" {
		c.agent = "dodona"
	}
	asks, err := httpc.New(httpc.Options{Header: c.timeout, Connections: mostConnections, Route: o.Route, Through: o.Through})
	if err != nil {
		return nil, err
	}
	c.asks = asks
	return c, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.asks.Close() }

// An EndpointStatus says how one endpoint stands.
type EndpointStatus struct {
	Host    string    `json:"host"`
	Current bool      `json:"current"`         // requests go here
	Error   string    `json:"error,omitempty"` // what it failed with last
	Failed  time.Time `json:"failed,omitzero"` // when
}

// Endpoints returns how the endpoints stand, in the order they were given.
func (c *Client) Endpoints() []EndpointStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]EndpointStatus, len(c.endpoints))
	for i, e := range c.endpoints {
		list[i] = EndpointStatus{Host: e.host, Current: i == c.current, Failed: e.failed}
		if e.err != nil {
			list[i].Error = e.err.Error()
		}
	}
	return list
}

// Current returns the index of the endpoint that is asked first: behind an answer, of the one that gave it.
func (c *Client) Current() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// Answers returns how many requests were answered, and when the last one was: who asks for much gets on as long as there are some.
func (c *Client) Answers() (n uint64, last time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers, c.last
}

// Skip turns to the next endpoint, because of what the caller saw of the current one, which may be of another chain by now.
func (c *Client) Skip(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turnTo((c.current+1)%len(c.endpoints), why)
}

// Prefer is [Client.Skip] to the endpoint with the given index, as [Client.Endpoints] lists them.
func (c *Client) Prefer(index int, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turnTo(index, why)
}

func (c *Client) turnTo(index int, why error) {
	e := c.endpoints[c.current]
	e.err, e.failed, e.checked = why, time.Now(), time.Time{}
	c.current = index
}

// SendToAnother broadcasts a signed transaction through an endpoint that is not the current one, each time through
// another. It does nothing if there is one only.
func (c *Client) SendToAnother(ctx context.Context, raw []byte) error {
	c.mu.Lock()
	n := len(c.endpoints)
	if n < 2 {
		c.mu.Unlock()
		return nil
	}
	c.turn = c.turn%(n-1) + 1
	index := (c.current + c.turn) % n
	c.mu.Unlock()
	return c.SendThrough(ctx, index, raw)
}

// SendThrough broadcasts a signed transaction through the endpoint with the given index alone, and does not make it the current one. If it
// fails it is tried again, as for any request, but its patience is not waited for; one that is gone is asked once a minute.
func (c *Client) SendThrough(ctx context.Context, index int, raw []byte) error {
	q := c.question(nil, nil, sendRaw, Bytes(raw))
	q.aside = true
	if slices.Contains(c.order(q), index) {
		if done, err := c.putTries(ctx, index, true, q); done {
			return err
		}
	}
	return fmt.Errorf("%s: %w", sendRaw, q.fails[index].err)
}

// sendRaw is the method that broadcasts.
const sendRaw = "eth_sendRawTransaction"

// busy reports whether the node spoke of itself and not of the request, so that another one may know better.
func (e *Error) busy() bool {
	switch e.Code {
	case -32005, -32016, -32097, 429, 503: // limits of various providers
		return true
	case -32601, -32004: // the method is unknown to this node
		return true
	}
	return e.limited()
}

// nullable reports whether null is an answer: that there is no such block or receipt. A number that is null is none, and
// must not pass for 0.
func nullable(result any) bool {
	switch result.(type) {
	case *Uint, *Wei, *Bytes:
		return false
	}
	return true
}

// joined is errors.Join on one line.
func joined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return joinedErrors(errs)
}

type joinedErrors []error

func (j joinedErrors) Unwrap() []error { return j }

func (j joinedErrors) Error() string {
	texts := make([]string, len(j))
	for i, err := range j {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// shown makes a stranger's text fit for a line of a log.
func shown(s string) string { return plain.Line(s, mostMessage) }
