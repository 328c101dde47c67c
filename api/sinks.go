package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
)

// resendDeadline is longer than any peer is waited for by default.
const resendDeadline = 30 * time.Second

// resend gives a record to a sink once more, while whoever asks waits.
func (h *Handler) resend(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	topic := dodona.TopicData
	switch q.Get("topic") {
	case "", string(dodona.TopicData):
	case string(dodona.TopicAnchor):
		topic = dodona.TopicAnchor
	default:
		writeProblem(w, badParameter("topic", fmt.Errorf("%s: want data or anchor", clip(q.Get("topic")))))
		return
	}
	key := q.Get("feed")
	if err := dodona.CheckName(key, dodona.MaxNameParts); err != nil {
		writeProblem(w, badParameter("feed", err))
		return
	}
	round, err := parseRound(strings.ReplaceAll(q.Get("round"), " ", "+"))
	if latest := q.Get("round") == "latest" && topic == dodona.TopicData; latest {
		var fine bool
		if _, round, fine = h.latestRound(w, r, key); !fine {
			return
		}
	} else if err != nil {
		writeProblem(w, badParameter("round", err))
		return
	}
	// A client that hangs up must not leave a record without its receipt.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), resendDeadline)
	defer cancel()
	receipt, err := h.known().Resend(ctx, r.PathValue("sink"), topic, key, round)
	switch {
	case errors.Is(err, dodona.ErrNotFound):
		writeProblem(w, problem{kind: "no-record", status: http.StatusNotFound, detail: err.Error()})
	case err != nil:
		writeProblem(w, problem{kind: "not-taken", status: http.StatusBadGateway, detail: err.Error()})
	default:
		writeJSON(w, receipt)
	}
}
