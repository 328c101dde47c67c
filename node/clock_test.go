package node

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// TestAClockThatStepsSignsNothingTwiceAndSaysUntilWhen: an hour back, then a day ahead, then right again.
func TestAClockThatStepsSignsNothingTwiceAndSaysUntilWhen(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	t.Parallel()
	text := walks(t.TempDir(), "feeds: {f: {decimals: 2, every: 200ms, from: [s]}}\n")
	var step atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(step.Load())) }
	seen := newOutcomes()
	n := openNode(t, text, Options{OnRound: seen.add, Now: now})
	stop := run(t, n)
	answered := func(above dodona.Round) dodona.Round {
		return seen.await(t, "an answer above "+above.String(), func(o Outcome) bool { return o.Answer != nil && o.Round > above }).Round
	}
	behind := func(what string, last dodona.Round) {
		t.Helper()
		limit := time.Now().Add(2 * time.Minute)
		for {
			for _, p := range n.state.Ready() {
				if p.Part == "clock" && !p.Until.Before(last.Time()) && p.Until.Before(last.Time().Add(time.Minute)) && strings.Contains(p.Message, "set the clock") {
					return
				}
			}
			if time.Now().After(limit) {
				t.Fatalf("%s: the problems are %+v, want the clock's until a little after %s", what, n.state.Ready(), last)
			}
			waitFor(t, 10*time.Millisecond)
		}
	}
	last := answered(0)
	step.Store(int64(-time.Hour))
	behind("an hour back", last)
	f, _ := n.observer.feeds.get("f")
	f.mu.Lock()
	f.moved = time.Now().Add(-time.Hour)
	f.mu.Unlock()
	if stuck := n.Stalled(); stuck != nil {
		t.Errorf("while the clock is behind: %q, but a restart sets no clock", stuck)
	}
	step.Store(int64(24 * time.Hour))
	ahead := answered(dodona.RoundAt(now().Add(-time.Minute)))
	step.Store(0)
	behind("right again after a day ahead", ahead)
	stop()

	n = openNode(t, text, Options{Now: now}) // a restart does not forget
	stop = run(t, n)
	behind("after a restart", ahead)
	stop()
	if answers := auditNode(t, text)["f"]; len(answers) < 2 {
		t.Errorf("%d answers, want those before and after", len(answers))
	}
}

// TestAClockThatIsSetRightWithinARoundIsTold: it was a day ahead, and is set right the n-th time that it is read since an answer, which may be while a round is
// under way. That is not signed then, and waits for that day.
func TestAClockThatIsSetRightWithinARoundIsTold(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	t.Parallel()
	for n := int64(1); n <= 8; n++ {
		t.Run(fmt.Sprintf("read %d times", n), func(t *testing.T) {
			t.Parallel()
			text := walks(t.TempDir(), "feeds: {f: {decimals: 2, every: 200ms, from: [s]}}\n")
			var step, left atomic.Int64
			now := func() time.Time {
				if left.Load() > 0 && left.Add(-1) == 0 {
					step.Store(0)
				}
				return time.Now().Add(time.Duration(step.Load()))
			}
			seen := newOutcomes()
			node := openNode(t, text, Options{OnRound: seen.add, Now: now})
			stop := run(t, node)
			seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })
			step.Store(int64(24 * time.Hour))
			last := seen.await(t, "an answer of a day ahead", func(o Outcome) bool {
				return o.Answer != nil && o.Round > dodona.RoundAt(time.Now().Add(24*time.Hour-time.Minute))
			}).Round
			left.Store(n)
			await := func() {
				t.Helper()
				for limit := time.Now().Add(time.Minute); ; waitFor(t, 10*time.Millisecond) {
					told := node.state.Ready()
					if slices.ContainsFunc(told, func(p api.Problem) bool { return p.Part == "clock" && !p.Until.Before(last.Time()) }) {
						return
					}
					if time.Now().After(limit) {
						t.Fatalf("read %d times: told is %+v, want the clock's until after %s", n, told, last)
					}
				}
			}
			await()
			stop()
			node = openNode(t, text, Options{Now: now}) // a restart does not forget
			stop = run(t, node)
			await()
			stop()
		})
	}
}

// TestFeedsThatWaitForTheClockAreToldInOrder: the same answer twice is the same twice, also to a diff.
func TestFeedsThatWaitForTheClockAreToldInOrder(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	text := "feeds:\n"
	for _, name := range names {
		text += "  " + name + ": {decimals: 2, every: 200ms, from: [s]}\n"
	}
	var step atomic.Int64
	seen := newOutcomes()
	n := openNode(t, walks(t.TempDir(), text), Options{OnRound: seen.add, Now: func() time.Time { return time.Now().Add(time.Duration(step.Load())) }})
	stop := run(t, n)
	for _, name := range names {
		seen.await(t, "an answer of "+name, func(o Outcome) bool { return o.Answer != nil && o.Answer.Feed.Name == name })
	}
	step.Store(int64(-time.Hour))
	for limit := time.Now().Add(2 * time.Minute); ; waitFor(t, 10*time.Millisecond) {
		status := n.state.Status()
		if len(status.Problems) < len(names) && time.Now().Before(limit) {
			continue
		}
		for i, name := range names {
			if i >= len(status.Problems) || !strings.Contains(status.Problems[i].Message, "of feed "+name+";") {
				t.Fatalf("the problems are %+v, want one of each feed, by name", status.Problems)
			}
		}
		if want := "the last round of a, "; !strings.Contains(status.Clock.Message, want) {
			t.Errorf("the clock is told by %q, want %q", status.Clock.Message, want)
		}
		break
	}
	stop()
}

// TestAStatusIsOfOneInstant: what is wrong with the journal is told of what is shown of it, not of another look, which takes another second.
func TestAStatusIsOfOneInstant(t *testing.T) {
	n := openNode(t, walks(t.TempDir(), "feeds: {f: {decimals: 2, from: [s]}}\n"), Options{})
	var reads int
	s := n.state
	s.now = func() time.Time { reads++; return time.Now() }
	if status := s.Status(); reads != 1 || status.Ready != (status.Journal.Quality == dodona.Good) {
		t.Errorf("the clock was read %d times, want once; ready is %t and the journal %s", reads, status.Ready, status.Journal.Quality)
	}
}

func waitFor(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
