//go:build integration

package fieldtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// gaps are the rounds of all feeds, by what the journal says of them.
type gaps struct {
	answered, missed, outside, points int
	unexplained                       []string
}

// every is the grid of all feeds.
const every = time.Second

// judgeGaps reads every round of every feed between two instants out of the journal: each has an answer, or a reason why it has none.
func judgeGaps(t *testing.T, n *node, peers []*peer, faults []fault, from, to time.Time) gaps {
	t.Helper()
	var g gaps
	first := dodona.RoundAt(from.Truncate(every).Add(every))
	last := dodona.RoundAt(to.Truncate(every).Add(-every))
	var shown []string
	for _, p := range peers {
		for _, s := range p.sources {
			rounds, err := n.rounds(feedOf(s), first, last)
			if err != nil {
				t.Errorf("rounds of %s: %v", s.name, err)
				continue
			}
			explained := false
			for r := first; r <= last; r += dodona.Round(every.Milliseconds()) {
				status, known := rounds[r]
				switch {
				case !known:
					g.unexplained = append(g.unexplained, fmt.Sprintf("%s %s: there is nothing", s.name, r))
				case status.Value != nil:
					g.answered++
					g.points += len(s.points)
				case status.Missed == "":
					g.unexplained = append(g.unexplained, fmt.Sprintf("%s %s: no value, and no reason", s.name, r))
				default:
					g.missed++
					if !explained {
						explained = n.explains(t, s, r)
					}
					if !within(faults, p.name, r.Time()) {
						g.outside++
						shown = append(shown, fmt.Sprintf("%s %s: %s", s.name, r, status.Missed))
					}
				}
			}
		}
	}
	t.Logf("%d rounds answered with %d points, %d missed with their cause (%d while their peer was well), %d unexplained", g.answered, g.points, g.missed, g.outside, len(g.unexplained))
	if len(shown) > 0 {
		t.Logf("missed while their peer was well, for example:\n%s", strings.Join(shown[:min(len(shown), 10)], "\n"))
	}
	if len(g.unexplained) > 0 {
		t.Errorf("%d gaps are not explained, such as\n%s", len(g.unexplained), strings.Join(g.unexplained[:min(len(g.unexplained), 20)], "\n"))
	}
	return g
}

// within reports whether a peer was away at a round, or its sources were not back.
func within(faults []fault, peer string, at time.Time) bool {
	for _, f := range faults {
		if f.peer == peer && !at.Before(f.began.Add(-every)) && (f.well.IsZero() || !at.After(f.well.Add(every))) {
			return true
		}
	}
	return false
}

// rounds returns those of a feed, by their instant.
func (n *node) rounds(feed string, first, last dodona.Round) (map[dodona.Round]api.RoundStatus, error) {
	all := map[dodona.Round]api.RoundStatus{}
	for from := first; from <= last; {
		var page api.RoundPage
		if err := n.get(fmt.Sprintf("/v1/feeds/%s/rounds?from=%s&limit=1000", feed, from.ID()), &page); err != nil {
			return nil, err
		}
		for _, r := range page.Rounds {
			all[r.Round] = r
		}
		if page.Next == 0 {
			break
		}
		from = page.Next
	}
	return all, nil
}

// explains reports whether the story of a round that was missed names its source.
func (n *node) explains(t *testing.T, s source, r dodona.Round) bool {
	t.Helper()
	var story string
	if err := n.get(fmt.Sprintf("/v1/feeds/%s/rounds/%s/explain", feedOf(s), r.ID()), &story); err != nil || !strings.Contains(story, s.name) {
		t.Errorf("explain %s %s: %v: %.300s", s.name, r, err, story)
	}
	return true
}
