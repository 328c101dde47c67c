package extract

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func TestPathsOfOtherLanguagesAreToldAsPointers(t *testing.T) {
	for path, want := range map[string]string{
		"price": "such as /price", "data.price": "such as /data/price", ".price": "such as /price", "$.price": "such as /price", "$['price']": "such as /price",
		"$.data[0].price": "such as /data/0/price", ".data.[0].price": "such as /data/0/price", `$["a/b"]["m~n"]`: "such as /a~1b/m~0n", "$[0]": "such as /0", "[0].price": "such as /0/price",
		"{$.data.price}": "such as /data/price", "{ .price }": "such as /price", "#/data/0": "such as /data/0", "$.größe": "such as /größe",
		"$[?(@.symbol=='BTC')].price": "chosen by where", "$.data[*].price": "chosen by where", ".[] | select(.symbol==\"BTC\") | .price": "chosen by where", "$..price": "chosen by where", "data.*.price": "chosen by where",
		"{{ value_json.price }}": "such as /price", "{{ value_json.a[0].p | float(0) }}": "such as /a/0/p", "msg.payload.data.price": "such as /data/price", "result.price | tonumber": "such as /result/price",
		"https://x.example/y": "such as /price", "a b": "such as /price", "$": "such as /price", "$.": "such as /price", "[x]": "such as /price", "[0": "such as /price", "['a]": "such as /price", "@.price": "such as /price",
		"#/a~2": "such as /price", "\x1b[31m": "such as /price", "{": "such as /price",
	} {
		_, err := parsePointer(path)
		if err == nil || !strings.Contains(err.Error(), "must begin with a slash") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", path, err, want)
			continue
		}
		checkReason(t, err.Error())
	}
}

func FuzzPathsAreToldAsPointersThatAreRead(f *testing.F) {
	for _, seed := range []string{"$.a[0]['b']", ".a.[1]", "#/a/~0", "{$.x}", "a..b", "[\"", "$"} {
		f.Add(seed)
	}
	fuzztest.Run(f, func(t *testing.T, s string) {
		p := fromPath(s)
		if p == nil || !utf8.ValidString(s) { // which parsePointer refuses before
			return
		}
		if again, err := parsePointer(p.text()); len(p.text()) <= maxPointer && s != "" && (err != nil || again.text() != p.text()) {
			t.Fatalf("%q became %q: %v", s, p.text(), err)
		}
	})
}
