// Package racetest says to tests whether the race detector watches them. make test runs once more, without the detector,
// whatever asks this package: scripts/spared.sh.
package racetest

import "testing"

// Spare skips a test that the race detector would make minutes of, or several times as much of what it measures. Its
// goroutines are those of shorter tests.
func Spare(t testing.TB) {
	t.Helper()
	if On {
		t.Skip("it runs without the race detector")
	}
}

// Long does as Spare, and skips the test where time is short, because of what it does, as in "it simulates hours".
func Long(t testing.TB, what string) {
	t.Helper()
	if testing.Short() {
		t.Skip(what)
	}
	Spare(t)
}
