//go:build integration

package fieldtest

import (
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// planted returns the samples of ten minutes, with calms of 20 s, of a node that a leak is planted in: by is what grows in a minute. Between the
// calms everything is larger, or smaller, than in them.
func planted(calms int, by sample) (samples []sample, spans []span) {
	begun := time.Unix(1_700_000_000, 0)
	for at := begun; at.Before(begun.Add(time.Duration(calms) * 150 * time.Second)); at = at.Add(time.Second) {
		minutes := at.Sub(begun).Minutes()
		inPhase := at.Sub(begun) % (150 * time.Second)
		s := sample{at: at, resident: 70 + by.resident*minutes, heap: 28 + by.heap*minutes, goroutines: 380 + by.goroutines*minutes, open: 80 + by.open*minutes}
		s.heap += float64(at.Unix()%3) * 4 // blocks, of which there are fewer once in three seconds
		switch {
		case inPhase == 0:
			spans = append(spans, span{at, at.Add(20 * time.Second)})
		case inPhase >= 80*time.Second:
			s.resident, s.heap, s.goroutines, s.open = s.resident+20, s.heap+16, s.goroutines+60, s.open+30
		case inPhase >= 20*time.Second:
			s.goroutines, s.open = s.goroutines-60, s.open-30
		}
		samples = append(samples, s)
	}
	return samples, spans
}

func TestAPlantedLeakIsFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		calms int
		by    sample
		want  string // empty: nothing
	}{
		{"nothing grows", 5, sample{}, ""},
		{"all grows as it may", 5, sample{resident: 0.9, heap: 0.45, goroutines: 0.9, open: 0.45}, ""},
		{"all shrinks", 5, sample{resident: -1, heap: -1, goroutines: -2, open: -1}, ""},
		{"a goroutine and a little a minute", 5, sample{goroutines: 1.1}, "goroutines grows by 1.10 a minute, want at most 1.00"},
		{"a descriptor each minute and a half", 5, sample{open: 0.7}, "descriptors grows by 0.70 a minute, want at most 0.50"},
		{"ten bytes each millisecond", 5, sample{heap: 0.6}, "live heap grows by 0.60 MiB a minute, want at most 0.50"},
		{"what no collector knows of", 5, sample{resident: 1.2}, "resident memory grows by 1.20 MiB a minute, want at most 1.00"},
		{"goroutines, in the short run", 2, sample{goroutines: 6}, "goroutines grew by 15.0, want at most 12"},
		{"descriptors, in the short run", 2, sample{open: 4}, "descriptors grew by 10.0, want at most 8"},
		{"heap, in the short run", 2, sample{heap: 10}, "live heap grew by 25.0 MiB, want at most 24"},
		{"memory, in the short run", 2, sample{resident: 17}, "resident memory grew by 42.5 MiB, want at most 40"},
		{"nobody measured", 1, sample{}, "goroutines was measured in 1 calms, want two at least"},
	} {
		samples, calms := planted(c.calms, c.by)
		told, faults := grown(samples, calms)
		all := strings.Join(faults, "\n")
		if c.want == "" && len(faults) > 0 || !strings.Contains(all, c.want) {
			t.Errorf("%s: found %q, want %q; it told\n%s", c.name, all, c.want, strings.Join(told, "\n"))
		}
	}
}

