package module

import (
	"fmt"
	"testing"

	"github.com/dodona-oracle/dodona"
)

// TestWordsOfAMissedRoundTellWhatWasLocal: bundles that are kept have these words, so they do not change.
func TestWordsOfAMissedRoundTellWhatWasLocal(t *testing.T) {
	for _, version := range []string{"1.2.0", ""} {
		m := dodona.Module{Name: "scale", Version: version}
		for _, cause := range []Cause{
			CauseFuel, CauseDepth, CauseTrap, CausePointer, CauseGuest, CauseExit, CauseReplay, CauseDeadline, CauseBusy, CauseHost,
		} {
			failed := &Error{Module: label(m.Name, m.Version), Cause: cause, Detail: "what happened"}
			text := fmt.Errorf("transform readings: %w", failed).Error()
			if got := TellsOfLocal(text, m); got != cause.Local() {
				t.Errorf("%q tells of a local cause: %t, want %t", text, got, cause.Local())
			}
			if TellsOfLocal(text, dodona.Module{Name: "another", Version: version}) {
				t.Errorf("%q tells of another module", text)
			}
		}
	}
	for text, m := range map[string]dodona.Module{
		"transform readings: scale 1.2.0: deadline: no answer": {Name: "scale", Version: "1.2.0"},
		"transform readings: scale: host: no memory":           {Name: "scale"},
	} {
		if !TellsOfLocal(text, m) {
			t.Errorf("%q tells of no local cause", text)
		}
	}
}
