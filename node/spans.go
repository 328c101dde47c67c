package node

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/module"
)

// Bounds of what is known of functions.
const (
	maxSpanned = 1024 // functions of all modules that are summed up
	maxTold    = 8    // functions of a module that the API tells
)

// spanSums adds up how long the functions of traced events took. Functions beyond the bound are counted as one, "…".
type spanSums struct {
	mu   sync.Mutex
	sums map[spanKey]api.FunctionStatus
}

type spanKey struct{ module, function string }

func newSpanSums() *spanSums { return &spanSums{sums: make(map[spanKey]api.FunctionStatus)} }

func (s *spanSums) add(spans []module.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range spans {
		key := spanKey{span.Module, span.Function}
		sum, found := s.sums[key]
		if !found && len(s.sums) >= maxSpanned {
			key = spanKey{span.Module, "…"}
			sum = s.sums[key]
		}
		sum.Function = key.function
		sum.Calls++
		sum.NS += span.NS
		s.sums[key] = sum
	}
}

// of returns the functions of a module that took longest, the longest first.
func (s *spanSums) of(label string) []api.FunctionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []api.FunctionStatus
	for _, key := range slices.SortedFunc(maps.Keys(s.sums), func(a, b spanKey) int {
		return cmp.Or(cmp.Compare(s.sums[b].NS, s.sums[a].NS), cmp.Compare(a.function, b.function))
	}) {
		if key.module == label && len(list) < maxTold {
			list = append(list, s.sums[key])
		}
	}
	return list
}
