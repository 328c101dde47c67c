package dodona

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestNamesAreSubjectTokens(t *testing.T) {
	for _, name := range []string{"a", "btc.usd", "boiler-3.temperature", "0", strings.Repeat("a", 63)} {
		if err := CheckName(name, 4); err != nil {
			t.Errorf("CheckName(%q): %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "a.", ".a", "a..b", "-a", "A", "a b", "a*", "a>", "a.b.c.d.e", "ä", "a\x00", strings.Repeat("a", 64)} {
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
		{Feed{Kind: Enum, Labels: []string{"off", "on"}}, 7, "7"},
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
	if got := Round(1<<64 - 1).Time(); got.IsZero() {
		t.Errorf("the last round has no time")
	}
}

func TestBytesHaveOneText(t *testing.T) {
	var d Digest
	good := `"0x` + strings.Repeat("ab", 32) + `"`
	if err := json.Unmarshal([]byte(good), &d); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{strings.ToUpper(good), good[:len(good)-3] + `"`, `"` + strings.Repeat("ab", 33) + `"`, `"0x` + strings.Repeat("zz", 32) + `"`, `"0x` + strings.Repeat("aB", 32) + `"`} {
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s is accepted as a digest", bad)
		}
	}
}

func TestRecordsOfRoundsAreFiledByTheirRound(t *testing.T) {
	for id, want := range map[string]Round{"0": 0, "1795349070000": 1795349070000, "18446744073709551615": 1<<64 - 1} {
		if got, found := (Record{ID: id}).Round(); !found || got != want || got.ID() != id {
			t.Errorf("record %s is of round %d (%v), want %d and its ID back", id, got, found, want)
		}
	}
	before := Round(10).Before()
	for id, want := range map[string]bool{"9": true, "10": false, "11": false, "": true, "-1": true, "1e3": true, "18446744073709551616": true} {
		if got := before(Record{ID: id}); got != want {
			t.Errorf("record %q is before round 10: got %v, want %v", id, got, want)
		}
	}
}

func FuzzBytesHaveOneText(f *testing.F) {
	f.Add("0x" + strings.Repeat("ab", 32))
	f.Add("0X" + strings.Repeat("AB", 32))
	f.Fuzz(func(t *testing.T, s string) {
		var d Digest
		if d.UnmarshalText([]byte(s)) == nil && d.String() != s {
			t.Errorf("%q reads as %s", s, d)
		}
	})
}
