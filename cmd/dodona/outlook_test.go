package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/table"
)

var update = flag.Bool("update", false, "write golden files")

// aBadNight is a node most of which is in trouble.
func aBadNight() outlook {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	round := dodona.RoundAt(now.Add(-4 * time.Second))
	feed := func(name string, decimals uint8, unit string) dodona.Feed {
		return dodona.Feed{Name: name, Kind: dodona.Number, Unit: unit, Decimals: decimals}
	}
	o := outlook{
		status: api.Status{
			Node: "gw-7", Version: "v1.2.3", Now: now, Started: now.Add(-3 * time.Hour), Network: dodona.Network{Name: "plant"},
			Quorum: dodona.Quorum{K: 1, Members: make([]dodona.Address, 1)},
			Sinks: []api.SinkStatus{
				{Name: "out", Kind: "stdout", State: "ok", Delivered: 7, Dead: 2, LastError: "of long ago", LastAt: now.Add(-time.Second)},
				{Name: "main", Kind: "evm", State: "stuck", Quality: dodona.Bad, Queue: 1, Waiting: 84, Oldest: now.Add(-3 * time.Minute), LastError: "the password does not open this keystore"},
				{Name: "plant", Kind: "mqtt", State: "ok", Delivered: 90210, Waiting: 3, LastAt: now.Add(-time.Second), Overtaken: &api.Overtaken{Readings: 1200, From: now.Add(-30 * time.Hour), Until: now.Add(-26 * time.Hour)}},
				{Name: "hook", Kind: "webhook", State: "retrying", Quality: dodona.Uncertain, Attempt: 3, NextTry: now.Add(time.Second), LastError: "HTTP status 500"},
			},
			Modules: []api.ModuleStatus{
				{Feed: "boiler", Name: "plausible", Version: "1.2.0", LastError: "module plausible 1.2.0 asks for what module.allow does not grant: http_get"},
				{Feed: "btc.usd", Name: "median", Version: "1.0.0", Running: true, Events: 40, LastError: "of long ago"},
			},
			Anchors: &api.AnchorStatus{From: dodona.RoundAt(now.Add(-20 * time.Minute)), To: dodona.RoundAt(now.Add(-10 * time.Minute)), Leaves: 60, Next: now.Add(9 * time.Second)},
			Clock:   api.Health{Message: "in step: no signed round lies ahead of it"},
			Memory:  api.MemoryStatus{Used: 74 << 20, Own: 34 << 20, Budget: 64 << 20},
		},
		feeds: []api.FeedStatus{
			{Feed: feed("boiler", 2, "Cel"), EveryMS: 10_000, Quality: dodona.Bad, Missed: &api.MissedRound{Time: now, Reason: "module plausible 1.2.0 asks for what module.allow does not grant: http_get"}},
			{Feed: feed("btc.usd", 8, "USD"), EveryMS: 10_000, Latest: &api.LatestAnswer{Round: round, Time: round.Time(), Value: dodona.NewInt192(4321855000000)}},
		},
		sources: []api.SourceStatus{
			{Name: "alpha", Kind: "http", State: "ok", Exchanges: 12, LastReading: now.Add(-4 * time.Second), LastError: "of long ago"},
			{Name: "beta", Kind: "http", State: "unusable", Quality: dodona.Bad, Exchanges: 12, LastReading: now.Add(-4 * time.Second), LastError: "delivers, but nothing usable: the document is not JSON: it begins \"<!doctype html>\""},
		},
	}
	o.status.Journal = api.JournalStatus{Health: api.Health{Message: "embedded"}, Bytes: 5 << 20, Limit: 50 << 20, Records: 812, Backlog: 83, Readers: []api.ReaderStatus{
		{Name: "sink-main", Node: "gw-7", Stream: "PROOF", Backlog: 83}, {Name: "sink-main", Node: "gw-2", Stream: "PROOF", Backlog: 1000},
	}}
	return o.judged()
}

