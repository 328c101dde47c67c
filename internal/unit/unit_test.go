package unit

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func TestDurationsNeedAUnit(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"10s": 10 * time.Second, "250ms": 250 * time.Millisecond, "7d": 7 * day, "1d12h": 36 * time.Hour,
		"365d": 365 * day, "1h30m": 90 * time.Minute, "0": 0, "0s": 0, "0d": 0, "1.5s": 1500 * time.Millisecond,
	} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "10", "d", "1dd", "-1s", "+1s", "1d-2h", "1,5s", "106752d", "106751d99h", "9999999999d", "1h2d", "NaN", "1e3s", " 1s", "+1d"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", in, got)
		}
	}
}

func FuzzDurationSurvivesPrinting(f *testing.F) {
	for _, s := range []string{"10s", "7d", "1d12h", "1h30m5s", "1ns", "106751d"} {
		f.Add(s)
	}
	fuzztest.Run(f, func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			return
		}
		again, err := ParseDuration(FormatDuration(d))
		if err != nil || again != d {
			t.Errorf("%q = %v, printed %q, read %v, %v", s, d, FormatDuration(d), again, err)
		}
	})
}

func TestDurationsPrintShort(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"7d": 7 * day, "1h": time.Hour, "36h": 36 * time.Hour, "10m": 10 * time.Minute, "1h0m5s": time.Hour + 5*time.Second,
		"30m": 30 * time.Minute, "0s": 0, "20h": 20 * time.Hour,
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%v) = %q, want %q", d, got, want)
		}
	}
}

func FuzzSizeSurvivesPrinting(f *testing.F) {
	for _, s := range []string{"64MiB", "1MB", "512KiB", "100B", "9223372036854775807B", "8388608TiB"} {
		f.Add(s)
	}
	fuzztest.Run(f, func(t *testing.T, s string) {
		size, err := ParseSize(s)
		if err != nil {
			return
		}
		if again, err := ParseSize(size.String()); err != nil || again != size {
			t.Errorf("%q = %d, printed %q, read %d, %v", s, size, size, again, err)
		}
	})
}

func TestSizesNeedAUnit(t *testing.T) {
	for in, want := range map[string]Size{"64MiB": 64 * MiB, "1 MB": 1e6, "0B": 0, "2GiB": 2 * GiB} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "64", "MiB", "-1B", "1.5MiB", "64mib", "99999999999TiB", "1e3B"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", in, got)
		}
	}
}

func TestBytesAreWrittenForPeople(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 30 << 10: "30 KiB", 1<<20 - 1: "1023 KiB", 1 << 20: "1 MiB", 3 << 19: "1.5 MiB", 256 << 20: "256 MiB", 1<<30 + 1: "1024.0 MiB",
	} {
		if got := About(bytes); got != want {
			t.Errorf("About(%d) = %q, want %q", bytes, got, want)
		}
	}
}
