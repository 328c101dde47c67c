package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/strict"
)

const leaky = `node: {name: gw-7, key: {hex: 0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318}}
api:
  listen: 127.0.0.1:8080
  tokens: [swordfish-token-one, "swordfish-token-two", {env: TOKEN}]
sources:
  a:
    http: {url: "https://me:swordfish-user@a.example/", headers: {X-Key: swordfish-header}}
  b:
    http:
      url: https://b.example
      bearer: swordfish-bearer
      timeout: 3s
    value: /price
  c:
    http:
      bearer: |
        swordfish-block-one
        swordfish-block-two
      headers:
        Authorization: "Basic swordfish-basic"
        Other: 'swordfish-quoted'
      url: https://c.example
feeds:
  x: {every: 10s, from: [a, b, c]}
`

// TestNoTypingErrorLeaksASecret makes every typing error of one character in a file full of secrets.
func TestNoTypingErrorLeaksASecret(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	try := func(src, edit string) {
		c, err := config.Load(strings.NewReader(src), "f.yaml", kinds())
		var out bytes.Buffer
		var mistakes *strict.MistakesError
		switch {
		case errors.As(err, &mistakes):
			out.WriteString(err.Error())
		case err != nil:
			t.Fatalf("%s: %v", edit, err)
		default:
			_ = strict.WriteWarnings(&out, c.Warnings)
			long, err := c.Expand(kinds())
			if err != nil {
				t.Fatalf("%s: %v", edit, err)
			}
			fmt.Fprintf(&out, "%s %+v", long, c)
		}
		for _, leak := range []string{"swordfish", "0883a691"} {
			if strings.Contains(out.String(), leak) {
				t.Errorf("%s printed a secret:\n%s", edit, out.String())
			}
		}
	}
	try(leaky, "nothing")
	for i := range len(leaky) {
		before, at := leaky[:i], leaky[i:]
		line := strings.Count(before, "\n") + 1
		try(before+at[1:], fmt.Sprintf("line %d: without %q after %q", line, at[:1], tail(before)))
		inWord := i > 0 && isLetter(leaky[i-1]) && isLetter(leaky[i])
		for j, c := range []string{":", " ", ",", "{", "]", "\"", "'", "\n", "#", "|"} {
			if inWord && (i+j)%5 != 0 { // inside of words all places are much alike
				continue
			}
			try(before+c+at, fmt.Sprintf("line %d: %q after %q", line, c, tail(before)))
		}
	}
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func tail(s string) string { return s[max(0, len(s)-12):] }
