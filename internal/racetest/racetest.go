// Package racetest says to tests whether the race detector watches them.
package racetest

import "testing"

// Spare skips a test that the detector would make minutes of, or that measures what it takes several times as much of.
// Its goroutines are those of shorter tests. make test runs it without the detector: UNRACED and MEASURES in the Makefile.
func Spare(t testing.TB) {
	t.Helper()
	if On {
		t.Skip("it runs without the race detector")
	}
}
