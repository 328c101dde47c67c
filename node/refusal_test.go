package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/grid"
	"github.com/dodona-oracle/dodona/quorum"
	"github.com/dodona-oracle/dodona/sign"
)

// refuser is a signer that refuses every claim.
type refuser struct{ why error }

func (r refuser) Sign(_ context.Context, claims ...dodona.Claim) ([][]byte, error) {
	return nil, &sign.ClaimError{Claim: claims[0], Err: r.why}
}

// TestADoubtIsNoConflict: whoever alarms on conflicts hears of no round that is not signed because a claim may have been lost, as
// all are in the first seconds on a server elsewhere, nor is it told as loudly.
func TestADoubtIsNoConflict(t *testing.T) {
	var log bytes.Buffer
	n := openNode(t, walks(t.TempDir(), "roles: [observe]\nfeeds: {f: {decimals: 2, every: 1h, from: [s]}}\n"), Options{})
	f := n.config().Feeds[0]
	value := dodona.NewInt192(7)
	at := grid.At(dodona.RoundAt(time.Now()), f.Settings.Every)
	n.observer.rounds.log = slog.New(slog.NewTextHandler(&log, nil))
	for i, c := range []struct {
		why   error
		want  string
		level slog.Level
	}{
		{sign.ErrBefore, dodona.EventUnsigned, slog.LevelWarn},
		{fmt.Errorf("%w: %w", sign.ErrBefore, sign.ErrClock), dodona.EventUnsigned, slog.LevelError},
		{sign.ErrMalformed, dodona.EventUnsigned, slog.LevelError},
		{fmt.Errorf("digest %w", dodona.ErrConflict), dodona.EventConflict, slog.LevelError},
		{sign.ErrPassed, dodona.EventConflict, slog.LevelError},
	} {
		log.Reset()
		round := at - dodona.Round(i*3600_000)
		n.observer.rounds.now, n.observer.rounds.signer = round.Time, refuser{c.why}
		if _, err := n.observer.rounds.sign(t.Context(), f.Settings.Every, dodona.Bundle{Feed: f.Feed, Round: round, Value: &value}); err != nil {
			t.Fatalf("%v: %v", c.why, err)
		}
		for _, key := range []string{dodona.EventUnsigned, dodona.EventConflict} {
			rec, err := n.journal.Last(t.Context(), dodona.TopicEvent, key)
			if told := err == nil && rec.ID == "f-"+round.ID(); told != (key == c.want) {
				t.Errorf("refused because %v: event %q: %t, want %q", c.why, key, told, c.want)
			}
		}
		if said := log.String(); strings.Count(said, "a round is not signed") != 1 || !strings.Contains(said, "level="+c.level.String()) {
			t.Errorf("refused because %v: the log says %q, want it once and as %s", c.why, said, c.level)
		}
	}
}

// TestARoundThatIsNotSignedIsExplained: to whoever asks for it, with what to do, not only to who reads the log.
func TestARoundThatIsNotSignedIsExplained(t *testing.T) {
	n := openNode(t, walks(t.TempDir(), "roles: [observe]\nfeeds: {f: {decimals: 2, every: 1h, from: [s]}}\n"), Options{})
	f := n.config().Feeds[0]
	value := dodona.NewInt192(7)
	at := grid.At(dodona.RoundAt(time.Now()), f.Settings.Every)
	signer := n.observer.rounds.signer
	left := at - 10*3600_000 // by a run of the feed that ended before it signed it
	body, err := json.Marshal(dodona.Bundle{Feed: f.Feed, Round: left, Node: "gw", Value: &value})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.journal.Append(t.Context(), dodona.Record{Topic: dodona.TopicRound, Key: "f", ID: left.ID(), Body: body}); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		name    string
		signer  dodona.Signer
		before  time.Duration // how long after the end of the round it is signed
		after   time.Duration // and kept
		state   explain.State
		what    string
		why, do string
	}{
		{"lost", refuser{sign.ErrBefore}, -1, -1, explain.StateComputed, "unsigned", "not signed: sign observation f ; what was claimed of the round may not be known here", "nothing: later rounds"},
		{"conflict", refuser{dodona.ErrConflict}, -1, -1, explain.StateComputed, "conflict", "not signed: conflict: sign observation f ; conflicts with what is already claimed", "give it a key of its own"},
		{"closed", signer, 1, 1, explain.StateComputed, "unsigned", "not signed: ; the round closed before it could be signed", "see what held the node up"},
		{"late", signer, 0, 1, explain.StateObserved, "late", "not attested: late: ; the observation was signed in time and kept after the round had closed", "see what held the node up"},
		{"signed", signer, -1, -1, explain.StateObserved, "", "not attested: ; the validator has not decided it, or its decision is no longer kept", ""},
	} {
		round := at - dodona.Round((9-i)*3600_000)
		_, closes := grid.Open(round, f.Settings.Every)
		reads := 0
		n.observer.rounds.signer = c.signer
		n.observer.rounds.now = func() time.Time {
			if reads++; reads == 1 {
				return closes.Add(c.before)
			}
			return closes.Add(c.after)
		}
		b := dodona.Bundle{Feed: f.Feed, Round: round, Node: "gw", Value: &value}
		if _, err := n.observer.rounds.keep(t.Context(), f.Settings.Every, []dodona.Bundle{b}, 0); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		told, err := n.state.Explain(t.Context(), "f", round)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		s := told.(explain.Story)
		var what []string
		for _, e := range s.Events {
			what = append(what, e.What)
		}
		if got := strings.Join(what, ","); s.State != c.state || got != c.what {
			t.Errorf("%s: %s with events %q, want %s with %q", c.name, s.State, got, c.state, c.what)
		}
		begins, ends, _ := strings.Cut(c.why, "; ")
		if text := s.String(); !strings.Contains(text, "└ "+begins) || !strings.Contains(text, ends+"\n") || strings.Contains(text, "what to do") != (c.do != "") || !strings.Contains(text, c.do) {
			t.Errorf("%s: the text is\n%s\nwant %q and %q in it", c.name, text, c.why, c.do)
		}
	}
	told, err := n.state.Explain(t.Context(), "f", left)
	if err != nil {
		t.Fatal(err)
	}
	if text := told.(explain.Story).String(); !strings.Contains(text, "└ not signed: a later round, ") {
		t.Errorf("of a round that was left behind the text is\n%s", text)
	}
}

// TestARestoredNodeSaysOnceWhatItDoubts: an observation that was not attested by the time of the backup is not told as a fault, and one that is, is.
func TestARestoredNodeSaysOnceWhatItDoubts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason   quorum.Reason
		restored bool
		want     slog.Level
	}{
		{quorum.ReasonUnsigned, true, slog.LevelDebug}, {quorum.ReasonUnsigned, false, slog.LevelWarn}, {quorum.ReasonConflict, true, slog.LevelWarn},
	} {
		if got := rejectionGravity(quorum.Rejection{Reason: c.reason}, c.restored); got != c.want {
			t.Errorf("%s, restored %t: told at %s, want %s", c.reason, c.restored, got, c.want)
		}
	}
}
