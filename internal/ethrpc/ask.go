package ethrpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Call sends one request and decodes its result into result, which may be nil. It tries every endpoint, starting with the one that
// answered last, and those that fail again ([Options]); those that ask for patience (HTTP 429, Retry-After) are then waited for, who is ready
// first is asked first, and those that failed in another way are asked now and then meanwhile. An [*Error] is what a node said of this request; any other error means that no endpoint answered.
func (c *Client) Call(ctx context.Context, result any, method string, params ...any) error {
	return c.ask(ctx, result, nil, method, params...)
}

// A question is one request and what makes an answer acceptable.
type question struct {
	method string
	params []any
	result any
	judge  func() error // nil: every answer is
	aside  bool         // who answers it does not become the current endpoint

	begun   time.Time
	until   time.Time     // when nobody is tried again in a row
	waited  time.Duration // for places in a pace, and for patience
	probed  []*endpoint   // that were asked whether they refuse it alone
	checked bool          // the endpoint was just asked for its chain, and answered
	fails   []failed      // by endpoint
}

// what is what endpoints may refuse for itself: a method, or calls of one contract.
func (q *question) what() string {
	if len(q.params) > 0 {
		if call, is := q.params[0].(map[string]any); is {
			return fmt.Sprint(q.method, " ", call["to"])
		}
	}
	return q.method
}

// A failed is how an endpoint did not answer a question.
type failed struct {
	err   error
	tries int       // in a row
	row   int       // pauses after which it did not answer anything
	again time.Time // when it is asked again, while another one is waited for
}

const (
	againFirst = 500 * time.Millisecond // after a failure, doubling
	againMost  = time.Minute
)

// ask is Call with a judge: an answer that it finds impossible is a failure of the endpoint, and another one is asked.
func (c *Client) ask(ctx context.Context, result any, judge func() error, method string, params ...any) error {
	q := c.question(result, judge, method, params...)
	order := c.order(q)
	for pass := 0; pass < c.tries; pass++ {
		for _, i := range order {
			if done, err := c.putTries(ctx, i, pass == 0, q); done {
				return err
			}
		}
	}
	for {
		i, at := c.soonest(q)
		if i < 0 {
			c.ended(ctx, q)
			return fmt.Errorf("%s: no endpoint answers: %w", method, q.failure())
		}
		if err := c.pause(ctx, i, at, q); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		q.fails[i].row++
		q.fails[i].tries, q.until = 0, time.Now().Add(c.timeout)
		if done, err := c.putTries(ctx, i, true, q); done {
			return err
		}
	}
}

func (c *Client) question(result any, judge func() error, method string, params ...any) *question {
	q := &question{method: method, params: params, result: result, judge: judge, begun: time.Now(), fails: make([]failed, len(c.endpoints))}
	q.until = q.begun.Add(2 * c.timeout) // who asks wants to know before long
	return q
}

// order returns which endpoints a question is put to at first: the one that answered last, then the others, then those that are gone, once.
// These are left out if they were asked less than a minute ago and there are others, whose time one that hangs would take.
func (c *Client) order(q *question) (list []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, n := time.Now(), len(c.endpoints)
	var gone []int
	for i := range n {
		if at := (c.current + i) % n; c.endpoints[at].gone() {
			gone = append(gone, at)
		} else {
			list = append(list, at)
		}
	}
	others := len(list) > 0
	for _, at := range gone {
		e := c.endpoints[at]
		f := &q.fails[at]
		f.tries = c.tries - 1 // it is not asked more than once
		if since := now.Sub(e.failed); others && since < againMost {
			f.err, f.again = fmt.Errorf("%s: %w", e.host, e.err), e.failed.Add(againMost)
			continue
		}
		list = append(list, at)
	}
	return list
}

// putTries asks one endpoint, several times in a row if it fails at once; another one may do better than one that hangs.
func (c *Client) putTries(ctx context.Context, index int, first bool, q *question) (done bool, err error) {
	f := &q.fails[index]
	for first || f.tries < c.tries && triedAgain(f.err) && time.Now().Before(q.until) {
		if done, err := c.put(ctx, index, q); done {
			return true, err
		}
		if f.tries++; hung(f.err) {
			break
		}
		first = false
	}
	return false, nil
}

