package quorum

import (
	"slices"

	"github.com/dodona-oracle/dodona"
)

// assemble returns the report that the beliefs of different members about one round of a feed come to, and the digest of
// the observations behind it; one belief comes to what it says. Of numbers the report has the middle one, of an even count
// the higher of the two in the middle, so it is never outside of what honest members saw while they are the majority. Of
// a bool or an enum it has what more than half of the members say; if that is nothing, it is the zero report, and nobody
// may sign it. The order of the beliefs does not matter.
func assemble(network dodona.Digest, beliefs ...belief) (dodona.Report, dodona.Digest) {
	observations := make([]dodona.Observation, len(beliefs))
	values := make([]dodona.Int192, len(beliefs))
	for i, b := range beliefs {
		observations[i], values[i] = b.observation, b.observation.Value
	}
	slices.SortFunc(values, func(a, b dodona.Int192) int { return a.Big().Cmp(b.Big()) })
	middle := values[len(values)/2] // of more than half that say the same, it is one
	alike := 0
	for _, v := range values {
		if v == middle {
			alike++
		}
	}
	observed := dodona.Observed(network, observations...)
	feed, round := beliefs[0].feed, observations[0].Round
	if feed.Kind != dodona.Number && 2*alike <= len(values) {
		return dodona.Report{}, observed
	}
	return dodona.Report{Feed: observations[0].Feed, Round: round, Value: middle}, observed
}
