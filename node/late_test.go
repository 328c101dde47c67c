package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/grid"
)

// TestARoundThatClosedIsNotSignedInSilence: a full journal can hold a round back until nobody would believe its observation.
// Then no claim is spent on it, and if the round closes between the claim and the append, an event tells that too.
func TestARoundThatClosedIsNotSignedInSilence(t *testing.T) {
	n := openNode(t, walks(t.TempDir(), "roles: [observe]\nfeeds: {f: {decimals: 2, every: 1h, from: [s]}}\n"), Options{})
	f := n.config().Feeds[0]
	value := dodona.NewInt192(7)
	at := grid.At(dodona.RoundAt(time.Now()), f.Settings.Every)
	for _, c := range []struct { // in order of time: a round behind a signed one is not signed either
		name          string
		round         dodona.Round
		before, after time.Duration // of the end of the round, when it is signed and when it is kept
		signed        bool
		event         string
	}{
		{"in time", at - 4*3600_000, -time.Second, -time.Second, true, ""},
		{"at its last instant", at - 3*3600_000, 0, 0, true, ""},
		{"closed between the two", at - 2*3600_000, 0, 1, true, "late"},
		{"closed before it was signed", at - 1*3600_000, 1, 1, false, "unsigned"},
		{"kept in time, and heard of after that", dodona.RoundAt(time.Now()), -time.Second, 1, true, ""},
	} {
		_, closes := grid.Open(c.round, f.Settings.Every)
		var reads atomic.Int64
		n.observer.rounds.now = func() time.Time { // the first to ask is sign before it signs; the last, after the append
			if reads.Add(1) == 1 {
				return closes.Add(c.before)
			}
			return closes.Add(c.after)
		}
		counts, err := n.observer.rounds.sign(t.Context(), f.Settings.Every, dodona.Bundle{Feed: f.Feed, Round: c.round, Value: &value})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if want := c.event == ""; counts != want {
			t.Errorf("%s: an observation counts: %t, want %t", c.name, counts, want)
		}
		has := func(topic dodona.Topic, key, id string) (found bool) {
			for rec, err := range n.journal.Scan(t.Context(), topic, key, nil) {
				if err != nil {
					break // there is none
				}
				found = found || rec.ID == id
			}
			return found
		}
		if got := has(dodona.TopicObservation, "f", c.round.ID()); got != c.signed {
			t.Errorf("%s: an observation is kept: %t, want %t", c.name, got, c.signed)
		}
		claim := "observation.f." + n.id.key.Address().String()[2:]
		rec, err := n.journal.Last(t.Context(), dodona.TopicClaim, claim)
		if claimed := err == nil && rec.ID[:len(c.round.ID())] == c.round.ID(); claimed != c.signed {
			t.Errorf("%s: a claim is spent: %t, want %t", c.name, claimed, c.signed)
		}
		for _, event := range []string{"late", "unsigned"} {
			if got := has(dodona.TopicEvent, event, "f-"+c.round.ID()); got != (event == c.event) {
				t.Errorf("%s: event %q: %t, want %q", c.name, event, got, c.event)
			}
		}
	}
}

// TestAnObservationOfWhichNobodyKnowsWhenItWasKeptIsNotCalledLate: what it took would be taken again.
func TestAnObservationOfWhichNobodyKnowsWhenItWasKeptIsNotCalledLate(t *testing.T) {
	n := openNode(t, walks(t.TempDir(), "roles: [observe]\nfeeds: {f: {decimals: 2, every: 1h, from: [s]}}\n"), Options{})
	f := n.config().Feeds[0]
	at := grid.At(dodona.RoundAt(time.Now()), f.Settings.Every)
	_, closes := grid.Open(at, f.Settings.Every)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var reads atomic.Int64
	n.observer.rounds.now = func() time.Time {
		if reads.Add(1) == 1 {
			return closes.Add(-time.Second)
		}
		cancel() // after the append, so that it cannot be read back
		return closes.Add(time.Second)
	}
	value := dodona.NewInt192(7)
	_, err := n.observer.rounds.sign(ctx, f.Settings.Every, dodona.Bundle{Feed: f.Feed, Round: at, Value: &value})
	if err == nil || !strings.Contains(err.Error(), "read observation back") {
		t.Errorf("got %v, want that it could not be read back", err)
	}
	if rec, err := n.journal.Last(t.Context(), dodona.TopicObservation, "f"); err != nil || rec.ID != at.ID() {
		t.Errorf("the journal has %+v, %v; want the observation", rec, err)
	}
}

