package module

import (
	"os"
	"testing"
)

// TestMain makes the test binary the child that compiles, if an engine has started it as that.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerCommand {
		os.Exit(CompileWorker(os.Stdin, os.Args[2:]))
	}
	os.Exit(m.Run())
}

// workerCommand is the first argument of the test binary as the child that compiles.
const workerCommand = "compile-worker"
