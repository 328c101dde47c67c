package api

import (
	"fmt"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/telemetry"
)

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	if isLate(r) {
		header.Set("Connection", "close") // others may need the place
		if !aboutTheNode[r.URL.Path] {
			h.recorder.Count(telemetry.APIRefused.Of("connections"), 1)
			header.Set("Retry-After", "1")
			h.refuse(w, problem{
				kind: "busy", status: http.StatusServiceUnavailable,
				detail: "as many connections ask something as may at a time; try again in a second",
			})
			return
		}
	}
	if refused := checkTarget(r); refused != nil {
		h.refuse(w, *refused)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// refuse answers a request that meets no route.
func (h *Handler) refuse(w http.ResponseWriter, p problem) {
	h.count(p.status)
	turnAway(w, p)
}

// turnAway answers who asks for what they may not have, and ends the connection.
func turnAway(w http.ResponseWriter, p problem) {
	w.Header().Set("Connection", "close")
	writeProblem(w, p)
}

// checkTarget refuses what no route can mean, before the mux would answer with a redirect of its own.
func checkTarget(r *http.Request) *problem {
	target := r.URL.EscapedPath()
	switch {
	case len(r.RequestURI) > maxTargetBytes:
		return &problem{
			kind: "target", status: http.StatusRequestURITooLong,
			detail: fmt.Sprintf("path and query are %d bytes; %d are allowed", len(r.RequestURI), maxTargetBytes),
		}
	case r.ContentLength > maxBodyBytes:
		return &problem{
			kind: "body", status: http.StatusRequestEntityTooLarge,
			detail: fmt.Sprintf("the body is %d bytes; the API takes no documents", r.ContentLength),
		}
	case r.Method == http.MethodConnect, !strings.HasPrefix(target, "/"), path.Clean(r.URL.Path) != r.URL.Path, strings.ContainsAny(r.URL.Path, "\\\x00"):
		return &problem{kind: "unknown-path", status: http.StatusNotFound, detail: unknownPath}
	}
	return nil
}

const unknownPath = "there is nothing at this path; /v1/feeds lists the feeds, and docs/guide/api.md every path"

// route wraps one route: method, access, bounds, measurements. No method means any.
func (h *Handler) route(pattern string, a access, method string, serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		sw := &statusWriter{ResponseWriter: w}
		defer func() {
			if crash := recover(); crash != nil {
				if crash == http.ErrAbortHandler {
					panic(crash)
				}
				h.log.Error("a request met a bug; please report it", "path", r.URL.Path, "panic", crash, "stack", string(debug.Stack()))
				if sw.status == 0 {
					writeProblem(sw, problem{
						kind: "internal", status: http.StatusInternalServerError,
						detail: "the request met a bug; the node's log has it",
					})
				}
			}
			h.count(sw.status)
			if pattern != "/v1/stream" {
				h.recorder.Time(telemetry.APIRequestTime.Of(pattern), time.Since(start))
			}
		}()
		if refused := h.admit(sw, r, a, method); refused != nil {
			turnAway(sw, *refused)
			return
		}
		r.Body = http.MaxBytesReader(sw, r.Body, maxBodyBytes)
		serve(sw, r)
	})
}

// admit returns why a request must not be served, and sets the headers that say so.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, a access, method string) *problem {
	if refused := h.guard.host(r); refused != nil {
		h.recorder.Count(telemetry.APIRefused.Of("host"), 1)
		return refused
	}
	if method != "" && r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead) {
		allowed := method
		if method == http.MethodGet {
			allowed = "GET, HEAD"
		}
		w.Header().Set("Allow", allowed)
		return &problem{
			kind: "method", status: http.StatusMethodNotAllowed,
			detail: fmt.Sprintf("%s is not allowed here; use %s", clip(r.Method), allowed),
		}
	}
	if a == open {
		return nil
	}
	if refused := h.guard.origin(r, a); refused != nil {
		h.recorder.Count(telemetry.APIRefused.Of("origin"), 1)
		return refused
	}
	if refused := h.guard.token(r); refused != nil {
		h.recorder.Count(telemetry.APIRefused.Of("token"), 1)
		w.Header().Set("WWW-Authenticate", `Bearer realm="dodona"`)
		return refused
	}
	return nil
}

func (h *Handler) count(status int) {
	if status == 0 {
		status = http.StatusOK
	}
	h.recorder.Count(telemetry.APIRequests.Of(fmt.Sprintf("%dxx", status/100)), 1)
}

func (h *Handler) unknown(w http.ResponseWriter, _ *http.Request) {
	turnAway(w, problem{kind: "unknown-path", status: http.StatusNotFound, detail: unknownPath})
}

// statusWriter remembers the status of a response. Unwrap lets http.ResponseController reach what it wraps.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
