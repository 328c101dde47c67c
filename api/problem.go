package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// problemTypes is where the guide explains each kind of problem.
const problemTypes = "https://github.com/dodona-oracle/dodona/blob/main/docs/guide/api.md#problem-"

// A problem is an answer that is not what was asked for (RFC 9457).
type problem struct {
	kind   string // its anchor in the guide
	status int
	detail string // what happened and what to do
	extra  map[string]any
	unkept bool // it is of a round that may have been, of which the journal has nothing
}

// writeProblem answers with p. A HEAD request gets the headers alone from net/http.
func writeProblem(w http.ResponseWriter, p problem) {
	members := map[string]any{
		"type": problemTypes + p.kind, "title": http.StatusText(p.status), "status": p.status, "detail": p.detail,
	}
	for name, value := range p.extra {
		members[name] = value
	}
	write(w, p.status, "application/problem+json", members)
}

// writeError answers with what err means: 404 for what the journal does not hold, 503 for what took too long
// or failed while the journal is in trouble.
func (h *Handler) writeError(w http.ResponseWriter, r *http.Request, err error, missing problem) {
	switch {
	case errors.Is(err, dodona.ErrNotFound):
		if unknown := (*NotKnown)(nil); errors.As(err, &unknown) && missing.unkept {
			missing.detail = "the journal does not hold this round: what became of it is " + unknown.Error()
		}
		writeProblem(w, missing)
	case errors.Is(err, ErrStarting):
		w.Header().Set("Retry-After", "1")
		writeProblem(w, problem{kind: "not-ready", status: http.StatusServiceUnavailable, detail: err.Error() + "; try again later"})
	case errors.Is(err, context.DeadlineExceeded):
		w.Header().Set("Retry-After", "5")
		writeProblem(w, problem{
			kind: "slow", status: http.StatusServiceUnavailable,
			detail: "the journal did not answer in time; try again later",
		})
	case r.Context().Err() != nil: // nobody is there to read an answer
	case h.journalProblem() != "":
		w.Header().Set("Retry-After", "5")
		writeProblem(w, problem{
			kind: "not-ready", status: http.StatusServiceUnavailable,
			detail: "the journal cannot be read now: " + h.journalProblem() + "; try again later",
		})
	default:
		h.log.Error("answer a request", "path", r.URL.Path, "error", err)
		writeProblem(w, problem{kind: "internal", status: http.StatusInternalServerError, detail: err.Error()})
	}
}

// journalProblem returns what is wrong with the journal, or nothing.
func (h *Handler) journalProblem() string {
	for _, p := range h.known().Ready() {
		if p.Part == "journal" {
			return p.Message
		}
	}
	return ""
}

func writeJSON(w http.ResponseWriter, value any) {
	write(w, http.StatusOK, "application/json", value)
}

// write encodes before it answers, so that a value that cannot be encoded is an honest 500.
func write(w http.ResponseWriter, status int, contentType string, value any) {
	body, err := encodeJSON(value)
	if err != nil {
		status, contentType = http.StatusInternalServerError, "application/problem+json"
		body, _ = encodeJSON(map[string]any{
			"type": problemTypes + "internal", "title": http.StatusText(status), "status": status, "detail": err.Error(),
		})
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the peer went away; there is nobody to tell
}

// encodeJSON returns value as one line of JSON. It is never inside HTML, so < and & stay readable.
func encodeJSON(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// clip shortens what a stranger sent before it is repeated to them.
func clip(s string) string { return plain.Quote(s, 64) }
