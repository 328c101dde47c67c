package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// well returns a node that has run for an hour, and n feeds of 10 s that answered 3 s ago.
func well(n int) (s api.Status, feeds []api.FeedStatus) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	s = api.Status{Now: now, Started: now.Add(-time.Hour)}
	for i := range n {
		feeds = append(feeds, api.FeedStatus{
			Feed: dodona.Feed{Name: fmt.Sprintf("f%d", i)}, EveryMS: 10_000, StaleMS: 30_000,
			Latest: &api.LatestAnswer{Time: now.Add(-3 * time.Second)},
		})
	}
	return s, feeds
}

func fails(f *api.FeedStatus, s api.Status, why string) {
	f.Quality, f.Latest, f.Missed = dodona.Bad, nil, &api.MissedRound{Time: s.Now.Add(-time.Second), Reason: why}
}

func TestOneJudgeSaysHowANodeFares(t *testing.T) {
	for name, c := range map[string]struct {
		feeds    int
		change   func(s *api.Status, feeds []api.FeedStatus) []api.SourceStatus
		level    api.Level
		headline string
		parts    string // of the problems, in order
	}{
		"all is well": {feeds: 9, level: api.LevelOK, headline: "9 of 9 feeds answer"},
		"no feeds":    {level: api.LevelOK, headline: "all is well"},
		"one of nine fails": {
			feeds: 9, change: func(s *api.Status, feeds []api.FeedStatus) []api.SourceStatus {
				fails(&feeds[4], *s, "nothing stands at /price")
				return nil
			}, level: api.LevelDegraded, headline: "8 of 9 feeds answer; f4: nothing stands at /price", parts: "feed f4",
		},
		"none answers": {
			feeds: 2, change: func(s *api.Status, feeds []api.FeedStatus) []api.SourceStatus {
				fails(&feeds[0], *s, "all failed: refused")
				fails(&feeds[1], *s, "all failed: refused")
				return nil
			}, level: api.LevelFailing, headline: "0 of 2 feeds answer; all that fail: all failed: refused", parts: "feeds, feed f0, feed f1",
		},
		"none answers, each for want of its own server": {
			feeds: 2, change: func(s *api.Status, feeds []api.FeedStatus) []api.SourceStatus {
				fails(&feeds[0], *s, "need 1 value, 0 remain: GET a.example/x: no answer in 998 ms")
				fails(&feeds[1], *s, "need 1 value, 0 remain: GET b.example: no answer in 1.2 s")
				return nil
			}, level: api.LevelFailing, headline: "0 of 2 feeds answer; all that fail, as f0: need 1 value, 0 remain: GET a.example/x: no answer in 998 ms", parts: "feeds, feed f0, feed f1",
		},
		"none answers, for different reasons": {
			feeds: 2, change: func(s *api.Status, feeds []api.FeedStatus) []api.SourceStatus {
				fails(&feeds[0], *s, "GET a.example: HTTP status 404")
				fails(&feeds[1], *s, "GET a.example: HTTP status 501")
				return nil
			}, level: api.LevelFailing, headline: "0 of 2 feeds answer", parts: "feeds, feed f0, feed f1",
		},
		"the only one does not answer": {
			feeds: 1, change: func(s *api.Status, feeds []api.FeedStatus) []api.SourceStatus {
				fails(&feeds[0], *s, "need 1 value, 0 remain")
				return nil
			}, level: api.LevelFailing, headline: "0 of 1 feed answers; f0: need 1 value, 0 remain", parts: "feed f0",
		},
		"all are stale": {
			feeds: 2, change: func(s *api.Status, feeds []api.FeedStatus) []api.SourceStatus {
				for i := range feeds {
					feeds[i].Latest.Time, feeds[i].Reason = s.Now.Add(-time.Minute), "the newest answer is 1m0s old"
				}
				return nil
			}, level: api.LevelFailing, headline: "0 of 2 feeds answer; all that fail: the newest answer is 1m0s old", parts: "feeds, feed f0, feed f1",
		},
		"one missed round does not make a node unready": {
			feeds: 1, change: func(s *api.Status, feeds []api.FeedStatus) []api.SourceStatus {
				feeds[0].Missed = &api.MissedRound{Time: s.Now.Add(-time.Second), Reason: "late"}
				return nil
			}, level: api.LevelDegraded, headline: "1 of 1 feed answers; f0 missed its last round", parts: "feed f0",
		},
		"a young node waits": {
			feeds: 2, change: func(s *api.Status, feeds []api.FeedStatus) []api.SourceStatus {
				s.Started = s.Now.Add(-time.Second)
				feeds[0].Latest, feeds[1].Latest.Time = nil, s.Now.Add(-time.Hour)
				feeds[1].Missed = &api.MissedRound{Time: s.Now.Add(-time.Minute), Reason: "of before the start"}
				return nil
			}, level: api.LevelOK, headline: "0 of 2 feeds answer, 2 wait for the first round",
		},
		"a young node whose only round was missed": {
			feeds: 1, change: func(s *api.Status, feeds []api.FeedStatus) []api.SourceStatus {
				s.Started = s.Now.Add(-5 * time.Second)
				fails(&feeds[0], *s, "refused")
				return nil
			}, level: api.LevelFailing, headline: "0 of 1 feed answers; f0: refused", parts: "feed f0",
		},
		"sinks": {
			feeds: 1, change: func(s *api.Status, _ []api.FeedStatus) []api.SourceStatus {
				s.Sinks = []api.SinkStatus{
					{Name: "a", State: "ok", LastError: "of long ago"},
					{Name: "main", State: "stuck", LastError: "the password does not open it"},
					{Name: "web", State: "retrying"},
					{Name: "x", State: "stopped"},
				}
				return nil
			}, level: api.LevelDegraded, headline: "1 of 1 feed answers; sink main is stuck: the password does not open it (and 2 more sinks)",
			parts: "sink main, sink web, sink x",
		},
		"a sink whose peer refuses all": {
			feeds: 1, change: func(s *api.Status, _ []api.FeedStatus) []api.SourceStatus {
				letter := func(at time.Time) []api.DeadLetter {
					return []api.DeadLetter{{At: at, Detail: "refused 3 times: HTTP status 400"}}
				}
				late, early := s.Now.Add(-time.Second), s.Started.Add(-time.Second)
				s.Sinks = []api.SinkStatus{
					{Name: "all", State: "refused", Dead: 94, DeadLetters: letter(late), LastError: "refused 3 times: HTTP status 400"},
					{Name: "since", State: "refused", Delivered: 8, Dead: 1, DeadLetters: letter(late), LastError: "refused 3 times: HTTP status 400"},
					{Name: "delivers", State: "ok", Dead: 1, DeadLetters: letter(late), LastAt: late.Add(time.Millisecond)},
					{Name: "before", State: "starting", DeadLetters: letter(early)},
					{Name: "stuck", State: "stuck", DeadLetters: letter(late), LastError: "moved"},
				}
				return nil
			}, level: api.LevelDegraded, parts: "sink all, sink since, sink stuck",
			headline: "1 of 1 feed answers; sink all passes over what its peer refuses, 94 records so far, none delivered: refused 3 times: HTTP status 400; once that is mended: dodona sink resend all (and 2 more sinks)",
		},
		"modules": {
			feeds: 1, change: func(s *api.Status, _ []api.FeedStatus) []api.SourceStatus {
				s.Modules = []api.ModuleStatus{{Feed: "f0", Name: "m", LastError: "not allowed"}, {Feed: "f1", Name: "m", Running: true, LastError: "once"}, {Feed: "f2", Name: "m", Loading: true}}
				return nil
			}, level: api.LevelDegraded, headline: "1 of 1 feed answers; module m of feed f0 does not run", parts: "module m of feed f0",
		},
		"a module that cannot be loaded": {
			feeds: 1, change: func(s *api.Status, _ []api.FeedStatus) []api.SourceStatus {
				s.Modules = []api.ModuleStatus{{Feed: "f0", Name: "m", Loading: true, LastError: "no such file"}}
				return nil
			}, level: api.LevelDegraded, headline: "1 of 1 feed answers; module m of feed f0 is not there yet", parts: "module m of feed f0",
		},
		"sources": {
			feeds: 1, change: func(_ *api.Status, feeds []api.FeedStatus) []api.SourceStatus {
				feeds[0].Quality, feeds[0].Reason = dodona.Uncertain, "b: timeout"
				feeds[0].Inputs = []dodona.Input{{Source: "a", Status: dodona.InputUsed}, {Source: "b", Status: dodona.InputFailed}}
				return []api.SourceStatus{{Name: "a", State: "ok"}, {Name: "b", State: "retrying", LastError: "timeout"}}
			}, level: api.LevelDegraded, headline: "1 of 1 feed answers; source b is retrying: timeout", parts: "source b",
		},
		"sources that deliver nothing of use": {
			feeds: 1, change: func(*api.Status, []api.FeedStatus) []api.SourceStatus {
				return []api.SourceStatus{{Name: "a", State: "unusable", LastError: "delivers, but nothing usable: <html>"}, {Name: "b", State: "stale"}, {Name: "c", State: "starting"}}
			}, level: api.LevelDegraded, headline: "1 of 1 feed answers; 2 of 3 sources fail: a, b", parts: "source a, source b",
		},
		"a liar": {
			feeds: 1, change: func(_ *api.Status, feeds []api.FeedStatus) []api.SourceStatus {
				feeds[0].Quality, feeds[0].Reason = dodona.Uncertain, "b: 900 % from the median"
				feeds[0].Inputs = []dodona.Input{{Source: "a", Status: dodona.InputUsed}, {Source: "b", Status: dodona.InputOutlier}}
				return []api.SourceStatus{{Name: "a", State: "ok"}, {Name: "b", State: "ok"}}
			}, level: api.LevelDegraded, headline: "1 of 1 feed answers; f0 answers, but b: 900 % from the median", parts: "feed f0",
		},
		"anchors": {
			feeds: 1, change: func(s *api.Status, _ []api.FeedStatus) []api.SourceStatus {
				s.Anchors = &api.AnchorStatus{Behind: true, Checked: s.Now.Add(-time.Hour), LastError: "disk"}
				return nil
			}, level: api.LevelDegraded, headline: "1 of 1 feed answers; anchors are behind since 2026-11-30T11:00:00Z: disk", parts: "anchors",
		},
		"what the node itself is troubled by comes first": {
			feeds: 1, change: func(s *api.Status, _ []api.FeedStatus) []api.SourceStatus {
				s.Problems = []api.Problem{{Part: "journal", Message: "full"}, {Part: "clock", Message: "behind"}}
				s.Sinks = []api.SinkStatus{{Name: "main", State: "stuck"}}
				return nil
			}, level: api.LevelFailing, headline: "journal: full (and 1 more problem); 1 of 1 feed answers; sink main is stuck", parts: "journal, clock, sink main",
		},
	} {
		s, feeds := well(c.feeds)
		var sources []api.SourceStatus
		if c.change != nil {
			sources = c.change(&s, feeds)
		}
		v := api.Judge(s, feeds, sources)
		var parts []string
		worst := api.LevelOK
		for _, p := range v.Problems {
			parts = append(parts, p.Part)
			if p.Level == api.LevelFailing || worst == api.LevelOK {
				worst = p.Level
			}
		}
		if v.Level != c.level || v.Headline != c.headline || strings.Join(parts, ", ") != c.parts || worst != v.Level {
			t.Errorf("%s: got %s, %q, problems of %s;\nwant %s, %q, problems of %s", name, v.Level, v.Headline, strings.Join(parts, ", "), c.level, c.headline, c.parts)
		}
	}
}

