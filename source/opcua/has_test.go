package opcua

import (
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestAReadingHasThePointsOfItsNode(t *testing.T) {
	made, err := decoder(map[string]Node{"level": {ID: "ns=2;s=Level"}, "all": {Path: "Plant/*/Level"}})
	if err != nil {
		t.Fatal(err)
	}
	p := made.(points) //nolint:errcheck // what decoder returns
	for _, c := range []struct {
		item, point string
		want        bool
	}{
		{"ns=2;s=Level", "level", true},
		{"ns=2;s=Flow", "level", false},
		{"Plant/Boiler/Level", "all", true},
		{"Plant/Boiler/Flow", "all", false},
		{"ns=2;s=Level", "none", false},
	} {
		if got := p.Has(dodona.Reading{Item: c.item}, c.point); got != c.want {
			t.Errorf("%s has %s: %v, want %v", c.item, c.point, got, c.want)
		}
	}
}
