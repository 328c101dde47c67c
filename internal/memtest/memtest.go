// Package memtest measures the memory of the process that runs a test, on Linux.
package memtest

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// Reset gives back what Go has freed, begins to watch for the peak anew, and returns the bytes that are resident.
func Reset(t testing.TB) int64 {
	t.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return Resident(t)
}

// Resident returns the bytes of memory that this process has now.
func Resident(t testing.TB) int64 { return status(t, "VmRSS") }

// Peak returns the most that it had since Reset.
func Peak(t testing.TB) int64 { return status(t, "VmHWM") }

func status(t testing.TB, field string) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no %s in /proc/self/status", field)
	return 0
}
