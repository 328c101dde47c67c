package sourcetest

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// Faults are what goes wrong between a source and its peer. The functions fail the test themselves; what is nil is not tried.
type Faults struct {
	// Freeze has the peer do nothing any more, with its connections up; Thaw has it go on.
	Freeze, Thaw func(t *testing.T)

	// FreezeFor is how long a freeze takes at least; 0: until the source tells it. Some libraries notice a short one only.
	FreezeFor time.Duration

	// Kill ends the peer without a last word; Start brings it back.
	Kill func(t *testing.T)

	// Vanish has what is on the connections that there are go nowhere, without a word; new ones are well.
	Vanish func(t *testing.T)

	// Flood has the peer say n things at once, each a body as [Fat] makes for 1 to n, of which FloodSize is n; 0: 10,000. It does not wait for
	// the source to take them, and may go on in the background until Say.
	Flood     func(t *testing.T, n int)
	FloodSize int

	// FloodMemory is how much more the heap of this process may hold while the journal takes nothing; 0: 8 MiB. A peer within the process
	// wants more.
	FloodMemory int64

	// Drip has what the peer says come a byte a second from now on; Flow ends that.
	Drip, Flow func(t *testing.T)

	// Late has the next answer of the peer come too late: after the source gave its question up and asked the next one.
	Late func(t *testing.T)

	// Right says what is wrong with a reading that is not bad: that it is of another question, or torn. nil: it must be of what the peer said
	// last, which for one late answer means of the question itself.
	Right func(r dodona.Reading) error

	// Bound is when a test gives up to wait for one thing; 0: 60 s.
	Bound time.Duration
}

const (
	defaultBound       = time.Minute
	defaultFlood       = 10_000
	defaultFloodMemory = 8 << 20
	lateExchanges      = 6 // after the one whose answer is late
)

func (f Faults) bound() time.Duration { return cmp.Or(f.Bound, defaultBound) }

// RunFaults tries each fault side by side with the others, each on a fresh subject. [Run] does it too.
func RunFaults(t *testing.T, fresh func(t *testing.T) Subject) {
	before := goleak.IgnoreCurrent()
	t.Run("Faults", func(t *testing.T) { tryFaults(t, fresh, new(sync.Mutex)) })
	goleak.VerifyNone(t, before)
}

// RunFaultsOfEach is RunFaults of several subjects, by their names, side by side.
func RunFaultsOfEach(t *testing.T, fresh map[string]func(t *testing.T) Subject) {
	before := goleak.IgnoreCurrent()
	t.Run("Faults", func(t *testing.T) {
		flood := new(sync.Mutex)
		for name, one := range fresh {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				tryFaults(t, one, flood)
			})
		}
	})
	goleak.VerifyNone(t, before)
}

// tryFaults runs the tests of one subject. The memory of floods is that of the process, so that whoever has flood is alone in one.
func tryFaults(t *testing.T, fresh func(t *testing.T) Subject, flood *sync.Mutex) {
	for _, test := range []struct {
		name  string
		tried func(f Faults) bool
		run   func(t *testing.T, s Subject)
	}{
		{"TellsAFreeze", func(f Faults) bool { return f.Freeze != nil }, tellsAFreeze},
		{"TellsAKill", func(f Faults) bool { return f.Kill != nil }, tellsAKill},
		{"LeavesAHalfOpenLine", func(f Faults) bool { return f.Vanish != nil }, leavesAHalfOpenLine},
		{"SurvivesAFlood", func(f Faults) bool { return f.Flood != nil }, func(t *testing.T, s Subject) {
			flood.Lock()
			defer flood.Unlock()
			survivesAFlood(t, s)
		}},
		{"EndsADrip", func(f Faults) bool { return f.Drip != nil }, endsADrip},
		{"IsNotMisledByALateAnswer", func(f Faults) bool { return f.Late != nil }, isNotMisledByALateAnswer},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := fresh(t)
			if !test.tried(s.Faults) {
				t.Log("its subject says not how to make it")
				return
			}
			test.run(t, s)
			if s.Stop != nil {
				s.Stop(t)
			}
		})
	}
}

