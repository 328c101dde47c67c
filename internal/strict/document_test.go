package strict

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestAMapHasSoManyKeys: the parser copies all keys of a map for each that follows.
func TestAMapHasSoManyKeys(t *testing.T) {
	keys := func(n int, indent string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%sk%d: v\n", indent, i)
		}
		return b.String()
	}
	const half = maxKeys / 2
	for name, c := range map[string]struct {
		text string
		line int // of the key too many; 0: none
	}{
		"as many as may be":       {keys(maxKeys, ""), 0},
		"one more":                {keys(maxKeys+1, ""), maxKeys + 1},
		"one more further in":     {"a:\n" + keys(maxKeys+1, "  "), maxKeys + 2},
		"two maps of half":        {"a:\n" + keys(half+1, "  ") + "b:\n" + keys(half+1, "  "), 0},
		"a list of maps":          {strings.Repeat("- a: b\n  c: d\n", half+1), 0},
		"around another":          {"a:\n" + keys(half, "  ") + keys(maxKeys, ""), half + maxKeys + 1},
		"values that are lists":   {strings.Repeat("a:\n- b\n", maxKeys+1), 2*maxKeys + 1},
		"on one line is no block": {"{" + strings.Repeat("a: b, ", maxKeys+1) + "}", 0},
	} {
		r := NewReporter("f.yaml", nil)
		if _, err := Read(strings.NewReader(c.text), r); err != nil {
			t.Fatal(err)
		}
		err, said := r.Err(), ""
		if mistakes := (*MistakesError)(nil); errors.As(err, &mistakes) {
			said = mistakes.Error()
		}
		if refused := strings.Contains(said, "a map of more than"); refused != (c.line > 0) || refused && !strings.Contains(said, fmt.Sprintf("f.yaml:%d:", c.line)) {
			t.Errorf("%s: %.200s, want the key on line %d to be one too many", name, said, c.line)
		}
	}
}
