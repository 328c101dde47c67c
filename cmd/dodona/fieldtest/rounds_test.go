//go:build integration

package fieldtest

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// An outcome is what became of a round: an answer of so many points, or the reason why there is none.
type outcome struct {
	points int
	missed string
}

// rounds are those that the node told of, by feed and instant.
type rounds struct {
	mu   sync.Mutex
	seen map[string]map[dodona.Round]outcome
}

func (r *rounds) take(f api.FeedStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]map[dodona.Round]outcome{}
	}
	if r.seen[f.Name] == nil {
		r.seen[f.Name] = map[dodona.Round]outcome{}
	}
	if f.Missed != nil {
		r.seen[f.Name][f.Missed.Round] = outcome{missed: f.Missed.Reason}
		return
	}
	if f.Latest == nil {
		return
	}
	var used int
	for _, in := range f.Inputs {
		if in.Status == dodona.InputUsed {
			used++
		}
	}
	r.seen[f.Name][f.Latest.Round] = outcome{points: used}
}

// add takes what the journal has where the stream told nothing.
func (r *rounds) add(page api.RoundPage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]map[dodona.Round]outcome{}
	}
	if r.seen[page.Feed] == nil {
		r.seen[page.Feed] = map[dodona.Round]outcome{}
	}
	for _, status := range page.Rounds {
		if _, known := r.seen[page.Feed][status.Round]; known {
			continue
		}
		o := outcome{missed: status.Missed}
		if status.Value != nil {
			o.points = 1 // one at least
		}
		r.seen[page.Feed][status.Round] = o
	}
}

// of returns what became of a round.
func (r *rounds) of(feed string, round dodona.Round) (o outcome, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, known = r.seen[feed][round]
	return o, known
}

// lastMissed returns the newest round that a feed missed since an instant.
func (r *rounds) lastMissed(feed string, since dodona.Round) (last dodona.Round) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for round, o := range r.seen[feed] {
		if o.missed != "" && round >= since {
			last = max(last, round)
		}
	}
	return last
}

// follow hears of every round of the sources' feeds until ctx ends, on a stream for a few of them each: a client that does not keep up is let go,
// and told what it missed when it comes back.
func (n *node) follow(ctx context.Context, sources []source) {
	const few = 12
	var streams sync.WaitGroup
	defer streams.Wait()
	for part := range slices.Chunk(sources, few) {
		query := url.Values{"events": {"feed"}}
		for _, s := range part {
			query.Add("feed", feedOf(s))
		}
		streams.Go(func() {
			for last := ""; ctx.Err() == nil; {
				last = n.stream(ctx, "/v1/stream?"+query.Encode(), last)
			}
		})
	}
}

// stream hears until the stream ends, and returns the id of the last event.
func (n *node) stream(ctx context.Context, path, last string) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+path, nil)
	if err != nil {
		n.t.Errorf("%v", err)
		return last
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		pause(ctx, 100*time.Millisecond)
		return last
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			last = value
		case "data":
			var f api.FeedStatus
			if json.Unmarshal([]byte(value), &f) == nil && f.Name != "" {
				n.rounds.take(f)
			}
		}
	}
	return last
}
