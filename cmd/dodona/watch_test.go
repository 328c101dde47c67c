package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// watchedFeed is a feed whose newest round is n, answered or, with a reason, missed.
func watchedFeed(name string, n dodona.Round, value int64, missed string) api.FeedStatus {
	f := api.FeedStatus{
		Feed: dodona.Feed{Name: name, Kind: dodona.Number, Unit: "USD", Decimals: 2}, EveryMS: 1000, Next: n + 1000, Reason: "no answer yet",
		Inputs: []dodona.Input{
			{Source: "a", Point: "a", Status: dodona.InputUsed},
			{Source: "liar", Point: "liar", Status: dodona.InputOutlier, Reason: "900 % from the median"},
		},
	}
	switch {
	case missed != "":
		f.Missed = &api.MissedRound{Round: n, Time: n.Time(), Reason: missed}
	case value != 0:
		f.Latest = &api.LatestAnswer{Round: n, Time: n.Time(), Value: dodona.NewInt192(value)}
	}
	return f
}

// watching serves feeds as they stand and then the events of a stream, and ends it.
func watching(t *testing.T, feeds []api.FeedStatus, events ...any) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/stream" {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(api.FeedPage{Feeds: feeds})
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, e := range events {
			name := "feed"
			if _, answer := e.(dodona.Answer); answer {
				name = "answer"
			}
			raw, err := json.Marshal(e)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, raw)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestWatchShowsMissedRoundsWithTheirCauseAndAlignsTheOthers(t *testing.T) {
	const start = 1795349070000
	down := "need 2 values, 0 remain: a failed: connection refused"
	url := watching(t,
		[]api.FeedStatus{watchedFeed("btc.usd", start, 4321850, ""), watchedFeed("never", start, 0, ""), watchedFeed("worse", start, 0, down)},
		watchedFeed("btc.usd", start+1000, 4321855, ""), watchedFeed("btc.usd", start+1000, 4321855, ""),
		watchedFeed("btc.usd", start+2000, 0, down), watchedFeed("btc.usd", start+2000, 0, down),
		watchedFeed("btc.usd", start+3000, 990, ""),
	)
	var out, talk strings.Builder
	code := execute(t.Context(), []string{"feed", "watch", "--api", url}, terminal{in: strings.NewReader(""), out: &out, err: &talk, color: true})
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	want := []string{
		"  never" + strings.Repeat(" ", 19) + "no answer yet",
		"\x1b[31m2026-11-22T12:04:30Z  worse           missed  " + down + "\x1b[0m",
		"2026-11-22T12:04:31Z  btc.usd  43,218.55 USD  a ✓  liar ✗ outlier: 900 % from the median",
		"\x1b[31m2026-11-22T12:04:32Z  btc.usd         missed  " + down + "\x1b[0m",
		"2026-11-22T12:04:33Z  btc.usd       9.90 USD  a ✓  liar ✗ outlier: 900 % from the median",
	}
	if code != exitFailed || !strings.Contains(talk.String(), "the node ended the stream") || len(lines) != len(want) || !strings.HasSuffix(lines[0], want[0]) || !slices.Equal(lines[1:], want[1:]) {
		t.Errorf("exit code %d, said %s\n%s\nwant\n%s", code, &talk, out.String(), strings.Join(want, "\n"))
	}
}

