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
		{Feed{Kind: Number, Unit: "USD", Decimals: 8}, 4321855000000, "43218.55 USD"},
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
