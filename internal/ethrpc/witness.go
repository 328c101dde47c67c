package ethrpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
)

// ErrGone: an endpoint has done nothing but fail for a while.
var ErrGone = errors.New("it is gone")

// A Witness is one endpoint that is asked by itself, with the tries of any request: nobody answers in its place. What it says, or that it says nothing, does not change which
// endpoint requests go to. One that has done nothing but fail for a while is asked once a minute.
type Witness struct {
	client *Client
	index  int
}

// Witness returns the endpoint with the given index, as [Client.Endpoints] lists them.
func (c *Client) Witness(index int) Witness { return Witness{c, index} }

// An asker puts one request. A judge that finds an answer impossible makes it a failure; it may be nil.
type asker interface {
	ask(ctx context.Context, result any, judge func() error, method string, params ...any) error
}

func (w Witness) ask(ctx context.Context, result any, judge func() error, method string, params ...any) error {
	c := w.client
	e := c.endpoints[w.index]
	c.mu.Lock()
	gone, why := e.gone(), e.err
	if left := againMost - time.Since(e.failed); gone && left > 0 {
		c.mu.Unlock()
		return fmt.Errorf("%s: %s: %w: %w", method, e.host, ErrGone, why)
	}
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, c.timeout) // its chain and a place in its pace included
	defer cancel()
	tries := c.tries
	if gone {
		tries = 1
	}
	var err error
	for range tries {
		err = c.try(ctx, e, &question{method: method, params: params, result: result, judge: judge, begun: time.Now()})
		if err == nil || hung(err) || !triedAgain(err) || ctx.Err() != nil {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		e.err, e.heard, e.vain = nil, time.Now(), vain{}
		return nil
	case gone:
		e.failed = time.Now()
		return fmt.Errorf("%s: %s: %w: %w", method, e.host, ErrGone, err)
	}
	return fmt.Errorf("%s: %s: %w", method, e.host, err)
}

// Header is [Client.Header], of this endpoint.
func (w Witness) Header(ctx context.Context, at Block) (Header, error) { return header(ctx, w, at) }

// Nonce is [Client.Nonce], of this endpoint.
func (w Witness) Nonce(ctx context.Context, a dodona.Address, at Block) (uint64, error) {
	return nonce(ctx, w, a, at)
}

// Storage is [Client.Storage], of this endpoint.
func (w Witness) Storage(ctx context.Context, a dodona.Address, slot dodona.Digest, at Block) ([32]byte, error) {
	return storage(ctx, w, a, slot, at)
}
