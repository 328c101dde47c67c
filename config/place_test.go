package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// TestAMistakeStandsAtItsSetting, in sections and units alike: at an item that it names, at a word, and around what is missing.
func TestAMistakeStandsAtItsSetting(t *testing.T) {
	there := []string{"a", "a.list", "a.list[0]", "a.list[1]", "a.word"}
	for setting, want := range map[string]int{
		"a": 1, "a.list": 2, "a.list[0]": 3, "a.list[1]": 4, "a.list[2]": 2, "a.list[-1]": 2, "a.word": 5, "a.word.deep": 5, "a.none": 1, "a.list[1].deep": 4,
		"a.word[0]": 5, "none.list[0]": 1, "a.none.deep": 1, "": 1,
	} {
		report := strict.NewReporter("f.yaml", nil)
		root, err := strict.Read(strings.NewReader("a:\n  list:\n  - x\n  - y\n  word: w\n"), report)
		if err != nil {
			t.Fatal(err)
		}
		node, at := root.Descend(root.At, setting)
		if (node != nil) != slices.Contains(there, setting) {
			t.Errorf("%s is %+v, which only %q are", setting, node, there)
		}
		report.Mistake(at, "", "here")
		if got, place := report.Err(), fmt.Sprintf("f.yaml:%d:", want); !strings.HasPrefix(got.Error(), place) {
			t.Errorf("%s stands at\n%v, want %s", setting, got, place)
		}
	}
}
