package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/unit"
)

type feedWatchCommand struct {
	nodeFlags
	Feed string `arg:"" optional:"" help:"The feed's name; all feeds if it is left out."`
}

// Run prints rounds as they end, answered or missed, until it is interrupted or the node ends. What stands in the way of a feed without
// an answer is said at once.
func (c feedWatchCommand) Run(ctx context.Context, term terminal) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	asked, err := c.find(ctx, term)
	if err != nil {
		return err
	}
	w := newWatcher(term, c.JSON)
	path := "/v1/stream?events=answer,feed"
	if c.Feed != "" {
		path += "&feed=" + url.QueryEscape(c.Feed)
	}
	response, err := asked.send(ctx, http.MethodGet, path, "text/event-stream", 0)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// Asked once the stream is open, so that no round lies in between; of a feed that there is not, it would be silent for ever.
	feeds, err := c.feeds(ctx, asked)
	if err != nil {
		return err
	}
	if err := w.begin(feeds); err != nil {
		return err
	}
	lines, event := bufio.NewScanner(response.Body), ""
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name, found := bytes.CutPrefix(lines.Bytes(), []byte("event:")); found {
			event = string(bytes.TrimSpace(name))
		}
		data, found := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !found {
			continue
		}
		if err := w.take(event, bytes.TrimSpace(data)); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("watch %s: %w", asked.url, err)
	}
	return fmt.Errorf("watch %s: the node ended the stream", asked.url)
}

// feeds returns how the feeds stand that are watched.
func (c feedWatchCommand) feeds(ctx context.Context, asked client) ([]api.FeedStatus, error) {
	if c.Feed == "" {
		return pages(ctx, asked, "/v1/feeds", func(p api.FeedPage) ([]api.FeedStatus, string) { return p.Feeds, p.Next })
	}
	body, err := asked.ask(ctx, http.MethodGet, "/v1/feeds/"+url.PathEscape(c.Feed), "application/json")
	if err != nil {
		return nil, err
	}
	var f api.FeedStatus
	if err := json.Unmarshal(body, &f); err != nil {
		return nil, fmt.Errorf("read feed %s: %w", c.Feed, err)
	}
	return []api.FeedStatus{f}, nil
}

// A watcher prints each round of the feeds once, in columns that stay where they are.
type watcher struct {
	term        terminal
	json        bool
	seen        map[string]dodona.Round   // the newest round printed, by feed
	why         map[string]string         // why the last round printed of a feed was missed, without numbers; none if it was answered
	early       map[string]api.FeedStatus // feeds whose newest answer came before what went into it, which is waited for
	name, value int                       // widths of the columns, which only grow
}

func newWatcher(term terminal, asJSON bool) *watcher {
	return &watcher{term: term, json: asJSON, seen: map[string]dodona.Round{}, why: map[string]string{}, early: map[string]api.FeedStatus{}}
}

// A missedEvent is what stands in JSON, on a line of its own, for a round without an answer.
type missedEvent struct {
	Missed missedRound `json:"missed"`
}

type missedRound struct {
	Feed   string         `json:"feed"`
	Round  dodona.Round   `json:"round"`
	Time   time.Time      `json:"time"`
	Reason string         `json:"reason"`
	Inputs []dodona.Input `json:"inputs"` // what became of each source
}

// begin notes what is there already, and prints the trouble of feeds that have no answer now.
func (w *watcher) begin(feeds []api.FeedStatus) error {
	for _, f := range feeds {
		w.name = max(w.name, table.Measure(f.Name))
		if f.Latest != nil {
			w.value = max(w.value, table.Measure(f.Format(f.Latest.Value)))
			w.seen[f.Name] = f.Latest.Round
		}
	}
	for _, f := range feeds {
		switch {
		case f.Missed != nil:
			if err := w.missed(f); err != nil {
				return err
			}
		case f.Latest == nil && !w.json:
			w.row(time.Now().UTC().Truncate(time.Second).Format(time.RFC3339), f.Name, "", f.Reason, table.Normal)
		}
	}
	return nil
}

// take prints what an event brought that was not printed yet.
func (w *watcher) take(event string, data []byte) error {
	if event == "reset" {
		fmt.Fprintln(w.term.err, "rounds in between were not seen: this came too slowly")
		return nil
	}
	if event == "answer" {
		if !w.json {
			return nil // the feed's event has it too, with its sources
		}
		_, err := fmt.Fprintf(w.term.out, "%s\n", plain.JSON(data))
		return err
	}
	var f api.FeedStatus
	if event != "feed" || json.Unmarshal(data, &f) != nil || f.Name == "" {
		return nil
	}
	if early, held := w.early[f.Name]; held && (f.Latest == nil || f.Latest.Round != early.Latest.Round || f.Missed != nil) {
		if err := w.answered(early); err != nil {
			return err
		}
	}
	if f.Missed != nil {
		return w.missed(f)
	}
	if f.Latest == nil || w.json || f.Latest.Round <= w.seen[f.Name] {
		return nil
	}
	if _, held := w.early[f.Name]; f.Next <= f.Latest.Round && !held {
		w.early[f.Name] = f // an event with what went into it follows
		return nil
	}
	return w.answered(f)
}

