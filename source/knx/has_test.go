package knx

import (
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestATelegramHasThePointsOfItsGroup(t *testing.T) {
	d := decoder{"level": {Address: "1/2/3"}, "flow": {Address: "1/2/4"}}
	for _, c := range []struct {
		item, point string
		want        bool
	}{{"1/2/3", "level", true}, {"1/2/4", "level", false}, {"1/2/4", "flow", true}, {"1/2/3", "none", false}} {
		if got := d.Has(dodona.Reading{Item: c.item}, c.point); got != c.want {
			t.Errorf("%s has %s: %v, want %v", c.item, c.point, got, c.want)
		}
	}
}
