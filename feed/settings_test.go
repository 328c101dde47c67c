package feed

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/module/manifest"
)

func TestDefaultsWork(t *testing.T) {
	for _, s := range []Settings{
		{From: []string{"a"}},
		{From: []string{"a", "b.c"}, Every: 100 * time.Millisecond},
		{From: []string{"a", "b", "c"}, Every: 24 * time.Hour},
		{From: []string{"a"}, Kind: dodona.Bool},
		{From: []string{"a"}, Kind: dodona.Enum, Labels: []string{"off", "on"}},
	} {
		if err := s.Check(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
		if s.Decimals != nil {
			t.Error("Validate changed its receiver")
		}
	}
	s := Settings{From: []string{"a", "b", "c", "d"}}.WithDefaults()
	if s.Need != 3 || s.Every != 10*time.Second || s.Deadline != 5*time.Second || s.Stale != time.Minute ||
		*s.Decimals != 18 || s.Combine != "median" || s.Take != "latest" || s.Kind != dodona.Number || !s.Outliers.IsZero() {
		t.Errorf("got %+v", s)
	}
	s = Settings{From: []string{"a"}, Every: time.Minute}.WithDefaults()
	if s.Need != 1 || s.Deadline != 5*time.Second || s.Stale != 3*time.Minute {
		t.Errorf("got %+v", s)
	}
	if got := (Settings{Kind: dodona.Bool}).Identity("x"); got.Decimals != 0 || got.Kind != dodona.Bool || got.Name != "x" {
		t.Errorf("got %+v", got)
	}
}

func TestMistakesNameTheirField(t *testing.T) {
	places := func(n uint8) *uint8 { return &n }
	for _, c := range []struct {
		s     Settings
		field string
		want  string
	}{
		{Settings{}, "from", "names no source"},
		{Settings{From: []string{"a", "a"}}, "from", `names "a" twice`},
		{Settings{From: []string{"a.b.c"}}, "from", "3 parts"},
		{Settings{From: []string{"A"}}, "from", "a-z"},
		{Settings{From: make([]string, 257)}, "from", "at most 256"},
		{Settings{From: []string{"a"}, Need: 2}, "need", "2, but only 1 source is named"},
		{Settings{From: []string{"a"}, Need: -1}, "need", "at least 1"},
		{Settings{From: []string{"a"}, Kind: "text"}, "kind", "want number, bool or enum"},
		{Settings{From: []string{"a"}, Decimals: places(58)}, "decimals", "want 0 to 57"},
		{Settings{From: []string{"a"}, Kind: dodona.Bool, Decimals: places(1)}, "decimals", "leave it out"},
		{Settings{From: []string{"a"}, Labels: []string{"x", "y"}}, "labels", "belong to kind enum"},
		{Settings{From: []string{"a"}, Kind: dodona.Enum}, "labels", "2 to 256"},
		{Settings{From: []string{"a"}, Kind: dodona.Enum, Labels: []string{"x", "x"}}, "labels", "twice"},
		{Settings{From: []string{"a"}, Kind: dodona.Enum, Labels: []string{"x", ""}}, "labels", "0 bytes"},
		{Settings{From: []string{"a"}, Every: -1}, "every", "more than 0"},
		{Settings{From: []string{"a"}, Every: 1500 * time.Microsecond}, "every", "whole milliseconds"},
		{Settings{From: []string{"a"}, Every: 1 << 62}, "every", "at most"},
		{Settings{From: []string{"a"}, Every: time.Second, Deadline: 2 * time.Second}, "deadline", "next round is due after 1s"},
		{Settings{From: []string{"a"}, Deadline: -1}, "deadline", "more than 0"},
		{Settings{From: []string{"a"}, Stale: -1}, "stale", "more than 0"},
		{Settings{From: []string{"a"}, Combine: "mode"}, "combine", "median, mean, min or max"},
		{Settings{From: []string{"a"}, Combine: "majority"}, "combine", "for a number"},
		{Settings{From: []string{"a"}, Kind: dodona.Bool, Combine: "median"}, "combine", "majority"},
		{Settings{From: []string{"a"}, Kind: dodona.Bool, Outliers: percent(t, "1%")}, "outliers", "leave them out"},
		{Settings{From: []string{"a"}, Take: "some"}, "take", "latest or all"},
		{Settings{From: []string{"a"}, Module: &Module{Name: "m"}}, "module", "both needed"},
		{Settings{From: []string{"a"}, Module: &Module{Name: "../m", Version: "1.0.0"}}, "module.name", "3 parts"},
		{Settings{From: []string{"a"}, Module: &Module{Name: "m", Version: "latest"}}, "module.version", `version "latest" of module m`},
		{Settings{From: []string{"a"}, Module: &Module{Name: "m", Version: "1.0"}}, "module.version", `version "1.0"`},
		{allowing(manifest.Allow{HTTPGet: []string{"a.example", "API.example"}}), "module.allow.http_get[1]", `the host "API.example"`},
		{allowing(manifest.Allow{HTTPGet: []string{"a.example:99999"}}), "module.allow.http_get[0]", `the host "a.example:99999"`},
		{allowing(manifest.Allow{HTTPGet: []string{"a.example", "a.example:443"}}), "module.allow.http_get[1]", "twice"},
		{allowing(manifest.Allow{ReadSensor: []string{"a", "a"}}), "module.allow.read_sensor[1]", "twice"},
	} {
		var mistake *FieldError
		if err := c.s.Check(); !errors.As(err, &mistake) || mistake.Field != c.field || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.200v:\n got %v\nwant %s: … %s", c.s, err, c.field, c.want)
		}
	}
}

