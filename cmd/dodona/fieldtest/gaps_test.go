//go:build integration

package fieldtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// every is the grid of all feeds.
const every = time.Second

// gaps is what became of rounds.
type gaps struct {
	points, answered, missed int
	outside                  []string // missed, while their peer was well
	unexplained              []string
}

// judgeGaps looks at every round of every feed between two instants: each has an answer, or a reason why it has none.
func judgeGaps(t *testing.T, n *node, peers []*peer, faults []fault, from, to time.Time) {
	t.Helper()
	first, last := roundsOf(from, to)
	for _, p := range peers {
		n.ask(t, p.sources, first, last)
	}
	g := gapsOf(&n.rounds, peers, faults, first, last)
	t.Logf("%d rounds answered with %d points, %d missed with their cause (%d while their peer was well), %d unexplained", g.answered, g.points, g.missed, len(g.outside), len(g.unexplained))
	if len(g.outside) > 0 {
		t.Logf("missed while their peer was well, for example:\n%s", strings.Join(g.outside[:min(len(g.outside), 10)], "\n"))
	}
	if len(g.unexplained) > 0 {
		t.Errorf("%d gaps are not explained, such as\n%s", len(g.unexplained), strings.Join(g.unexplained[:min(len(g.unexplained), 20)], "\n"))
	}
	t.Logf("%.0f points a second were answered", float64(g.points)/to.Sub(from).Seconds())
}

// roundsOf returns the first and the last round between two instants: those of the last seconds may still go on.
func roundsOf(from, to time.Time) (first, last dodona.Round) {
	return dodona.RoundAt(from.Truncate(every).Add(every)), dodona.RoundAt(to.Truncate(every).Add(-2 * every))
}

func gapsOf(rounds *rounds, peers []*peer, faults []fault, first, last dodona.Round) (g gaps) {
	for _, p := range peers {
		for _, s := range p.sources {
			for r := first; r <= last; r += dodona.Round(every.Milliseconds()) {
				o, known := rounds.of(feedOf(s), r)
				switch {
				case !known:
					g.unexplained = append(g.unexplained, fmt.Sprintf("%s %s: there is nothing", s.name, r))
				case o.points > 0:
					g.answered++
					g.points += o.points
				case o.missed == "":
					g.unexplained = append(g.unexplained, fmt.Sprintf("%s %s: no value, and no reason", s.name, r))
				default:
					if g.missed++; !within(faults, p.name, r.Time()) {
						g.outside = append(g.outside, fmt.Sprintf("%s %s: %s", s.name, r, o.missed))
					}
				}
			}
		}
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

// askOn asks again and again, since the journal keeps a round for a minute and a half.
func (n *node) askOn(ctx context.Context, t *testing.T, sources []source, from time.Time) {
	for pause(ctx, 10*time.Second); ctx.Err() == nil; pause(ctx, 10*time.Second) {
		now := time.Now()
		if begin := now.Add(-40 * time.Second); begin.After(from) {
			from = begin
		}
		first, last := roundsOf(from, now.Add(-3*every))
		n.ask(t, sources, first, last)
	}
}

// ask has the journal tell the rounds of those feeds of which the stream did not tell all: rounds that passed before they could be asked are
// journaled alone.
func (n *node) ask(t *testing.T, sources []source, first, last dodona.Round) {
	t.Helper()
	const atOnce = 4
	var asking sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, s := range sources {
		from := first
		for known := true; from <= last; from += dodona.Round(every.Milliseconds()) {
			if _, known = n.rounds.of(feedOf(s), from); !known {
				break
			}
		}
		if from > last {
			continue
		}
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			for from <= last && from != 0 {
				var page api.RoundPage
				if err := n.patiently(fmt.Sprintf("/v1/feeds/%s/rounds?from=%s&limit=1000", feedOf(s), from.ID()), &page); err != nil {
					t.Errorf("rounds of %s: %v", s.name, err)
					return
				}
				n.rounds.add(page)
				from = page.Next
			}
		})
	}
	asking.Wait()
}

// explained has the journal tell the story of the last round that a source's feed missed in a fault, if any: it names the source and says why.
func (n *node) explained(t *testing.T, s source, f fault) {
	missed := n.rounds.lastMissed(feedOf(s), dodona.RoundAt(f.began))
	if missed == 0 {
		return
	}
	o, _ := n.rounds.of(feedOf(s), missed)
	var story string
	if err := n.patiently(fmt.Sprintf("/v1/feeds/%s/rounds/%s/explain", feedOf(s), missed.ID()), &story); err != nil || !strings.Contains(story, s.name) || !strings.Contains(story, "missed") {
		t.Errorf("explain %s %s, missed because %s: %v: %.300s", s.name, missed, o.missed, err, story)
	}
}

// patiently asks again where the journal is too busy to answer in time.
func (n *node) patiently(path string, into any) (err error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Second) {
		if err = n.get(path, into); err == nil || !strings.Contains(err.Error(), "503") {
			return err
		}
	}
	return err
}
