package coap

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/dodona-oracle/dodona"
)

// The values of the Observe option in a request (RFC 7641 §2).
const (
	register   = 0
	deregister = 1
)

// refusedFor is after how long a device that refuses one of several resources is asked for it again.
const refusedFor = 15 * time.Second

// An observer is told by the device what is new.
type observer struct {
	*client
	watches []*watch
}

// A watch is one resource that is observed.
type watch struct {
	*resource
	token    message.Token
	due      time.Time // when to ask for it again
	sequence sequence
	told     bool // that it cannot be observed
}

func newObserver(c *client) *observer {
	o := &observer{client: c}
	for _, r := range c.resources {
		o.watches = append(o.watches, &watch{resource: r, token: newToken()})
	}
	return o
}

// Observe returns what the device said next, or why it says nothing.
func (o *observer) Observe(ctx context.Context) (dodona.Batch, error) {
	inside, stop := o.until(ctx)
	defer stop()
	for {
		if err := inside.Err(); err != nil {
			return dodona.Batch{}, o.failure(ctx, context.Cause(inside))
		}
		if err := o.begin(inside); err != nil {
			return dodona.Batch{}, o.lose(ctx, err)
		}
		readings, err := o.renew(inside)
		if len(readings) == 0 && err == nil {
			readings, err = o.await(inside)
		}
		switch {
		case err != nil && mattersToLink(err):
			return dodona.Batch{}, o.lose(ctx, err)
		case err != nil:
			return dodona.Batch{}, told(fmt.Errorf("GET %s %w", o.address, err))
		case len(readings) > 0:
			return dodona.Batch{Readings: readings}, nil
		}
	}
}

// Drained reports whether the device has said nothing that was not taken.
func (o *observer) Drained() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.link == nil || len(o.link.notified) == 0
}

// Close tells the device that nobody observes any more, as far as it hears it, and ends the source.
func (o *observer) Close() error {
	o.mu.Lock()
	l, over := o.link, o.over
	o.mu.Unlock()
	if l != nil && !over {
		for _, w := range o.watches {
			m := o.get(w.resource)
			m.Token, m.Options = w.token, with(m.Options, message.Observe, deregister)
			l.tell(m)
		}
	}
	return o.client.Close()
}

// begin opens a link if there is none. On a new one nothing is observed yet.
func (o *observer) begin(ctx context.Context) error {
	if o.link != nil {
		return nil
	}
	if err := o.connect(ctx); err != nil {
		return err
	}
	for _, w := range o.watches {
		w.due = time.Time{}
		o.link.watch(w.token)
	}
	return nil
}

// lose ends the link, and says why.
func (o *observer) lose(ctx context.Context, err error) error {
	o.disconnect()
	return o.failure(ctx, err)
}

// renew asks for every resource whose time has come. One that the device refuses is a bad reading beside others; alone it is an error.
func (o *observer) renew(ctx context.Context) (readings []dodona.Reading, err error) {
	limited, cancel := context.WithTimeout(ctx, o.settings.Timeout)
	defer cancel()
	for _, w := range o.inTurn() {
		if time.Now().Before(w.due) {
			continue
		}
		r, err := o.register(limited, w)
		switch {
		case err != nil && o.hung(w.resource, err) && o.answers(w):
			w.due = time.Now().Add(refusedFor)
			r = o.bad(w.resource, o.failure(ctx, err))
		case err != nil:
			return nil, err
		default:
			w.hangs = false
		}
		readings = append(readings, r)
	}
	return readings, nil
}

// inTurn returns what is observed, those that hung last.
func (o *observer) inTurn() (turn []*watch) {
	for _, hangs := range []bool{false, true} {
		for _, w := range o.watches {
			if w.hangs == hangs {
				turn = append(turn, w)
			}
		}
	}
	return turn
}

// answers reports whether the device answered on this link for anything but one resource.
func (o *observer) answers(but *watch) bool {
	for _, w := range o.watches {
		if w != but && !w.due.IsZero() && !w.hangs {
			return true
		}
	}
	return false
}

