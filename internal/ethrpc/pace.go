package ethrpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/httpc"
)

// A pace is how fast an endpoint may be asked, learned from what it refuses.
type pace struct {
	until   time.Time           // it asked to be left alone until then
	gap     time.Duration       // between requests
	last    time.Time           // when a request may begin at the earliest: the one before, and the gap
	slowed  time.Time           // when the gap last changed, or patience was last asked for
	said    *Error              // with which it asked for until
	refused map[string]*refused // by what is asked, since it was last answered
}

// A refused is a method, of calls that of one contract, that was refused and not answered since. One that is refused again after what was asked for has passed says
// nothing of how fast others may be asked.
type refused struct {
	row   int       // times
	until time.Time // when it may be asked again
	said  *Error    // the last time
	alone bool      // others are answered meanwhile, so waiting does not help
}

const (
	leastGap      = 200 * time.Millisecond
	mostGap       = 2 * time.Second
	calmAfter     = 30 * time.Second // without being asked for patience, before the gap is halved
	usualWait     = time.Second      // where it does not say how long, doubling
	mostAway      = time.Hour        // whatever it says, it is asked again
	usualPatience = 30 * time.Second
	mostRow       = 3 // refusals of a method, before it is found out whether others are answered
	witnesses     = 4 // answers to others in a row that show it
)

// errPatience: the endpoint is well and wants fewer requests. Ask another one, or wait.
type errPatience struct {
	after time.Duration // 0: it does not say
	said  *Error
	left  bool // alone, since it said so before
}

func (e *errPatience) Error() string {
	if e.left {
		return fmt.Sprintf("it is left alone for %s more, having answered %s", e.after, shown(e.said.Message))
	}
	return fmt.Sprintf("%s: it asks for patience of %s", shown(e.said.Message), e.after)
}

func asksForPatience(err error) bool {
	var p *errPatience
	return errors.As(err, &p)
}

// refusal reports whether an answer that is none speaks of too many requests, and what it says.
func refusal(resp *http.Response, body []byte, err error) (*Error, bool) {
	status := resp.StatusCode
	_, asked := httpc.RetryAfter(resp.Header, time.Now())
	if status == http.StatusTooManyRequests || asked && status/100 != 2 { // whoever says when to come back means it: some ban who comes sooner
		said := &Error{Code: status, Message: fmt.Sprintf("HTTP status %d", status)}
		var told struct{ Error *Error }
		if json.Unmarshal(body, &told) == nil && told.Error != nil && told.Error.Message != "" {
			said.Message, said.Data = said.Message+", "+told.Error.Message, told.Error.Data
		}
		return said, true
	}
	var said *Error
	return said, errors.As(err, &said) && said.limited()
}

// tooMany matches what providers say to whoever asks too often or has used up what a plan allows: "project ID request rate exceeded",
// "50/second request limit reached", "exceeded the RPS limit", "monthly quota is used up", "compute units per second capacity", "throttled".
var tooMany = regexp.MustCompile(`\brate exceeded|\bthrottl|\bquota\b|` +
	`\b(?:requests?|rps|credits?|compute units?|cups?)\b[^.]{0,40}\b(?:limit|capacity|exceed|reached|exhaust)|` +
	`\b(?:exceed|reach|exhaust)\w*\b[^.]{0,40}\b(?:requests?|rps|credits?|compute units?|cups?)\b`)

// limited reports whether the node spoke of too many requests. A limit of gas is the transaction's, and what a contract
// refuses is the contract's, whatever it says.
func (e *Error) limited() bool {
	m := strings.ToLower(e.Message)
	switch {
	case e.Code == 429:
		return true
	case e.Reverted():
		return false
	case strings.Contains(m, "rate limit"), strings.Contains(m, "too many requests"):
		return true
	case strings.Contains(m, "gas"):
		return false
	}
	return tooMany.MatchString(m) || strings.Contains(m, "limit exceeded") || e.Code == -32005 && strings.Contains(m, "limit")
}

// backoff returns how long an endpoint wants to be left alone, by the header Retry-After or as some providers say it in the error; 0 if
// it does not say, or less than what is usual: who refuses, and would be asked again at once, would be asked so for ever.
func backoff(h http.Header, said *Error) time.Duration {
	after, found := httpc.RetryAfter(h, time.Now())
	if !found || after <= 0 {
		var told struct {
			Rate struct {
				Seconds float64 `json:"backoff_seconds"`
			} `json:"rate"`
		}
		if json.Unmarshal(said.Data, &told) != nil || !(told.Rate.Seconds > 0) {
			return 0
		}
		after = time.Duration(min(told.Rate.Seconds, mostAway.Seconds()) * float64(time.Second))
	}
	if after < usualWait {
		return 0
	}
	return min(after, mostAway)
}

