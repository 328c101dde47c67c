package source

import (
	"testing"
	"time"
)

func TestDurationsReadAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "0 s", 0: "0 s", 1: "1 ms", 999 * time.Millisecond: "999 ms", time.Second: "1 s", 2400 * time.Millisecond: "2.4 s",
		9999 * time.Millisecond: "10 s", 59600 * time.Millisecond: "60 s", 119 * time.Second: "119 s", 2 * time.Minute: "2 min",
		time.Hour: "60 min", 3 * time.Hour: "3 h",
	} {
		if got := human(d); got != want {
			t.Errorf("%s reads %q, want %q", d, got, want)
		}
	}
}
