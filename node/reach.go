package node

import (
	"fmt"
	"strings"
	"time"

	quantity "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/journal"
)

// leastReach is how long a stream must have been written before its pace says anything.
const leastReach = 10 * time.Minute

// reachOf says of each stream that its size ends before its age how far back it will reach at the pace of what it holds: whoever counts on a week
// of readings should not find that there are three hours. It is "" where the ages are reached, or nobody knows yet.
func reachOf(streams []journal.StreamStatus, ages map[string]time.Duration, now time.Time) string {
	var said []string
	for _, s := range streams {
		age, known := ages[s.Name]
		span := now.Sub(s.Oldest)
		if !known || s.Oldest.IsZero() || span < leastReach || s.Bytes == 0 || s.Limit == 0 {
			continue
		}
		reach := float64(span) * float64(s.Limit) / float64(s.Bytes)
		if reach >= float64(age) {
			continue
		}
		said = append(said, fmt.Sprintf("%s reaches back about %s at this pace, by its size, not %s",
			s.Name, quantity.FormatDuration(time.Duration(reach).Round(time.Minute)), quantity.FormatDuration(age)))
	}
	return strings.Join(said, "; ")
}
