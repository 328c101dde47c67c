package extract

import (
	"errors"
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestNumberTakesWhatARuleWouldTake(t *testing.T) {
	const body = `{"a": [1, "2.50", true], "n": null, "t": "word"}`
	for _, c := range []struct{ at, want string }{
		{"/a/0", "1"}, {"/a/1", "2.5"}, {"/a/2", "1"},
	} {
		got, err := Number(reading(body), c.at)
		if err != nil || got.String() != c.want {
			t.Errorf("Number(%s) = %v, %v; want %s", c.at, got, err, c.want)
		}
	}
	if got, err := Number(reading(`{"only": 7}`), ""); err != nil || got.String() != "7" {
		t.Errorf("the only number: %v, %v", got, err)
	}
	if _, err := Number(reading(body), "/missing"); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("a missing place: %v; want ErrNotFound", err)
	}
	for _, c := range []struct{ body, at string }{
		{body, "/t"},
		{body, "/n"},
		{body, "/a"},
		{body, "no-slash"},
		{`{"a":1,"a":2}`, "/a"},
		{"not json", "/a"},
		{"", "/a"},
		{`{"a":1,"b":2}`, ""},
	} {
		got, err := Number(reading(c.body), c.at)
		if err == nil || errors.Is(err, dodona.ErrNotFound) {
			t.Errorf("Number(%q, %q) = %v, %v; want an error that is not ErrNotFound", c.body, c.at, got, err)
		}
	}
}
