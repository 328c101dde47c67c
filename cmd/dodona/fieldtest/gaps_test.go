//go:build integration

package fieldtest

import (
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

// judgeGaps looks at every round of every feed between two instants: each has an answer, or a reason why it has none. It returns how many points
// were answered.
func judgeGaps(t *testing.T, n *node, peers []*peer, faults []fault, from, to time.Time) (points int) {
	t.Helper()
	first := dodona.RoundAt(from.Truncate(every).Add(every))
	last := dodona.RoundAt(to.Truncate(every).Add(-2 * every))
	for _, p := range peers {
		n.ask(t, p.sources, first, last)
	}
	var answered, missed int
	var outside, unexplained []string
	for _, p := range peers {
		for _, s := range p.sources {
			for r := first; r <= last; r += dodona.Round(every.Milliseconds()) {
				o, known := n.rounds.of(feedOf(s), r)
				switch {
				case !known:
					unexplained = append(unexplained, fmt.Sprintf("%s %s: there is nothing", s.name, r))
				case o.points > 0:
					answered++
					points += o.points
				case o.missed == "":
					unexplained = append(unexplained, fmt.Sprintf("%s %s: no value, and no reason", s.name, r))
				default:
					if missed++; !within(faults, p.name, r.Time()) {
						outside = append(outside, fmt.Sprintf("%s %s: %s", s.name, r, o.missed))
					}
				}
			}
		}
	}
	t.Logf("%d rounds answered with %d points, %d missed with their cause (%d while their peer was well), %d unexplained", answered, points, missed, len(outside), len(unexplained))
	if len(outside) > 0 {
		t.Logf("missed while their peer was well, for example:\n%s", strings.Join(outside[:min(len(outside), 10)], "\n"))
	}
	if len(unexplained) > 0 {
		t.Errorf("%d gaps are not explained, such as\n%s", len(unexplained), strings.Join(unexplained[:min(len(unexplained), 20)], "\n"))
	}
	return points
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
