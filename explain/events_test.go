package explain_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
)

// unsigned returns a plant with a round that was computed and not signed.
func unsigned(t *testing.T) (*plant, dodona.Bundle) {
	t.Helper()
	p, _ := three(t)
	b := p.observe(t, 3)
	p.drop(func(r dodona.Record) bool { return r.Topic == dodona.TopicObservation && r.ID == roundID(b.Round) })
	return p, b
}

func TestAComputedRoundTellsWhyItIsNotSigned(t *testing.T) {
	p, b := unsigned(t)
	if s := explained(t, p, b.Round); s.State != explain.StateComputed || len(s.Events) != 0 {
		t.Errorf("before the event: got %s, %+v", s.State, s.Events)
	}
	p.put(t, dodona.TopicEvent, dodona.EventConflict, btc+"-"+roundID(b.Round), b.Round.Time().Add(time.Second), map[string]any{
		"feed": btc, "round": b.Round, "error": "digest 0x12 conflicts with what is already claimed", "do": "give it a key of its own",
	})
	p.put(t, dodona.TopicEvent, dodona.EventUnsigned, btc+"-"+roundID(b.Round), b.Round.Time().Add(time.Minute), map[string]any{}) // at a start
	s := explained(t, p, b.Round)
	if s.State != explain.StateComputed || len(s.Events) != 1 || s.Events[0].Node != "gw-7" {
		t.Errorf("got %s, %+v", s.State, s.Events)
	}
	golden(t, "unsigned.txt", s.String())
}

// TestARoundThatNoEventTellsOfIsNotWaitedFor: an end of its feed left it behind, and what was signed since, or the clock, says that it stays so.
func TestARoundThatNoEventTellsOfIsNotWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		round int
		later string // the node of a later observation
		want  string
	}{
		"behind a later one of its node": {3, "gw-7", "not signed: a later round, " + roundID(dodona.RoundAt(start.Add(40*time.Second))) + ", is signed"},
		"behind one of another node":     {3, "gw-8", "not signed: it has closed"},
		"behind nothing":                 {3, "", "not signed: it has closed"},
		"of now":                         {int(time.Since(start) / (10 * time.Second)), "", "not signed yet"},
		"of now, behind a later one":     {int(time.Since(start) / (10 * time.Second)), "gw-7", "not signed: a later round, "},
	} {
		p, _ := three(t)
		b := p.observe(t, c.round)
		p.drop(func(r dodona.Record) bool { return r.Topic == dodona.TopicObservation && r.ID == roundID(b.Round) })
		if c.later != "" {
			p.observe(t, c.round+1)
			p.recs[len(p.recs)-1].Node = c.later
		}
		s := explained(t, p, b.Round)
		if text := s.String(); s.State != explain.StateComputed || len(s.Events) > 0 || !strings.Contains(text, "└ "+c.want) || (s.Unsigned != "") != (c.want != "not signed yet") {
			t.Errorf("%s: %s, %q; the text is\n%s\nwant %q", name, s.State, s.Unsigned, text, c.want)
		}
	}
}

// TestEventsOfOtherRoundsAreNotTold, nor those that no round can be behind; but an event may come long after its round, from a node that was down.
func TestEventsOfOtherRoundsAreNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		feed  string
		round int
		after time.Duration
		want  int
	}{
		"its own":          {btc, 0, time.Second, 1},
		"a week later":     {btc, 0, 7 * 24 * time.Hour, 1},
		"another round":    {btc, 1, time.Second, 0},
		"another feed":     {"gold", 0, time.Second, 0},
		"before the round": {btc, 0, -time.Minute, 0},
	} {
		p, b := unsigned(t)
		id := c.feed + "-" + roundID(b.Round+dodona.Round(10_000*c.round))
		p.put(t, dodona.TopicEvent, dodona.EventUnsigned, id, b.Round.Time().Add(c.after), map[string]any{"feed": c.feed})
		if s := explained(t, p, b.Round); len(s.Events) != c.want {
			t.Errorf("%s: %d events, want %d", name, len(s.Events), c.want)
		}
	}
}

// TestEventsAreLookedForInABoundedNumber: among the first 512 of a key since the round was kept.
func TestEventsAreLookedForInABoundedNumber(t *testing.T) {
	for _, c := range []struct{ before, want int }{{511, 1}, {512, 0}} {
		p, b := unsigned(t)
		at := b.Round.Time().Add(time.Second)
		for i := range c.before {
			p.put(t, dodona.TopicEvent, dodona.EventUnsigned, "gold-"+strconv.Itoa(i), at, map[string]any{})
		}
		p.put(t, dodona.TopicEvent, dodona.EventUnsigned, btc+"-"+roundID(b.Round), at, map[string]any{})
		if s := explained(t, p, b.Round); len(s.Events) != c.want {
			t.Errorf("after %d of others: %d events, want %d", c.before, len(s.Events), c.want)
		}
	}
}

// TestAnAnswerThatWasGivenUpIsTold: by the one event of its hour, which may have been before it.
func TestAnAnswerThatWasGivenUpIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		what, of string
		after    time.Duration
		want     bool
	}{
		"its own":               {"answer", btc, time.Second, true},
		"earlier in its hour":   {"answer", btc, -time.Minute, true},
		"of the hour before":    {"answer", btc, -time.Hour, false},
		"of the hour after":     {"answer", btc, time.Hour, false},
		"of another feed":       {"answer", "gold", time.Second, false},
		"what runs beside it":   {"shadow", btc, time.Second, false},
		"a reading of its name": {"reading", btc, time.Second, false},
	} {
		p, _ := three(t)
		b := p.observe(t, 3)
		p.put(t, dodona.TopicEvent, dodona.EventDropped, c.what+"-"+c.of, b.Round.Time().Add(c.after), map[string]any{
			"what": c.what, "of": c.of, "error": "observation 1: a record of 3 MiB",
		})
		s := explained(t, p, b.Round)
		if told := len(s.Events) == 1 && strings.Contains(s.String(), "not attested: dropped: the journal can never take"); told != c.want {
			t.Errorf("%s: told %t, want %t: %+v", name, told, c.want, s.Events)
		}
	}
}

// TestATerminalIsSafeFromWhatEventsSay: whatever may write to the server may have written them.
func TestATerminalIsSafeFromWhatEventsSay(t *testing.T) {
	p, b := unsigned(t)
	bad := "\x1b]0;owned\x07\r\n" + strings.Repeat("x", 4096)
	p.put(t, dodona.TopicEvent, dodona.EventUnsigned, btc+"-"+roundID(b.Round), b.Round.Time().Add(time.Second), map[string]any{"error": bad, "do": bad})
	s := explained(t, p, b.Round)
	if text := s.String(); len(s.Events) != 1 || strings.ContainsAny(text, "\x1b\x07\r") || len(text) > 4096 {
		t.Errorf("got %+v, %q", s.Events, text)
	}
}
