//go:build race

package racetest

// On: the detector watches.
const On = true
