package websocket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/expiry"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A session is one connection, from its handshake to its end.
type session struct {
	*stream
	inbox  *inbox
	cancel context.CancelCauseFunc
	up     chan struct{} // closed once every subscription is acknowledged
	told   bool          // Observe said so; only Observe touches it
	over   chan struct{} // closed when everything of it has ended

	// What follows is read once over is closed.
	why     error
	lived   time.Duration
	heardOf bool // it subscribed, or brought a reading

	resume func() // once: tells the gap before it

	mu      sync.Mutex
	heard   time.Time     // when the server was last heard
	hidden  []string      // what no error may show
	wanted  *Subscription // whose acknowledgement is waited for; nil: none
	instead string        // what came last while it was
	verdict chan error    // of capacity 1
}

// begin begins a session; the caller holds mu. It ends by itself, or by cancel; over tells.
func (s *stream) begin() *session {
	ctx, cancel := context.WithCancelCause(context.Background())
	ses := &session{stream: s, inbox: newInbox(), cancel: cancel, up: make(chan struct{}), over: make(chan struct{}), verdict: make(chan error, 1)}
	last, lost := s.last, s.lost // begin is called with the mutex
	ses.resume = sync.OnceFunc(func() {
		ses.heardOf = true
		s.resumed(last, lost)
	})
	go func() { // Close waits for it
		defer close(ses.over)
		defer cancel(nil)
		s.wait(ctx)
		begun := time.Now()
		ses.why = ses.run(ctx)
		ses.lived = time.Since(begun)
	}()
	return ses
}

// stands returns a channel that is closed if a connection stands and nobody was told; nil afterwards.
func (ses *session) stands() <-chan struct{} {
	if ses.told {
		return nil
	}
	select {
	case <-ses.up:
		ses.told = true
	default:
	}
	return ses.up
}

// run connects, and listens and speaks until either fails or ctx ends. It returns why it ended.
func (ses *session) run(ctx context.Context) error {
	conn, believed, secrets, err := ses.dial(ctx)
	if err != nil {
		return err
	}
	ses.hide(secrets...)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if believed != nil {
		if who, until := expiry.Of(*believed); !until.IsZero() {
			defer time.AfterFunc(time.Until(until), func() { cancel(&expiry.Error{Who: who, Until: until}) }).Stop()
		}
	}
	var all sync.WaitGroup
	all.Go(func() { cancel(ses.listen(ctx, conn)) })
	all.Go(func() { cancel(ses.speak(ctx, conn)) })
	<-ctx.Done()
	_ = conn.CloseNow() // it is over, whatever it says
	all.Wait()
	return context.Cause(ctx)
}

// listen reads messages until the connection ends.
func (ses *session) listen(ctx context.Context, conn *websocket.Conn) error {
	for {
		kind, body, err := ses.read(ctx, conn)
		if err != nil {
			return err
		}
		now := ses.hears()
		if body == nil { // too large
			continue
		}
		m := message{body: body, text: kind == websocket.MessageText, received: now}
		if kind == websocket.MessageBinary {
			if m.body, m.packed, err = ses.settings.Unpack.unpack(body, int64(ses.settings.MaxMessage)); err != nil {
				// Fault (dropped): what a message is unpacked to is larger than max_message.
				ses.env.Dropped(1, fmt.Sprintf("a message of %s that unpacks to more than max_message (%s)", m.packed, ses.settings.MaxMessage))
				continue
			}
		}
		taken, err := ses.sort(ctx, conn, &m)
		if err != nil {
			return err
		}
		if !taken {
			continue
		}
		ses.resume()
		if err := ses.inbox.put(ctx, m); err != nil {
			return err
		}
	}
}

// mostSkipped is how much of a message that is too large is read over.
const mostSkipped = 64 << 20