func TestTheProblemsOfALargeNodeAreBounded(t *testing.T) {
	s, feeds := well(300)
	for i := range feeds {
		fails(&feeds[i], s, fmt.Sprintf("reason %d %s", i, strings.Repeat("x", 300)))
	}
	v := api.Judge(s, feeds, nil)
	if n := len(v.Problems); v.Level != api.LevelFailing || n != 65 || v.Problems[0].Part != "feeds" || !strings.HasPrefix(v.Problems[n-1].Message, "237 more problems") || len(v.Headline) > 1000 {
		t.Errorf("got %s, %d problems, %q", v.Level, n, v.Headline)
	}
}

// TestWhoeverAsksHearsTheSame: the status, the readiness and the stream have one judge.
func TestWhoeverAsksHearsTheSame(t *testing.T) {
	p, h := newAPI(api.Config{})
	good := p.feeds[0]
	good.Quality, good.Reason, good.Inputs = dodona.Good, "", nil
	for _, c := range []struct {
		feeds func()
		level string
		code  int
	}{
		{func() {}, "degraded", 200},
		{func() { p.feeds = []api.FeedStatus{good} }, "ok", 200},
		{func() { p.feeds[0].Latest = nil }, "failing", 503},
	} {
		c.feeds()
		ready, status := ask(h, "GET", "/readyz"), ask(h, "GET", "/v1/status")
		word := fmt.Sprintf("%q:%q", "level", c.level)
		if ready.Code != c.code || !strings.Contains(ready.Body.String(), word) || !strings.Contains(status.Body.String(), word) {
			t.Errorf("at level %s /readyz is %d %s, /v1/status %s", c.level, ready.Code, ready.Body, status.Body)
		}
	}
}