// free returns when an endpoint may be asked: at all, or that.
func (p *pace) free(what string) time.Time {
	at := p.until
	if r := p.refused[what]; r != nil && r.until.After(at) {
		at = r.until
	}
	return at
}

// slowDown notes that something was refused: the first time the endpoint wants fewer requests, from then on it is of that alone.
func (p *pace) slowDown(now time.Time, what string, patience *errPatience) *refused {
	if p.refused == nil {
		p.refused = make(map[string]*refused)
	}
	r := p.refused[what]
	if r == nil {
		r = new(refused)
		p.refused[what] = r
	}
	if patience.after == 0 {
		patience.after = usualWait << min(r.row, 4)
	}
	r.row++
	r.said, r.until = patience.said, now.Add(patience.after)
	if r.row > 1 {
		return r
	}
	for _, other := range p.refused {
		other.alone = false // it was not, after all
	}
	p.until, p.slowed, p.said = r.until, now, r.said
	p.gap = min(max(2*p.gap, leastGap), mostGap)
	return r
}

// calm lets requests follow each other faster, when none was refused for a while.
func (p *pace) calm(now time.Time) {
	if p.gap > 0 && now.Sub(p.slowed) > calmAfter {
		if p.gap, p.slowed = p.gap/2, now; p.gap < leastGap/4 {
			p.gap = 0
		}
	}
}

// paced asks at the pace that the endpoint bears, and learns from what it answers.
func (c *Client) paced(ctx context.Context, e *endpoint, q *question) error {
	if err := c.place(ctx, e, q); err != nil {
		return err
	}
	err := c.post(ctx, e, q)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	var patience *errPatience
	var said *Error
	switch {
	case errors.As(err, &patience):
		if r := e.slowDown(now, q.what(), patience); r.alone {
			return r.err(q.method)
		}
		c.slow.refused(now, q.method+": "+patience.said.Message)
	case err == nil || errors.As(err, &said):
		delete(e.refused, q.what())
		c.slow.answered()
	}
	return err
}

// place takes a place in the endpoint's pace and waits for it, but not if it wants to be left alone.
func (c *Client) place(ctx context.Context, e *endpoint, q *question) error {
	c.mu.Lock()
	now := time.Now()
	e.calm(now)
	if left := e.free(q.what()).Sub(now); left > 0 {
		defer c.mu.Unlock()
		said := e.said
		if r := e.refused[q.what()]; r != nil && r.alone {
			return r.err(q.method)
		} else if r != nil {
			said = r.said
		}
		return &errPatience{after: left.Round(time.Millisecond), said: said, left: true}
	}
	at := now
	if e.last.After(at) {
		at = e.last
	}
	e.last = at.Add(e.gap)
	c.mu.Unlock()
	q.waited += at.Sub(now)
	return sleep(ctx, at.Sub(now))
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// witness is what is asked to find out whether a method is refused alone: it costs little, and no gateway answers it by itself.
const witness, otherWitness = "eth_getBalance", "eth_getTransactionCount"

// refusesAlone finds out whether an endpoint refuses a method, again and again after the patience it asked for, and answers others. It is
// asked for that once a question.
func (c *Client) refusesAlone(ctx context.Context, e *endpoint, q *question) bool {
	c.mu.Lock()
	r := e.refused[q.what()]
	due := r != nil && r.row >= mostRow && !r.alone && !slices.Contains(q.probed, e) && q.method != chainID
	c.mu.Unlock()
	if !due {
		return false
	}
	q.probed = append(q.probed, e)
	method := witness
	if q.method == witness {
		method = otherWitness
	}
	for range witnesses {
		probe := &question{method: method, params: []any{"0x0000000000000000000000000000000000000000", Latest}}
		err := c.paced(ctx, e, probe)
		if q.waited += probe.waited; err != nil {
			return false
		}
	}
	return true
}

// spare notes that the question's method is refused alone, so that what was waited for it says nothing of how slow others are.
func (c *Client) spare(e *endpoint, q *question) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := e.refused[q.what()]
	if r == nil { // another request was answered meanwhile
		return &errPatience{after: leastGap, said: &Error{Message: "a refusal"}}
	}
	r.alone, q.waited = true, 0
	c.slow = slow{waiting: c.slow.waiting}
	return r.err(q.method)
}

func (r *refused) err(method string) error { return &errAlone{method, r.said} }

// errAlone: what the endpoint says is of this method, however long one waits, and others are answered.
type errAlone struct {
	method string
	said   *Error
}

func (e *errAlone) Error() string {
	return fmt.Sprintf("it refuses %s and answers others: %s", e.method, e.said)
}

func (e *errAlone) Unwrap() error { return e.said }
