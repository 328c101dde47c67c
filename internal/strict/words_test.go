package strict

import (
	"strings"
	"testing"
)

// TestAWordWhereASettingStandsIsToldInWords, not in those of the parser.
func TestAWordWhereASettingStandsIsToldInWords(t *testing.T) {
	for _, text := range []string{"a: 1\nb\n", "a:\n  b: 1\n  c\n"} {
		r := NewReporter("f.yaml", map[string]bool{"a": true})
		if _, err := Read(strings.NewReader(text), r); err != nil {
			t.Fatal(err)
		}
		if err := r.Err(); err == nil || strings.Contains(err.Error(), "non-map") || !strings.Contains(err.Error(), "write NAME: VALUE") {
			t.Errorf("of %q: %v", text, err)
		}
	}
}