// read returns the next message; no body if it is too large.
func (ses *session) read(ctx context.Context, conn *websocket.Conn) (websocket.MessageType, []byte, error) {
	kind, r, err := conn.Reader(ctx)
	if err != nil {
		return 0, nil, ses.ending(err)
	}
	most := int64(ses.settings.MaxMessage)
	body, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return 0, nil, ses.ending(err)
	}
	if int64(len(body)) <= most {
		return kind, append([]byte{}, body...), nil // of its own size
	}
	// Fault (dropped): a message is larger than max_message.
	ses.env.Dropped(1, fmt.Sprintf("a message above max_message (%s)", ses.settings.MaxMessage))
	if n, err := io.Copy(io.Discard, io.LimitReader(r, mostSkipped)); err != nil {
		return 0, nil, ses.ending(err)
	} else if n == mostSkipped {
		return 0, nil, fmt.Errorf("%s: a message of more than %d MiB", ses.url.Host, mostSkipped>>20)
	}
	return kind, nil, nil
}

// ending says how a connection ended.
func (ses *session) ending(err error) error {
	var closed websocket.CloseError
	switch {
	case errors.As(err, &closed) && closed.Reason != "":
		return fmt.Errorf("%s closed the connection: %d, %s", ses.url.Host, closed.Code, plain.Quote(ses.scrub(closed.Reason), 125))
	case errors.As(err, &closed):
		// Fault (exchange): a server closes the connection.
		return fmt.Errorf("%s closed the connection: %d", ses.url.Host, closed.Code)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		// Fault (exchange): a connection breaks.
		return fmt.Errorf("%s: the connection ended without a word", ses.url.Host)
	}
	return fmt.Errorf("%s: %s", ses.url.Host, plain.Line(ses.scrub(err.Error()), 200))
}

// sort reports whether a message is a reading, and answers those that want it.
func (ses *session) sort(ctx context.Context, conn *websocket.Conn, m *message) (taken bool, err error) {
	s := &ses.settings
	if s.Item == "" && len(s.Take)+len(s.Replies) == 0 && !ses.waits() {
		return true, nil
	}
	if !json.Valid(m.body) {
		return len(s.Take) == 0, nil
	}
	if ses.acknowledges(m.body) {
		return false, nil
	}
	for _, reply := range s.Replies {
		if hold(reply.When, m.body) {
			return false, ses.reply(ctx, conn, reply.Send, m.body)
		}
	}
	taken = len(s.Take) == 0
	for _, want := range s.Take {
		taken = taken || hold(want, m.body)
	}
	if taken && s.Item != "" {
		m.item = itemOf(m.body, s.Item)
	}
	return taken, nil
}

// longestItem is how much of what tells things apart is kept, in bytes.
const longestItem = 256

func itemOf(body []byte, pointer string) string {
	path, err := parsePointer(pointer)
	if err != nil {
		return ""
	}
	value, _ := valueAt(body, path)
	text, _ := textOf(value)
	return plain.Line(text, longestItem)
}

func (ses *session) waits() bool {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return ses.wanted != nil
}

// acknowledges reports whether a message is the verdict on the subscription that waits for one.
func (ses *session) acknowledges(body []byte) bool {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	switch {
	case ses.wanted == nil:
		return false
	case hold(ses.wanted.Refused, body):
		ses.verdict <- fmt.Errorf("the server said %s", plain.Excerpt([]byte(httpc.Scrub(string(body), ses.hidden...)), 160))
	case hold(ses.wanted.Ack, body):
		ses.verdict <- nil
	default:
		ses.instead = plain.Excerpt([]byte(httpc.Scrub(string(body[:min(len(body), 4096)]), ses.hidden...)), 160)
		return false
	}
	ses.wanted = nil
	return true
}

