package node

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

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

// statuses returns the modules of all feeds, in the order of the configuration.
func (m *modules) statuses() []api.ModuleStatus {
	m.mu.Lock()
	known := maps.Clone(m.known)
	m.mu.Unlock()
	list := make([]api.ModuleStatus, 0)
	for _, f := range m.config().Feeds {
		s := f.Settings.Module
		if s == nil {
			continue
		}
		told := api.ModuleStatus{Feed: f.Feed.Name, Name: s.Name, Version: s.Version}
		at := known[f.Feed.Name]
		told.Loading = at.loading
		if at.err != nil {
			told.LastError = at.err.Error()
		}
		if running := at.loaded; running != nil {
			status := running.Status()
			told.Running, told.Digest, told.Events, told.Instances = true, status.Digest, status.Events, status.Instances
			told.MeanUS, told.LastError = float64(status.Mean)/float64(time.Microsecond), status.LastError
			for _, n := range status.Failed {
				told.Failed += n
			}
			told.Functions = m.spans.of(s.Name + " " + s.Version)
		}
		list = append(list, told)
	}
	return list
}
