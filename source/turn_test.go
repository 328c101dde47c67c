package source_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/source"
)

// A server answers as many at once as it has hands, each after a while; who finds too many before him, or comes in one instant with more
// than six, is dropped, and tries again a second later.
type server struct {
	hands, queue int
	takes        time.Duration

	mu   sync.Mutex
	here int // asked and not answered yet
	came map[time.Time]int
	free chan struct{}
	slow int // so many answers take twenty times as long
}

func (s *server) answer(ctx context.Context) (dodona.Batch, error) {
	for !s.accept() {
		if !backoff.Wait(ctx, time.Second) {
			return dodona.Batch{}, ctx.Err()
		}
	}
	s.free <- struct{}{}
	s.mu.Lock()
	takes := s.takes
	if s.slow--; s.slow >= 0 {
		takes *= 20
	}
	s.mu.Unlock()
	time.Sleep(takes)
	<-s.free
	s.mu.Lock()
	defer s.mu.Unlock()
	s.here--
	return batch("1"), nil
}

func (s *server) accept() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free == nil {
		s.free, s.came = make(chan struct{}, s.hands), map[time.Time]int{}
	}
	if s.came[time.Now()]++; s.here >= s.hands+s.queue || s.came[time.Now()] > 6 {
		return false
	}
	s.here++
	return true
}

// asked makes rounds in which many sources ask one server, and returns how many answers came in time in each, and how long the last one took.
// It says what the pumps think of the crowd.
func (s *server) asked(t *testing.T, many, rounds int, deadline time.Duration) (answers []int, took []time.Duration, crowd string) {
	t.Helper()
	var peers source.Peers
	names := make([]string, many)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	turns := peers.Turns(names, func(string) source.Asks { return source.Asks{Peer: "there"} })
	pumps := make([]*source.Pump, many)
	for i, name := range names {
		of := &script{observe: func(ctx context.Context) (dodona.Batch, error) {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			return s.answer(ctx)
		}}
		p, stop := start(t, of, false, func(cfg *source.Config) { cfg.Every, cfg.Turn = 0, turns[name] })
		defer stop()
		pumps[i] = p
	}
	for range rounds {
		began := time.Now()
		var mu sync.Mutex
		var all sync.WaitGroup
		n, last := 0, time.Duration(0)
		for _, p := range pumps {
			all.Go(func() {
				if _, err := ask(t, p, deadline); err == nil {
					mu.Lock()
					defer mu.Unlock()
					n, last = n+1, time.Since(began)
				}
			})
		}
		all.Wait()
		answers, took = append(answers, n), append(took, last)
		time.Sleep(time.Until(began.Add(max(2*deadline, 3*time.Second))))
	}
	return answers, took, pumps[many-1].Crowd(deadline)
}

// TestWhoIsOneOfTooManyIsTold: where a peer has no time for all, and only there.
func TestWhoIsOneOfTooManyIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		server *server
		many   int
		told   bool
	}{
		"more than it can answer": {&server{hands: 1, queue: 5, takes: 15 * time.Millisecond}, 40, true},
		"time enough":             {&server{hands: 1, queue: 5, takes: time.Millisecond}, 40, false},
		"few":                     {&server{hands: 1, queue: 5, takes: 400 * time.Millisecond}, 4, false},
		"nothing is known":        {&server{hands: 1, queue: -1, takes: time.Millisecond}, 40, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answers, _, crowd := c.server.asked(t, c.many, 4, 500*time.Millisecond)
				if told := strings.HasPrefix(crowd, fmt.Sprint(c.many, " sources ask its peer")); told != c.told || (crowd != "") != c.told {
					t.Errorf("told %q, want %t; answers %v", crowd, c.told, answers)
				}
			})
		})
	}
}

// TestManyThatAskOnePeerDoSoFewAtATime: a server that answers one after another and drops what it has no room for answers all, also where they take
// most of the time there is; one that is slow to each but not to all is asked by all in time; and one that is quick keeps nobody waiting.
func TestManyThatAskOnePeerDoSoFewAtATime(t *testing.T) {
	for name, c := range map[string]struct {
		server   *server
		deadline time.Duration
		within   time.Duration // of the last answer
	}{
		"one after another, quick":                  {&server{hands: 1, queue: 5, takes: time.Millisecond}, 500 * time.Millisecond, 60 * time.Millisecond},
		"one after another, most of the time":       {&server{hands: 1, queue: 5, takes: 15 * time.Millisecond}, 800 * time.Millisecond, 700 * time.Millisecond},
		"one after another, slow but time enough":   {&server{hands: 1, queue: 5, takes: 100 * time.Millisecond}, 5 * time.Second, 4500 * time.Millisecond},
		"one after another, a longer queue":         {&server{hands: 1, queue: 18, takes: 40 * time.Millisecond}, 2 * time.Second, 1900 * time.Millisecond},
		"all at once, slow":                         {&server{hands: 100, takes: 300 * time.Millisecond}, 500 * time.Millisecond, 450 * time.Millisecond},
		"all at once, slower than the least spread": {&server{hands: 100, takes: time.Second}, 5 * time.Second, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answers, took, _ := c.server.asked(t, 40, 4, c.deadline)
				for round, n := range answers[1:] { // how long it takes is known by then
					if n != 40 || took[round+1] > c.within {
						t.Errorf("round %d: %d of 40 have answers, the last after %v; want all, within %v (%v, %v)", round+1, n, took[round+1], c.within, answers, took)
					}
				}
			})
		})
	}
}

