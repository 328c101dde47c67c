package source_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// has reports whether a body speaks of a point, which is a letter.
func has(r dodona.Reading, point string) bool { return strings.Contains(string(r.Body), point) }

// says returns a source that brings the bodies, one a second, and then waits.
func says(bodies ...string) *script {
	s := &script{}
	s.observe = func(ctx context.Context) (dodona.Batch, error) {
		_, n, _ := s.counts()
		if n > len(bodies) {
			<-ctx.Done()
			return dodona.Batch{}, ctx.Err()
		}
		time.Sleep(time.Second)
		return batch(bodies[n-1]), nil
	}
	return s
}

func bodiesOf(readings []dodona.Reading) (all string) {
	for _, r := range readings {
		all += string(r.Body) + " "
	}
	return strings.TrimSpace(all)
}

func TestEachPointIsAskedForWithTheLatestReadingThatHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := start(t, says("a1", "b2", "ab3", "b4", "-5"), true, nil)
		defer stop()
		a := &source.Want{Points: []string{"a"}, Has: has, Within: time.Minute}
		both := &source.Want{Points: []string{"a", "b"}, Has: has, Within: time.Minute}
		neither := &source.Want{Points: []string{"c"}, Has: has, Within: time.Minute}
		for i, want := range []string{"a1|a1|a1", "a1|a1 b2|b2", "ab3|ab3|ab3", "ab3|ab3 b4|b4", "ab3|ab3 b4|-5"} {
			time.Sleep(time.Second)
			synctest.Wait()
			var got []string
			for _, w := range []*source.Want{a, both, neither} {
				readings, err := p.AskFor(t.Context(), dodona.RoundAt(time.Now()), w)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, bodiesOf(readings))
			}
			if text := strings.Join(got, "|"); text != want {
				t.Errorf("after %d readings: %s, want %s", i+1, text, want)
			}
		}
		time.Sleep(57 * time.Second) // the last a is as old as may be
		for _, want := range []string{"ab3", "-5"} {
			readings, err := p.AskFor(t.Context(), dodona.RoundAt(time.Now()), a)
			if got := bodiesOf(readings); err != nil || got != want {
				t.Errorf("%v after the start: %s, %v, want %s", time.Since(time.Time{}), got, err, want)
			}
			time.Sleep(5 * time.Second)
		}
	})
}

func TestAWantThatComesLaterKnowsWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := start(t, says("a1", "b2", "b3"), true, func(c *source.Config) { c.Hold = 10 })
		defer stop()
		time.Sleep(4 * time.Second)
		synctest.Wait()
		readings, err := p.AskFor(t.Context(), dodona.RoundAt(time.Now()), &source.Want{Points: []string{"a", "b"}, Has: has, Within: time.Minute})
		if got := bodiesOf(readings); err != nil || got != "a1 b3" {
			t.Errorf("%s, %v, want a1 b3", got, err)
		}
	})
}

func TestASourceAnswersWithWhatCameBeforeThisStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := []dodona.Reading{
			{Source: "s", Body: []byte("a1"), Received: time.Now().Add(-20 * time.Second)},
			{Source: "s", Body: []byte("b2"), Received: time.Now().Add(-10 * time.Second)},
		}
		p, stop := start(t, says(), true, func(c *source.Config) {
			c.Recent = func(context.Context) ([]dodona.Reading, error) { return before, nil }
		})
		defer stop()
		w := &source.Want{Points: []string{"a", "b"}, Has: has, Within: time.Minute}
		readings, err := p.AskFor(t.Context(), dodona.RoundAt(time.Now()), w)
		if got := bodiesOf(readings); err != nil || got != "a1 b2" {
			t.Errorf("%s, %v, want a1 b2", got, err)
		}
		if all, err := p.Since(t.Context(), dodona.RoundAt(time.Now()), new(source.Taker)); err != nil || len(all) != 0 {
			t.Errorf("as news: %s, %v, want none", bodiesOf(all), err)
		}
		if got := p.Status().LastReading; !got.Equal(before[1].Received) {
			t.Errorf("the last reading is of %v, want %v", got, before[1].Received)
		}
	})
}

