package api_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// TestThousandsOfCausesAreToldAsFew: each source has its own, and each stands in one cause all the same.
func TestThousandsOfCausesAreToldAsFew(t *testing.T) {
	const many = 3000
	s, feeds := well(many)
	var sources []api.SourceStatus
	for i := range feeds {
		fails(&feeds[i], s, "need 1 value, 0 remain")
		sources = append(sources, api.SourceStatus{Name: fmt.Sprintf("s%d", i), State: "retrying", LastError: fmt.Sprintf("GET %d.example: refused", i)})
	}
	v := api.Judge(s, feeds, sources)
	named, last := 0, v.Causes[len(v.Causes)-1]
	for _, c := range v.Causes {
		named += len(c.Sources)
	}
	if len(v.Causes) > 100 || named != many || !strings.Contains(last.Message, "more causes") {
		t.Errorf("%d causes of %d sources, the last %q; want few, of %d", len(v.Causes), named, last.Message, many)
	}
	text, err := json.Marshal(v.Causes)
	if most := 40 * many; err != nil || len(text) > most {
		t.Errorf("they take %d bytes, %v; want %d at most", len(text), err, most)
	}
}

// TestAFeedHasNoCauseOfAnother: of a source that delivers each value may be of no use for a reason of its own.
func TestAFeedHasNoCauseOfAnother(t *testing.T) {
	s, feeds := well(4)
	for i, reason := range []string{"null stands at /temp", "read a text at /hum: n/a", "null stands at /temp", "stale: measured 9.5s before"} {
		fails(&feeds[i], s, "need 1 value, 0 remain: hall: "+reason)
		feeds[i].Inputs = []dodona.Input{{Source: "hall", Status: dodona.InputBad, Reason: reason}}
	}
	feeds[3].Inputs = []dodona.Input{{Source: "attic", Status: dodona.InputStale, Reason: "stale: measured 9.5s before"}}
	got := api.Causes(s, feeds, []api.SourceStatus{
		{Name: "hall", State: "unusable", LastError: "delivers, but nothing usable: read a text at /hum: n/a"},
		{Name: "attic", State: "unusable", LastError: "delivers, but nothing usable: stale: measured 8.25s before"},
	})
	want := []api.Cause{
		{Message: "delivers, but nothing usable: null stands at /temp", Sources: []string{}, Feeds: []string{"f0", "f2"}},
		{Message: "delivers, but nothing usable: read a text at /hum: n/a", Sources: []string{"hall"}, Feeds: []string{"f1"}},
		{Message: "delivers, but nothing usable: stale: measured 8.25s before", Sources: []string{"attic"}, Feeds: []string{"f3"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
