package modbus

import (
	"errors"
	"testing"
	"time"
)

func TestWhatIsSilentRestsLongerEachTimeUpToABound(t *testing.T) {
	var s silence
	now, why := noon, errors.New("no answer")
	for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 30, 30, 30} {
		s.goesOn(now, why)
		for second := range time.Duration(40) {
			if got := s.rests(now.Add(second * time.Second)); got != (second < want) {
				t.Fatalf("after %d exchanges, at second %d: it rests: %v, want a rest of %d s", i+1, second, got, want)
			}
		}
		now = now.Add(want * time.Second)
	}
	if s.rests(now.Add(-time.Hour)) {
		t.Error("a clock that was set back by an hour makes a rest of one")
	}
	if got, want := s.told("unit 9").Error(), "unit 9 does not answer since 2026-11-30T12:00:00Z: no answer"; got != want {
		t.Errorf("it is told %q, want %q", got, want)
	}
}

// TestNothingIsEverWritten looks at all that can be asked.
func TestNothingIsEverWritten(t *testing.T) {
	for _, of := range append(tables, "", "register") {
		if f := of.function(); f < 1 || f > 4 {
			t.Errorf("table %q is asked for by function %d", of, f)
		}
	}
}
