package unit

import (
	"testing"
	"time"
)

func TestOneIsOneAndMoreAreMore(t *testing.T) {
	for want, got := range map[string]string{
		"0 readings": Count(0, "reading"), "1 reading": Count(1, "reading"), "2 readings": Count(uint64(2), "reading"),
		"1 entry": Count(1, "entry"), "3 entries": Count(int64(3), "entry"), "2 keys": Count(2, "key"),
		"2 leaves": Count(2, "leaf"), "1 leaf": Count(1, "leaf"), "0 files and folders": Count(0, "file and folder"), "2 addresses": Count(2, "address"),
		"3 branches": Count(3, "branch"), "2 days": Count(2, "day"), "2 exchanges": Count(2, "exchange"),
		"9223372036854775807 records": Count(uint64(1<<64-1), "record"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestComputedDurationsAreNoFinerThanAnybodyNeeds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 108489165: "108ms", 999_700 * time.Microsecond: "1s", 2_449 * time.Millisecond: "2.4s", 9_990 * time.Millisecond: "10s",
		21_400 * time.Millisecond: "21s", 200 * time.Second: "3m20s", 130*time.Minute + 12*time.Second: "2h10m", 48 * time.Hour: "2d",
		1500 * time.Nanosecond: "2µs", -108489165: "-108ms",
	} {
		if got := Roughly(d); got != want {
			t.Errorf("%v is written as %q, want %q", d, got, want)
		}
	}
}

// TestARecordedTextIsReadWithoutFractions of its durations, and what it compares is never made to look alike.
func TestARecordedTextIsReadWithoutFractions(t *testing.T) {
	for text, want := range map[string]string{
		"measured 48h0m6.281s before the round, at most 1m is allowed":    "measured 2 days before the round, at most 1m is allowed",
		"measured 16765h12m3s before the round, at most 1d is allowed":    "measured 698 days before the round, at most 1d is allowed",
		"stale (61.281s), and so on":                                      "stale (1m1s), and so on",
		"measured 60.004s before the round, at most 1m is allowed":        "measured 60.004s before the round, at most 1m is allowed",
		"measured 48h0m6.281s before the round, at most 2d is allowed":    "measured 48h0m6.281s before the round, at most 2d is allowed",
		"measured 49h before the round, at most 1h30m is allowed":         "measured 49h before the round, at most 1h30m is allowed",
		"measured 2.26s before the round, at most 2.25s is allowed":       "measured 2.26s before the round, at most 2.25s is allowed",
		"no answer in 998.4ms; retry after 26h3m1s:":                      "no answer in 998ms; retry after 26h3m:",
		"HTTP status 404 of 1.5 values at 10.0.0.1 s3 0 s, 1.2.3 m, 5 h.": "HTTP status 404 of 1.5 values at 10.0.0.1 s3 0 s, 1.2.3 m, 5 h.",
		"1.5s 1m 7d 250ms 36h":                                            "1.5s 1m 7d 250ms 36h",
		"":                                                                "",
	} {
		if got := Readable(text); got != want {
			t.Errorf("%q became\n%q, want\n%q", text, got, want)
		}
		if again := Readable(want); again != want {
			t.Errorf("%q is not read as it stands: %q", want, again)
		}
	}
}
