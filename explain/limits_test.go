package explain

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestAnExcerptIsTheStartOfAText(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct{ name, body, want string }{
		{"nothing", "", ""},
		{"as long as it may be", x(512), x(512)},
		{"a byte longer", x(513), x(512) + "…"},
		{"a letter that ends with it", x(510) + "é", x(510) + "é"},
		{"a letter over its end", x(511) + "é", x(511) + "…"},
		{"four bytes of which one is in", x(511) + "🙂", x(511) + "…"},
		{"four bytes of which three are in", x(509) + "🙂", x(509) + "…"},
		{"four bytes that end with it", x(508) + "🙂x", x(508) + "🙂…"},
		{"no text", "\xff", ""},
		{"no text within", x(100) + "\xff" + x(500), ""},
		{"no text at its end", x(507) + "\x80\x80\x80\x80\x80\x80", ""},
		{"cut short by its sender", x(511) + "\xc3", ""},
		{"no text behind it", x(512) + "\xff", x(512) + "…"},
	} {
		if got := excerpt([]byte(c.body)); got != c.want {
			t.Errorf("%s: got %d bytes %.20q … %q, want %d", c.name, len(got), got, got[max(0, len(got)-8):], len(c.want))
		}
	}
}

// TestNobodyWasAskedOnlyWhereNothingSaysOtherwise: any trace of an exchange makes a round one to compute again.
func TestNobodyWasAskedOnlyWhereNothingSaysOtherwise(t *testing.T) {
	value := dodona.NewInt192(1)
	for _, c := range []struct {
		name   string
		change func(*dodona.Bundle)
		want   bool
	}{
		{"nothing", func(*dodona.Bundle) {}, true},
		{"rules alone", func(b *dodona.Bundle) { b.Origin.Rules[0] = 1 }, true},
		{"a value", func(b *dodona.Bundle) { b.Value = &value }, false},
		{"an observation", func(b *dodona.Bundle) { b.Observation = &dodona.Observation{} }, false},
		{"a reading", func(b *dodona.Bundle) { b.Readings = make([]dodona.Reading, 1) }, false},
		{"a point", func(b *dodona.Bundle) { b.Points = make([]dodona.Point, 1) }, false},
		{"no reason", func(b *dodona.Bundle) { b.Missed = "" }, false},
		{"a version", func(b *dodona.Bundle) { b.Origin.Version[31] = 1 }, false},
		{"a root", func(b *dodona.Bundle) { b.Origin.ReadingsRoot[31] = 1 }, false},
	} {
		p := replay{bundle: dodona.Bundle{Missed: "the node was not running"}}
		c.change(&p.bundle)
		if got := p.notAsked(); got != c.want || (p.Missed != "") != c.want || len(p.Steps) != map[bool]int{true: 1}[c.want] {
			t.Errorf("a bundle with %s: nobody was asked %t, want %t; missed %q, steps %v", c.name, got, c.want, p.Missed, p.Steps)
		}
	}
}
