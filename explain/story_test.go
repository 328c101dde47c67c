package explain_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func explained(t *testing.T, p *plant, r dodona.Round) explain.Story {
	t.Helper()
	s, err := explain.Round(t.Context(), p, btc, r, explain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnAttestedRoundTellsItsWholeStory(t *testing.T) {
	p, b := three(t)
	s := explained(t, p, b.Round)
	if s.State != explain.StateAttested || s.Answer != "43,218.32500000 USD" || len(s.Gone)+len(s.Broken) != 0 {
		t.Errorf("got %s, %q, gone %q, broken %q", s.State, s.Answer, s.Gone, s.Broken)
	}
	if !s.Attestation.Verdict.Valid || !*s.Observation.Verified {
		t.Error("its signatures do not verify")
	}
	for _, in := range s.Inputs {
		if len(in.Readings) != 1 || !in.Readings[0].Kept || in.Readings[0].Excerpt != p.bodies[in.Source] {
			t.Errorf("%s: got readings %+v", in.Point, in.Readings)
		}
	}
	golden(t, "attested.txt", s.String())
	var text strings.Builder
	if err := s.Text(&text, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "\x1b[32m✓\x1b[0m") {
		t.Errorf("no colour in %q", text.String())
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var told explain.Story // as dodona explain reads it
	if err := json.Unmarshal(raw, &told); err != nil || told.String() != s.String() {
		t.Errorf("told by JSON it is, %v,\n%s\nand was\n%s", err, told.String(), s.String())
	}
	if !strings.Contains(string(raw), `"kept":true`) || !strings.Contains(string(raw), `"status":"outlier"`) {
		t.Errorf("JSON lacks facts: %s", raw)
	}
}

func TestAMissedRoundTellsEverySourcesReason(t *testing.T) {
	p := newPlant(t)
	p.bodies = map[string]string{"kraken": "<html>busy</html>", "binance": `{"price":"1,5"}`}
	b := p.observe(t, 0)
	s := explained(t, p, b.Round)
	if s.State != explain.StateMissed || s.Missed == "" || s.Value != nil || len(s.Inputs) != 3 {
		t.Fatalf("got %+v", s)
	}
	for _, in := range s.Inputs {
		if in.Reason == "" {
			t.Errorf("%s: no reason", in.Point)
		}
	}
	golden(t, "missed.txt", s.String())
}

func TestARejectedObservationTellsWhy(t *testing.T) {
	p, _ := three(t)
	b := p.observe(t, 3)
	if s := explained(t, p, b.Round); s.State != explain.StateObserved || !*s.Observation.Verified {
		t.Errorf("before its rejection: got %s", s.State)
	}
	p.put(t, dodona.TopicEvent, dodona.EventRejected, "late-1", b.Round.Time().Add(10e9), explain.Rejection{
		Reason: "late", Message: "appended after the round closed", Feed: btc, Round: b.Round, ID: roundID(b.Round), Node: "gw-7",
	})
	s := explained(t, p, b.Round)
	if s.State != explain.StateRejected || len(s.Rejections) != 1 {
		t.Errorf("got %s, %+v", s.State, s.Rejections)
	}
	golden(t, "rejected.txt", s.String())
}

func TestEvidenceThatIsGoneIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		drop func(dodona.Record) bool
		want string
	}{
		"readings":        {func(r dodona.Record) bool { return r.Topic == dodona.TopicReading && r.Key == "kraken" }, "readings of kraken"},
		"the round":       {func(r dodona.Record) bool { return r.Topic == dodona.TopicRound }, "inputs and rules"},
		"the observation": {func(r dodona.Record) bool { return r.Topic == dodona.TopicObservation }, "the observation"},
	} {
		t.Run(name, func(t *testing.T) {
			p, b := three(t)
			p.drop(c.drop)
			s := explained(t, p, b.Round)
			if s.State != explain.StateAttested || len(s.Gone) != 1 || !strings.Contains(s.Gone[0], c.want) || len(s.Broken) != 0 {
				t.Errorf("got %s, gone %q, broken %q", s.State, s.Gone, s.Broken)
			}
			if !strings.Contains(s.String(), s.Gone[0]) {
				t.Errorf("the text does not name it:\n%s", s)
			}
		})
	}
}

func TestWhatDoesNotFitTogetherIsBroken(t *testing.T) {
	for name, change := range map[string]func(testing.TB, *plant, dodona.Round){
		"does not verify": func(t testing.TB, p *plant, r dodona.Round) {
			edit(t, p, dodona.TopicData, r, func(a *dodona.Answer) { a.Attestation.Report.Value = dodona.NewInt192(1) })
		},
		"came from observations": func(t testing.TB, p *plant, r dodona.Round) {
			edit(t, p, dodona.TopicObservation, r, func(o *dodona.Observation) { o.Value = dodona.NewInt192(1) })
		},
		"is not that of the round kept": func(t testing.TB, p *plant, r dodona.Round) {
			edit(t, p, dodona.TopicRound, r, func(b *dodona.Bundle) { b.Origin.ReadingsRoot = dodona.Digest{1} })
		},
		"the rules kept": func(t testing.TB, p *plant, r dodona.Round) {
			edit(t, p, dodona.TopicRound, r, func(b *dodona.Bundle) { b.Rules = json.RawMessage(`{}`) })
		},
		"the round kept 1": func(t testing.TB, p *plant, r dodona.Round) {
			one := dodona.NewInt192(1)
			edit(t, p, dodona.TopicRound, r, func(b *dodona.Bundle) { b.Value = &one })
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, b := three(t)
			change(t, p, b.Round)
			s := explained(t, p, b.Round)
			if !strings.Contains(strings.Join(s.Broken, "\n"), name) || !strings.Contains(s.String(), "BROKEN") {
				t.Errorf("got broken %q", s.Broken)
			}
		})
	}
}

func TestAnUnknownRoundNamesTheNearest(t *testing.T) {
	p, b := three(t)
	for _, r := range []dodona.Round{b.Round - 1, b.Round + 1<<40} {
		_, err := explain.Round(t.Context(), p, btc, r, explain.Options{})
		if !errors.Is(err, dodona.ErrNotFound) || !strings.Contains(err.Error(), "kept is") {
			t.Errorf("round %d: got %v", r, err)
		}
	}
	if _, err := explain.Round(t.Context(), p, "gold", b.Round, explain.Options{}); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("unknown feed: got %v", err)
	}
}

func TestATerminalIsSafeFromWhatSourcesSay(t *testing.T) {
	p, b := three(t)
	edit(t, p, dodona.TopicRound, b.Round, func(b *dodona.Bundle) {
		b.Inputs[2].Reason = "\x1b]0;owned\x07\r\n" + strings.Repeat("x", 4096)
	})
	text := explained(t, p, b.Round).String()
	if strings.ContainsAny(text, "\x1b\x07\r") || len(text) > 4096 {
		t.Errorf("got %q", text)
	}
}

func FuzzRound(f *testing.F) {
	p, b := three(f)
	for _, rec := range p.recs {
		f.Add(string(rec.Topic), rec.Body)
	}
	f.Add("data", []byte(`{}`))
	fuzztest.Run(f, func(t *testing.T, topic string, body []byte) {
		p, _ := three(t)
		for i := range p.recs {
			if string(p.recs[i].Topic) == topic {
				p.recs[i].Body = body
			}
		}
		s, err := explain.Round(t.Context(), p, btc, b.Round, explain.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.String() == "" {
			t.Fatal("no text")
		}
	})
}
