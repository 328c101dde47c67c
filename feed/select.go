package feed

import (
	"slices"

	"github.com/dodona-oracle/dodona"
)

// maxReadings bounds the readings of one source in one round; the oldest beyond it are left out.
const maxReadings = 4096

// Select returns which of the readings that a source gave a round keeps by a document's take: all of them, for who asks has
// chosen the latest; or all that were not there the round before (before holds their digests), and the newest of each item if
// all were. It returns how many it left out because a round keeps at most 4096 of a source.
func Select(take Take, readings []dodona.Reading, before map[dodona.Digest]struct{}) (kept []dodona.Reading, dropped int) {
	sorted := Tidy(readings)
	if take != TakeAll {
		return newest(sorted, maxReadings)
	}
	fresh := slices.DeleteFunc(slices.Clone(sorted), func(r dodona.Reading) bool {
		_, known := before[r.Digest()]
		return known
	})
	if len(fresh) > 0 {
		return newest(fresh, maxReadings)
	}
	for i, r := range sorted {
		if i+1 == len(sorted) || sorted[i+1].Item != r.Item {
			kept = append(kept, r)
		}
	}
	return newest(kept, maxReadings)
}

// newest returns the most readings that arrived last.
func newest(readings []dodona.Reading, most int) ([]dodona.Reading, int) {
	if len(readings) <= most {
		return readings, 0
	}
	slices.SortStableFunc(readings, func(a, b dodona.Reading) int { return a.Received.Compare(b.Received) })
	dropped := len(readings) - most
	return readings[dropped:], dropped
}

func digestsOf(readings []dodona.Reading) map[dodona.Digest]struct{} {
	digests := make(map[dodona.Digest]struct{}, len(readings))
	for _, r := range readings {
		digests[r.Digest()] = struct{}{}
	}
	return digests
}
