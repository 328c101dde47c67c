package program_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/program"
)

func TestEachReadingGivesThePointsThatItHas(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(1800000000+s), 0).UTC() }
	line := func(s int, body string) dodona.Reading {
		return dodona.Reading{Source: "log", Body: []byte(body), Received: at(s)}
	}
	own, err := toyKind.Rules(&toy{Registers: map[string]int{"level": 0, "flow": 1}})
	if err != nil {
		t.Fatal(err)
	}
	logs := program.Rules{From: []string{"log.t", "log.p"}, Extract: extract.Rules{"log": {"t": {Pointer: "/t"}, "p": {Pointer: "/p"}}}}
	plc := program.Rules{From: []string{"plc.level", "plc.flow"}, Decoded: map[string]program.Decoded{"plc": {Kind: "toy", Rules: own}}}
	frame := func(s int, item, body string) dodona.Reading {
		return dodona.Reading{Source: "plc", Item: item, Body: []byte(body), Received: at(s)}
	}
	for _, c := range []struct {
		name     string
		rules    program.Rules
		readings []dodona.Reading
		pushed   bool
		want     []string
	}{
		{
			"in the order of the readings, whatever else a line speaks of", logs,
			[]dodona.Reading{line(2, `{"t":1}`), line(1, `{"p":5}`), line(3, `{"t":2,"p":6}`), line(4, `{"t":"off"}`)},
			true,
			[]string{"log.t 1 good 2", "log.p 5 good 1", "log.p 6 good 3", "log.t 2 good 3", "log.t 0 bad 4"},
		},
		{"nothing of a message that is about something else", logs, []dodona.Reading{line(1, `{"hello":1}`), line(2, `#`)}, true, nil},
		{"a bad one where who was asked does not say it", logs, []dodona.Reading{line(1, `{"t":1}`)}, false, []string{"log.t 1 good 1", "log.p 0 bad 1"}},
		{
			"a bad one of a bad reading", logs,
			[]dodona.Reading{{Source: "log", Quality: dodona.Bad, Detail: "gone", Received: at(1)}},
			true,
			[]string{"log.p 0 bad 1", "log.t 0 bad 1"},
		},
		{
			"as a kind decodes them, in the order of arrival", plc,
			[]dodona.Reading{frame(2, "b", "\x01\x02"), frame(1, "c", "\x03")},
			false,
			[]string{"plc.flow 0 bad 1", "plc.level 3 good 1", "plc.flow 2 good 2", "plc.level 1 good 2"},
		},
		{"none of nothing", plc, nil, false, nil},
	} {
		p, err := program.New(c.rules, program.Decoders{"toy": toyKind.Decode})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 { // a kind may make its points in any order
			made, err := p.Each(t.Context(), c.readings, c.pushed)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range made {
				got = append(got, fmt.Sprint(m.ID, " ", m.Value, " ", m.Quality, " ", m.Received.Unix()-1800000000))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: got %q, want %q", c.name, got, c.want)
			}
		}
	}
}
