package main

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona"
)

// TestANodeGoesOnWhileNobodyReadsItsLog: a collector that hangs costs no round, keeps nobody from asking, and keeps the node from ending not either.
func TestANodeGoesOnWhileNobodyReadsItsLog(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts nodes")
	}
	t.Parallel()
	p := deaf(t)
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, p.err.Fd(), syscall.F_SETPIPE_SZ, 4096); errno != 0 {
		t.Skip("pipes have one size here: ", errno)
	}
	_ = p.out.Close() // its sink fails from now on, and says so
	for range 300 {   // each of which it logs
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		_, _ = get(p.url + "/healthz") // so that signals do not come together
	}
	var first dodona.Round
	eventually(t, patience, func() error {
		round, _, err := p.state()
		if err != nil {
			return err
		}
		if first == 0 {
			first = round
		}
		if round < first+2000 {
			return fmt.Errorf("its newest answer is of %d, want one of two seconds after %d", round, first)
		}
		return nil
	})
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v, though all was kept", err)
	}
}
