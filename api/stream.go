package api

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// StreamConfig bounds a stream. Zero values mean the defaults.
type StreamConfig struct {
	Clients  int                // most clients at a time; default 32
	Queue    int                // events that may wait for one client before it is let go; default 64
	History  int                // newest events kept for clients that come back; default 128
	Linger   time.Duration      // how long after the last client left events are kept for it; default a minute
	Recorder telemetry.Recorder // default [telemetry.Nop]
	Start    time.Time          // tells this stream's ids from those of an earlier process; default now
}

// A Stream carries what happens to everyone who listens on /v1/stream. It is safe for concurrent use and
// never blocks a publisher: a client that does not keep up is let go, counted, and comes back by itself.
// Nothing is encoded while nobody listens, and nothing is kept once nobody has for a while: who comes back then reads the state anew.
type Stream struct {
	config StreamConfig
	epoch  string

	mu      sync.Mutex
	last    uint64   // sequence of the newest event
	history []*event // a ring: the event with sequence n is at n mod len
	forgot  uint64   // sequence of the newest event that was not kept because nobody listened
	clients map[*client]struct{}
	left    time.Time // when the last client left; zero: there was none
}

// NewStream returns a stream without clients.
func NewStream(c StreamConfig) *Stream {
	positive := func(n, otherwise int) int {
		if n > 0 {
			return n
		}
		return otherwise
	}
	c.Clients, c.Queue, c.History = positive(c.Clients, 32), positive(c.Queue, 64), positive(c.History, 128)
	if c.Linger <= 0 {
		c.Linger = time.Minute
	}
	if c.Recorder == nil {
		c.Recorder = telemetry.Nop
	}
	if c.Start.IsZero() {
		c.Start = time.Now()
	}
	return &Stream{
		config:  c,
		epoch:   strconv.FormatInt(c.Start.UnixMilli(), 36),
		history: make([]*event, c.History),
		clients: make(map[*client]struct{}),
	}
}

// Answer publishes an attested answer: the event "answer", whose data is the document to verify.
// The caller must not change a afterwards.
func (s *Stream) Answer(a dodona.Answer) { s.publish(eventAnswer, a.Feed.Name, a) }

// Feed publishes how a feed stands after a round, attested or missed: the event "feed".
// The caller must not change f afterwards.
func (s *Stream) Feed(f FeedStatus) { s.publish(eventFeed, f.Name, shown(f)) }

// FeedOf publishes as Feed does what status returns, which is not asked while nobody hears it.
func (s *Stream) FeedOf(status func() FeedStatus) {
	s.mu.Lock()
	unheard := s.unheard()
	s.mu.Unlock()
	if !unheard {
		s.Feed(status())
	}
}

// unheard reports whether nobody listens and nobody is expected back. Then an event has its number, so that whoever comes
// back is told that something is missing, and nothing else. The caller holds the lock.
func (s *Stream) unheard() bool {
	if len(s.clients) > 0 || !s.left.IsZero() && time.Since(s.left) < s.config.Linger {
		return false
	}
	if s.forgot < s.last {
		clear(s.history)
	}
	s.last++
	s.forgot = s.last
	return true
}

// The names of the events.
const (
	eventAnswer  = "answer"
	eventFeed    = "feed"
	eventSources = "sources" // all of them, when one changed
	eventStatus  = "status"
	eventReset   = "reset" // events were missed: read the state anew
)

// An event is encoded once, by the first client that sends it.
type event struct {
	sequence uint64
	name     string
	feed     string
	encode   func() ([]byte, error)
}

func (s *Stream) publish(name, feed string, data any) {
	encode := sync.OnceValues(func() ([]byte, error) { return encodeJSON(data) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unheard() {
		return
	}
	s.last++
	e := &event{sequence: s.last, name: name, feed: feed, encode: encode}
	s.history[e.sequence%uint64(len(s.history))] = e
	for c := range s.clients {
		if !c.wants(e) {
			continue
		}
		select {
		case c.queue <- e:
		default:
			s.config.Recorder.Count(telemetry.APIStreamSlow, 1)
			s.drop(c)
		}
	}
}

// id names an event across reconnections.
func (s *Stream) id(e *event) string { return s.epoch + "-" + strconv.FormatUint(e.sequence, 10) }

// A client is one listener. Its queue is closed when it is let go.
type client struct {
	queue  chan *event
	events map[string]bool // nil: all
	feeds  map[string]bool // nil: all
}

func (c *client) wants(e *event) bool {
	return (c.events == nil || c.events[e.name]) && (c.feeds == nil || c.feeds[e.feed])
}

// join adds c. It returns what c asked to be told again, and whether that is everything since lastID.
func (s *Stream) join(c *client, lastID string) (missed []*event, whole bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) >= s.config.Clients {
		return nil, false, fmt.Errorf("all %d places of the stream are taken", s.config.Clients)
	}
	c.queue = make(chan *event, s.config.Queue)
	s.clients[c] = struct{}{}
	s.config.Recorder.Gauge(telemetry.APIStreamOpen, int64(len(s.clients)))
	if lastID == "" {
		return nil, true, nil
	}
	missed, whole = s.since(lastID, c)
	return missed, whole, nil
}

// since returns the kept events after the one that lastID names.
func (s *Stream) since(lastID string, c *client) (missed []*event, whole bool) {
	epoch, text, _ := strings.Cut(lastID, "-")
	after, err := strconv.ParseUint(text, 10, 64)
	if epoch != s.epoch || err != nil || after > s.last {
		return nil, false
	}
	oldest := max(s.last-min(s.last, uint64(len(s.history))), s.forgot) // the newest that is no longer kept
	if after < oldest {
		s.config.Recorder.Count(telemetry.APIStreamSkip, oldest-after)
	}
	for n := max(after, oldest) + 1; n <= s.last; n++ {
		if e := s.history[n%uint64(len(s.history))]; c.wants(e) {
			missed = append(missed, e)
		}
	}
	return missed, after >= oldest
}

func (s *Stream) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(c)
}

// drop lets c go; the caller holds the lock.
func (s *Stream) drop(c *client) {
	if _, found := s.clients[c]; !found {
		return
	}
	delete(s.clients, c)
	s.left = time.Now()
	close(c.queue)
	s.config.Recorder.Gauge(telemetry.APIStreamOpen, int64(len(s.clients)))
}

// shown returns f as the API shows it: names of readings belong to explain.
func shown(f FeedStatus) FeedStatus {
	inputs := make([]dodona.Input, len(f.Inputs))
	for i, in := range f.Inputs {
		in.Readings = nil
		inputs[i] = in
	}
	f.Inputs = inputs
	return f
}