func TestWatchWritesJSONOfMissedRoundsBesideTheAnswers(t *testing.T) {
	const start = 1795349070000
	answer := dodona.Answer{Feed: dodona.Feed{Name: "btc.usd"}}
	url := watching(t, []api.FeedStatus{watchedFeed("btc.usd", start, 0, "nobody said anything")}, answer, watchedFeed("btc.usd", start+1000, 0, "again"))
	var out, talk strings.Builder
	execute(t.Context(), []string{"feed", "watch", "--json", "--api", url}, terminal{in: strings.NewReader(""), out: &out, err: &talk})
	var told []string
	for line := range strings.Lines(out.String()) {
		var e struct {
			Missed *missedRound    `json:"missed"`
			Feed   json.RawMessage `json:"feed"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("%s is no JSON: %v", line, err)
		}
		switch {
		case e.Missed != nil:
			told = append(told, fmt.Sprintf("%s %s %s %d", e.Missed.Time.Format(time.TimeOnly), e.Missed.Feed, e.Missed.Reason, len(e.Missed.Inputs)))
		case e.Feed != nil:
			told = append(told, "answer")
		}
	}
	if want := []string{"12:04:30 btc.usd nobody said anything 2", "answer", "12:04:31 btc.usd again 2"}; !slices.Equal(told, want) {
		t.Errorf("got %q, want %q", told, want)
	}
}

func TestWhatWatchPrintsFitsTheTerminalAndLosesNothing(t *testing.T) {
	reason := "\x1b[2K" + strings.Repeat("a failed: connection refused; ", 8) + "\x1b]0;owned\x07end"
	for _, width := range []int{20, 40, 80, 120} {
		var out strings.Builder
		w := newWatcher(terminal{out: &out, columns: func() int { return width }}, false)
		if err := w.begin([]api.FeedStatus{watchedFeed("btc.usd", 1795349070000, 0, reason)}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
		for i, line := range lines {
			if n := len([]rune(line)); n > max(width, 45) || i > 0 && n > width {
				t.Errorf("%d columns: the line %q has %d", width, line, n)
			}
		}
		if text := strings.Join(strings.Fields(out.String()), ""); strings.Count(text, "refused") != 8 || !strings.HasSuffix(text, "end") || strings.ContainsAny(text, "\x1b\x07") {
			t.Errorf("%d columns: got %q", width, out.String())
		}
	}
}

// TestAnAnswerThatComesBeforeItsSourcesWaitsForThem, for an event at most: each answer is printed once, in its turn.
func TestAnAnswerThatComesBeforeItsSourcesWaitsForThem(t *testing.T) {
	const start = 1795349070000
	early := func(n dodona.Round, value int64) api.FeedStatus {
		f := watchedFeed("a", n, value, "")
		f.Next = n // its inputs are of the round before
		return f
	}
	url := watching(t, nil,
		early(start, 100), watchedFeed("a", start, 100, ""), // the sources follow
		early(start+1000, 200), early(start+2000, 300), // and here they do not
		watchedFeed("a", start+2000, 300, ""),
		early(start+3000, 400), watchedFeed("a", start+4000, 0, "nobody answers"),
		watchedFeed("a", start+5000, 500, ""),
	)
	_, out, _ := said(t, "feed", "watch", "--api", url)
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		got = append(got, strings.Join(strings.Fields(line)[2:], " "))
	}
	const sources = " USD a ✓ liar ✗ outlier: 900 % from the median"
	want := []string{"1.00" + sources, "2.00 USD", "3.00" + sources, "4.00 USD", "missed nobody answers", "5.00" + sources}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestWatchedJSONDoesNotSteerTheTerminal: encoders leave what follows ASCII as it is.
func TestWatchedJSONDoesNotSteerTheTerminal(t *testing.T) {
	var out bytes.Buffer
	w := newWatcher(terminal{out: &out}, true)
	if err := w.take("answer", []byte("{\"feed\":\"a\u009b2J\"}")); err != nil {
		t.Fatal(err)
	}
	missed, err := json.Marshal(watchedFeed("b\u202e", 7, 0, "late"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.take("feed", missed); err != nil {
		t.Fatal(err)
	}
	if said := out.String(); strings.ContainsAny(said, "\u009b\u202e") || !strings.Contains(said, `"a\u009b2J"`) || !strings.Contains(said, `b\u202e`) {
		t.Errorf("shown %q", said)
	}
}

// TestACauseThatStaysIsToldOnce, whatever counts and durations are in it, and again once it was another or gone in between.
func TestACauseThatStaysIsToldOnce(t *testing.T) {
	const start = 1795349070000
	down := func(second string, attempt int) string {
		return fmt.Sprintf("need 1 value, 0 remain: a failed: connection refused; trying again at 2026-11-30T08:37:%sZ (attempt %d)", second, attempt)
	}
	other := "need 1 value, 0 remain: a bad: nothing stands at /price"
	url := watching(t, nil,
		watchedFeed("a", start, 0, down("50", 1)), watchedFeed("b", start, 0, down("50", 1)), watchedFeed("a", start+1000, 0, down("52", 2)), watchedFeed("a", start+2000, 0, down("59", 13)),
		watchedFeed("a", start+3000, 0, other), watchedFeed("a", start+4000, 0, other), watchedFeed("a", start+5000, 4321855, ""), watchedFeed("a", start+6000, 0, other),
	)
	_, out, _ := said(t, "feed", "watch", "--api", url)
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		fields := strings.SplitN(strings.Join(strings.Fields(line), " "), " ", 3)
		got = append(got, fields[1]+" "+strings.TrimPrefix(fields[2], "missed "))
	}
	want := []string{"a " + down("50", 1), "b " + down("50", 1), "a as before", "a as before", "a " + other, "a as before", "a 43,218.55 USD a ✓ liar ✗ outlier: 900 % from the median", "a " + other}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestOneCauseIsKnownAgain: numbers that change from round to round make it no other, those that tell what is meant do.
func TestOneCauseIsKnownAgain(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"price: no answer in 998 ms; 1 of 3 points, need 2", "price: no answer in 1.2 s; 0 of 3 points, need 2", true},
		{"x: measured 16m10s before the round", "x: measured 1h16m before the round", true},
		{"waits since 2026-11-30T08:37:50Z (attempt 8)", "waits since 2026-11-30T09:00:00Z (attempt 9)", true},
		{"boiler-1: no answer", "boiler-2: no answer", false},
		{"a: 127.0.0.1:9911 refuses", "a: 127.0.0.1:9912 refuses", false},
		{"a: HTTP status 501: no", "a: HTTP status 404: no", false},
	} {
		if same := causeOf(c.a) == causeOf(c.b); same != c.same {
			t.Errorf("%q and %q: the same cause is %v, want %v", c.a, c.b, same, c.same)
		}
	}
}