// register asks for a resource and for what is new of it, and returns how it is.
func (o *observer) register(ctx context.Context, w *watch) (dodona.Reading, error) {
	limited, cancel := o.patience(ctx, w.resource)
	defer cancel()
	begun := o.env.Now()
	m := o.get(w.resource)
	m.Token, m.Options = w.token, with(m.Options, message.Observe, register)
	answer, err := o.link.ask(limited, m)
	if err != nil {
		return dodona.Reading{}, err
	}
	w.sequence = sequence{}
	if n, observed := number(answer, message.Observe); observed {
		w.sequence.fresh(n, time.Now())
	} else if !w.told && refused(answer) == nil {
		w.told = true
		o.env.Log.Info(o.env.Source+": the device does not notify of a resource; it is asked again by the Max-Age of its answers", "source", o.env.Source)
	}
	return o.taken(limited, w, answer, begun)
}

// taken returns the reading of a response or notification, and sets when its resource is asked for again.
func (o *observer) taken(ctx context.Context, w *watch, m message.Message, begun time.Time) (dodona.Reading, error) {
	got, err := o.whole(ctx, w.resource, m)
	if errors.Is(err, errChanged) {
		got, err = o.fetch(ctx, w.resource, representation{})
	}
	if err == nil {
		w.due = time.Now().Add(o.freshFor(got.maxAge))
		return o.reading(w.resource, got, "observe", begun), nil
	}
	if mattersToLink(err) {
		return dodona.Reading{}, err
	}
	var r *refusal
	w.due = time.Now().Add(refusedFor)
	if errors.As(err, &r) { // the device has ended the observation (RFC 7641 §4.2)
		w.due = time.Now().Add(max(r.wait, refusedFor))
	}
	if len(o.watches) > 1 {
		return o.bad(w.resource, err), nil
	}
	w.due = time.Time{} // after the pump's pause
	return dodona.Reading{}, err
}

// freshFor returns after how long something is asked for again: 5 to 15 s after the end of its freshness (RFC 7641 §3.3.1), or earlier
// if the settings say so.
func (o *observer) freshFor(maxAge time.Duration) time.Duration {
	wait := maxAge + 5*time.Second + rand.N(10*time.Second)
	if o.settings.Renew > 0 {
		wait = min(wait, o.settings.Renew)
	}
	return wait
}

// await waits for a notification, until a resource is to be asked for again.
func (o *observer) await(ctx context.Context) ([]dodona.Reading, error) {
	next := o.watches[0].due
	for _, w := range o.watches {
		if w.due.Before(next) {
			next = w.due
		}
	}
	until := time.NewTimer(time.Until(next))
	defer until.Stop()
	ping := time.NewTimer(o.settings.Ping - o.link.silence())
	defer ping.Stop()
	select {
	case m := <-o.link.notified:
		return o.notified(ctx, m)
	case <-until.C:
		return nil, nil
	case <-ping.C:
		return nil, o.ping(ctx)
	case <-o.link.gone:
		return nil, o.link.lostBy()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// ping asks whether the device is there, if nothing was heard of it for long.
func (o *observer) ping(ctx context.Context) error {
	if o.link.silence() < o.settings.Ping {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, o.settings.Timeout)
	defer cancel()
	if _, err := o.link.ask(limited, message.Message{}); err != nil {
		// Fault (exchange): a device that is observed is gone, or hangs.
		return fmt.Errorf("silent for %s, and to a ping: %w", o.link.silence().Round(time.Second), err)
	}
	return nil
}

// notified takes a notification, unless it is older than what is known.
func (o *observer) notified(ctx context.Context, m message.Message) ([]dodona.Reading, error) {
	for _, w := range o.watches {
		if string(w.token) != string(m.Token) {
			continue
		}
		if n, observed := number(m, message.Observe); observed && !w.sequence.fresh(n, time.Now()) {
			// Fault (dropped): notifications overtake each other.
			o.env.Dropped(1, "a notification is older than the one before it")
			return nil, nil
		}
		limited, cancel := context.WithTimeout(ctx, o.settings.Timeout)
		defer cancel()
		r, err := o.taken(limited, w, m, o.env.Now())
		if err != nil {
			return nil, err
		}
		return []dodona.Reading{r}, nil
	}
	return nil, nil
}

// A sequence is what is known of the order of notifications (RFC 7641 §3.4).
type sequence struct {
	known bool
	last  uint32
	at    time.Time
}

// fresh reports whether a number is newer than the last one, and keeps it if it is. The numbers have 24 bits and wrap.
func (s *sequence) fresh(n uint32, now time.Time) bool {
	const (
		half = 1 << 23
		long = 128 * time.Second
	)
	newer := !s.known || s.last < n && n-s.last < half || s.last > n && s.last-n > half || now.After(s.at.Add(long))
	if newer {
		*s = sequence{true, n, now}
	}
	return newer
}