// TestTheNewestKeptRoundIsFinished: at the start of a feed, if it is of this feed, is still open, and has no observation yet. What a module kept goes
// on in the same feed alone.
func TestTheNewestKeptRoundIsFinished(t *testing.T) {
	f := config.Feed{Feed: dodona.Feed{Name: "f", Decimals: 2}}
	f.Settings.Every = 10 * time.Second
	former := f.Feed
	former.Decimals++
	at := grid.At(dodona.RoundAt(time.Now()), f.Settings.Every)
	const every = 10_000
	value := dodona.NewInt192(7)
	n := openNode(t, walks(t.TempDir(), "roles: [observe]\nfeeds: {other: {decimals: 2, every: 10s, from: [s]}}\n"), Options{})
	rounds := n.observer.rounds
	for i, c := range []struct {
		name     string
		feed     dodona.Feed
		value    *dodona.Int192
		kept     dodona.Round // how many rounds ago, the newest one
		observed dodona.Round // and the newest with an observation
		last     dodona.Round // what is returned
		signed   int          // observations of it
		told     int          // that it is not
		state    string
	}{
		{"open", f.Feed, &value, 1, 2, 1, 1, 0, "kept"},
		{"open, and none is observed yet", f.Feed, &value, 1, 0, 1, 1, 0, "kept"},
		{"closed", f.Feed, &value, 5, 6, 5, 0, 1, "kept"},
		{"observed", f.Feed, &value, 1, 1, 1, 1, 0, "kept"},
		{"observed and closed", f.Feed, &value, 5, 5, 5, 1, 0, "kept"},
		{"observed later, on another node of its key", f.Feed, &value, 2, 1, 1, 0, 0, "kept"},
		{"missed", f.Feed, nil, 1, 2, 1, 0, 0, "kept"},
		{"of a feed that was changed", former, &value, 1, 2, 1, 0, 0, ""},
		{"of a feed that was changed, and observed since", former, &value, 2, 1, 1, 0, 0, ""},
	} {
		f.Feed.Name = fmt.Sprint("f", i)
		c.feed.Name = f.Feed.Name
		put := func(topic dodona.Topic, r dodona.Round, of any) {
			t.Helper()
			body, err := json.Marshal(of)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.journal.Append(t.Context(), dodona.Record{Topic: topic, Key: f.Feed.Name, ID: r.ID(), Body: body}); err != nil {
				t.Fatal(err)
			}
		}
		kept := at - c.kept*every
		put(dodona.TopicRound, kept, dodona.Bundle{Feed: c.feed, Round: kept, Value: c.value, State: map[string][]byte{"": []byte("kept")}})
		if c.observed > 0 {
			put(dodona.TopicObservation, at-c.observed*every, dodona.Observation{Name: f.Feed.Name, Round: at - c.observed*every})
		}
		rounds.now = at.Time
		g := new(guest)
		last, err := rounds.resume(t.Context(), f, g)
		if err != nil || last != at-c.last*every || string(g.state[""]) != c.state {
			t.Errorf("%s: the last round is %v, %v, and the module has %q; want %v and %q", c.name, last, err, g.state, at-c.last*every, c.state)
		}
		has := func(topic dodona.Topic, key, id string) (times int) {
			for rec, err := range n.journal.Scan(t.Context(), topic, key, nil) {
				if err == nil && rec.ID == id {
					times++
				}
			}
			return times
		}
		if got := has(dodona.TopicObservation, f.Feed.Name, kept.ID()); got != c.signed {
			t.Errorf("%s: %d observations, want %d", c.name, got, c.signed)
		}
		if got := has(dodona.TopicEvent, dodona.EventUnsigned, f.Feed.Name+"-"+kept.ID()); got != c.told {
			t.Errorf("%s: told %d times that it is not signed, want %d", c.name, got, c.told)
		}
	}
}

// TestWhatIsKeptOfARoundIsSigned: a run of a feed that was ended in the middle of its append may have kept another value of the round.
func TestWhatIsKeptOfARoundIsSigned(t *testing.T) {
	n := openNode(t, walks(t.TempDir(), "roles: [observe]\nfeeds: {f: {decimals: 2, every: 1h, from: [s]}}\n"), Options{})
	f := n.config().Feeds[0]
	at := grid.At(dodona.RoundAt(time.Now()), f.Settings.Every)
	made := func(feed dodona.Feed, r dodona.Round, value int64) dodona.Bundle {
		v := dodona.NewInt192(value)
		return dodona.Bundle{Feed: feed, Round: r, Value: &v}
	}
	former := f.Feed
	former.Decimals++
	for _, c := range []struct {
		name        string
		before, now dodona.Bundle
		signed      int64 // 0: nothing
	}{
		{"another value", made(f.Feed, at-2*3600_000, 1), made(f.Feed, at-2*3600_000, 2), 1},
		{"missed", dodona.Bundle{Feed: f.Feed, Round: at - 1*3600_000, Missed: "late"}, made(f.Feed, at-1*3600_000, 2), 0},
		{"another feed of the name", made(former, at, 1), made(f.Feed, at, 2), 0},
	} {
		body, err := json.Marshal(c.before)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.journal.Append(t.Context(), dodona.Record{Topic: dodona.TopicRound, Key: "f", ID: c.now.Round.ID(), Body: body}); err != nil {
			t.Fatal(err)
		}
		n.observer.rounds.now = c.now.Round.Time
		if _, err := n.observer.rounds.keep(t.Context(), f.Settings.Every, []dodona.Bundle{c.now}, c.now.Round); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		obs, err := find[dodona.Observation](t.Context(), n.journal, dodona.TopicObservation, "f", c.now.Round)
		switch {
		case c.signed == 0 && !errors.Is(err, dodona.ErrNotFound):
			t.Errorf("%s: %+v is signed, %v; want nothing", c.name, obs, err)
		case c.signed != 0 && (err != nil || obs.Value != dodona.NewInt192(c.signed)):
			t.Errorf("%s: %+v is signed, %v; want what is kept", c.name, obs, err)
		}
	}
}