// replays wants a document of settings to be read again, whatever they are.
func replays(t *testing.T, s Settings) {
	t.Helper()
	d, err := NewDocument("x", s, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseDocument(raw); err != nil {
		t.Error(err)
	}
}

// TestRulesOfFasterFeedsStillReplay: what a configuration may ask for is not what old rules may say.
func TestRulesOfFasterFeedsStillReplay(t *testing.T) {
	s := Settings{From: []string{"a"}, Every: 99 * time.Millisecond}
	if err := s.Check(); err == nil || err.Error() != "every: 99ms, want at least 100ms" {
		t.Errorf("got %v", err)
	}
	replays(t, s)
}

// TestRulesOfOddModulesStillReplay: what a module may be called and reach is a configuration's matter alone.
func TestRulesOfOddModulesStillReplay(t *testing.T) {
	s := allowing(manifest.Allow{HTTPGet: []string{"API.example", "API.example:99999"}})
	s.Module.Name, s.Module.Version = "Odd", "latest"
	if s.Check() == nil {
		t.Error("a configuration may say this")
	}
	replays(t, s)
}

func allowing(a manifest.Allow) Settings {
	return Settings{From: []string{"a"}, Module: &Module{Name: "m", Version: "1.0.0", Allow: a}}
}

func TestEveryMistakeIsTold(t *testing.T) {
	err := Settings{Kind: "x", Combine: "y", Take: "z", Need: -1}.Check()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) < 4 {
		t.Errorf("got %v", err)
	}
	err = Settings{}.Check() // who names no source hears of that alone
	if joined, ok := err.(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) != 1 {
		t.Errorf("got %v", err)
	}
}

func percent(t testing.TB, s string) Percent {
	t.Helper()
	p, err := ParsePercent(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPercentagesAreExact(t *testing.T) {
	for s, want := range map[string]string{
		"10%": "10%", "0.5%": "0.5%", "10 %": "10%", "0%": "0%", "100.0%": "100%", "1e1%": "10%",
		"10": "", "": "", "%": "", "-1%": "", "ten%": "", "10%%": "", "0.1": "", "NaN%": "", "1e99%": "", "10  %": "",
	} {
		p, err := ParsePercent(s)
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "such as 10%") {
				t.Errorf("%q gave %v and %v, want what to write", s, p, err)
			}
			continue
		}
		if err != nil || p.String() != want {
			t.Errorf("%q gave %v and %v, want %s", s, p, err, want)
		}
	}
	raw, err := json.Marshal(Settings{Outliers: percent(t, "0.5%")})
	if err != nil || !strings.Contains(string(raw), `"outliers":"0.5%"`) {
		t.Errorf("got %s and %v", raw, err)
	}
	var back Settings
	if err := json.Unmarshal(raw, &back); err != nil || back.Outliers != percent(t, "0.5%") {
		t.Errorf("%s became %v (%v)", raw, back.Outliers, err)
	}
}

func FuzzPercentSurvivesPrinting(f *testing.F) {
	for _, seed := range []string{"10%", "0.5 %", "1e-9%", "%", "-1%"} {
		f.Add(seed)
	}
	fuzztest.Run(f, func(t *testing.T, s string) {
		p, err := ParsePercent(s)
		if err != nil {
			return
		}
		if again, err := ParsePercent(p.String()); err != nil || again != p {
			t.Fatalf("%q became %v, then %v (%v)", s, p, again, err)
		}
	})
}

