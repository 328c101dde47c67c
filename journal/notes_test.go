package journal

import (
	"testing"
	"time"
)

// TestNotesOfLimitsAreReadOrCountForNothing, sorted by the names of their nodes.
func TestNotesOfLimitsAreReadOrCountForNothing(t *testing.T) {
	at := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	good := limitsNote{node: "b", Limits: Limits{5, time.Hour}, at: at}
	list := notesIn(map[string]string{
		limitsKey + "b": good.String(), limitsKey + "a": limitsNote{Limits: Limits{1, 0}, at: at}.String(), "other": good.String(),
		limitsKey + "c": "0 1h0m0s 2026-12-01T12:00:00Z", limitsKey + "d": "1 -1h0m0s 2026-12-01T12:00:00Z", limitsKey + "e": "1 x 2026-12-01T12:00:00Z",
		limitsKey + "f": "1 1h0m0s yesterday", limitsKey + "g": "1 1h0m0s", limitsKey + "h": "-1 1h0m0s 2026-12-01T12:00:00Z",
	})
	if len(list) != 2 || list[0] != (limitsNote{"a", Limits{1, 0}, at}) || list[1] != good {
		t.Errorf("%+v", list)
	}
	for age, want := range map[time.Duration]string{0: "records of any age", 48 * time.Hour: "those of 2d"} {
		if got := ageText(age); got != want {
			t.Errorf("%s: %q, want %q", age, got, want)
		}
	}
}

// TestNotesOfLimitsCountForThirtyDays, unless this process's own is as old: then the clock was set.
func TestNotesOfLimitsCountForThirtyDays(t *testing.T) {
	at := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	l := &lane{j: &Journal{cfg: Config{Node: "own"}}, limits: Limits{9, time.Hour}}
	for _, c := range []struct {
		own, other time.Duration // how old they are
		want       int
	}{
		{0, 30 * 24 * time.Hour, 2},
		{0, 30*24*time.Hour + time.Second, 1},
		{30 * 24 * time.Hour, 31 * 24 * time.Hour, 1},
		{30*24*time.Hour + time.Second, 31 * 24 * time.Hour, 2},
	} {
		metadata := map[string]string{
			limitsKey + "own":   limitsNote{Limits: Limits{1, 0}, at: at.Add(-c.own)}.String(),
			limitsKey + "other": limitsNote{Limits: Limits{2, 0}, at: at.Add(-c.other)}.String(),
		}
		if list := l.notesOf(metadata, at); len(list) != c.want {
			t.Errorf("own %s old, another %s: %d count, want %d", c.own, c.other, len(list), c.want)
		}
		l.setLimits(metadata, at)
		list := notesIn(metadata)
		if len(list) != c.want || list[len(list)-1] != (limitsNote{"own", Limits{9, time.Hour}, at}) {
			t.Errorf("own %s old, another %s: noted %+v", c.own, c.other, list)
		}
		if c.want == 2 && list[0].at != at && c.other > limitsCount {
			t.Errorf("own %s old, another %s: what counts again counts from %s", c.own, c.other, list[0].at)
		}
	}
}
