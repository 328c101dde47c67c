package sim_test

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/source/sim"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

func TestSuite(t *testing.T) {
	sourcetest.Run(t, func(*testing.T) sourcetest.Subject {
		s := sim.Kind.Settings().(*sim.Settings)
		s.Every = 10 * time.Millisecond
		return sourcetest.Subject{Kind: sim.Kind, Settings: s}
	})
}
