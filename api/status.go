package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// reloadDeadline is long enough for every source to be closed and opened again.
const reloadDeadline = time.Minute

func (h *Handler) sources(w http.ResponseWriter, r *http.Request) {
	p, fine := pageOf(w, r, mostItems)
	if !fine {
		return
	}
	answer := h.sourceList()
	answer.Sources, answer.Next = cut(answer.Sources, p, func(s SourceStatus) string { return s.Name })
	linkNext(w, r, answer.Next)
	writeDocument(w, r, answer)
}

func (h *Handler) sourceList() SourcePage {
	list := append([]SourceStatus{}, h.known().Sources()...)
	for i := range list {
		list[i].Feeds, list[i].InTrouble = orEmpty(list[i].Feeds), list[i].Troubled()
	}
	return SourcePage{Sources: list}
}

func (h *Handler) status(w http.ResponseWriter, _ *http.Request) { writeJSON(w, h.nodeStatus()) }

func (h *Handler) nodeStatus() Status {
	s := h.known().Status()
	v := Judge(s, h.known().Feeds(), h.known().Sources())
	s.Ready, s.Level, s.Headline, s.Problems, s.Causes = v.Level != LevelFailing, v.Level, v.Headline, v.Problems, v.Causes
	s.Roles, s.Problems, s.Sinks = orEmpty(s.Roles), orEmpty(s.Problems), orEmpty(s.Sinks)
	s.Quorum.Members, s.Modules = orEmpty(s.Quorum.Members), orEmpty(s.Modules)
	s.Sinks, s.Modules = slices.Clone(s.Sinks), slices.Clone(s.Modules) // they are the state's
	for i := range s.Sinks {
		s.Sinks[i].InTrouble = s.Sinks[i].Troubled()
	}
	for i := range s.Modules {
		s.Modules[i].InTrouble = s.Modules[i].Troubled()
	}
	return s
}

// Healthy is the answer of /healthz.
type Healthy struct {
	Healthy bool `json:"healthy"` // true
}

// Readiness is the answer of /readyz while the node is ready. Only readers are told the headline and the problems.
type Readiness struct {
	Ready    bool      `json:"ready"` // true
	Level    Level     `json:"level"` // ok or degraded
	Headline string    `json:"headline,omitempty"`
	Problems []Problem `json:"problems"` // of a node that is degraded
}

// healthz answers that the process does its work: a role that breaks ends it, so that one that answers at all does.
func (h *Handler) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, Healthy{Healthy: true})
}

// readyz answers whether the node can answer now; what stands in the way is told to readers only.
func (h *Handler) readyz(w http.ResponseWriter, r *http.Request) {
	if h.state.Load() == nil {
		s := Status{Level: LevelFailing, Problems: orEmpty(h.starting())}
		for i := range s.Problems {
			s.Problems[i].Of, s.Problems[i].Level = OfNode, LevelFailing
		}
		s.Headline = problemsText(s.Problems)
		h.notReady(w, r, s)
		return
	}
	s := h.nodeStatus()
	if s.Ready {
		answer := Readiness{Ready: true, Level: s.Level, Problems: []Problem{}}
		if h.guard.token(r) == nil {
			answer.Headline, answer.Problems = s.Headline, s.Problems
		}
		writeJSON(w, answer)
		return
	}
	h.notReady(w, r, s)
}

// notReady answers that a node cannot answer now.
func (h *Handler) notReady(w http.ResponseWriter, r *http.Request, s Status) {
	p := problem{
		kind: "not-ready", status: http.StatusServiceUnavailable,
		detail: "the node cannot answer yet", extra: map[string]any{"ready": false, "level": s.Level},
	}
	if h.guard.token(r) == nil && len(s.Problems) > 0 {
		p.detail = s.Problems[0].Part + ": " + s.Problems[0].Message
		p.extra["headline"], p.extra["problems"] = s.Headline, s.Problems
	}
	writeProblem(w, p)
}

// problemsText says what the first of some problems is.
func problemsText(list []Problem) string {
	if len(list) == 0 {
		return "it opens its parts"
	}
	return list[0].Message
}

func (h *Handler) reload(w http.ResponseWriter, r *http.Request) {
	// A client that hangs up must not leave half a reload behind.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), reloadDeadline)
	defer cancel()
	done, err := h.known().Reload(ctx)
	if needs := (*NeedsRestart)(nil); errors.As(err, &needs) {
		writeProblem(w, problem{
			kind: "restart", status: http.StatusConflict, detail: needs.Error(), extra: map[string]any{"settings": needs.Settings, "unchanged": true},
		})
		return
	}
	if err != nil {
		nothing := (*Unchanged)(nil)
		writeProblem(w, problem{
			kind: "reload", status: http.StatusUnprocessableEntity, detail: err.Error(), extra: map[string]any{"unchanged": errors.As(err, &nothing)},
		})
		return
	}
	done.Started, done.Stopped = orEmpty(done.Started), orEmpty(done.Stopped)
	done.Replaced, done.Settings = orEmpty(done.Replaced), orEmpty(done.Settings)
	writeJSON(w, done)
}

// orEmpty turns a nil slice into an empty one, so that JSON has a list where one is promised.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
