package websocket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/loopback"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// A stream is an open source: one session after another.
type stream struct {
	settings Settings
	env      source.Env
	url      *url.URL
	client   *httpc.Client

	mu      sync.Mutex
	session *session // nil: none yet, or the last one is over
	closed  bool
	last    time.Time // when something was last heard; zero: never
	lost    error     // why the last session ended
	gap     string    // before the next reading; empty: none
	short   int       // sessions in a row that ended soon after they stood
}

var errClosed = errors.New("the source is closed")

// open prepares a stream; it reads the files of its route and does not dial.
func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	u, err := urlOf(s.URL)
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	client, err := httpc.New(httpc.Options{Dial: s.Timeout, Identity: true, Once: true, Route: s.Route})
	if err != nil {
		if httpc.IsHopeless(err) {
			err = dodona.Permanent(err)
		}
		return nil, err
	}
	opened := &stream{settings: s, env: env, url: u, client: client}
	if at, err := time.Parse(time.RFC3339Nano, string(env.Cursor)); err == nil {
		opened.last = at
	}
	if u.Scheme == "http" && (s.Basic != nil || !s.Bearer.IsZero() || len(s.Headers)+len(s.Query)+len(s.Secrets) > 0) && !loopback.Is(u.Hostname()) {
		env.Log.Warn(env.Source+": credentials go over plain ws, where anybody on the way reads them; use wss", "source", env.Source)
	}
	return opened, nil
}

// Observe returns what the server said since the last call, or waits for it. A batch without readings says that a new connection stands.
func (s *stream) Observe(ctx context.Context) (dodona.Batch, error) {
	if err := ctx.Err(); err != nil {
		return dodona.Batch{}, err
	}
	ses, err := s.current()
	if err != nil {
		return dodona.Batch{}, err
	}
	select {
	case <-ses.inbox.more:
		return s.batch(ses.inbox.take()), nil
	case <-ses.stands():
		return dodona.Batch{}, nil
	case <-ctx.Done():
		return dodona.Batch{}, ctx.Err()
	case <-ses.over:
	}
	if left := ses.inbox.take(); len(left) > 0 { // what was said before its end
		return s.batch(left), nil
	}
	return dodona.Batch{}, s.end(ses)
}

// Drained reports whether nothing waits.
func (s *stream) Drained() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session == nil || s.session.inbox.isEmpty()
}

// current returns the session there is, or begins one.
func (s *stream) current() (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.session == nil {
		s.session = s.begin()
	}
	return s.session, nil
}

// end takes leave of a session that is over, and returns why it is.
func (s *stream) end(ses *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == ses {
		s.session = nil
	}
	if s.closed {
		return errClosed
	}
	if s.lost = ses.why; !ses.heardOf {
		return ses.why
	}
	s.short++
	if ses.lived >= calm {
		s.short = 0
	}
	if ses.heard.After(s.last) {
		s.last = ses.heard
	}
	return ses.why
}

// calm is how long a session lives that is no reason to wait before the next one: the pump takes each that stood for a success.
const calm = 10 * time.Second

// wait waits before a connection that would soon end, as those before did.
func (s *stream) wait(ctx context.Context) {
	s.mu.Lock()
	short := s.short
	s.mu.Unlock()
	if short > 1 {
		var pause backoff.Backoff
		backoff.Wait(ctx, pause.Ceiling(short-1)/2+pause.Next(short-1, nil)/2) // never nothing
	}
}

// resumed tells the gap between what was heard before a session and its first reading, or its subscriptions.
func (s *stream) resumed(last time.Time, lost error) {
	if last.IsZero() {
		return
	}
	gap := unit.Roughly(s.env.Now().Sub(last))
	s.mu.Lock()
	s.gap = gap
	s.mu.Unlock()
	why := ""
	if lost != nil {
		why = fmt.Sprintf(" (%v)", lost)
	}
	// Fault (dropped): a connection ends: what came meanwhile is unknown.
	s.env.Dropped(1, fmt.Sprintf("a gap of %s before this connection: what the server said meanwhile did not come%s", gap, why))
}

func (s *stream) batch(messages []message) (b dodona.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		kind, media := "binary", "application/octet-stream"
		if m.text {
			kind, media = "text", "text/plain; charset=utf-8"
			if json.Valid(m.body) {
				media = "application/json"
			}
		}
		if m.packed != "" {
			kind += ", " + m.packed
			if json.Valid(m.body) {
				media = "application/json"
			}
		}
		detail := fmt.Sprintf("%s %s, %s, %d B", s.scheme(), s.url.Host, kind, len(m.body))
		if s.gap != "" {
			detail += ", the first behind a gap of " + s.gap
			s.gap = ""
		}
		b.Readings = append(b.Readings, dodona.Reading{
			Source: s.env.Source, Item: m.item, Body: m.body, ContentType: media, Received: m.received, Detail: detail,
		})
		s.last = m.received
	}
	if len(b.Readings) > 0 {
		b.Cursor = []byte(s.last.UTC().Format(time.RFC3339Nano))
	}
	return b
}

func (s *stream) scheme() string {
	if s.url.Scheme == "https" {
		return "wss"
	}
	return "ws"
}

// Close ends the session and waits for it.
func (s *stream) Close() error {
	s.mu.Lock()
	ses := s.session
	s.closed = true
	s.mu.Unlock()
	if ses != nil {
		ses.cancel(errClosed)
		<-ses.over
	}
	s.client.Close()
	return nil
}
