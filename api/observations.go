package api

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/observed"
)

// explainObservation tells where an observation that a sink delivers came from.
func (h *Handler) explainObservation(w http.ResponseWriter, r *http.Request) {
	id, at := r.PathValue("id"), time.Time{}
	if !observed.IsID(id) {
		writeProblem(w, badParameter("id", errors.New(clip(id)+": want the 32 hex digits that an observation has as its id")))
		return
	}
	if text := r.URL.Query().Get("at"); text != "" {
		// A plus sign in a query is a blank; in a time it is the sign of a zone.
		near, err := parseRound(strings.ReplaceAll(text, " ", "+"))
		if err != nil {
			writeProblem(w, badParameter("at", err))
			return
		}
		at = near.Time()
	}
	story, err := h.known().ExplainObservation(r.Context(), id, at)
	if err != nil {
		h.writeError(w, r, err, problem{
			kind: "unknown-observation", status: http.StatusNotFound, extra: map[string]any{"id": id},
			detail: cmp.Or(strings.TrimSuffix(strings.TrimPrefix(err.Error(), "explain: "), ": "+dodona.ErrNotFound.Error()), "no record has it"),
		})
		return
	}
	writeStory(w, r, story)
}
