//go:build integration

package opcua

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/source"
)

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

func TestAScanFindsTheVariablesOfAPlant(t *testing.T) {
	t.Parallel()
	server := loopbackMaker().make(t)
	p := asyncua(t, server.file, server.pem)
	s := Kind.Settings().(*Settings) //nolint:errcheck // what Settings returns
	s.Endpoint, s.Security, s.Timeout = p.endpoint, securityNone, time.Minute
	look := func(within source.Range) (list []string, more bool) {
		t.Helper()
		more, err := Kind.Scan(t.Context(), s, within, source.Env{Source: "plant"}, func(f source.Found) error {
			list = append(list, strings.Repeat("# ", count(f.Idle))+fmt.Sprint(f.Name, " ", f.Point.(Node).ID, " ", f.Point.(Node).Index, " ", f.Note)) //nolint:errcheck // what the kind has
			return nil
		})
		if err != nil {
			t.Fatalf("%+v: %v", within, err)
		}
		return list, more
	}
	all, more := look(source.Range{Most: 500})
	if more || len(all) < 50 || slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, "Server") }) {
		t.Errorf("found %d, more %v:\n%s", len(all), more, strings.Join(all, "\n"))
	}
	if !slices.ContainsFunc(all, func(s string) bool {
		return strings.HasPrefix(s, "Plant/Boiler/Temperature ns=") && strings.HasSuffix(s, ";s=Boiler.T  21.5")
	}) {
		t.Errorf("no temperature in\n%s", strings.Join(all, "\n"))
	}
	for begins, holds := range map[string]string{
		"Plant/Boiler/Array ns=": ";s=Boiler.A 0 the first of an array: 1.5", "# Plant/Boiler/Blob ns=": "the value is a ByteString of 2 bytes",
		"# Plant/Boiler/Range ns=": "set field", "Plant/Boiler/Broken ns=": " BadSensorFailure: the sensor failed",
	} {
		if !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, begins) && strings.Contains(s, holds) }) {
			t.Errorf("no %s … %s in\n%s", begins, holds, strings.Join(all, "\n"))
		}
	}
	if tanks, more := look(source.Range{Most: 500, Of: "Plant/Tank"}); len(tanks) != 3 || more {
		t.Errorf("found %q of three tanks, more %v", tanks, more)
	}
	if some, more := look(source.Range{Most: 5}); len(some) != 5 || !more {
		t.Errorf("found %q, more %v; want five, and more", some, more)
	}
}
