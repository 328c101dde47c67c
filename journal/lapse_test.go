package journal

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A stepped is a lane without a store, whose clock is off.
type stepped struct {
	*lane
	off time.Duration
}

// newStepped returns one that was opened by a clock that was right. It runs in a bubble.
func newStepped() *stepped {
	s := new(stepped)
	s.lane = &lane{j: &Journal{cfg: Config{Now: func() time.Time { return time.Now().Add(s.off) }}}}
	s.opened, s.lastAtOpen = time.Now(), time.Now().Add(-time.Hour)
	time.Sleep(10 * time.Minute)
	return s
}

// TestWhatIsLostStandsThroughSteps of a clock: what was claimed before the last loss was found, by clocks that are right, stays forgotten, however
// the one of this process steps, if by less than a minute at once; and once it is right what one that was further ahead said counts no more.
func TestWhatIsLostStandsThroughSteps(t *testing.T) {
	const ahead, years = 2 * time.Minute, 12 * 365 * 24 * time.Hour
	for name, c := range map[string]struct {
		found []time.Duration // by how far the clock is ahead when something is found, every 10 s
		steps []time.Duration // afterwards, as it looks
	}{
		"back":                        {[]time.Duration{0}, []time.Duration{0, -30 * time.Second}},
		"forth and back":              {[]time.Duration{0}, []time.Duration{50 * time.Second, 0, -30 * time.Second}},
		"back and back":               {[]time.Duration{0}, []time.Duration{-59 * time.Second, -118 * time.Second}},
		"found behind":                {[]time.Duration{-30 * time.Second}, []time.Duration{0, -30 * time.Second}},
		"found ahead":                 {[]time.Duration{50 * time.Second}, []time.Duration{0, -30 * time.Second}},
		"one before a little ahead":   {[]time.Duration{50 * time.Second, 0}, []time.Duration{-30 * time.Second}},
		"one before ahead":            {[]time.Duration{ahead, 0}, []time.Duration{-30 * time.Second}},
		"one before years ahead":      {[]time.Duration{years, 0}, []time.Duration{-30 * time.Second, 0}},
		"ahead":                       {[]time.Duration{years}, []time.Duration{years, 0, -30 * time.Second}},
		"years behind":                {[]time.Duration{-years}, []time.Duration{0, -30 * time.Second}},
		"one after it, by one behind": {[]time.Duration{0, -years}, []time.Duration{0, -30 * time.Second}},
	} {
		for what, note := range map[string]func(s *stepped){
			"lost":    func(s *stepped) { s.noteLoss(s.now()) },
			"changed": func(s *stepped) { s.noteChange() },
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStepped()
					var claimed time.Time
					for _, s.off = range c.found {
						time.Sleep(10 * time.Second)
						claimed = time.Now()
						note(s)
						s.lostUntil()
					}
					for _, s.off = range c.steps {
						time.Sleep(time.Second)
						until := s.lostUntil()
						if s.off > -time.Hour && until.Before(claimed) {
							t.Errorf("by a clock that is off by %s, lost until %s before what was claimed", s.off, claimed.Sub(until))
						}
						if s.off < time.Hour && until.After(time.Now().Add(clocksApart)) {
							t.Errorf("by a clock that is off by %s, lost until %s from now", s.off, time.Until(until))
						}
					}
				})
			})
		}
	}
}

// TestWhatIsFoundAfterAStepBackWasWrittenBeforeIt: until the clock stepped back it ran, whenever this process asked it last.
func TestWhatIsFoundAfterAStepBackWasWrittenBeforeIt(t *testing.T) {
	for what, note := range map[string]func(s *stepped){
		"lost":    func(s *stepped) { s.noteLoss(s.now()) },
		"changed": func(s *stepped) { s.noteChange() },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStepped()
				s.lostUntil()
				time.Sleep(12 * time.Second)
				claimed := s.now()
				s.off = -15 * time.Second
				time.Sleep(time.Second)
				note(s)
				if until := s.lostUntil(); until.Before(claimed) {
					t.Errorf("lost until %s before what was claimed", claimed.Sub(until))
				}
			})
		})
	}
}

