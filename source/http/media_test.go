package http

import (
	"mime"
	nethttp "net/http"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func TestTheDeclaredCharsetIsKept(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{nil, ""},
		{[]string{"application/json"}, "application/json"},
		{[]string{"text/plain; charset=windows-1252"}, "text/plain; charset=windows-1252"},
		{[]string{`Text/Plain;Charset="ISO-8859-1"`}, `Text/Plain;Charset="ISO-8859-1"`},
		{[]string{"application/json; charset=latin1; profile=\"https://example.org/" + strings.Repeat("x", 200) + `"`}, "application/json; charset=latin1"},
		{[]string{"application/json; charset=latin1; =="}, "application/json; charset=latin1"},
		{[]string{"application/json;charset=\"windows-1252"}, "application/json; charset=windows-1252"},
		{[]string{"application/json; charset=utf-8; charset=windows-1252"}, `application/json; charset="utf-8, windows-1252"`},
		{[]string{"application/json; charset=utf-8", "application/json; charset=windows-1252"}, `application/json; charset="utf-8, windows-1252"`},
		{[]string{"application/json; charset=utf-8", "application/json; charset=UTF-8"}, "application/json; charset=utf-8"},
		{[]string{"application/json; charset"}, "application/json"},
		{[]string{"application/json; charset="}, "application/json"},
		{[]string{"json"}, "json"},
		{[]string{"a b; charset=latin1"}, ""},
		{[]string{""}, ""},
		{[]string{"text/plain; charset=latin1; x=\"\xff\""}, ""},
		{[]string{"text/plain", "text/plain; charset=\"\xff\""}, ""},
		{[]string{strings.Repeat("x", 200) + "/json"}, ""},
	} {
		got := contentType(nethttp.Header{"Content-Type": c.lines})
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.lines, got, c.want)
		}
	}
}

func FuzzContentType(f *testing.F) {
	f.Add("text/plain; charset=utf-8", "")
	f.Add(`a/b;charset="x`, `c/d; charset=y;;`)
	fuzztest.Run(f, func(t *testing.T, a, b string) {
		got := contentType(nethttp.Header{"Content-Type": {a, b}})
		if len(got) > maxContentType {
			t.Errorf("%q, %q: %d bytes", a, b, len(got))
		}
		if _, _, err := mime.ParseMediaType(got); got != "" && err != nil {
			t.Errorf("%q, %q: %q cannot be read: %v", a, b, got, err)
		}
	})
}
