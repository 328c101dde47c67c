package anchor

import (
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona/internal/unit"
)

// Settings are how answers are committed to.
type Settings struct {
	// Every is the distance between anchors, in whole seconds, 1s to 24h. Anchors lie on its multiples since 1970. Each is
	// one signed Merkle root over every answer and every gap since the one before; sinks can carry it to a chain.
	// A change counts after a restart; windows go on where the last one ended. Default: 10m.
	Every time.Duration `yaml:"every"`
}

// Default fills in the defaults.
func (s *Settings) Default() { s.Every = 10 * time.Minute }

// Check says what is wrong with the settings.
func (s *Settings) Check() error {
	if !isEvery(s.Every) {
		return fmt.Errorf("every: %s: want whole seconds, 1s to 24h", unit.FormatDuration(s.Every))
	}
	return nil
}

// isEvery reports whether windows may be so long.
func isEvery(d time.Duration) bool { return d >= leastEvery && d <= mostEvery && d%time.Second == 0 }
