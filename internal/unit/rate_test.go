package unit

import (
	"testing"
	"time"
)

func TestRatesAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]Rate{"10/1m": {10, time.Minute}, "1/s": {1, time.Second}, "10000/24h": {10_000, 24 * time.Hour}, "3/0.5s": {3, 500 * time.Millisecond}} {
		got, err := ParseRate(text)
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
		if again, err := ParseRate(got.String()); err != nil || again != got {
			t.Errorf("%s is written %s, which is read as %v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "10", "0/1m", "-1/1m", "10001/1m", "1/0s", "1/-1s", "x/1m", "1/x", "1.5/1m", "1/1m/1m"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	slow, fast, none := Rate{1, time.Minute}, Rate{2, time.Minute}, Rate{}
	if !slow.Below(fast) || fast.Below(slow) || !slow.Below(none) || none.Below(slow) || none.Below(none) {
		t.Error("rates are not ordered by what they let through")
	}
}