// TestAStatusShowsTheCauseFirstAndFitsTheTerminal: one command answers whether the numbers arrive, and if not, why.
func TestAStatusShowsTheCauseFirstAndFitsTheTerminal(t *testing.T) {
	for _, width := range []int{0, 140, 100, 80, 60} {
		lines := aBadNight().lines(width, 50, false, false)
		got := strings.Join(lines, "\n") + "\n"
		golden := filepath.Join("testdata", fmt.Sprintf("status-%d.txt", width))
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || got != string(want) {
			t.Errorf("at %d columns (%v) got\n%s\nwant\n%s", width, err, got, want)
		}
		for _, line := range lines {
			if n := table.Measure(line); width > 0 && n > width {
				t.Errorf("at %d columns a line is %d wide: %q", width, n, line)
			}
		}
		if !strings.Contains(got, "43,218.55000000 USD") || !strings.HasPrefix(got, "degraded: 1 of 2 feeds answer") {
			t.Errorf("at %d columns a value or the headline is not whole:\n%s", width, got)
		}
	}
}

func TestALargeNodeShowsWhatIsInTrouble(t *testing.T) {
	o := aBadNight()
	one := o.feeds[1]
	o.feeds = o.feeds[:1]
	for i := range 199 {
		f := one
		f.Name = fmt.Sprintf("f%03d", i)
		o.feeds = append(o.feeds, f)
	}
	short, long := strings.Join(o.lines(80, 50, false, false), "\n"), strings.Join(o.lines(80, 50, true, false), "\n")
	if !strings.Contains(short, "and 199 more feeds: --all shows them") || strings.Contains(short, "f000") || !strings.Contains(short, "boiler") {
		t.Errorf("a node of 200 feeds shows\n%s", short)
	}
	if !strings.Contains(long, "f198") {
		t.Errorf("with --all a node of 200 feeds shows\n%s", long)
	}
	o.feeds = o.feeds[1:]
	if short := strings.Join(o.lines(80, 50, false, false), "\n"); !strings.Contains(short, "199 feeds\n") {
		t.Errorf("a node of 199 feeds without trouble shows\n%s", short)
	}
}

// aServerIsDown is a node of 43 feeds most of whose sources ask servers that fail, and whose receiver refuses what it is given.
func aServerIsDown() outlook {
	o := aBadNight()
	o.status.Modules, o.feeds, o.sources = nil, nil, nil
	for i := range 43 {
		f := api.FeedStatus{Feed: dodona.Feed{Name: fmt.Sprintf("f%02d.price", i), Kind: dodona.Number, Unit: "USD", Decimals: 2}, EveryMS: 5000}
		s := api.SourceStatus{Name: fmt.Sprintf("s%02d", i), Kind: "http", State: "ok", Exchanges: 12, LastReading: o.status.Now}
		switch {
		case i < 6:
			f.Latest = &api.LatestAnswer{Time: o.status.Now, Value: dodona.NewInt192(4321855)}
		case i < 24:
			s.LastError = "GET 10.0.0.7:80 501 Not Implemented"
		case i < 42:
			s.LastError = "GET 10.0.0.8:80: dial tcp 10.0.0.8:80: connect: connection refused"
		default:
			s.LastError = "GET 10.0.0.9:80: no complete answer in 1s"
		}
		if s.LastError != "" {
			s.State, s.Quality, s.Attempt, f.Quality = "retrying", dodona.Uncertain, 3, dodona.Bad
			f.Missed = &api.MissedRound{Time: o.status.Now, Reason: fmt.Sprintf("need 1 value, 0 remain: %s failed: %s; trying again in %d s", s.Name, s.LastError, i)}
			f.Inputs = []dodona.Input{{Source: s.Name, Point: s.Name, Status: dodona.InputFailed, Reason: s.LastError}}
		}
		o.feeds, o.sources = append(o.feeds, f), append(o.sources, s)
	}
	return o.judged()
}

// judged is the outlook with what its node makes of it.
func (o outlook) judged() outlook {
	o.status.Problems = nil
	v := api.Judge(o.status, o.feeds, o.sources)
	o.status.Level, o.status.Headline, o.status.Problems, o.status.Causes = v.Level, v.Headline, v.Problems, v.Causes
	return o
}

