//go:build unix && !no.sim

package main

import (
	"os/signal"
	"syscall"
)

// ignoreBackground lets a read of a terminal that another job has fail, instead of stopping this one.
func ignoreBackground() { signal.Ignore(syscall.SIGTTIN) }
