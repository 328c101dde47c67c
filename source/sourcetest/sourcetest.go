// Package sourcetest is the suite that every kind of source passes, against a peer that its test starts and stops.
//
// [Run] tries what every kind must do, one test after the other, and then the faults that the subject says how to make, side by side, each
// with a subject of its own: what freezes for half a minute costs half a minute once. A fault whose functions are nil is not tried.
//
//	sourcetest.Subject{
//		Kind: modbus.Kind, Settings: s, Start: start, Stop: stop, Say: say,     // the peer is absent at first: StartsWithThePeerAbsent
//		Faults: sourcetest.Faults{
//			Freeze: freeze, Thaw: thaw,                                     // SIGSTOP and SIGCONT: peertest.Process has them
//			Kill:   kill,                                                   // kill -9; Start brings it back
//			Vanish: func(*testing.T) { relay.Freeze() },                    // half-open: the connections that there are swallow
//			Flood:  flood,                                                  // says Fat(1) … Fat(n) at once
//			Drip:   func(*testing.T) { relay.Drip(time.Second) },           // one byte a second
//			Flow:   func(*testing.T) { relay.Resume() },
//			Late:   func(*testing.T) { relay.Late() },                      // one late answer: nettest.Relay, or PacketRelay
//			Right:  func(r dodona.Reading) error { … },                     // is it the value of its own item?
//		},
//	}
//
// What each asks of a source:
//
//	TellsAFreeze            while the peer is frozen, state and error tell it within Faults.Bound; thawed, readings come again
//	TellsAKill              the same of kill -9 and a start, three times
//	LeavesAHalfOpenLine     what is on a connection that vanished without a word is given up, and another one is made
//	SurvivesAFlood          memory stays bounded while the journal is full, and each thing said is in the journal or counted as dropped
//	EndsADrip               an exchange at one byte a second ends by the source's own limits, and nothing torn is ever a reading
//	IsNotMisledByALateAnswer  after one answer that comes too late each value is of its own question, or bad; and good ones come again
//
// What has a relay of internal/nettest in between for its faults alone has a subject of its own for [RunFaults].
//
// Bounds are generous: they are when a test gives up, and no reading that came in time is ever judged by a clock.
package sourcetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/source"
)

// A Subject is a source under test and its peer. The functions fail the test themselves.
type Subject struct {
	Kind     source.Kind
	Settings any

	// Start makes the peer appear, or come back; Stop makes it go away. Both nil: the peer cannot be absent.
	// A subject begins with its peer absent.
	Start, Stop func(t *testing.T)

	// Say makes the peer have something new to say: a body that contains Mark(n). nil: it speaks by itself.
	Say func(t *testing.T, n int)

	// Marked returns what a body has for n where that is not Mark(n); nil: it is.
	Marked func(n int) string

	// Resumes says that a batch's cursor is where to go on, and that nothing is lost or repeated then.
	Resumes bool

	// Faults say how things go wrong between source and peer; the zero value: they do not.
	Faults Faults
}

// Mark is what the body of the n-th thing a peer says contains.
func Mark(n int) string { return fmt.Sprintf(`"n":%d`, n) }

// Body is a JSON document that a peer may say for n.
func Body(n int) string { return fmt.Sprintf(`{%s,"unit":"Cel"}`, Mark(n)) }

// Fat is a JSON document of 1 KiB that a peer may say for n in a flood.
func Fat(n int) string {
	head := fmt.Sprintf(`{%s,"unit":"Cel","note":"`, Mark(n))
	return head + strings.Repeat("x", fatSize-len(head)-2) + `"}`
}

const fatSize = 1 << 10

// patience is for a real peer on a busy machine; nothing waits that long when it works.
const patience = 20 * time.Second

