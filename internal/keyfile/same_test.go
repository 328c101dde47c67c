package keyfile

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/secret"
)

// TestOneKeyIsNamedInManyWays: two sinks must not pay with one key side by side, however its file is written.
func TestOneKeyIsNamedInManyWays(t *testing.T) {
	digits := secret.New(strings.Repeat("46", 32))
	for _, c := range []struct {
		one, other Key
		want       bool
	}{
		{Key{}, Key{}, true},
		{Key{File: "keys/a"}, Key{File: "./keys//b/../a"}, true},
		{Key{File: "keys/a"}, Key{Hex: secret.String{File: "keys/a"}}, true},
		{Key{File: "keys/a"}, Key{File: "keys/b"}, false},
		{Key{File: "keys/a"}, Key{}, false},
		{Key{Hex: digits}, Key{Hex: secret.New(strings.Repeat("46", 32))}, true},
		{Key{Hex: digits}, Key{Hex: secret.New(strings.Repeat("47", 32))}, false},
		{Key{Hex: secret.String{Env: "A"}}, Key{Hex: secret.String{Env: "B"}}, false},
	} {
		if got, back := c.one.Same(c.other), c.other.Same(c.one); got != c.want || back != c.want {
			t.Errorf("%+v and %+v: %t and %t, want %t", c.one, c.other, got, back, c.want)
		}
	}
}