// TestAStatusIsOneScreenWhateverFails: the headline, each cause once with what it hits, the worst of each panel, and every sink that there is room for.
func TestAStatusIsOneScreenWhateverFails(t *testing.T) {
	o := aServerIsDown()
	for _, c := range []struct{ width, height int }{{80, 24}, {80, 40}, {60, 24}, {100, 30}, {140, 50}, {0, 60}} {
		lines := o.lines(c.width, c.height, false, false)
		got := strings.Join(lines, "\n")
		if len(lines) > c.height || !strings.HasPrefix(got, "degraded: 6 of 43 feeds answer;") {
			t.Errorf("in %d x %d: %d lines\n%s", c.width, c.height, len(lines), got)
		}
		for _, want := range []string{"\n  GET 10.0.0.7:80 501 Not Implemented\n", "18 feeds: f06.price, f07.price, f08.price and 15 more", "\nsink ", "\nmain ", "\nf06.price", "\ns06", "--all shows them"} {
			if !strings.Contains(strings.Join(strings.Fields(got), " "), strings.TrimSpace(want)) || strings.HasPrefix(want, "\n") && !strings.Contains(got, strings.TrimRight(want, "\n")) {
				t.Errorf("in %d x %d %q is missing:\n%s", c.width, c.height, want, got)
			}
		}
		body := got[strings.Index(got, "\ngw-7"):]
		if n := strings.Count(body, "501 Not Implemented"); n != 1 {
			t.Errorf("in %d x %d a cause is told %d times:\n%s", c.width, c.height, n, got)
		}
	}
	whole := strings.Join(o.lines(80, 24, true, false), "\n")
	for _, f := range o.feeds {
		if !strings.Contains(whole, "\n"+f.Name+" ") {
			t.Errorf("--all leaves %s out:\n%s", f.Name, whole)
		}
	}
	if strings.Contains(whole, "--all") || strings.Count(whole, "connection refused") != 1 {
		t.Errorf("--all says\n%s", whole)
	}
}

// TestAStatusUsesTheRowsThatAreThere: where each feed fails for a reason of its own, a window of 24 lines is filled, and each source that a feed
// names says why.
func TestAStatusUsesTheRowsThatAreThere(t *testing.T) {
	o := aServerIsDown()
	o.status.Sinks, o.feeds, o.sources = nil, o.feeds[12:24], o.sources[12:24]
	slices.Reverse(o.feeds)
	for i := range o.sources {
		o.sources[i].LastError = fmt.Sprintf("GET 10.0.0.%d:80: dial tcp: connection refused", i)
	}
	o = o.judged()
	for _, height := range []int{24, 30, 40} {
		lines := o.lines(80, height, false, false)
		got := strings.Join(lines, "\n")
		if len(lines) > height || len(lines) < height-3 {
			t.Errorf("of %d lines %d are used:\n%s", height, len(lines), got)
		}
		if !strings.Contains(lines[0], "all that fail, as f12.price: GET 10.0.0.0:80:") {
			t.Errorf("the headline names no cause: %s", lines[0])
		}
		for _, f := range o.feeds {
			if source := f.Inputs[0].Source; strings.Contains(got, "for want of "+source) != strings.Contains(got, "\n"+source+" ") {
				t.Errorf("in %d lines a feed names %s, and it is not shown, or the other way round:\n%s", height, source, got)
			}
		}
	}
}

// TestAStatusSpeaksOfDays, not of the milliseconds that a reason was recorded with.
func TestAStatusSpeaksOfDays(t *testing.T) {
	o := aServerIsDown()
	const recorded = "stale: measured 48h0m6.281s before the round, at most 1m is allowed"
	o.feeds, o.sources = o.feeds[:1], o.sources[:1]
	o.feeds[0].Latest, o.feeds[0].Quality, o.feeds[0].Reason = nil, dodona.Bad, recorded
	o.feeds[0].Missed = &api.MissedRound{Round: o.feeds[0].Next, Time: o.status.Now, Reason: recorded}
	o.sources[0].LastError = recorded
	for _, all := range []bool{false, true} {
		got := strings.Join(strings.Fields(strings.Join(o.judged().lines(100, 40, all, false), " ")), " ")
		if !strings.Contains(got, "measured 2 days before the round, at most 1m is allowed") || strings.Contains(got, "48h") {
			t.Errorf("all %t: got\n%s", all, got)
		}
	}
}