// Run runs the suite. Each test gets a fresh subject.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s Subject)
	}{
		{"StartsWithThePeerAbsent", startsWithThePeerAbsent},
		{"RecoversAfterFailure", recoversAfterFailure},
		{"JournalsBeforeItHandsOutAndAcknowledges", journalsFirst},
		{"ResumesFromItsCursor", resumes},
		{"LosesNothingWhileTheJournalIsFull", outlastsTheJournal},
		{"EndsWithItsContext", endsWithItsContext},
		{"EndsWhenItIsClosed", endsWhenClosed},
		{"SaysWhereReadingsComeFrom", describesReadings},
		{"ChecksItsSettings", checks},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, before) }) // after what the subject cleans up
			s := fresh(t)
			test.run(t, s)
			if s.Stop != nil {
				s.Stop(t)
			}
		})
	}
	RunFaults(t, fresh)
}

func (s Subject) start(t *testing.T) {
	if s.Start != nil {
		s.Start(t)
	}
}

func (s Subject) say(t *testing.T, n int) {
	if s.Say != nil {
		s.Say(t, n)
	}
}

// mark is what to look for after say(n).
func (s Subject) mark(n int) string {
	if s.Say == nil {
		return ""
	}
	if s.Marked != nil {
		return s.Marked(n)
	}
	return Mark(n)
}

