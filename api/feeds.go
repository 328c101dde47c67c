package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/calldata/signed"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// Texter is what State.Explain returns if it can also write itself for people; color asks for ANSI colours.
type Texter interface {
	Text(w io.Writer, color bool) error
}

func (h *Handler) feeds(w http.ResponseWriter, r *http.Request) {
	p, fine := pageOf(w, r, mostItems)
	if !fine {
		return
	}
	list, next := cut(h.known().Feeds(), p, func(f FeedStatus) string { return f.Name })
	answer := FeedPage{Feeds: make([]FeedStatus, len(list)), Next: next}
	for i, f := range list {
		answer.Feeds[i] = shown(f)
	}
	linkNext(w, r, next)
	writeDocument(w, r, answer)
}

func (h *Handler) feed(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("feed")
	if f, found := h.configured(name); found {
		writeDocument(w, r, shown(f))
		return
	}
	writeProblem(w, h.unknownFeed(name))
}

func (h *Handler) configured(name string) (FeedStatus, bool) {
	for _, f := range h.known().Feeds() {
		if f.Name == name {
			return f, true
		}
	}
	return FeedStatus{}, false
}

// unknownFeed names the feeds there are, so that nobody has to ask again.
func (h *Handler) unknownFeed(name string) problem {
	const most = 20
	var names []string
	for _, f := range h.known().Feeds() {
		names = append(names, f.Name)
	}
	known := strings.Join(names[:min(len(names), most)], ", ")
	switch {
	case len(names) == 0:
		known = "this node has no feeds"
	case len(names) > most:
		known = fmt.Sprintf("there are %s and %d more", known, len(names)-most)
	default:
		known = "there are " + known
	}
	return problem{kind: "unknown-feed", status: http.StatusNotFound, detail: fmt.Sprintf("no feed is named %s; %s", clip(name), known)}
}

func (h *Handler) latest(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("feed")
	if !h.plausible(w, name) {
		return
	}
	out, err := h.known().Latest(r.Context(), name)
	if err == nil && out.Answer == nil {
		err = dodona.ErrNotFound
	}
	if err != nil {
		missing := h.unknownFeed(name)
		if f, found := h.configured(name); found {
			missing = problem{
				kind: "no-answer", status: http.StatusNotFound, detail: "the feed has no attested answer yet: " + whyNone(f),
				extra: map[string]any{"feed": name, "inputs": shown(f).Inputs},
			}
		}
		h.writeError(w, r, err, missing)
		return
	}
	switch encoding := r.URL.Query().Get("encoding"); encoding {
	case "", "json":
		writeAnswer(w, r, out)
	case "evm":
		writeUpdate(w, r, out)
	default:
		writeProblem(w, problem{
			kind: "bad-encoding", status: http.StatusBadRequest, detail: fmt.Sprintf("encoding %.40q: want json or evm", encoding),
		})
	}
}

// writeUpdate writes an answer as a contract takes it: 0x and the hex digits of its calldata.
func writeUpdate(w http.ResponseWriter, r *http.Request, out Outcome) {
	update, err := signed.Update(*out.Answer)
	if err != nil {
		writeProblem(w, problem{kind: "no-update", status: http.StatusUnprocessableEntity, detail: "no contract takes this answer: " + err.Error()})
		return
	}
	describe(w, out)
	writeTagged(w, r, "text/plain; charset=utf-8", []byte("0x"+hex.EncodeToString(update)+"\n"))
}

func whyNone(f FeedStatus) string {
	switch {
	case f.Missed != nil && f.Missed.Reason != "":
		return "the newest round was missed: " + f.Missed.Reason
	case f.Reason != "":
		return f.Reason
	}
	return "its first round is still open; try again in a moment"
}

// writeAnswer writes the document that dodona verify accepts as it stands; what is meant for people goes beside it.
func writeAnswer(w http.ResponseWriter, r *http.Request, out Outcome) {
	describe(w, out)
	writeDocument(w, r, out.Answer)
}

// describe sets the headers that tell an answer to people.
func describe(w http.ResponseWriter, out Outcome) {
	feed, report := out.Answer.Feed, out.Answer.Attestation.Report
	header := w.Header()
	header.Set("Dodona-Value", text(feed, report.Value))
	header.Set("Dodona-Time", report.Round.String())
	header.Set("Dodona-Quality", out.Quality.String())
	header.Set("Last-Modified", report.Round.Time().Format(http.TimeFormat))
}

// text writes a value for a header, which must be ASCII as a label need not be.
func text(f dodona.Feed, v dodona.Int192) string {
	if f.Kind == dodona.Enum {
		return v.String()
	}
	return f.Text(v)
}