// TestACauseIsSaidWhereItIs: a feed that misses one source names it, and the source says why.
func TestACauseIsSaidWhereItIs(t *testing.T) {
	o := aServerIsDown()
	o.feeds, o.sources = o.feeds[42:], o.sources[42:]
	o = o.judged()
	got := strings.Join(o.lines(80, 24, false, false), "\n")
	body := got[strings.Index(got, "\ngw-7"):]
	if strings.Count(body, "no complete answer") != 1 || !strings.Contains(body, "\n  for want of s42\n") {
		t.Errorf("got\n%s", got)
	}
}

// TestAFeedNamesNoSourceThatItDoesNotAsk, though that says the same.
func TestAFeedNamesNoSourceThatItDoesNotAsk(t *testing.T) {
	o := aServerIsDown()
	all := map[string]api.SourceStatus{}
	for _, s := range o.sources {
		s.LastError = "refused"
		all[s.Name] = s
	}
	got := o.because(standing{o.feeds[30], api.FeedFails, "it failed"}, all, func(string) bool { return false })
	if want := "for want of " + o.feeds[30].Inputs[0].Source; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAStatusEndsWithWhatItFound: scripts ask by the exit code.
func TestAStatusEndsWithWhatItFound(t *testing.T) {
	night := aBadNight()
	var level api.Level
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var answer any = api.FeedPage{Feeds: night.feeds}
		switch r.URL.Path {
		case "/v1/status":
			s := night.status
			if s.Level = level; level == "" {
				s.Headline, s.Problems = "", nil
			}
			answer = s
		case "/v1/sources":
			answer = api.SourcePage{Sources: night.sources}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer server.Close()
	for _, c := range []struct {
		level api.Level
		want  int
	}{{api.LevelOK, 0}, {api.LevelDegraded, 4}, {api.LevelFailing, 5}, {"", 4}} { // an older node says none
		level = c.level
		for _, flags := range [][]string{nil, {"--json"}} {
			var out, talk bytes.Buffer
			args := append([]string{"status", "--api", server.URL}, flags...)
			if got := execute(t.Context(), args, terminal{out: &out, err: &talk}); got != c.want || out.Len() == 0 || talk.Len() > 0 {
				t.Errorf("%v of level %q ends with %d, want %d:\n%s%s", flags, c.level, got, c.want, &out, &talk)
			}
		}
	}
	server.Close()
	var out, talk bytes.Buffer
	if got := execute(t.Context(), []string{"status", "--api", server.URL}, terminal{out: &out, err: &talk}); got != 1 || out.Len() > 0 || talk.Len() == 0 {
		t.Errorf("a node that is not there ends with %d, want 1: %s%s", got, &out, &talk)
	}
}

func TestAges(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s ago", 4 * time.Second: "4 s ago", 119 * time.Second: "119 s ago", 3 * time.Minute: "3 min ago", 5 * time.Hour: "5 h ago", 50 * time.Hour: "2 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

// What was dropped a day ago stood below a source for ever, as if it were dropped now.
func TestWhatWasDroppedLongAgoIsQuiet(t *testing.T) {
	for since, want := range map[time.Duration]string{
		4 * time.Minute: "3 readings dropped since the start, the last 4 min ago: too large",
		20 * time.Hour:  "",
		0:               "3 readings dropped since the start, the last: too large", // by a node that does not say when
	} {
		o := outlook{status: api.Status{Now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}}
		s := api.SourceStatus{Name: "s", State: "ok", Dropped: 3, LastDrop: "too large"}
		if since > 0 {
			s.DropTime = o.status.Now.Add(-since)
		}
		o.sources = []api.SourceStatus{s}
		for all, want := range map[bool]string{false: want, true: "3 readings dropped"} {
			got := strings.Join(o.lines(140, 50, all, false), "\n")
			if strings.Contains(got, "dropped,") || strings.Contains(got, "dropped since") != (want != "") || !strings.Contains(got, want) {
				t.Errorf("dropped %v ago, all %v: want %q in\n%s", since, all, want, got)
			}
		}
	}
}