// pump starts a pump of the subject; stop ends it and waits.
func (s Subject) pump(t *testing.T, j *journal) (p *source.Pump, stop func()) {
	p = source.NewPump(source.Config{
		Name: "subject", Kind: s.watching(j), Settings: s.Settings, Version: "test",
		Every: 10 * time.Millisecond, Append: j.append, Cursor: j.cursor,
		Backoff: backoff.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.Run(ctx) // returns nil when ctx ends
	}()
	return p, func() {
		t.Helper()
		begun := time.Now()
		cancel()
		<-done
		if took := time.Since(begun); took > patience/2 {
			t.Errorf("stopping took %s", took)
		}
	}
}

// await asks until a reading with mark comes.
func await(t *testing.T, p *source.Pump, mark string) dodona.Reading {
	t.Helper()
	return awaitFor(t, p, mark, patience)
}

func awaitFor(t *testing.T, p *source.Pump, mark string, bound time.Duration) dodona.Reading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for {
		readings, err := p.Ask(ctx, dodona.RoundAt(time.Now()))
		for _, r := range readings {
			if strings.Contains(string(r.Body), mark) {
				return r
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no reading with %s; the last answer was %v, %v; status %+v", mark, readings, err, p.Status())
		case <-pause.C:
		}
	}
}

func startsWithThePeerAbsent(t *testing.T, s Subject) {
	if s.Start == nil {
		t.Log("its peer cannot be absent")
		return
	}
	p, stop := s.pump(t, &journal{})
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if readings, err := p.Ask(ctx, dodona.RoundAt(time.Now())); err == nil {
		t.Fatalf("an absent peer said %v", readings)
	}
	if got := p.Status(); got.State != source.Retrying && got.State != source.Stale || got.LastError == "" {
		t.Errorf("status while the peer is absent is %+v, want retrying with an error", got)
	}
	s.Start(t)
	s.say(t, 1)
	await(t, p, s.mark(1))
	if got := p.Status(); got.State != source.OK || got.LastReading.IsZero() {
		t.Errorf("status after the peer came is %+v, want ok", got)
	}
}

func recoversAfterFailure(t *testing.T, s Subject) {
	s.start(t)
	p, stop := s.pump(t, &journal{})
	defer stop()
	for n := range 3 {
		s.say(t, n)
		await(t, p, s.mark(n))
		if s.Stop != nil {
			s.Stop(t)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			_, _ = p.Ask(ctx, dodona.RoundAt(time.Now())) // whatever it says, it must come back
			cancel()
			s.Start(t)
		}
	}
	s.say(t, 9)
	await(t, p, s.mark(9))
}

func journalsFirst(t *testing.T, s Subject) {
	s.start(t)
	j := &journal{}
	p, stop := s.pump(t, j)
	s.say(t, 1)
	await(t, p, s.mark(1))
	if len(j.readings()) == 0 {
		t.Error("a reading was handed out that is not in the journal")
	}
	stop()
	if j.acks == 0 || j.early != 0 {
		t.Errorf("%d acknowledgements, %d of them before the append; want some, and none early", j.acks, j.early)
	}
}

// wantEach fails unless the journal has each of the marks 1 to n once and in order.
func wantEach(t *testing.T, j *journal, n int) {
	t.Helper()
	var got []string
	for _, r := range j.readings() {
		got = append(got, string(r.Body))
	}
	ok := len(got) == n
	for i := 0; ok && i < n; i++ {
		ok = strings.Contains(got[i], Mark(i+1)+",") || strings.Contains(got[i], Mark(i+1)+"}")
	}
	if !ok {
		t.Errorf("the journal has %q, want %d readings in order", got, n)
	}
}

func resumes(t *testing.T, s Subject) {
	if !s.Resumes {
		t.Log("it has no cursor")
		return
	}
	s.start(t)
	j := &journal{}
	n := 0
	for range 4 {
		n++
		s.say(t, n) // while it is closed
		p, stop := s.pump(t, j)
		await(t, p, s.mark(n))
		n++
		s.say(t, n)
		await(t, p, s.mark(n))
		stop()
	}
	wantEach(t, j, n)
}

func outlastsTheJournal(t *testing.T, s Subject) {
	s.start(t)
	j := &journal{full: 5}
	p, stop := s.pump(t, j)
	defer stop()
	for n := 1; n <= 3; n++ {
		s.say(t, n)
	}
	await(t, p, s.mark(3))
	if s.Resumes {
		wantEach(t, j, 3)
	}
}

func (s Subject) open(t *testing.T) dodona.Source {
	t.Helper()
	opened, err := s.Kind.Open(t.Context(), s.Settings, source.Env{Source: "subject", Version: "test"})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return opened
}

func endsWithItsContext(t *testing.T, s Subject) {
	s.start(t)
	opened := s.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		for {
			if _, err := opened.Observe(ctx); ctx.Err() != nil {
				done <- err
				return
			}
		}
	}()
	s.say(t, 1)
	cancel()
	select {
	case <-done:
	case <-time.After(patience / 4):
		t.Fatal("Observe did not return when its context ended")
	}
	if b, err := opened.Observe(ctx); err == nil && s.Kind.Pushed(s.Settings) {
		t.Errorf("Observe with an ended context returned %v", b)
	}
	if err := opened.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func endsWhenClosed(t *testing.T, s Subject) {
	s.start(t)
	opened := s.open(t)
	done := make(chan error)
	go func() {
		_, err := opened.Observe(t.Context())
		done <- err
	}()
	if err := opened.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	select {
	case <-done:
	case <-time.After(patience / 2):
		t.Fatal("Observe did not return when the source was closed")
	}
	if err := opened.Close(); err != nil {
		t.Errorf("closing again: %v, want nothing", err)
	}
}

func describesReadings(t *testing.T, s Subject) {
	s.start(t)
	p, stop := s.pump(t, &journal{})
	defer stop()
	s.say(t, 1)
	r := await(t, p, s.mark(1))
	if r.Source != "subject" || r.Received.IsZero() || r.Detail == "" || r.Quality != dodona.Good {
		t.Errorf("reading %+v lacks its source, its time of arrival or its detail, or is not good", r)
	}
	if len(r.Detail) > 200 || strings.ContainsAny(r.Detail, "\n\r?@") {
		t.Errorf("detail %q: want a short line without queries and users", r.Detail)
	}
}

func checks(t *testing.T, s Subject) {
	if err := s.Kind.Check(s.Settings); err != nil {
		t.Errorf("the settings of this test do not pass: %v", err)
	}
	if _, err := s.Kind.Open(t.Context(), 42, source.Env{}); !dodona.IsPermanent(err) {
		t.Errorf("opening with foreign settings gave %v, want a permanent error", err)
	}
}
