package extract

import (
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestAReadingHasThePointOfWhichItSpeaks(t *testing.T) {
	x, err := New(Rules{
		"s": {"t": {Pointer: "/t"}, "of": {Pointer: "/t", Item: "a"}},
		"n": {"": {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		source, item, body, id string
		want                   bool
	}{
		{"s", "", `{"t":21.5}`, "s.t", true},
		{"s", "", `{"t":"ERR"}`, "s.t", true},
		{"s", "", `{"t":{}}`, "s.t", true},
		{"s", "", `{"t":1e999}`, "s.t", true},
		{"s", "", `{"t":1,"t":2}`, "s.t", true},
		{"s", "", `{"t":null}`, "s.t", false},
		{"s", "", `{"u":1}`, "s.t", false},
		{"s", "", `7`, "s.t", false},
		{"s", "", "   \t", "s.t", false},
		{"s", "", "", "s.t", false},
		{"s", "", `{"t":21.`, "s.t", false},
		{"s", "", "Service restarted at 08:20", "s.t", false},
		{"s", "", "\x00\x00\x00", "s.t", false},
		{"s", "b", `{"t":1}`, "s.t", true},
		{"s", "b", `{"t":1}`, "s.of", false},
		{"s", "a", `{"t":1}`, "s.of", true},
		{"s", "", `{"t":1}`, "s.u", false},
		{"r", "", `{"t":1}`, "s.t", false},
		{"n", "", `{"t":1}`, "n", true},
		{"n", "", `{"t":1,"u":2}`, "n", true}, // which of both is worth asking
		{"n", "", `{"t":"x"}`, "n", false},
		{"n", "", `{}`, "n", false},
	} {
		r := dodona.Reading{Source: c.source, Item: c.item, Body: []byte(c.body)}
		if got := x.Has(r, c.id); got != c.want {
			t.Errorf("%s of %s, item %q: has %s is %v, want %v", c.body, c.source, c.item, c.id, got, c.want)
		}
	}
	if !x.Has(dodona.Reading{Source: "s", Quality: dodona.Bad}, "s.t") {
		t.Error("a reading that its source calls bad says nothing of the point, want that it is bad")
	}
}
