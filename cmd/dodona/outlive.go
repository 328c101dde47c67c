package main

import (
	"io"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// outlive prepares the process to be a service.
//
// A crash ends it by SIGABRT: Go's own exit code for one is 2, which says here that the configuration is wrong and a restart mends
// nothing, and a service manager would leave the node down. Nothing of its memory is written to a file then, for its key is in it.
//
// Whoever read its standard error or output may go, and the node goes on.
func outlive() {
	debug.SetTraceback("crash")
	signal.Ignore(syscall.SIGPIPE)
	leaveNoCore()
}

// served returns where the sinks of a node write. What becomes of that is theirs to tell, and not the command's.
func (t terminal) served() io.Writer {
	if o, is := t.out.(*output); is {
		return o.Writer
	}
	return t.out
}