// speak subscribes, and keeps the connection alive until it is not.
func (ses *session) speak(ctx context.Context, conn *websocket.Conn) error {
	for i := range ses.settings.Subscribe {
		if err := ses.subscribe(ctx, conn, i); err != nil {
			return err
		}
	}
	ses.hears()
	ses.resume()
	close(ses.up)
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if ses.settings.Heartbeat.Send != "" {
		beside.Go(func() { cancel(ses.beat(ctx, conn)) })
	}
	if ses.settings.Ping > 0 {
		beside.Go(func() { cancel(ses.watch(ctx, conn)) })
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// subscribe sends one of the subscriptions and waits for its acknowledgement.
func (ses *session) subscribe(ctx context.Context, conn *websocket.Conn, i int) error {
	s := &ses.settings.Subscribe[i]
	if len(s.Ack) > 0 {
		ses.mu.Lock()
		ses.wanted, ses.instead = s, ""
		ses.mu.Unlock()
	}
	if err := ses.send(ctx, conn, s.Send, nil); err != nil {
		return fmt.Errorf("subscribe[%d]: %w", i, err)
	}
	if len(s.Ack) == 0 {
		return nil
	}
	timer := time.NewTimer(ses.settings.Timeout)
	defer timer.Stop()
	for {
		select {
		case err := <-ses.verdict:
			if err != nil {
				// Fault (exchange): a server refuses a subscription.
				return dodona.Permanent(fmt.Errorf("subscribe[%d] is refused: %w", i, err))
			}
			return nil
		case <-timer.C:
			if ses.inbox.wasFull() { // it may well have come, behind what there is no room for
				timer.Reset(ses.settings.Timeout)
				continue
			}
			// Fault (exchange): a server does not acknowledge a subscription.
			return fmt.Errorf("subscribe[%d]: no acknowledgement in %s (timeout)%s", i, ses.settings.Timeout, ses.saidInstead())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// saidInstead says what came while an acknowledgement was waited for: often it is why there is none, and refused does not know it yet.
func (ses *session) saidInstead() string {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.instead == "" {
		return ", nor anything else"
	}
	return "; instead the server said, last, " + ses.instead
}

func (ses *session) reply(ctx context.Context, conn *websocket.Conn, template string, to []byte) error {
	if err := ses.send(ctx, conn, template, to); err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	return nil
}

// send sends a message, filled with secrets and, if it is a reply, with values of what it replies to.
func (ses *session) send(ctx context.Context, conn *websocket.Conn, template string, to []byte) error {
	text, err := fill(template, func(name string) (string, error) {
		if held, known := ses.settings.Secrets[name]; known {
			said, err := held.Reveal()
			if err != nil {
				return "", fmt.Errorf("secrets %s: %w", name, err)
			}
			ses.hide(said)
			return inText(said), nil
		}
		path, err := parsePointer(name)
		if err != nil {
			return "", err
		}
		if value, found := valueAt(to, path); found {
			return string(value), nil
		}
		return "null", nil
	})
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, ses.settings.Timeout)
	defer cancel()
	if err := conn.Write(limited, websocket.MessageText, []byte(text)); err != nil {
		if ctx.Err() == nil && limited.Err() != nil {
			// Fault (exchange): a server takes nothing.
			return fmt.Errorf("%s takes no message for %s (timeout)", ses.url.Host, ses.settings.Timeout)
		}
		return ses.ending(err)
	}
	return nil
}

// beat sends the heartbeat again and again.
func (ses *session) beat(ctx context.Context, conn *websocket.Conn) error {
	tick := time.NewTicker(ses.settings.Heartbeat.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := ses.send(ctx, conn, ses.settings.Heartbeat.Send, nil); err != nil {
			return fmt.Errorf("heartbeat: %w", err)
		}
	}
}

// watch asks a server that is silent whether it is there. A pong that does not come counts only while messages are read: it stands behind
// them.
func (ses *session) watch(ctx context.Context, conn *websocket.Conn) error {
	tick := time.NewTicker(ses.settings.Ping)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if ses.inbox.wasFull() || ses.heardSince(ses.env.Now().Add(-ses.settings.Ping)) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, ses.settings.Pong)
		err := conn.Ping(limited)
		late := limited.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case err == nil:
			ses.hears()
		case late && ses.inbox.wasFull():
		case late:
			// Fault (exchange): a server is frozen, or sends a message byte by byte.
			return fmt.Errorf("%s: no pong in %s", ses.url.Host, unit.FormatDuration(ses.settings.Pong))
		default:
			return ses.ending(err)
		}
	}
}

// hears notes that the server was heard, and returns when.
func (ses *session) hears() time.Time {
	now := ses.env.Now()
	ses.mu.Lock()
	defer ses.mu.Unlock()
	ses.heard = now
	return now
}

// hide keeps texts out of what errors say from now on.
func (ses *session) hide(secrets ...string) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	for _, secret := range secrets {
		if !slices.Contains(ses.hidden, secret) {
			ses.hidden = append(ses.hidden, secret)
		}
	}
}

func (ses *session) scrub(text string) string {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return httpc.Scrub(text, ses.hidden...)
}

func (ses *session) heardSince(t time.Time) bool {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return ses.heard.After(t)
}
