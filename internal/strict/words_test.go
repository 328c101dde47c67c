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

// TestAKeyThatStandsTwiceIsToldWithBothLines, however often it stands and however deep.
func TestAKeyThatStandsTwiceIsToldWithBothLines(t *testing.T) {
	for text, want := range map[string][]string{
		"a: 1\nb: 2\na: 3\n":                     {`f.yaml:3:1: key "a" stands twice, first on line 1`},
		"b:\n  a: 1\n\n  c: 2\n  a: 3\n  a: 4\n": {`f.yaml:5:3: key "a" stands twice, first on line 2`, `f.yaml:6:3: key "a" stands twice, first on line 2`},
		"b: {a: 1,\n  a: 2}\n":                   {`f.yaml:2:3: key "a" stands twice, first on line 1`},
		"- {\"a\": 1, a: 2}\n":                   {`f.yaml:1:12: key "a" stands twice, first on line 1`},
	} {
		r := NewReporter("f.yaml", map[string]bool{})
		if _, err := Read(strings.NewReader(text), r); err != nil {
			t.Fatal(err)
		}
		err := r.Err()
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("of %q: %v\nwant %s", text, err, w)
			}
		}
	}
}
