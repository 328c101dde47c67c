package feed

import (
	"slices"

	"github.com/dodona-oracle/dodona"
)

// maxReadings bounds the readings of one source in one round; the oldest beyond it are left out.
const maxReadings = 4096

// newest returns the most readings that arrived last, and how many it left out.
func newest(readings []dodona.Reading, most int) ([]dodona.Reading, int) {
	if len(readings) <= most {
		return readings, 0
	}
	slices.SortStableFunc(readings, func(a, b dodona.Reading) int { return a.Received.Compare(b.Received) })
	dropped := len(readings) - most
	return readings[dropped:], dropped
}
