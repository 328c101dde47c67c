package program_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/program"
)

var log = extract.Rules{"log": {"a": {Pointer: "/a"}, "b": {Pointer: "/b"}}}

func latestOf(t *testing.T, rules extract.Rules, from ...string) *program.Program {
	t.Helper()
	p, err := program.New(program.Rules{From: from, Extract: rules, Latest: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lines are readings of the log, in order; "item: body" where they have one.
func lines(bodies ...string) (readings []dodona.Reading) {
	for i, body := range bodies {
		r := dodona.Reading{Source: "log", Body: []byte(body), Received: time.UnixMilli(1_700_000_000_000 + int64(i)).UTC()}
		if item, rest, found := strings.Cut(body, "| "); found {
			r.Item, r.Body = item, []byte(rest)
		}
		readings = append(readings, r)
	}
	return readings
}

func TestEachPointIsOfTheLatestReadingThatHasIt(t *testing.T) {
	p := latestOf(t, log, "log.a", "log.b")
	again, err := program.Parse([]string{"log.a", "log.b"}, p.JSON(), nil)
	if err != nil || string(again.JSON()) != string(p.JSON()) {
		t.Fatalf("parsed: %s, %v", again.JSON(), err)
	}
	for _, c := range []struct {
		name, want string
		readings   []dodona.Reading
	}{
		{"one line has both", "log.a=1 log.b=2", lines(`{"a":1,"b":2}`)},
		{"two sensors take turns", "log.a=1 log.b=2", lines(`{"a":1}`, `{"b":2}`)},
		{"an older one has both", "log.a=3 log.b=2", lines(`{"a":1,"b":2}`, `{"a":3}`)},
		{"the later one is bad", "log.a bad: read a text at /a log.b=2", lines(`{"a":1,"b":2}`, `{"a":"ERR"}`)},
		{"null and a banner say nothing", "log.a=1 log.b=2", lines(`{"a":1,"b":2}`, `{"a":null}`, `Service restarted at 08:20`)},
		{"none has one", "log.a=1 log.b bad: nothing stands at /b", lines(`{"a":1}`, `{"c":1}`)},
		{"two items", "log.a=1 log.a=2 log.b=3", lines(`x| {"a":1}`, `y| {"a":2,"b":3}`)},
		{"an item that has it not", "log.a=1 log.b=3", lines(`x| {"a":1}`, `y| {"b":3}`)},
	} {
		for name, program := range map[string]*program.Program{"made": p, "parsed": again} {
			result, err := program.Running(nil).Apply(t.Context(), dodona.Call{Readings: c.readings})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, point := range result.Points {
				text := fmt.Sprintf("%s=%s", point.ID, point.Value)
				if point.Quality == dodona.Bad {
					reason, _, _ := strings.Cut(point.Reason, ";")
					reason, _, _ = strings.Cut(reason, ": ")
					text = point.ID + " bad: " + reason
				}
				got = append(got, text)
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("%s, %s: %s, want %s", c.name, name, text, c.want)
			}
		}
	}
}

func TestWhereEachSourceHasOnePointTheRulesStayWhatTheyWere(t *testing.T) {
	for _, from := range [][]string{{"log.a"}, {"a", "boiler.pressure"}} {
		all := extract.Rules{"log": log["log"], "a": rules["a"], "boiler": rules["boiler"]}
		x, err := extract.New(all.For(from...))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(latestOf(t, all, from...).JSON()), string(x.JSON()); got != want {
			t.Errorf("rules of %v are %s, want %s", from, got, want)
		}
	}
	all, err := program.New(program.Rules{From: []string{"log.a", "log.b"}, Extract: log}, nil)
	if err != nil || strings.Contains(string(all.JSON()), "latest") {
		t.Errorf("of a feed that takes all: %s, %v", all.JSON(), err)
	}
}

func TestRulesOfTheLatestAreReadInTheOneForm(t *testing.T) {
	raw := string(latestOf(t, log, "log.a", "log.b").JSON())
	for _, wrong := range []string{
		strings.Replace(raw, `"latest":2`, `"latest":3`, 1),
		strings.Replace(raw, `{"latest"`, `{"x":0,"latest"`, 1),
		strings.Replace(raw, `"latest":2`, `"latest": 2`, 1),
		`{"latest":2}`, `{"latest":2,"of":7}`,
	} {
		if p, err := program.Parse([]string{"log.a", "log.b"}, []byte(wrong), nil); err == nil {
			t.Errorf("%s was taken as %s", wrong, p.JSON())
		}
	}
}

func TestAModuleReadsWhatNoRuleSpeaksOf(t *testing.T) {
	line := lines("$GPGGA,123519")[0]
	ruled := extract.Rules{"log": {"": {Pointer: "/a"}}}
	for _, c := range []struct {
		rules extract.Rules
		ask   *module.Rules
		want  bool
	}{
		{extract.Rules{"log": {"": {}}}, nil, false},
		{extract.Rules{"log": {"": {}}}, &module.Rules{}, true},
		{extract.Rules{}, &module.Rules{}, true},
		{ruled, &module.Rules{}, false},
		{ruled, nil, false},
	} {
		p, err := program.New(program.Rules{From: []string{"log"}, Extract: c.rules, Module: c.ask, Latest: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Has(line, "log"); got != c.want {
			t.Errorf("by %s a line that is no document has the point: %v, want %v", p.JSON(), got, c.want)
		}
		if p.Has(dodona.Reading{Source: "other", Body: []byte(`1`)}, "log") {
			t.Error("a reading of another source has the point")
		}
	}
}

// TestWhatWasMeasuredBeforeIsNotTheLatestForComingLater: a gateway sends what it kept through an outage, the newest first. Answers of releases that
// went by arrival alone replay as they were.
func TestWhatWasMeasuredBeforeIsNotTheLatestForComingLater(t *testing.T) {
	timed := extract.Rules{"log": {"a": {Pointer: "/a", Time: "/at"}, "b": {Pointer: "/b", Time: "/at"}}}
	p := latestOf(t, timed, "log.a", "log.b")
	before, err := program.Parse([]string{"log.a", "log.b"}, []byte(strings.Replace(string(p.JSON()), `"latest":2`, `"latest":1`, 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want, was string
		readings        []dodona.Reading
	}{
		{"an older one comes later", "log.a=50 log.b=2", "log.a=10 log.b=2", lines(`{"a":50,"at":1700000000}`, `{"a":10,"b":2,"at":1699999400}`)},
		{"a newer one", "log.a=10 log.b=2", "log.a=10 log.b=2", lines(`{"a":50,"at":1699999400}`, `{"a":10,"b":2,"at":1700000000}`)},
		{"of the same time", "log.a=10 log.b=2", "log.a=10 log.b=2", lines(`{"a":50,"at":1700000000}`, `{"a":10,"b":2,"at":1700000000}`)},
		{"no time that can be read", "log.a bad: read time at /at log.b=2", "log.a bad: read time at /at log.b=2", lines(`{"a":50,"b":2,"at":1700000000}`, `{"a":10,"at":"soon"}`)},
		{"the clock was ahead", "log.a=10 log.b=2", "log.a=10 log.b=2", lines(`{"a":50,"at":1700000100}`, `{"a":10,"b":2,"at":1700000000}`)},
		{"the sensor spoke, and it is bad", "log.a bad: read a text at /a log.b=2", "log.a bad: read a text at /a log.b=2", lines(`{"a":50,"b":2,"at":1700000000}`, `{"a":"ERR","at":1699999400}`)},
		{"two items", "log.a=1 log.a=2 log.b=3", "log.a=1 log.a=2 log.b=3", lines(`x| {"a":1,"at":1700000000}`, `y| {"a":2,"b":3,"at":1699999400}`)},
	} {
		for i, x := range []struct {
			p    *program.Program
			want string
		}{{p, c.want}, {before, c.was}} {
			result, err := x.p.Running(nil).Apply(t.Context(), dodona.Call{Readings: c.readings})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, point := range result.Points {
				text := fmt.Sprintf("%s=%s", point.ID, point.Value)
				if point.Quality == dodona.Bad {
					reason, _, _ := strings.Cut(point.Reason, ": ")
					reason, _, _ = strings.Cut(reason, ";")
					text = point.ID + " bad: " + reason
				}
				got = append(got, text)
			}
			if text := strings.Join(got, " "); text != x.want {
				t.Errorf("%s, format %d: %s, want %s", c.name, 2-i, text, x.want)
			}
		}
		if older := p.Older(c.readings[0], c.readings[1], "log.a"); c.name != "two items" && older != (c.want != c.was) {
			t.Errorf("%s: older %t", c.name, older)
		}
	}
	if p.Older(lines(`{"a":1,"at":1700000000}`)[0], lines(`{"a":1}`)[0], "log.a") {
		t.Error("what says no time is taken for older")
	}
}