// TestBoundsOfSettingsAreWhatTheySay: what is on a bound passes, and what is one beyond does not.
func TestBoundsOfSettingsAreWhatTheySay(t *testing.T) {
	params := func(n int) func(*Settings) {
		return func(s *Settings) {
			s.Module = &Module{Name: "m", Version: "1.0.0", Params: map[string]string{}}
			for i := range n {
				s.Module.Params[strconv.Itoa(i)] = "x"
			}
		}
	}
	param := func(n int) func(*Settings) {
		return func(s *Settings) {
			s.Module = &Module{Name: "m", Version: "1.0.0", Params: map[string]string{"four": strings.Repeat("x", n-4)}}
		}
	}
	version := func(n int) func(*Settings) {
		return func(s *Settings) { s.Module = &Module{Name: "m", Version: "1.0.0-" + strings.Repeat("1", n-6)} }
	}
	names := func(n int) (list []string) {
		for i := range n {
			list = append(list, "s"+strconv.Itoa(i))
		}
		return list
	}
	labels := func(n int) func(*Settings) {
		return func(s *Settings) { s.Kind, s.Labels = dodona.Enum, names(n) }
	}
	decimalPlaces := func(n uint8) func(*Settings) { return func(s *Settings) { s.Decimals = &n } }
	named := func(name string) func(*Settings) {
		return func(s *Settings) {
			s.Module = &Module{Name: "m", Version: "1.0.0", Params: map[string]string{name: "x"}}
		}
	}
	module := func(name, version string) func(*Settings) {
		return func(s *Settings) { s.Module = &Module{Name: name, Version: version} }
	}
	const leapYear = 366 * 24 * time.Hour
	for name, c := range map[string]struct {
		at, beyond func(*Settings)
	}{
		"params":           {params(64), params(65)},
		"bytes of a param": {param(1024), param(1025)},
		"version":          {version(64), version(65)},
		"every": {
			func(s *Settings) { s.Every, s.Stale = leapYear, time.Hour },
			func(s *Settings) { s.Every, s.Stale = leapYear+time.Millisecond, time.Hour },
		},
		"stale": {
			func(s *Settings) { s.Stale = leapYear },
			func(s *Settings) { s.Stale = leapYear + time.Millisecond },
		},
		"a value that is needed":     {func(s *Settings) { s.Need = 1 }, func(s *Settings) { s.Need = 2 }},
		"points that are asked":      {func(s *Settings) { s.From = names(256) }, func(s *Settings) { s.From = names(257) }},
		"points that are combined":   {func(s *Settings) { s.Points = names(256) }, func(s *Settings) { s.Points = names(257) }},
		"parts of a point":           {func(s *Settings) { s.From = []string{"a.b"} }, func(s *Settings) { s.From = []string{"a.b.c"} }},
		"parts of a combined point":  {func(s *Settings) { s.Points = []string{"a.b"} }, func(s *Settings) { s.Points = []string{"a.b.c"} }},
		"points that are there once": {func(s *Settings) { s.Points = []string{"b", "c"} }, func(s *Settings) { s.Points = []string{"b", "b"} }},
		"labels":                     {labels(256), labels(257)},
		"fewest labels":              {labels(2), labels(1)},
		"decimals":                   {decimalPlaces(57), decimalPlaces(58)},
		"shortest every":             {func(s *Settings) { s.Every = 100 * time.Millisecond }, func(s *Settings) { s.Every = 99 * time.Millisecond }},
		"whole milliseconds":         {func(s *Settings) { s.Every = 101 * time.Millisecond }, func(s *Settings) { s.Every = 101*time.Millisecond + 1 }},
		"deadline": {
			func(s *Settings) { s.Every, s.Deadline = time.Second, time.Second },
			func(s *Settings) { s.Every, s.Deadline = time.Second, time.Second+1 },
		},
		"shortest deadline": {func(s *Settings) { s.Deadline = 1 }, func(s *Settings) { s.Deadline = -1 }},
		"a param's name":    {named("x"), named("")},
		"a module's name":   {module("m", "1.0.0"), module("m.n", "1.0.0")},
		"a module has both": {module("m", "1.0.0"), module("m", "")},
		"a module is named": {module("m", "1.0.0"), module("", "1.0.0")},
		"a version's text":  {module("m", "1.0.0-rc+1"), module("m", "1.0.0/0")},
		"a label": {
			func(s *Settings) { s.Kind, s.Labels = dodona.Enum, []string{"a", strings.Repeat("x", 64)} },
			func(s *Settings) { s.Kind, s.Labels = dodona.Enum, []string{"a", strings.Repeat("x", 65)} },
		},
	} {
		at, beyond := Settings{From: []string{"a"}}, Settings{From: []string{"a"}}
		c.at(&at)
		c.beyond(&beyond)
		if err := at.Check(); err != nil {
			t.Errorf("%s at the bound: %v", name, err)
		}
		if err := beyond.Check(); err == nil {
			t.Errorf("%s beyond the bound passes", name)
		}
	}
}

// TestTimesOfRulesStayInRange: what no setting allows becomes something else that none allows.
func TestTimesOfRulesStayInRange(t *testing.T) {
	for ms, want := range map[int64]time.Duration{
		0: 0, 1: time.Millisecond, -1: -time.Millisecond, -2: -time.Millisecond, math.MinInt64: -time.Millisecond,
		maxEvery.Milliseconds(): maxEvery, maxEvery.Milliseconds() + 1: maxEvery + time.Millisecond,
		maxEvery.Milliseconds() + 2: maxEvery + time.Millisecond, math.MaxInt64: maxEvery + time.Millisecond,
	} {
		if got := milliseconds(ms); got != want {
			t.Errorf("%d ms are %v, want %v", ms, got, want)
		}
	}
}

func TestNeedIsMoreThanHalfOfWhatIsCombined(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3} {
		list := []string{"a", "b", "c", "d", "e"}[:n]
		if got := (Settings{From: list}).WithDefaults().Need; got != want {
			t.Errorf("of %d sources %d are needed, want %d", n, got, want)
		}
		if got := (Settings{From: []string{"x"}, Points: list}).WithDefaults().Need; got != want {
			t.Errorf("of %d points %d are needed, want %d", n, got, want)
		}
	}
}
