// Package api serves a node over HTTP: answers as documents that dodona verify accepts as they stand, the health
// of feeds and sources, a stream of events, metrics, and the page of package web.
//
// [New] returns the handler; [Listen] gives it a listener with deadlines, bounds and a graceful end. What the
// node knows reaches it through [State], which package node implements, and through a [Stream].
package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Config is what the API needs. Only State is required, or Starting.
type Config struct {
	State    State
	Starting func() []Problem   // without State: what the node waits for until [Handler.Attach] gives it
	Stream   *Stream            // nil: a stream of sources and status alone
	Tokens   []secret.String    // bearer tokens; none: everyone who reaches the listener may ask
	Hosts    []string           // names this node is reached by, besides localhost and IP addresses; matters without tokens only
	Metrics  http.Handler       // answers /metrics; nil: 404
	Recorder telemetry.Recorder // nil: [telemetry.Nop]
	Log      *slog.Logger       // nil: slog.Default
	Now      func() time.Time   // nil: time.Now

	// Runs returns the file of the configuration that the node runs by, and the SHA-256 of what stood in it; nil or empty: there is none.
	Runs func() (file, sum string)
}

// Handler answers the API and serves the page. Make it with [New].
type Handler struct {
	state    atomic.Pointer[State]
	starting func() []Problem
	stream   *Stream
	metrics  http.Handler
	recorder telemetry.Recorder
	log      *slog.Logger
	now      func() time.Time
	runs     func() (file, sum string)
	guard    guard
	mux      *http.ServeMux
	patterns map[string]string // of the API's routes, with their methods
	busy     chan struct{}     // a place for each request that may read the journal at a time

	ending   chan struct{} // closed when streams must end
	endOnce  sync.Once
	interval time.Duration // between looks at sources and status for a stream's client
	beat     time.Duration // of silence before a comment says that the stream lives
}

const (
	maxReaders     = 8                // requests that read the journal at a time; more are told to come back
	readDeadline   = 20 * time.Second // for one such request
	lookInterval   = 2 * time.Second
	heartbeat      = 15 * time.Second
	maxBodyBytes   = 4 << 10 // of a request; the API takes no documents
	maxTargetBytes = 2 << 10 // of path and query
)

// New returns the handler for c. It is safe for concurrent use. It panics if c has no state and no Starting.
func New(c Config) *Handler {
	if c.State == nil && c.Starting == nil {
		panic("api.New: Config.State is nil; give it the node, or Starting")
	}
	if c.Recorder == nil {
		c.Recorder = telemetry.Nop
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Runs == nil {
		c.Runs = func() (file, sum string) { return "", "" }
	}
	if c.Stream == nil {
		c.Stream = NewStream(StreamConfig{Recorder: c.Recorder})
	}
	h := &Handler{
		starting: c.Starting, stream: c.Stream, metrics: c.Metrics, recorder: c.Recorder, log: c.Log, now: c.Now, runs: c.Runs,
		guard: guard{tokens: c.Tokens, hosts: c.Hosts},
		busy:  make(chan struct{}, maxReaders), ending: make(chan struct{}),
		interval: lookInterval, beat: heartbeat,
	}
	if c.State != nil {
		h.Attach(c.State)
	}
	h.mux = h.routes()
	return h
}

// Attach gives the handler what it shows. Until then it answers that the process lives, and that it is not ready.
func (h *Handler) Attach(s State) { h.state.Store(&s) }

// known returns what is shown.
func (h *Handler) known() State { return *h.state.Load() }

// attached lets requests through once there is something to show.
func (h *Handler) attached(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if h.state.Load() != nil {
			serve(w, r)
			return
		}
		w.Header().Set("Retry-After", "1")
		writeProblem(w, problem{kind: "not-ready", status: http.StatusServiceUnavailable, detail: "the node is starting; " + problemsText(h.starting()) + "; try again later"})
	}
}

// EndStreams lets every listener of this handler go, and every later one at once. It returns without waiting for them.
func (h *Handler) EndStreams() { h.endOnce.Do(func() { close(h.ending) }) }

// access says who may ask for a route.
type access int

const (
	open   access = iota // anyone: it tells nothing
	reader               // whoever has a token, if there are tokens
	writer               // as reader, and the request must prove that no web page forged it
)

func (h *Handler) routes() *http.ServeMux {
	mux := http.NewServeMux()
	h.patterns = make(map[string]string)
	add := func(pattern string, a access, method string, serve http.HandlerFunc) {
		mux.Handle(pattern, h.route(pattern, a, method, serve))
		h.patterns[pattern] = method
	}
	add("/v1/feeds", reader, http.MethodGet, h.attached(h.feeds))
	add("/v1/feeds/{feed}", reader, http.MethodGet, h.attached(h.feed))
	add("/v1/feeds/{feed}/latest", reader, http.MethodGet, h.attached(h.reading(h.latest)))
	add("/v1/feeds/{feed}/rounds", reader, http.MethodGet, h.attached(h.reading(h.rounds)))
	add("/v1/feeds/{feed}/rounds/{round}", reader, http.MethodGet, h.attached(h.reading(h.round)))
	add("/v1/feeds/{feed}/rounds/{round}/explain", reader, http.MethodGet, h.attached(h.reading(h.explain)))
	add("/v1/feeds/{feed}/rounds/{round}/bundle", reader, http.MethodGet, h.attached(h.reading(h.bundle)))
	add("/v1/feeds/{feed}/rounds/{round}/proof", reader, http.MethodGet, h.attached(h.reading(h.proof)))
	add("/v1/observations/{id}/explain", reader, http.MethodGet, h.attached(h.reading(h.explainObservation)))
	add("/v1/sources", reader, http.MethodGet, h.attached(h.sources))
	add("/v1/status", reader, http.MethodGet, h.attached(h.status))
	add("/v1/stream", reader, http.MethodGet, h.attached(h.listen))
	add("/v1/sinks/{sink}/resend", writer, http.MethodPost, h.attached(h.resend))
	add("/v1/process", writer, http.MethodGet, h.process)
	add("/v1/reload", writer, http.MethodPost, h.attached(h.reload))
	add("/v1/openapi.json", open, http.MethodGet, h.openapi)
	add("/healthz", open, http.MethodGet, h.healthz)
	add("/readyz", open, http.MethodGet, h.readyz)
	if h.metrics != nil {
		add("/metrics", reader, http.MethodGet, h.metrics.ServeHTTP)
	}
	for _, f := range pageFiles() {
		mux.Handle(f.pattern, h.route(f.pattern, open, http.MethodGet, f.serve))
	}
	mux.Handle("/", h.route("unknown", open, "", h.unknown))
	return mux
}

// reading bounds how many requests read the journal at a time, and for how long one may.
func (h *Handler) reading(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case h.busy <- struct{}{}:
			defer func() { <-h.busy }()
		default:
			h.recorder.Count(telemetry.APIRefused.Of("busy"), 1)
			w.Header().Set("Retry-After", "1")
			writeProblem(w, problem{
				kind: "busy", status: http.StatusServiceUnavailable,
				detail: "as many requests read the journal as may at a time; try again in a second",
			})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), readDeadline)
		defer cancel()
		serve(w, r.WithContext(ctx))
	}
}