func TestAPlantedGapIsFound(t *testing.T) {
	begun := time.Unix(1_700_000_000, 0)
	peers := []*peer{{name: "p", sources: []source{{name: "a"}, {name: "b"}}}}
	faults := []fault{{peer: "p", began: begun.Add(10 * time.Second), over: begun.Add(15 * time.Second), well: begun.Add(17 * time.Second)}}
	answer := func(r *rounds, second int, reason string, points int) {
		f := api.FeedStatus{Feed: dodona.Feed{Name: "of.a"}, Missed: &api.MissedRound{Round: dodona.RoundAt(begun.Add(time.Duration(second) * time.Second)), Reason: reason}}
		if points > 0 {
			f.Missed, f.Latest = nil, &api.LatestAnswer{Round: f.Missed.Round}
			f.Inputs = make([]dodona.Input, points)
			for i := range f.Inputs {
				f.Inputs[i].Status = dodona.InputUsed
			}
		}
		r.take(f)
		f.Name = "of.b"
		r.take(f)
	}
	for _, c := range []struct {
		name                 string
		plant                func(*rounds)
		unexplained, outside string
	}{
		{"all is well", func(*rounds) {}, "", ""},
		{"missed in a fault", func(r *rounds) { answer(r, 12, "no answer within 500ms", 0) }, "", ""},
		{"missed without one", func(r *rounds) { answer(r, 25, "no answer within 500ms", 0) }, "", "a 2023-11-14T22:13:45Z: no answer within 500ms"},
		{"missed in a fault, without a reason", func(r *rounds) { answer(r, 12, "", 0) }, "a 2023-11-14T22:13:32Z: no value, and no reason", ""},
		{"never told of", func(r *rounds) { delete(r.seen["of.b"], dodona.RoundAt(begun.Add(13*time.Second))) }, "b 2023-11-14T22:13:33Z: there is nothing", ""},
	} {
		var r rounds
		for second := range 30 {
			answer(&r, second, "", 4)
		}
		c.plant(&r)
		g := gapsOf(&r, peers, faults, dodona.RoundAt(begun), dodona.RoundAt(begun.Add(29*time.Second)))
		if got := strings.Join(g.unexplained, "\n"); got == "" != (c.unexplained == "") || !strings.Contains(got, c.unexplained) {
			t.Errorf("%s: not explained are %q, want %q", c.name, got, c.unexplained)
		}
		if got := strings.Join(g.outside, "\n"); got == "" != (c.outside == "") || !strings.Contains(got, c.outside) {
			t.Errorf("%s: missed without a fault are %q, want %q", c.name, got, c.outside)
		}
		if g.answered+g.missed+len(g.unexplained) != 60 || g.points != 4*g.answered {
			t.Errorf("%s: %d answered with %d points, %d missed, %d not explained, want 60 in all", c.name, g.answered, g.points, g.missed, len(g.unexplained))
		}
	}
}

func TestASourceThatStaysDeadIsFound(t *testing.T) {
	over := time.Now()
	sources := []source{{name: "a"}, {name: "b"}}
	well := func(name string) (api.SourceStatus, api.FeedStatus) {
		after := over.Add(time.Second)
		return api.SourceStatus{Name: name, State: "ok", LastReading: after}, api.FeedStatus{Feed: dodona.Feed{Name: "of." + name}, Latest: &api.LatestAnswer{Time: after}}
	}
	for _, c := range []struct {
		name  string
		plant func(*api.SourceStatus, *api.FeedStatus)
		want  string
	}{
		{"both are well", func(*api.SourceStatus, *api.FeedStatus) {}, ""},
		{"one has a back-off without end", func(s *api.SourceStatus, _ *api.FeedStatus) { s.State, s.LastError = "retrying", "connection refused" }, "b is retrying"},
		{"one is ok and brings nothing", func(s *api.SourceStatus, _ *api.FeedStatus) { s.LastReading = over.Add(-time.Second) }, "b is ok, last reading"},
		{"one brings what no feed answers", func(_ *api.SourceStatus, f *api.FeedStatus) {
			f.Latest, f.Missed = nil, &api.MissedRound{Reason: "need 4 values, 0 remain"}
		}, "its feed: need 4 values, 0 remain"},
	} {
		n := &node{next: make(chan struct{}), seen: snapshot{at: over, sources: map[string]api.SourceStatus{}, feeds: map[string]api.FeedStatus{}}}
		for _, of := range sources {
			s, f := well(of.name)
			if of.name == "b" {
				c.plant(&s, &f)
			}
			n.seen.sources[of.name], n.seen.feeds[feedOf(of)] = s, f
		}
		f := fault{peer: "p", how: "frozen", began: over.Add(-5 * time.Second), over: over}
		got := n.dead(t.Context(), sources, &f, 10*time.Millisecond)
		if got == "" != (c.want == "") || !strings.Contains(got, c.want) || f.well.IsZero() != (got != "") {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
		}
	}
}