// TestAPeerIsNotCrowdedForEver: one that was slow for a while, so that many asked at once and were dropped, is asked by few at a time again.
func TestAPeerIsNotCrowdedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{hands: 1, queue: 5, takes: 15 * time.Millisecond, slow: 40}
		answers, _, _ := s.asked(t, 40, 12, 800*time.Millisecond)
		if answers[0] == 40 || answers[11] != 40 {
			t.Errorf("of 40 have answers, round by round, %v; want fewer at first, and all at last", answers)
		}
	})
}

// TestATurnKeepsToEvery: who had to wait in one round does not ask sooner than its every in the next, where nobody is before it. What hangs keeps
// nobody waiting for long.
func TestATurnKeepsToEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 10 * time.Second
		var peer source.Peer
		hang := &script{observe: func(ctx context.Context) (dodona.Batch, error) { <-ctx.Done(); return dodona.Batch{}, ctx.Err() }}
		for i := range 4 {
			p, stop := start(t, hang, false, func(cfg *source.Config) { cfg.Turn = source.Turn{Peer: &peer, Index: i, Of: 40} })
			defer stop()
			go func() { _, _ = ask(t, p, 5*time.Second) }()
		}
		synctest.Wait()
		q := new(troubled)
		p, stop := start(t, &script{observe: q.observe}, false, func(cfg *source.Config) {
			cfg.Every, cfg.Turn = every, source.Turn{Peer: &peer, Index: 30, Of: 40}
		})
		defer stop()
		began := time.Now()
		for range 3 {
			mustAsk(t, p, 5*time.Second, "1")
			time.Sleep(time.Until(began.Add(time.Duration(len(q.times)) * every)))
		}
		if got := q.times[0].Sub(began); got != 100*time.Millisecond {
			t.Errorf("beside four that hang the peer is asked after %v, want 100 ms", got)
		}
		for i, at := range q.times[1:] {
			if gap := at.Sub(q.times[i]); gap < every {
				t.Errorf("it is asked %v after it was asked before, want at least %v", gap, every)
			}
		}
	})
}

func TestATurnEndsWithItsPump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{observe: func(ctx context.Context) (dodona.Batch, error) { return batch("1"), ctx.Err() }}
		p, stop := start(t, s, false, func(cfg *source.Config) { cfg.Turn = source.Turn{Peer: new(source.Peer), Index: 4000, Of: 4001} })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _, _ = p.Ask(ctx, dodona.RoundAt(time.Now())) }() // without a deadline
		synctest.Wait()
		began := time.Now()
		if stop(); time.Since(began) > 5*time.Second {
			t.Errorf("it stopped after %v", time.Since(began))
		}
	})
}

// TestThoseOfOnePeerShareItsTurns: also with those that a reload adds, while the others run on.
func TestThoseOfOnePeerShareItsTurns(t *testing.T) {
	var peers source.Peers
	first := func(name string) source.Asks { return source.Asks{Peer: name[:1]} }
	before := peers.Turns([]string{"a1"}, first)
	got := peers.Turns([]string{"a1", "b", "a2", "a3"}, first)
	for name, want := range map[string][2]int{"a1": {0, 3}, "a2": {1, 3}, "a3": {2, 3}, "b": {0, 1}} {
		if got[name].Index != want[0] || got[name].Of != want[1] || got[name].Peer == nil {
			t.Errorf("%s: %+v, want number %d of %d", name, got[name], want[0], want[1])
		}
		if same := got[name].Peer == before["a1"].Peer; same != (name != "b") {
			t.Errorf("%s: of the peer that was there before: %t", name, same)
		}
	}
}

// TestAPolledReadingIsTakenOnceUnlessItIsAllThereIs: a round within every has what the exchange before brought, and the newest still stands.
func TestAPolledReadingIsTakenOnceUnlessItIsAllThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		brought := 0
		p, stop := start(t, &script{observe: func(context.Context) (dodona.Batch, error) {
			brought++
			return batch(fmt.Sprint(brought, " of three"), fmt.Sprint(brought, " again"), fmt.Sprint(brought)), nil
		}}, false, func(cfg *source.Config) { cfg.Every = 10 * time.Second })
		defer stop()
		taker := new(source.Taker)
		since := func() []dodona.Reading {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			got, err := p.Since(ctx, dodona.RoundAt(time.Now()), taker)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		for range 2 {
			if got := since(); len(got) != 3 {
				t.Errorf("%s, want all three: none was taken", bodiesOf(got))
			}
		}
		var digests []dodona.Digest
		for _, r := range since() {
			digests = append(digests, r.Digest())
		}
		p.Took(taker, 1, digests)
		if got := since(); len(got) != 1 {
			t.Errorf("%s, want one that stands though all are taken", bodiesOf(got))
		}
		time.Sleep(10 * time.Second)
		if got := since(); len(got) != 3 {
			t.Errorf("%s, want the three of another exchange", bodiesOf(got))
		}
	})
}
