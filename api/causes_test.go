package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

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
