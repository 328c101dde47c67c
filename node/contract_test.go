package node

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/api/apitest"
)

// TestARunningNodeAnswersAsItsDocumentPromises asks a node for everything, and holds each answer to the OpenAPI
// document that the node serves.
func TestARunningNodeAnswersAsItsDocumentPromises(t *testing.T) {
	seen := newOutcomes()
	n := openNode(t, three(t, t.TempDir()), Options{OnRound: seen.add})
	run(t, n)
	answered := seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil && o.Bundle != nil })

	get := func(path string) (*http.Response, []byte) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set(api.RequestHeader, "test") // what only the machine itself is told
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r, body
	}
	_, document := get("/v1/openapi.json")
	contract, err := apitest.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{feed}", answered.Answer.Feed.Name, "{round}", strconv.FormatUint(uint64(answered.Round), 10),
		"{id}", strings.Repeat("0", 32)) // an observation that nobody published
	for _, operation := range contract.Operations() {
		path, isGet := strings.CutPrefix(operation, "GET ")
		if !isGet || path == "/v1/stream" || path == "/metrics" {
			continue // the one never ends, the other is not served here
		}
		path = fill.Replace(path)
		r, body := get(path)
		none := (strings.HasSuffix(path, "/proof") || strings.Contains(path, "/observations/")) && r.StatusCode == http.StatusNotFound
		if r.StatusCode != http.StatusOK && !none {
			t.Errorf("%s: got %d %s", path, r.StatusCode, body)
		}
		if err := contract.Check(http.MethodGet, path, r.StatusCode, r.Header, body); err != nil {
			t.Errorf("%s: %v\n%s", path, err, body)
		}
	}
}
