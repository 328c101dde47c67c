package extract

import (
	"slices"
	"strings"
	"testing"
)

// TestPlacesAreWhereRulesFindNumbers: each pointer that is told takes the number that is told beside it.
func TestPlacesAreWhereRulesFindNumbers(t *testing.T) {
	body := reading(`{"a/b": 1.50, "m~n": "2", "list": [{"x": -3e2}, "no", null, true, "4 V"], "": {"": 5}}`)
	places, count, err := Places(body, 100)
	want := []Place{{"/a~1b", "1.50"}, {"/m~0n", "2"}, {"/list/0/x", "-3e2"}, {"//", "5"}}
	if err != nil || count != len(want) || !slices.Equal(places, want) {
		t.Fatalf("got %v of %d, %v, want %v", places, count, err, want)
	}
	for _, p := range places {
		if _, err := Number(body, p.Pointer); err != nil {
			t.Errorf("%q: %v", p.Pointer, err)
		}
	}
	if places, count, err := Places(reading("21.5"), 1); err != nil || count != 1 || places[0] != (Place{"", "21.5"}) {
		t.Errorf("got %v of %d, %v", places, count, err)
	}
}

// TestManyPlacesAreCountedAndNotKept: a document may have a million numbers.
func TestManyPlacesAreCountedAndNotKept(t *testing.T) {
	places, count, err := Places(reading("["+strings.Repeat("1,", 9999)+"2]"), 20)
	if err != nil || count != 10000 || len(places) != 20 || places[19].Pointer != "/19" {
		t.Errorf("got %d places of %d, %v", len(places), count, err)
	}
	if _, _, err := Places(reading("<html>"), 20); err == nil || !strings.Contains(err.Error(), "not JSON") {
		t.Errorf("a web page has the error %v", err)
	}
}