func TestAnOpenSourceWithNothingToSaySaysSoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.observe = func(ctx context.Context) (dodona.Batch, error) {
			switch _, n, _ := s.counts(); n {
			case 1:
				return dodona.Batch{}, nil
			case 2:
				time.Sleep(10 * time.Second)
				return dodona.Batch{}, errors.New("pulled out")
			}
			<-ctx.Done()
			return dodona.Batch{}, ctx.Err()
		}
		p, stop := start(t, s, true, nil)
		defer stop()
		synctest.Wait()
		began := time.Now()
		for range 2 {
			_, err := p.Ask(t.Context(), dodona.RoundAt(time.Now()))
			if err == nil || !strings.Contains(err.Error(), "nothing has come from it yet; it is open and waits since "+began.UTC().Format(time.RFC3339)) {
				t.Errorf("got %v", err)
			}
			time.Sleep(5 * time.Second)
		}
		if !began.Add(10 * time.Second).Equal(time.Now()) {
			t.Error("the answer was waited for")
		}
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Ask(ctx, dodona.RoundAt(time.Now())); err == nil || !strings.Contains(err.Error(), "pulled out") && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after it failed: %v", err)
		}
	})
}

func TestOfAPolledSourceTheLastReadingOfEachItemIsTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.observe = func(context.Context) (dodona.Batch, error) {
			now := time.Now()
			return dodona.Batch{Readings: []dodona.Reading{
				{Item: "x", Body: []byte("b2"), Received: now.Add(1)}, {Item: "y", Body: []byte("a3"), Received: now}, {Item: "x", Body: []byte("a1"), Received: now},
			}}, nil
		}
		p, stop := start(t, s, false, nil)
		defer stop()
		readings, err := p.AskFor(t.Context(), dodona.RoundAt(time.Now()), &source.Want{Points: []string{"a"}, Has: has, Within: time.Minute})
		if got := bodiesOf(readings); err != nil || got != "b2 a3" {
			t.Errorf("%s, %v, want b2 a3", got, err)
		}
	})
}

// Without this a person takes what is refused for what never came, and looks at the device.
func TestASourceWhoseReadingsAreAllDroppedSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		var env source.Env
		s.open = func(_ context.Context, e source.Env) error {
			env = e
			return nil
		}
		s.observe = func(ctx context.Context) (dodona.Batch, error) {
			switch _, n, _ := s.counts(); n {
			case 1:
				env.Dropped(31, "an older one")
				env.Dropped(1, "no birth\nexplains its alias"+strings.Repeat("x", 2000))
				return dodona.Batch{}, nil
			case 2:
				time.Sleep(time.Minute)
				return batch("1"), nil
			}
			<-ctx.Done()
			return dodona.Batch{}, ctx.Err()
		}
		p, stop := start(t, s, true, nil)
		defer stop()
		synctest.Wait()
		const want = "nothing usable has come; 32 readings were dropped, the last: no birth"
		if _, err := p.Ask(t.Context(), dodona.RoundAt(time.Now())); err == nil || !strings.HasPrefix(err.Error(), want) || len(err.Error()) > 700 || strings.Contains(err.Error(), "\n") {
			t.Errorf("the round is missed with %v, want a line that begins %q", err, want)
		}
		if got := p.Status(); got.State != source.Starting || !strings.HasPrefix(got.LastError, want) {
			t.Errorf("the status says %s, %q, want starting, %q", got.State, got.LastError, want)
		}
		time.Sleep(2 * time.Minute)
		if got := p.Status(); got.LastError != "" || got.Dropped != 32 || !strings.HasPrefix(got.LastDrop, "no birth") {
			t.Errorf("after one came the status says %q, %d, %q", got.LastError, got.Dropped, got.LastDrop)
		}
	})
}