// awaitTrouble asks until the status says that something is wrong, and what.
func awaitTrouble(t *testing.T, p *source.Pump, bound time.Duration, what string) {
	t.Helper()
	until(t, bound, func() bool { return troubled(t, p) }, func() string { return what + " is not told; status " + describe(p) })
}

func troubled(t *testing.T, p *source.Pump) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, _ = p.Ask(ctx, dodona.RoundAt(time.Now())) // so that a polled source asks
	got := p.Status()
	return (got.State == source.Retrying || got.State == source.Stale) && got.LastError != ""
}

func describe(p *source.Pump) string {
	got := p.Status()
	return string(got.State) + ", last error " + got.LastError
}

// until looks again and again until done, and gives up after the bound.
func until(t *testing.T, bound time.Duration, done func() bool, complaint func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("after %s %s", bound, complaint())
		case <-pause.C:
		}
	}
}

func tellsAFreeze(t *testing.T, s Subject) {
	s.start(t)
	p, stop := s.pump(t, &journal{})
	defer stop()
	s.say(t, 1)
	await(t, p, s.mark(1))
	s.Faults.Freeze(t)
	thaw := s.Faults.Thaw
	defer func() { thaw(t) }() // also if it is not told, so that the peer can end
	begun := time.Now()
	awaitTrouble(t, p, s.Faults.bound(), "a frozen peer")
	until(t, s.Faults.FreezeFor+s.Faults.bound(), func() bool { return time.Since(begun) >= s.Faults.FreezeFor }, func() string { return "the freeze goes on" })
	s.Faults.Thaw(t)
	thaw = func(*testing.T) {}
	s.say(t, 2)
	awaitFor(t, p, s.mark(2), s.Faults.bound())
	awaitOK(t, p, s.Faults.bound())
}

func awaitOK(t *testing.T, p *source.Pump, bound time.Duration) {
	t.Helper()
	until(t, bound, func() bool { return p.Status().State == source.OK }, func() string { return "readings come, and the status is " + describe(p) })
}

func tellsAKill(t *testing.T, s Subject) {
	s.start(t)
	p, stop := s.pump(t, &journal{})
	defer stop()
	for n := 1; n <= 3; n++ {
		s.say(t, n)
		awaitFor(t, p, s.mark(n), s.Faults.bound())
		s.Faults.Kill(t)
		awaitTrouble(t, p, s.Faults.bound(), "a killed peer")
		s.Start(t)
	}
	s.say(t, 9)
	awaitFor(t, p, s.mark(9), s.Faults.bound())
	awaitOK(t, p, s.Faults.bound())
}

func leavesAHalfOpenLine(t *testing.T, s Subject) {
	s.start(t)
	j := &journal{}
	p, stop := s.pump(t, j)
	defer stop()
	s.say(t, 1)
	await(t, p, s.mark(1))
	s.Faults.Vanish(t)
	known := len(j.readings())
	s.say(t, 2)
	if s.Say == nil { // it speaks by itself: what comes must be new
		until(t, s.Faults.bound(), func() bool {
			awaitFor(t, p, "", s.Faults.bound())
			return len(j.readings()) > known+1
		}, func() string { return "nothing new came; status " + describe(p) })
		return
	}
	awaitFor(t, p, s.mark(2), s.Faults.bound())
	awaitOK(t, p, s.Faults.bound())
}

