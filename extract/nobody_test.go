package extract_test

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
)

func TestWhatCameNobodyKnowsWhenIsOfNoTimeUnlessItSaysOne(t *testing.T) {
	x, err := extract.New(extract.Rules{"s": {"without": {Pointer: "/v"}, "with": {Pointer: "/v", Time: "/t"}}})
	if err != nil {
		t.Fatal(err)
	}
	kept := dodona.Reading{
		Source: "s", Body: []byte(`{"v":1,"t":1700000000}`), SourceTime: time.Unix(0, 0).UTC(), Received: time.Unix(1_800_000_000, 0), Quality: dodona.Uncertain, Detail: "retained",
	}
	result, err := x.Apply(t.Context(), dodona.Call{Readings: []dodona.Reading{kept}})
	if err != nil || len(result.Points) != 2 {
		t.Fatal(result, err)
	}
	if with, without := result.Points[0], result.Points[1]; !without.Time.IsZero() || with.Time.Unix() != 1_700_000_000 || without.Reason != "retained" {
		t.Errorf("points %+v", result.Points)
	}
}