func (h *Handler) round(w http.ResponseWriter, r *http.Request) {
	name, round, fine := h.roundOf(w, r)
	if !fine {
		return
	}
	out, err := h.known().Round(r.Context(), name, round)
	switch {
	case err != nil:
		h.writeError(w, r, err, h.unknownRound(name, round))
	case out.Answer != nil:
		writeAnswer(w, r, out)
	case out.Missed != "":
		writeProblem(w, problem{kind: "missed", status: http.StatusNotFound, detail: "the round was missed: " + out.Missed, extra: map[string]any{
			"feed": name, "round": round, "time": round.Time(), "inputs": shown(FeedStatus{Inputs: out.Inputs}).Inputs,
		}})
	default:
		w.Header().Set("Retry-After", "1")
		writeProblem(w, problem{
			kind: "pending", status: http.StatusNotFound,
			detail: "the round has a value but not enough signatures yet; try again in a moment", extra: map[string]any{"feed": name, "round": round},
		})
	}
}

// A RoundPage is the answer of /v1/feeds/{feed}/rounds.
type RoundPage struct {
	Feed   string        `json:"feed"`
	Rounds []RoundStatus `json:"rounds"`         // oldest first
	Next   dodona.Round  `json:"next,omitempty"` // the from of the next page; absent if there is none yet, or the newest were asked for
}

func (h *Handler) rounds(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("feed")
	if !h.plausible(w, name) {
		return
	}
	p, fine := pageOf(w, r, defaultRounds)
	if !fine {
		return
	}
	var from dodona.Round
	if p.from != "" {
		var err error
		// A plus sign in a query is a blank; in a time it is the sign of a zone.
		if from, err = parseRound(strings.ReplaceAll(p.from, " ", "+")); err != nil {
			writeProblem(w, badParameter("from", err))
			return
		}
	}
	list, err := h.known().Rounds(r.Context(), name, from, p.limit)
	if _, found := h.configured(name); !found && len(list) == 0 && err == nil {
		err = dodona.ErrNotFound
	}
	if err != nil {
		h.writeError(w, r, err, h.unknownFeed(name))
		return
	}
	answer := RoundPage{Feed: name, Rounds: orEmpty(list)}
	if len(list) == p.limit && from != 0 {
		answer.Next = list[len(list)-1].Round + 1
		linkNext(w, r, answer.Next.ID())
	}
	writeDocument(w, r, answer)
}

func (h *Handler) explain(w http.ResponseWriter, r *http.Request) {
	name, round, fine := h.roundOf(w, r)
	if !fine {
		return
	}
	story, err := h.known().Explain(r.Context(), name, round)
	if err != nil {
		h.writeError(w, r, err, h.unknownRound(name, round))
		return
	}
	writeStory(w, r, story)
}

// writeStory answers with a story, as text for those who ask for text.
func writeStory(w http.ResponseWriter, r *http.Request, story any) {
	w.Header().Set("Vary", "Accept")
	if t, able := story.(Texter); able && prefersText(r.Header.Get("Accept")) {
		var text bytes.Buffer
		_ = t.Text(&text, false) // a buffer never fails
		writeTagged(w, r, "text/plain; charset=utf-8", text.Bytes())
		return
	}
	writeDocument(w, r, story)
}

// prefersText reports whether text/plain comes first in an Accept header; weights are not needed for a choice of two.
func prefersText(accept string) bool {
	text, json := strings.Index(accept, "text/plain"), strings.Index(accept, "application/json")
	return text >= 0 && (json < 0 || text < json)
}

func (h *Handler) bundle(w http.ResponseWriter, r *http.Request) {
	name, round, fine := h.roundOf(w, r)
	if !fine {
		return
	}
	bundle, err := h.known().Bundle(r.Context(), name, round)
	if err != nil {
		h.writeError(w, r, err, h.noBundle(r.Context(), name, round, err))
		return
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf("inline; filename=%q", fmt.Sprintf("%s-%d.bundle.json", name, round)))
	writeDocument(w, r, bundle)
}

// noBundle says what a round lacks to be exported, if there is such a round.
func (h *Handler) noBundle(ctx context.Context, name string, round dodona.Round, err error) problem {
	if _, unknown := h.known().Round(ctx, name, round); unknown != nil {
		return h.unknownRound(name, round)
	}
	return problem{kind: "no-bundle", status: http.StatusNotFound, detail: err.Error(), extra: map[string]any{"feed": name, "round": round}}
}

