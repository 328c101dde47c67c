package api

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/telemetry"
)

// listen serves /v1/stream: server-sent events (HTML Living Standard §9.2). The handler's own goroutine is the
// only writer; it ends with the request, with the handler's streams, or when the client does not keep up.
func (h *Handler) listen(w http.ResponseWriter, r *http.Request) {
	c := &client{events: set(r.URL.Query()["events"]), feeds: set(r.URL.Query()["feed"])}
	for name := range c.events {
		if !knownEvent[name] {
			writeProblem(w, badParameter("events", fmt.Errorf("%s: want answer, feed, sources or status, joined by commas", clip(name))))
			return
		}
	}
	select {
	case <-h.ending:
		writeProblem(w, problem{kind: "ending", status: http.StatusServiceUnavailable, detail: "the node is stopping"})
		return
	default:
	}
	missed, whole, err := h.stream.join(c, r.Header.Get("Last-Event-ID"))
	if err != nil {
		h.recorder.Count(telemetry.APIRefused.Of("clients"), 1)
		w.Header().Set("Retry-After", "10")
		writeProblem(w, problem{kind: "busy", status: http.StatusServiceUnavailable, detail: err.Error() + "; try again later"})
		return
	}
	defer h.stream.leave(c)
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	l := listener{h: h, w: w, control: http.NewResponseController(w), client: c, sent: make(map[string][]byte)}
	if r.Method == http.MethodHead || l.begin(missed, whole) != nil {
		return
	}
	l.run(r.Context().Done())
}

var knownEvent = map[string]bool{eventAnswer: true, eventFeed: true, eventSources: true, eventStatus: true}

// set reads a parameter that may be repeated or joined by commas; nil means that everything is wanted.
func set(values []string) map[string]bool {
	var s map[string]bool
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			if s == nil {
				s = make(map[string]bool)
			}
			s[name] = true
		}
	}
	return s
}

// A listener writes events to one client.
type listener struct {
	h       *Handler
	w       http.ResponseWriter
	control *http.ResponseController
	client  *client
	sent    map[string][]byte // what was last said of sources and status
	buffer  bytes.Buffer
}

// writeDeadline is how long a client may take for what is sent at a time.
const writeDeadline = 10 * time.Second

// begin tells the client when to come back and what it missed, or that it missed more than is known.
func (l *listener) begin(missed []*event, whole bool) error {
	fmt.Fprintf(&l.buffer, "retry: %d\n: dodona\n\n", 2000)
	if !whole {
		l.add("", eventReset, []byte("{}\n"))
	}
	for _, e := range missed {
		if err := l.addEvent(e); err != nil {
			return err
		}
	}
	l.look()
	return l.flush()
}

func (l *listener) run(done <-chan struct{}) {
	look := time.NewTicker(l.h.interval)
	defer look.Stop()
	beat := time.NewTimer(l.h.beat)
	defer beat.Stop()
	for {
		select {
		case <-done:
			return
		case <-l.h.ending:
			return
		case e, open := <-l.client.queue:
			if !open || l.addEvent(e) != nil {
				return
			}
		case <-look.C:
			l.look()
		case <-beat.C:
			l.buffer.WriteString(": heartbeat\n\n")
		}
		if l.buffer.Len() == 0 {
			continue
		}
		if l.flush() != nil {
			return
		}
		beat.Reset(l.h.beat)
	}
}

// look adds sources and status if they are wanted and differ from what was last said.
func (l *listener) look() {
	for _, now := range []struct {
		name  string
		state func() any
	}{{eventSources, func() any { return l.h.sourceList() }}, {eventStatus, func() any { return l.h.nodeStatus() }}} {
		if l.client.events != nil && !l.client.events[now.name] {
			continue
		}
		data, err := encodeJSON(now.state())
		if err != nil || bytes.Equal(data, l.sent[now.name]) {
			continue
		}
		l.sent[now.name] = data
		l.add("", now.name, data)
	}
}

func (l *listener) addEvent(e *event) error {
	data, err := e.encode()
	if err != nil {
		l.h.log.Error("encode an event; its client is let go", "event", e.name, "feed", e.feed, "error", err)
		return err
	}
	l.add(l.h.stream.id(e), e.name, data)
	return nil
}

// add buffers one event. Data is one line of JSON with its line break.
func (l *listener) add(id, name string, data []byte) {
	if id != "" {
		l.buffer.WriteString("id: " + id + "\n")
	}
	l.buffer.WriteString("event: " + name + "\ndata: ")
	l.buffer.Write(data)
	l.buffer.WriteByte('\n')
}

func (l *listener) flush() error {
	defer l.buffer.Reset()
	// A writer without deadlines (a test's recorder) is no reason not to write.
	_ = l.control.SetWriteDeadline(time.Now().Add(writeDeadline))
	if _, err := l.w.Write(l.buffer.Bytes()); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return l.control.Flush()
}
