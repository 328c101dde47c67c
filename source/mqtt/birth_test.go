package mqtt

import (
	"testing"

	"github.com/dodona-oracle/dodona/internal/sparkplug"
	"github.com/dodona-oracle/dodona/source"
)

// TestABirthIsBoundedAndItsRestCounted: metrics beyond those that are told apart of all edge nodes are not kept.
func TestABirthIsBoundedAndItsRestCounted(t *testing.T) {
	dropped := map[string]uint64{}
	h := &host{items: topicLimit - 2, env: source.Env{Source: "plant", Dropped: func(n uint64, cause string) { dropped[cause] += n }}}
	of := h.born(&sent{Payload: sparkplug.Payload{Metrics: []sparkplug.Metric{{Name: "a"}, {Name: "b"}, {Name: "c", HasAlias: true, Alias: 3}, {Name: "d"}}}}, nil)
	if len(of.metrics) != 2 || len(of.aliases) != 0 || h.items != topicLimit {
		t.Errorf("%d metrics and %d aliases are kept, %d of all", len(of.metrics), len(of.aliases), h.items)
	}
	if n := dropped["metrics of a birth beyond 10000 of all: name groups or metrics, or make several sources"]; n != 2 || len(dropped) != 1 {
		t.Errorf("dropped %v", dropped)
	}
}