func (h *Handler) proof(w http.ResponseWriter, r *http.Request) {
	name, round, fine := h.roundOf(w, r)
	if !fine {
		return
	}
	evidence, err := h.known().Proof(r.Context(), name, round)
	if none := (*NotAnchored)(nil); errors.As(err, &none) {
		p := problem{kind: "not-anchored", status: http.StatusNotFound, detail: "there is no proof of this round: " + none.Reason, extra: map[string]any{
			"feed": name, "round": round,
		}}
		if !none.Due.IsZero() {
			p.detail += "; it is due at " + none.Due.UTC().Format(time.RFC3339)
			p.extra["due"] = none.Due.UTC()
			wait := none.Due.Sub(h.now()).Round(time.Second)
			w.Header().Set("Retry-After", strconv.Itoa(int(max(wait, time.Second).Seconds())))
		}
		writeProblem(w, p)
		return
	}
	if err != nil {
		h.writeError(w, r, err, h.unknownRound(name, round))
		return
	}
	writeDocument(w, r, evidence)
}

// plausible answers with 404 for what can be no feed's name, so that it never becomes a subject of the journal.
func (h *Handler) plausible(w http.ResponseWriter, name string) bool {
	if len(name) <= 255 && dodona.CheckName(name, dodona.MaxNameParts) == nil {
		return true
	}
	writeProblem(w, h.unknownFeed(name))
	return false
}

func (h *Handler) roundOf(w http.ResponseWriter, r *http.Request) (name string, round dodona.Round, fine bool) {
	name = r.PathValue("feed")
	if !h.plausible(w, name) {
		return "", 0, false
	}
	if r.PathValue("round") == "latest" {
		return h.latestRound(w, r, name)
	}
	round, err := parseRound(r.PathValue("round"))
	if err != nil {
		writeProblem(w, badParameter("round", err))
		return "", 0, false
	}
	return name, round, true
}

// latestRound returns the round of the newest answer, and of a feed that has none yet, its newest round.
func (h *Handler) latestRound(w http.ResponseWriter, r *http.Request, name string) (feed string, round dodona.Round, fine bool) {
	out, err := h.known().Latest(r.Context(), name)
	if err == nil && out.Answer != nil {
		return name, out.Answer.Attestation.Report.Round, true
	}
	f, found := h.configured(name)
	if found && f.Missed != nil {
		return name, f.Missed.Round, true
	}
	missing := h.unknownFeed(name)
	if found {
		missing = problem{kind: "no-answer", status: http.StatusNotFound, detail: "the feed has no round yet: " + whyNone(f), extra: map[string]any{"feed": name}}
	}
	h.writeError(w, r, cmp.Or(err, dodona.ErrNotFound), missing)
	return "", 0, false
}

func badParameter(name string, err error) problem {
	return problem{kind: "parameter", status: http.StatusBadRequest, detail: name + ": " + err.Error()}
}

// unknownRound says where the rounds next to it lie, because a time beside the grid is the likeliest mistake.
func (h *Handler) unknownRound(name string, round dodona.Round) problem {
	f, found := h.configured(name)
	if !found {
		return h.unknownFeed(name)
	}
	p := problem{kind: "unknown-round", status: http.StatusNotFound, extra: map[string]any{"feed": name, "round": round}}
	every := uint64(max(f.EveryMS, 1))
	switch rest := uint64(round) % every; {
	case round > dodona.RoundAt(h.now()):
		p.detail = fmt.Sprintf("round %d (%s) lies ahead", round, round)
	case rest != 0:
		before := round - dodona.Round(rest)
		p.detail = fmt.Sprintf("no round at %s; %s has one every %s, around it at %s and %s",
			round, name, unit.FormatDuration(time.Duration(every)*time.Millisecond), before, before+dodona.Round(every))
	default:
		p.unkept = true
		p.detail = fmt.Sprintf("the journal holds no round %d (%s): it is older than what is kept, the node did not run, or its record was lost", round, round)
	}
	return p
}

var errRound = errors.New("want latest, Unix milliseconds or a time in RFC 3339, such as 1795349070000 or 2026-11-22T12:04:30Z")

// maxRound is the last instant RFC 3339 can write.
const maxRound = 253402300799999

// parseRound reads Unix milliseconds or RFC 3339.
func parseRound(text string) (dodona.Round, error) {
	if ms, err := strconv.ParseUint(text, 10, 64); err == nil && text[0] != '0' && ms <= maxRound {
		return dodona.Round(ms), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.UnixMilli() <= 0 || t.UnixMilli() > maxRound {
		return 0, fmt.Errorf("%s: %w", clip(text), errRound)
	}
	if !t.Equal(t.Truncate(time.Millisecond)) {
		return 0, fmt.Errorf("%s: rounds are whole milliseconds", clip(text))
	}
	return dodona.RoundAt(t), nil
}
