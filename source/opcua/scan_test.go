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

func TestAScanFindsTheVariablesOfAPlant(t *testing.T) {
	t.Parallel()
	server := loopbackMaker().make(t)
	p := asyncua(t, server.file, server.pem)
	s := Kind.Settings().(*Settings) //nolint:errcheck // what Settings returns
	s.Endpoint, s.Security, s.Timeout = p.endpoint, securityNone, time.Minute
	look := func(within source.Range) (list []string, more bool) {
		t.Helper()
		more, err := Kind.Scan(t.Context(), s, within, source.Env{Source: "plant"}, func(f source.Found) error {
			list = append(list, fmt.Sprint(f.Name, " ", f.Point.(Node).ID, " ", f.Note)) //nolint:errcheck // what the kind has
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
		return strings.HasPrefix(s, "Plant/Boiler/Temperature ns=") && strings.HasSuffix(s, ";s=Boiler.T 21.5")
	}) {
		t.Errorf("no temperature in\n%s", strings.Join(all, "\n"))
	}
	if tanks, more := look(source.Range{Most: 500, Of: "Plant/Tank"}); len(tanks) != 3 || more {
		t.Errorf("found %q of three tanks, more %v", tanks, more)
	}
	if some, more := look(source.Range{Most: 5}); len(some) != 5 || !more {
		t.Errorf("found %q, more %v; want five, and more", some, more)
	}
}