// soonest returns which endpoint to ask next, and when: the first of those that ask for patience, and meanwhile of those that failed in
// another way. It is -1 if none asks for so little patience that the question bears it.
func (c *Client) soonest(q *question) (index int, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	index = -1
	now, waits := time.Now(), false
	for i, e := range c.endpoints {
		again := q.fails[i].again
		switch why := q.fails[i].err; {
		case asksForPatience(why):
			what := q.what()
			if !e.fresh(now) {
				what = chainID
			}
			if again = e.free(what); again.Sub(q.begun) > c.patience {
				continue
			}
			waits = true
		case !triedAgain(why) && !errors.Is(why, syscall.ECONNREFUSED):
			continue
		}
		if index < 0 || again.Before(at) {
			index, at = i, again
		}
	}
	if !waits {
		return -1, at
	}
	return index, at
}

// failure returns what all endpoints failed with.
func (q *question) failure() error {
	errs := make([]error, len(q.fails))
	for i, f := range q.fails {
		errs[i] = f.err
	}
	return joined(errs)
}

// triedAgain reports whether an endpoint that failed may answer the same request at once: it did not speak of it, and it is not gone.
func triedAgain(err error) bool {
	var said *Error
	return !asksForPatience(err) && !errors.As(err, &said) && !errors.Is(err, ErrWrongChain) && !errors.Is(err, syscall.ECONNREFUSED)
}

// errHung: nothing came in that time.
type errHung time.Duration

func (e errHung) Error() string {
	return fmt.Sprintf("no complete answer in %s (timeout)", time.Duration(e))
}

// Timeout is what other errors of that kind have.
func (e errHung) Timeout() bool { return true }

func hung(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// put asks one endpoint. It is done if that speaks of the request, or ctx ends; else the failure is noted.
func (c *Client) put(ctx context.Context, index int, q *question) (done bool, err error) {
	e := c.endpoints[index]
	begun := time.Now()
	err = c.try(ctx, e, q)
	if ctx.Err() != nil {
		return true, fmt.Errorf("%s: %w", q.method, ctx.Err())
	}
	var said *Error
	if err == nil || (errors.As(err, &said) && said.judges(q.method)) {
		c.mu.Lock()
		if !q.aside {
			c.current = index
		}
		if q.method != chainID { // which check takes note of, and may have known
			if e.used = true; e.away(time.Now()) || said.namesChain() {
				e.checked = time.Time{} // what it said of its chain before lets it be believed once
			}
			c.answered(e, q)
		}
		c.mu.Unlock()
		c.ended(ctx, q)
		if err != nil {
			err = fmt.Errorf("%s: %w", q.method, err)
		}
		return true, err
	}
	if c.refusesAlone(ctx, e, q) {
		err = c.spare(e, q)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e.fail(q, begun, c.answers, err)
	f := &q.fails[index]
	if q.checked { // it answered, though for its chain
		q.checked, f.row, f.tries = false, 0, 0
	}
	f.err, f.again = fmt.Errorf("%s: %w", e.host, err), time.Now().Add(min(againFirst<<min(f.row, 7), againMost))
	return false, nil
}

// namesChain reports whether the error speaks of the chain that a transaction is for, so that the endpoint may be of another one by now.
func (e *Error) namesChain() bool {
	if e == nil {
		return false
	}
	text := strings.ToLower(e.Message)
	return slices.ContainsFunc([]string{"chain id", "chainid", "chain_id", "chain-id"}, func(words string) bool { return strings.Contains(text, words) })
}

// judges reports whether the error speaks of the request and not of the node, so that no other one need be asked. Of a call
// that is tried only a revert does, or the lack of money: state that a node does not have, a limit of its own or a method that it
// does not know are its own troubles, and so is everything that reads of the chain are answered with.
func (e *Error) judges(method string) bool {
	switch method {
	case sendRaw:
		return !e.busy()
	case "eth_call", "eth_estimateGas":
		return e.Reverted() || strings.Contains(strings.ToLower(e.Message), "insufficient funds")
	}
	return false
}