// answered prints the newest answer of a feed.
func (w *watcher) answered(f api.FeedStatus) error {
	delete(w.early, f.Name)
	delete(w.why, f.Name)
	w.seen[f.Name] = f.Latest.Round
	return w.row(f.Latest.Round.String(), f.Name, f.Format(f.Latest.Value), w.sources(f), table.Normal)
}

// missed prints the newest missed round of a feed.
func (w *watcher) missed(f api.FeedStatus) error {
	if f.Missed.Round <= w.seen[f.Name] {
		return nil
	}
	w.seen[f.Name] = f.Missed.Round
	if w.json {
		line, err := json.Marshal(missedEvent{missedRound{f.Name, f.Missed.Round, f.Missed.Time, f.Missed.Reason, f.Inputs}})
		if err == nil {
			_, err = fmt.Fprintf(w.term.out, "%s\n", plain.JSON(line))
		}
		return err
	}
	reason, why := f.Missed.Reason, causeOf(f.Missed.Reason)
	if w.why[f.Name] == why {
		reason = "as before"
	}
	w.why[f.Name] = why
	return w.row(f.Missed.Round.String(), f.Name, "missed", reason, table.Red)
}

// causeOf returns a reason without what differs from round to round where the cause is the same: counts, durations, times. Numbers in names and
// ports, and those of an HTTP status, stay.
func causeOf(reason string) string {
	words := strings.Fields(reason)
	for i, word := range words {
		if i > 0 && words[i-1] == "status" {
			continue
		}
		bare := strings.Trim(word, ",;:.()")
		if i > 0 && words[i-1] == "0" && slices.Contains([]string{"µs", "ms", "s", "min", "h", "d"}, bare) {
			words[i] = strings.Replace(word, bare, "s", 1) // whichever unit fits
			continue
		}
		_, duration := time.ParseDuration(bare)
		_, instant := time.Parse(time.RFC3339, bare)
		if duration == nil || instant == nil || bare != "" && strings.Trim(bare, "0123456789.,-") == "" {
			words[i] = strings.Replace(word, bare, "0", 1)
		}
	}
	return strings.Join(words, " ")
}

// sources marks each source of the newest answer, if the inputs are of that round.
func (w *watcher) sources(f api.FeedStatus) string {
	if f.Next != f.Latest.Round+dodona.Round(f.EveryMS) {
		return ""
	}
	words := make([]string, 0, len(f.Inputs))
	for _, in := range f.Inputs {
		switch in.Status {
		case dodona.InputUsed:
			words = append(words, in.Point+" ✓")
		case dodona.InputGiven:
			words = append(words, in.Point+" →")
		default:
			words = append(words, in.Point+" ✗ "+string(in.Status)+because(in.Reason))
		}
	}
	return strings.Join(words, "  ")
}

// row prints one line, and what of its last column does not fit below it.
func (w *watcher) row(at, name, value, why string, style table.Style) error {
	w.name, w.value = max(w.name, table.Measure(name)), max(w.value, table.Measure(value))
	left := fmt.Sprintf("%-20s  %s  %s", at, aligned(name, -w.name), aligned(value, w.value))
	why = unit.Readable(why)
	lines, width := []string{why}, w.term.width()
	if room := width - table.Measure(left) - 2; width > 0 && table.Measure(why) > room {
		below := max(width-4, 1)
		lines = append([]string{""}, table.Wrap(why, below)...)
		if room >= width/3 {
			lines = table.WrapFrom(why, room, below)
		}
	}
	var out strings.Builder
	for i, line := range lines {
		prefix := "    "
		if i == 0 {
			prefix = left + "  "
		}
		out.WriteString(table.Paint(strings.TrimRight(prefix+line, " "), style, w.term.color) + "\n")
	}
	_, err := w.term.out.Write([]byte(out.String()))
	return err
}

// aligned fills a text up with blanks: before it, or behind it where width is negative.
func aligned(text string, width int) string {
	text = printable(text)
	blanks := strings.Repeat(" ", max(max(width, -width)-table.Measure(text), 0))
	if width < 0 {
		return text + blanks
	}
	return blanks + text
}
