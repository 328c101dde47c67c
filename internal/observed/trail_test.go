package observed_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/observed"
)

func TestAMarkTellsNodesOfOneNameAndOfOneKeyApart(t *testing.T) {
	marks := []string{
		observed.Mark("node", dodona.Address{1}), observed.Mark("node", dodona.Address{2}), observed.Mark("gw-7", dodona.Address{1}), observed.Mark("", dodona.Address{1}),
	}
	for i, mark := range marks {
		if len(mark) != 16 || slices.Contains(marks[:i], mark) {
			t.Errorf("mark %d is %q of %q", i, mark, marks)
		}
	}
}

func TestATrailIsThatOfAnObservation(t *testing.T) {
	a, b := observed.Mark("a", dodona.Address{1}), observed.Mark("b", dodona.Address{2})
	id := strings.Repeat("0f", 16)
	for body, want := range map[string][]string{
		`{"id":"` + id + `","via":["` + a + `","` + b + `"]}`:            {a, b},
		` { "value" : 1, "via" : [ "` + a + `" ], "id" : "` + id + `" }`: {a},
		`{"id":"` + id + `","value":"` + a + `"}`:                        nil,
		`{"id":"pump-3","via":["` + a + `"]}`:                            nil,
		`{"id":"` + id + `","via":["the other side"]}`:                   nil,
		`{"id":"` + id + `","via":"` + a + `"}`:                          nil,
		`via ` + a:                                                       nil,
		``:                                                               nil,
	} {
		if got := observed.Via([]byte(body)); !slices.Equal(got, want) {
			t.Errorf("%s: trail %q, want %q", body, got, want)
		}
		for _, mark := range []string{a, b} {
			if got := observed.Passed([]byte(body), mark); got != slices.Contains(want, mark) && !strings.Contains(body, "pump-3") {
				t.Errorf("%s: passed %s is %v", body, mark, got)
			}
		}
	}
	if !observed.Passed([]byte(`{"online":true,"via":["`+a+`"]}`), a) {
		t.Error("the word of a sink that it is there is not known for the node's own")
	}
	if observed.Passed([]byte(`{"via":[""]}`), "") {
		t.Error("a node without a mark knows everything for its own")
	}
}
