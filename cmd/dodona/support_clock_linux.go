package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// disciplined says whether somebody sets the clock, as the kernel knows.
func disciplined() string {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return "missing: " + err.Error()
	}
	word := "synchronised"
	if state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0 {
		word = "NOT synchronised: no time service sets it, as far as the kernel knows"
	}
	offset := float64(t.Offset) / 1e6
	if t.Status&unix.STA_NANO != 0 {
		offset /= 1e3
	}
	return fmt.Sprintf("%s (state %d, status %#x, offset %.6f s, greatest error %.3f s)", word, state, t.Status, offset, float64(t.Maxerror)/1e6)
}
