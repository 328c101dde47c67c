package extract

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// A vector is a reading and a rule, and what the rule takes. It has no value if the point is bad.
type vector struct {
	Name        string          `json:"name"`
	Body        string          `json:"body"`
	ContentType string          `json:"contentType"`
	Rule        json.RawMessage `json:"rule"`
	Value       string          `json:"value"`
	Time        int64           `json:"time"`
	Received    int64           `json:"received"` // 0: some time
}

func TestVectorsOfTheSpecificationAreTaken(t *testing.T) {
	raw, err := os.ReadFile("../spec/vectors/rules.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			body, err := hex.DecodeString(strings.TrimPrefix(v.Body, "0x"))
			if err != nil {
				t.Fatal(err)
			}
			var rule Rule
			if err := json.Unmarshal(v.Rule, &rule); err != nil {
				t.Fatal(err)
			}
			r := reading(string(body))
			r.ContentType = v.ContentType
			if v.Received > 0 {
				r.Received = time.UnixMilli(v.Received)
			}
			got := apply(t, rule, r)[0]
			if (got.Quality == dodona.Good) != (v.Value != "") {
				t.Fatalf("got %+v, want value %q", got, v.Value)
			}
			if v.Value == "" {
				return
			}
			if got.Value != decimal(t, v.Value) || ((rule.Time != "" || v.Time != 0) && got.Time.UnixMilli() != v.Time) {
				t.Errorf("got %+v at %d, want %s at %d", got, got.Time.UnixMilli(), v.Value, v.Time)
			}
		})
	}
}