func TestWhatIsDroppedIsToldOnceAndNeverWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		full := make(chan struct{})
		s := says("1", "2", "3", "4", "5")
		p, stop := start(t, s, true, func(c *source.Config) {
			c.Append = func(context.Context, dodona.Batch) error { return dodona.Permanent(errors.New("too large")) }
			c.Lost = func(_ context.Context, n uint64, cause string) {
				if told = append(told, strings.Repeat("x", int(n))+" "+cause); len(told) == 1 {
					<-full // as a journal without room would
				}
			}
		})
		time.Sleep(5 * time.Minute)
		if got := p.Status().Dropped; got != 5 {
			t.Errorf("%d are dropped while nobody can be told, want 5", got)
		}
		close(full)
		synctest.Wait()
		stop()
		if want := " the journal can never take them: too large"; len(told) != 2 || told[0] != "x"+want || told[1] != "xxxx"+want {
			t.Errorf("told %q, want of the first one and then of four", told)
		}
	})
}

func TestOnlyReadingsOfItsItemAreAskedForAPoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.observe = func(ctx context.Context) (dodona.Batch, error) {
			if _, n, _ := s.counts(); n > 1 {
				<-ctx.Done()
				return dodona.Batch{}, ctx.Err()
			}
			var b dodona.Batch
			for _, item := range []string{"a", "b", "c"} {
				b.Readings = append(b.Readings, dodona.Reading{Item: item, Body: []byte("a b of " + item), Received: time.Now()})
			}
			return b, nil
		}
		p, stop := start(t, s, true, nil)
		defer stop()
		var mu sync.Mutex
		asked := map[string]int{}
		w := &source.Want{
			Points: []string{"a", "b"}, Within: time.Minute,
			Has: func(r dodona.Reading, point string) bool {
				mu.Lock()
				defer mu.Unlock()
				asked[point+" of "+r.Item]++
				return has(r, point)
			},
			Item: func(point string) string { return strings.TrimPrefix(point, "b") }, // of b it may be any
		}
		time.Sleep(time.Second)
		synctest.Wait()
		readings, err := p.AskFor(t.Context(), dodona.RoundAt(time.Now()), w)
		if got, want := bodiesOf(readings), "a b of a a b of b a b of c"; err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, item := range []string{"a", "b", "c"} {
			if n := asked["a of "+item]; (n > 0) != (item == "a") {
				t.Errorf("it was asked %d times whether the reading of %s has a", n, item)
			}
			if asked["b of "+item] == 0 {
				t.Errorf("it was not asked whether the reading of %s has b", item)
			}
		}
	})
}

// TestWhatWasMeasuredBeforeDoesNotTakeThePlaceOfTheLatest, for as long as that counts, also for a want that comes later.
func TestWhatWasMeasuredBeforeDoesNotTakeThePlaceOfTheLatest(t *testing.T) {
	older := func(before, now dodona.Reading, _ string) bool { return string(now.Body) < string(before.Body) } // as a letter and a digit
	synctest.Test(t, func(t *testing.T) {
		p, stop := start(t, says("a2", "a5", "a3", "b1", "a4"), true, func(c *source.Config) { c.Hold = 10 })
		defer stop()
		w := func() *source.Want {
			return &source.Want{Points: []string{"a"}, Has: has, Older: older, Within: 10 * time.Second, Every: time.Second}
		}
		at := w()
		ask := func(w *source.Want) string {
			readings, err := p.AskFor(t.Context(), dodona.RoundAt(time.Now()), w)
			if err != nil {
				t.Fatal(err)
			}
			return bodiesOf(readings)
		}
		for i, want := range []string{"a2", "a5", "a5", "a5", "a5"} {
			time.Sleep(time.Second)
			synctest.Wait()
			if got := ask(at); got != want {
				t.Errorf("after %d readings: %s, want %s", i+1, got, want)
			}
		}
		if got := ask(w()); got != "a5" {
			t.Errorf("of what is held: %s, want a5", got)
		}
		time.Sleep(9 * time.Second) // what came second counts no more
		if got := ask(at); got != "a4" {
			t.Errorf("later: %s, want what came last", got)
		}
	})
}
