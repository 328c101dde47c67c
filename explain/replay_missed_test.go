package explain

import (
	"testing"

	"github.com/dodona-oracle/dodona"
)

// TestARoundThatWasMissedThereAloneIsNotComputedAgain: these are the words of bundles that nodes have kept.
func TestARoundThatWasMissedThereAloneIsNotComputedAgain(t *testing.T) {
	ran, value := dodona.Origin{Version: dodona.Digest{1}}, dodona.NewInt192(1)
	for _, c := range []struct {
		name   string
		bundle dodona.Bundle
		local  bool
	}{
		{"no time", dodona.Bundle{Origin: ran, Missed: "transform readings: scale 1.2.0: deadline: it ran for 2s"}, true},
		{"no instance", dodona.Bundle{Origin: ran, Missed: "transform readings: scale 1.2.0: busy: every instance is in use"}, true},
		{"no memory", dodona.Bundle{Origin: ran, Missed: "transform readings: scale 1.2.0: host: no memory"}, true},
		{"it did not run", dodona.Bundle{Missed: "the module is being loaded"}, true},
		{"no fuel", dodona.Bundle{Origin: ran, Missed: "transform readings: scale 1.2.0: fuel: it used up 5"}, false},
		{"another version", dodona.Bundle{Origin: ran, Missed: "transform readings: scale 1.3.0: busy: every instance is in use"}, false},
		{"a value", dodona.Bundle{Origin: ran, Missed: "transform readings: scale 1.2.0: busy: no", Value: &value}, false},
		{"an observation", dodona.Bundle{Missed: "not loaded", Observation: &dodona.Observation{}}, false},
	} {
		p := replay{bundle: c.bundle}
		if got := p.missedThere(dodona.Module{Name: "scale", Version: "1.2.0"}); got != c.local || len(p.Steps) != 0 != c.local {
			t.Errorf("%s: missed there alone: %t with %d steps, want %t", c.name, got, len(p.Steps), c.local)
		}
	}
}