func survivesAFlood(t *testing.T, s Subject) {
	s.start(t)
	j := &journal{}
	p, stop := s.pump(t, j)
	defer stop()
	s.say(t, 0)
	await(t, p, s.mark(0))
	n, limit := cmp.Or(s.Faults.FloodSize, defaultFlood), cmp.Or(s.Faults.FloodMemory, defaultFloodMemory)
	before := heap()
	j.close()
	s.Faults.Flood(t, n)
	for range 20 { // for as long as a source takes to swallow what it can
		time.Sleep(50 * time.Millisecond)
		if grown := heap() - before; grown > limit {
			j.open()
			t.Fatalf("the heap grew by %d KiB while the journal took nothing, want at most %d", grown>>10, limit>>10)
		}
	}
	j.open()
	s.say(t, n+1)
	awaitFor(t, p, s.mark(n+1), s.Faults.bound())
	if !s.Kind.Pushed(s.Settings) {
		return // it asks for what is now, and was never told the rest
	}
	kept := func() int { return j.count(n) }
	until(t, s.Faults.bound(), func() bool { return kept()+int(p.Status().Dropped) >= n }, func() string {
		return "the flood is not accounted for: " + describe(p) + "; want each in the journal or counted as dropped"
	})
	if dropped := p.Status().Dropped; s.Resumes && dropped > 0 {
		t.Errorf("%d dropped of a flood, and it says that nothing is lost", dropped)
	}
	t.Logf("of %d things said at once %d were kept and %d dropped", n, kept(), p.Status().Dropped)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func endsADrip(t *testing.T, s Subject) {
	s.start(t)
	j := &journal{}
	p, stop := s.pump(t, j)
	defer stop()
	s.say(t, 1)
	await(t, p, s.mark(1))
	s.Faults.Drip(t)
	s.say(t, 2)
	until(t, s.Faults.bound(), func() bool { // a pushed source may well read a line that slowly
		return troubled(t, p) || s.Kind.Pushed(s.Settings) && j.has(s.mark(2))
	}, func() string {
		return "a peer that says a byte a second is neither heard nor told; status " + describe(p)
	})
	s.Faults.Flow(t)
	s.say(t, 3)
	awaitFor(t, p, s.mark(3), s.Faults.bound())
	awaitOK(t, p, s.Faults.bound())
	for _, r := range j.readings() {
		if err := s.whole(r); err != nil {
			t.Errorf("a reading is %q: %v", r.Body, err)
		}
	}
}

// whole says what is wrong with a reading that may be torn.
func (s Subject) whole(r dodona.Reading) error {
	switch {
	case r.Quality == dodona.Bad, s.Say == nil:
		return nil
	case s.Faults.Right != nil:
		return s.Faults.Right(r)
	case !strings.HasSuffix(strings.TrimSpace(string(r.Body)), "}"):
		return errors.New("want nothing torn")
	}
	return nil
}

// isNotMisledByALateAnswer calls the source itself, so that it is known which question came before what was said.
func isNotMisledByALateAnswer(t *testing.T, s Subject) {
	s.start(t)
	opened := s.open(t)
	defer func() { _ = opened.Close() }() // the test is over
	s.say(t, 1)
	s.observeUntil(t, opened, 1)
	s.Faults.Late(t)
	ctx, cancel := context.WithTimeout(t.Context(), s.Faults.bound())
	defer cancel()
	if b, err := opened.Observe(ctx); err == nil {
		s.wantRight(t, b, 1)
	}
	s.say(t, 2)
	for range lateExchanges {
		if b, err := opened.Observe(ctx); err == nil {
			s.wantRight(t, b, 2)
		}
	}
	s.observeUntil(t, opened, 2)
}

// wantRight fails unless each reading is bad, or right.
func (s Subject) wantRight(t *testing.T, b dodona.Batch, n int) {
	t.Helper()
	for _, r := range b.Readings {
		switch {
		case r.Quality == dodona.Bad:
		case s.Faults.Right != nil:
			if err := s.Faults.Right(r); err != nil {
				t.Errorf("item %q is %q (%x): %v", r.Item, r.Body, r.Body, err)
			}
		case !strings.Contains(string(r.Body), s.mark(n)):
			t.Errorf("item %q is %q, which answers an earlier question; want %s or a bad reading", r.Item, r.Body, s.mark(n))
		}
	}
}

// observeUntil calls the source until it brings what was said, with every reading of the batch good.
func (s Subject) observeUntil(t *testing.T, opened dodona.Source, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), s.Faults.bound())
	defer cancel()
	for {
		b, err := opened.Observe(ctx)
		good, found := err == nil && len(b.Readings) > 0, s.Faults.Right != nil
		for _, r := range b.Readings {
			good = good && r.Quality != dodona.Bad
			found = found || strings.Contains(string(r.Body), s.mark(n))
		}
		if good && found {
			s.wantRight(t, b, n)
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no good readings in %s; the last were %v, %v", s.Faults.bound(), b.Readings, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
