package node

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/telemetry"
)

// TestBesideAnAnswerStandsWhatWentIntoIt, also while a newer round waits for its signature; of a newer round that was missed, what it missed.
func TestBesideAnAnswerStandsWhatWentIntoIt(t *testing.T) {
	f := dodona.Feed{Name: "f", Kind: dodona.Number}
	c := &config.Config{Feeds: []config.Feed{{Feed: f}}}
	c.Feeds[0].Settings.Every = time.Second
	b := newBoard(basics{log: slog.New(slog.DiscardHandler), now: time.Now, recorder: telemetry.Nop, config: func() *config.Config { return c }}, nil, api.NewStream(api.StreamConfig{Recorder: telemetry.Nop}), nil)
	record := func(body any) dodona.Record {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return dodona.Record{Key: "f", Body: raw}
	}
	made := func(n dodona.Round, missed string) {
		value := dodona.NewInt192(int64(n))
		bundle := dodona.Bundle{Feed: f, Round: n, Value: &value, Inputs: []dodona.Input{{Source: n.ID(), Status: dodona.InputUsed}}}
		if missed != "" {
			bundle.Value, bundle.Missed = nil, missed
		}
		b.round(record(bundle))
	}
	answered := func(n dodona.Round) {
		b.answer(record(dodona.Answer{Feed: f, Attestation: dodona.Attestation{Report: dodona.Report{Feed: f.ID(), Round: n, Value: dodona.NewInt192(int64(n))}}}))
	}
	const first, second, third = 1_000_000, 1_001_000, 1_002_000
	for _, step := range []struct {
		does         func()
		answer, next dodona.Round
		of           string
	}{
		{func() { made(first, "") }, 0, second, "1000000"},
		{func() { made(second, "") }, 0, third, "1001000"},
		{func() { answered(first) }, first, second, "1000000"},
		{func() { answered(second) }, second, third, "1001000"},
		{func() { answered(third) }, third, third, "1001000"}, // before its round
		{func() { made(third, "") }, third, third + 1000, "1002000"},
		{func() { made(third+1000, "nobody answers") }, third, third + 2000, "1003000"},
	} {
		step.does()
		s := b.status(c.Feeds[0])
		var answer dodona.Round
		if s.Latest != nil {
			answer = s.Latest.Round
		}
		if answer != step.answer || s.Next != step.next || len(s.Inputs) != 1 || s.Inputs[0].Source != step.of {
			t.Errorf("the answer is of %d, next is %d, inputs %+v; want %d, %d and those of %s", answer, s.Next, s.Inputs, step.answer, step.next, step.of)
		}
	}
}
