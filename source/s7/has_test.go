package s7

import (
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/registers"
)

func TestABlockHasThePointsOfItsBytes(t *testing.T) {
	p := points{"level": {Area: areaDB, DB: 1, At: 4, Type: "dword", Format: registers.Format{Type: registers.Uint32}}}
	for _, c := range []struct {
		item, point string
		want        bool
	}{{"DB1/0-19", "level", true}, {"DB1/4-7", "level", true}, {"DB1/4-6", "level", false}, {"DB2/0-19", "level", false}, {"M/0-19", "level", false}, {"DB1/0-19", "none", false}} {
		if got := p.Has(dodona.Reading{Item: c.item}, c.point); got != c.want {
			t.Errorf("%s has %s: %v, want %v", c.item, c.point, got, c.want)
		}
	}
}
