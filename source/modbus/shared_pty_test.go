//go:build integration

package modbus

import (
	"os"
	"testing"

	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/internal/tty"
)

// TestAnAnswerToAnotherMasterIsNotBelievedOnASerialPort, whose bytes come one by one.
func TestAnAnswerToAnotherMasterIsNotBelievedOnASerialPort(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"the answer", "an echo and then the answer", "the answer twice", "the same one after the other", "a foreign request and its answer"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			near, far := peertest.Pty(t)
			line, err := os.OpenFile(far, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = line.Close() })
			c := sharings()[name]
			go speak(line, c.says) // until the line is gone
			wantShared(t, c, func(s *Settings) { s.Serial = &tty.Settings{Device: near}; s.Complete() })
		})
	}
}
