package dodona

import (
	"strings"
	"testing"
	"time"
)

func TestNamesAreSubjectTokens(t *testing.T) {
	for _, name := range []string{"a", "btc.usd", "a.b.c.d", "boiler-3.temperature", "0", "9", "z", "a-", strings.Repeat("a", 63)} {
		if err := CheckName(name, 4); err != nil {
			t.Errorf("CheckName(%q): %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "a.", ".a", "a..b", "-a", "A", "a/", "a:", "a`", "a{", "a_", "a b", "a*", "a>", "a.b.c.d.e", "ä", "a\x00", strings.Repeat("a", 64)} {
		if err := CheckName(name, 4); err == nil {
			t.Errorf("CheckName(%q) is accepted", name)
		}
	}
}

func TestFeedFormatsForPeople(t *testing.T) {
	for _, c := range []struct {
		feed Feed
		v    int64
		want string
	}{
		{Feed{Kind: Number, Unit: "USD", Decimals: 8}, 4321855000000, "43,218.55000000 USD"},
		{Feed{Kind: Number, Unit: "USD", Decimals: 2}, 4321850, "43,218.50 USD"},
		{Feed{Kind: Number, Decimals: 2}, -50, "-0.50"},
		{Feed{Kind: Number, Decimals: 2}, 0, "0.00"},
		{Feed{Kind: Number}, 999, "999"},
		{Feed{Kind: Number}, -999, "-999"},
		{Feed{Kind: Number}, 1000, "1,000"},
		{Feed{Kind: Number}, -1234567, "-1,234,567"},
		{Feed{Kind: Number, Decimals: 18}, 1, "0.000000000000000001"},
		{Feed{Kind: Number, Unit: "USD", Decimals: 18}, 1234_500000000000000000 / 1000, "1.234500000000000000 USD"},
		{Feed{Kind: Number, Decimals: 2}, -5, "-0.05"},
		{Feed{Kind: Bool}, 1, "true"},
		{Feed{Kind: Enum, Labels: []string{"off", "on"}}, 1, "on"},
		{Feed{Kind: Enum, Labels: []string{"off", "on"}}, 0, "off"},
		{Feed{Kind: Enum, Labels: []string{"off", "on"}}, 2, "2"},
		{Feed{Kind: Enum, Labels: []string{"off", "on"}}, -1, "-1"},
		{Feed{Kind: Enum, Labels: []string{"off", "on"}}, 7, "7"},
		{Feed{Kind: Bool}, 0, "false"},
	} {
		if got := c.feed.Format(NewInt192(c.v)); got != c.want {
			t.Errorf("%+v formats %d as %q, want %q", c.feed, c.v, got, c.want)
		}
	}
}

func TestAFeedWritesItsValuesForMachinesWithAllDecimalsAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		feed Feed
		v    int64
		want string
	}{
		{Feed{Kind: Number, Unit: "USD", Decimals: 2}, 4321850, "43218.50"},
		{Feed{Kind: Number, Unit: "USD", Decimals: 2}, -5, "-0.05"},
		{Feed{Kind: Number, Unit: "USD", Decimals: 2}, 100, "1.00"},
		{Feed{Kind: Number, Decimals: 0}, 1234567, "1234567"},
		{Feed{Kind: Number, Decimals: 57}, 0, "0." + strings.Repeat("0", 57)},
		{Feed{Kind: Number, Decimals: 255}, 0, "0." + strings.Repeat("0", 57)}, // what no feed is, a stranger may say
		{Feed{Kind: Bool}, 1, "true"},
		{Feed{Kind: Enum, Labels: []string{"off", "on"}}, 1, "on"},
		{Feed{Kind: Enum, Labels: []string{"off", "on"}}, 9, "9"},
	} {
		if got := c.feed.Text(NewInt192(c.v)); got != c.want {
			t.Errorf("%+v writes %d as %q, want %q", c.feed, c.v, got, c.want)
		}
	}
}

func TestWhatASourceSaidKeepsEveryDigit(t *testing.T) {
	price, state := Feed{Kind: Number, Unit: "USD", Decimals: 2}, Feed{Kind: Enum, Labels: []string{"off", "on"}}
	for said, want := range map[string]string{
		"43218.1": "43,218.10 USD", "43218": "43,218.00 USD", "43218.12345": "43,218.12345 USD", "-1e6": "-1,000,000.00 USD",
	} {
		d, err := ParseDecimal(said)
		if got := price.FormatExact(d); err != nil || got != want {
			t.Errorf("%s is shown as %q, want %q: %v", said, got, want, err)
		}
	}
	for said, want := range map[string]string{"1": "on", "7": "7", "0.5": "0.5"} {
		d, err := ParseDecimal(said)
		if got := state.FormatExact(d); err != nil || got != want {
			t.Errorf("%s of a state is shown as %q, want %q: %v", said, got, want, err)
		}
	}
	if got := Thousands(1<<64 - 1); got != "18,446,744,073,709,551,615" {
		t.Errorf("the largest count is %s", got)
	}
}

func TestRoundIsItsInstant(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 4, 30, 250e6, time.UTC)
	r := RoundAt(at)
	if !r.Time().Equal(at) || r.String() != "2026-11-22T12:04:30.25Z" {
		t.Errorf("RoundAt(%v) = %d, which is %v", at, r, r)
	}
	if got := RoundAt(time.Unix(-5, 0)); got != 0 {
		t.Errorf("before 1970: %d, want 0", got)
	}
	for ms, want := range map[int64]Round{-1: 0, 0: 0, 1: 1, 2: 2} {
		if got := RoundAt(time.UnixMilli(ms)); got != want {
			t.Errorf("%d ms after 1970: round %d, want %d", ms, got, want)
		}
	}
	if got := Round(1<<64 - 1).Time(); got.IsZero() {
		t.Errorf("the last round has no time")
	}
}