// TestAProcessThatStartsBehindWhatWasWritten takes its clock for one that has stepped back, if that is by less than a minute.
func TestAProcessThatStartsBehindWhatWasWritten(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Node: "gw-1"}
	j, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	written := time.Now()
	appendEvents(t, j, "before", 1, 1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Now = func() time.Time { return time.Now().Add(-30 * time.Second) }
	j = open(t, cfg)
	l := j.lanes[streamProof]
	for what, note := range map[string]func(){
		"lost":    func() { l.noteFound(l.now()) },
		"changed": l.noteChange,
	} {
		l.mu.Lock()
		l.forgot, l.changed = lapse{}, lapse{}
		note()
		l.mu.Unlock()
		if until, err := j.Forgot(t.Context()); err != nil || until.Before(written) {
			t.Errorf("%s until %v, %v; it was written at %v", what, until, err, written)
		}
	}
}

// TestWhatIsLostNeverFalls, whatever is found and said, if no clock steps back by a minute.
func TestWhatIsLostNeverFalls(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	synctest.Test(t, func(t *testing.T) {
		s, last := newStepped(), time.Time{}
		for range 20000 {
			time.Sleep(time.Duration(rnd.Int64N(int64(3 * time.Second))))
			s.off += time.Duration(rnd.Int64N(int64(118*time.Second))) - 59*time.Second
			switch rnd.IntN(8) {
			case 0:
				s.noteLoss(s.now())
			case 1:
				s.noteChange()
			case 2:
				s.forgot.add(s.now().Add(time.Duration(rnd.Int64N(int64(4*time.Minute))) - 2*time.Minute))
			}
			until := s.lostUntil()
			if until.Before(last) {
				t.Fatalf("seed %d: lost until %v, and before until %v", seed, until, last)
			}
			last = until
		}
		if len(s.forgot.said) > mostSaid {
			t.Errorf("%d times are kept, want at most %d", len(s.forgot.said), mostSaid)
		}
	})
}

// TestWhatAClockAheadNotedIsLostUntilTheStart: what was found before this process, by a clock that was years ahead, is of before its start.
func TestWhatAClockAheadNotedIsLostUntilTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStepped()
		s.forgot.add(time.Now().AddDate(12, 0, 0))
		for _, s.off = range []time.Duration{0, -30 * time.Second} {
			if until := s.lostUntil(); !until.Equal(s.opened) {
				t.Errorf("by a clock that is off by %s, lost until %v, want %v", s.off, until, s.opened)
			}
		}
	})
}

// TestAClockThatIsSetIsNoticed: what a process takes from its clock does not remember how long it ran.
func TestAClockThatIsSetIsNoticed(t *testing.T) {
	l := &lane{j: &Journal{cfg: Config{Now: time.Now}}}
	l.noteFound(time.Now())
	for _, at := range []time.Time{l.now(), l.ago(time.Now()), l.lostUntil()} {
		if strings.Contains(at.String(), "m=") {
			t.Errorf("%v is compared by the clock that only runs forward", at)
		}
	}
}

// TestSmallStepsBackDoNotAddUp: a clock that runs fast is set back a little again and again, and never said what it would have said without.
func TestSmallStepsBackDoNotAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStepped()
		for range 100 {
			time.Sleep(time.Second)
			for _, s.off = range []time.Duration{time.Second / 2, 0} {
				s.watch.read(s.now())
			}
		}
		if ahead := s.watch.most.Sub(s.now()); ahead > time.Second/2 {
			t.Errorf("the clock is said to have been %s ahead", ahead)
		}
		s.off = -time.Hour
		if s.watch.read(s.now()); s.watch.most.After(s.now()) {
			t.Error("a clock that was an hour ahead is believed")
		}
	})
}
