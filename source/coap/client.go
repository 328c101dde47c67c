package coap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// open prepares a source; it does not dial.
func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	c, err := newClient(s, env)
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	if s.Observe {
		return newObserver(c), nil
	}
	return &poller{client: c, known: map[string]representation{}}, nil
}

// A client asks one device, on a link that it opens when there is none. Its methods but close are called by one goroutine.
type client struct {
	settings  Settings
	env       source.Env
	address   string
	host      string // in every request, if the device is called by a name
	resources []*resource
	closed    chan struct{}

	mu   sync.Mutex
	over bool  // closed is
	link *link // nil: the next exchange opens one; only the goroutine that asks sets it
}

// A resource is what is read.
type resource struct {
	item    string
	options message.Options
	hangs   bool // the device did not answer for it last time, and is asked for the others first
}

func newClient(s Settings, env source.Env) (*client, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, errors.New("url: not a URL")
	}
	c := &client{settings: s, env: env, address: address(u), closed: make(chan struct{})}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil {
		c.host = u.Hostname()
	}
	if len(s.Paths) == 0 {
		options, err := optionsOf(u.EscapedPath(), u.RawQuery)
		c.resources = []*resource{{options: options}}
		return c, err
	}
	for _, path := range s.Paths {
		options, err := splitPath(path)
		if err != nil {
			return nil, err
		}
		c.resources = append(c.resources, &resource{item: path, options: options})
	}
	return c, nil
}

// Close ends the source and its connection; an exchange that is under way ends with it.
func (c *client) Close() error {
	c.mu.Lock()
	if !c.over {
		c.over = true
		close(c.closed)
	}
	l := c.link
	c.mu.Unlock()
	if l != nil {
		l.end()
	}
	return nil
}

// until returns a context that ends with the source too. What it opened ends with its last exchange.
func (c *client) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-c.closed:
			cancel(errEnded)
		case <-stop:
		}
	})
	return ctx, func() {
		close(stop)
		waiting.Wait()
		cancel(nil)
	}
}

// connect opens a link if there is none, or it ended while nobody asked.
func (c *client) connect(ctx context.Context) error {
	if c.link != nil {
		select {
		case <-c.link.gone:
			c.disconnect()
		default:
			return nil
		}
	}
	conn, err := dial(ctx, c.settings, c.address)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		_ = conn.Close() // nobody is left to tell
		return errEnded
	}
	c.link = newLink(conn, c.settings.AckTimeout, c.env.Dropped)
	return nil
}

// disconnect ends the link: what is late comes to nobody.
func (c *client) disconnect() {
	c.mu.Lock()
	l := c.link
	c.link = nil
	c.mu.Unlock()
	if l != nil {
		l.end()
	}
}

// request returns a GET of a resource.
func (c *client) request(r *resource, accept uint32, any bool) message.Message {
	options := r.options
	if c.host != "" {
		options = withBytes(options, message.URIHost, []byte(c.host))
	}
	if !any {
		options = with(options, message.Accept, accept)
	}
	return message.Message{Code: codes.GET, Token: newToken(), Options: options}
}

// get returns a GET of a resource in the format that the settings want.
func (c *client) get(r *resource) message.Message {
	accept, wanted := formats[c.settings.Accept]
	return c.request(r, accept, !wanted)
}

// patience bounds what is asked of one resource. One that hung before has a quarter of the time, so that the others have the rest.
func (c *client) patience(ctx context.Context, r *resource) (context.Context, context.CancelFunc) {
	if r.hangs && len(c.resources) > 1 {
		return context.WithTimeout(ctx, c.settings.Timeout/4)
	}
	return context.WithCancel(ctx)
}

// hung reports whether a resource alone may be what hangs, rather than the device, and keeps that in mind.
func (c *client) hung(r *resource, err error) bool {
	r.hangs = errors.Is(err, context.DeadlineExceeded) && len(c.resources) > 1
	return r.hangs
}

// failure says what became of an exchange that has no answer, and whether its link is of any use.
func (c *client) failure(ctx context.Context, err error) error {
	select {
	case <-c.closed:
		return errEnded
	default:
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		text := strings.TrimSuffix(err.Error(), ": "+context.DeadlineExceeded.Error())
		return fmt.Errorf("GET %s: %s in %s", c.address, text, unit.FormatDuration(c.settings.Timeout))
	case dodona.IsPermanent(err):
		return dodona.Permanent(fmt.Errorf("GET %s: %w", c.address, plainly(err)))
	}
	return fmt.Errorf("GET %s: %w", c.address, plainly(err))
}

// plainly returns an error of the network without the addresses that it repeats.
func plainly(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

// A refusal is an answer that has no body to take.
type refusal struct {
	code codes.Code
	wait time.Duration // after which to try again; 0: unsaid
	why  string
}

func (r *refusal) Error() string {
	text := codeText(r.code)
	if r.why != "" {
		text += ": " + r.why
	}
	return text
}

// hints say what to do about a code.
var hints = map[codes.Code]string{
	codes.Unauthorized:       "the device wants another key",
	codes.Forbidden:          "the device refuses this key or this address",
	codes.NotFound:           "the device has no such resource; check the path",
	codes.MethodNotAllowed:   "the resource cannot be read",
	codes.NotAcceptable:      "the device has it in no such format; check accept",
	codes.TooManyRequests:    "it is asked too often",
	codes.ServiceUnavailable: "not now",
}

// refused returns what a response that brings no body says; nil if it may bring one.
func refused(m message.Message) error {
	if m.Code == codes.Content {
		return nil
	}
	r := &refusal{code: m.Code, why: hints[m.Code]}
	if m.Code == codes.ServiceUnavailable || m.Code == codes.TooManyRequests {
		r.wait = maxAge(m) // RFC 7252 §5.9.3.4, RFC 8516
	}
	return r
}

// told returns a refusal as the pump is to take it.
func told(err error) error {
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	switch r.code {
	case codes.BadRequest, codes.Unauthorized, codes.BadOption, codes.Forbidden, codes.MethodNotAllowed, codes.NotAcceptable:
		return dodona.Permanent(err)
	case codes.ServiceUnavailable, codes.TooManyRequests:
		return source.RetryAfter(err, r.wait)
	}
	return err
}

// mattersToLink reports whether an error is of the connection rather than of one resource.
func mattersToLink(err error) bool {
	var r *refusal
	var b *badBody
	return err != nil && !errors.As(err, &r) && !errors.As(err, &b)
}
