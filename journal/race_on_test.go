//go:build race

package journal

// raceEnabled: the detector wants much address space and memory of its own.
const raceEnabled = true
