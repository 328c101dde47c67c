package plant

import (
	"fmt"
	"strings"
)

// A Fault is what a device suffers.
type Fault string

// The faults.
const (
	Plug   Fault = "plug"   // none: it is as it should be
	Unplug Fault = "unplug" // its connections are cut, and nothing answers
	Freeze Fault = "freeze" // it takes connections and requests, and answers none of them until it is mended
	Slow   Fault = "slow"   // each answer is late
	Lie    Fault = "lie"    // its values are out of any range, or of bad quality where the protocol has one
)

// Faults returns all faults, with Plug, which mends them.
func Faults() []Fault { return []Fault{Unplug, Freeze, Slow, Lie, Plug} }

func listed[T ~string](of []T) string {
	words := make([]string, len(of))
	for i, w := range of {
		words[i] = fmt.Sprint(w)
	}
	return strings.Join(words, ", ")
}
