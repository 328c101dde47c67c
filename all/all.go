// Package all lists what this build contains: one short file for each kind, with the build tag that leaves it out
// (-tags no.source.sim).
package all

import (
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/source"
)

// kinds is filled by the files of this package before main begins, and not changed afterwards.
var kinds []source.Kind

// Sources returns the kinds of sources in this build, sorted by name.
func Sources() []source.Kind {
	return slices.SortedFunc(slices.Values(kinds), func(a, b source.Kind) int { return strings.Compare(a.Name(), b.Name()) })
}

// sinks is filled by the files of this package before main begins, and not changed afterwards.
var sinks []sink.Kind

// Sinks returns the kinds of sinks in this build, sorted by name.
func Sinks() []sink.Kind {
	return slices.SortedFunc(slices.Values(sinks), func(a, b sink.Kind) int { return strings.Compare(a.Name(), b.Name()) })
}
