package plain

import (
	"strings"
	"testing"
)

// TestAnExcerptOfAPageIsWhatItSays, not its markup: a server that is in the way answers with a page.
func TestAnExcerptOfAPageIsWhatItSays(t *testing.T) {
	for body, want := range map[string]string{
		"<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error &amp; 501\n</title></head><body><h1>x</h1>": "Error & 501",
		"\ufeff <html><title></title><style>h1 {a: b}</style><script>if (a < b) x()</script><h1>502 Bad&nbsp;Gateway</h1><p>nginx":       "502 Bad Gateway nginx",
		"<!-- <title>no</title> --><html><body>Blocked<br>by policy 7":                                                                   "Blocked by policy 7",
		"<HTML><BODY></BODY></HTML>":         "an HTML page without a word",
		"<html><title>":                      "an HTML page without a word",
		"<html><title>&#27;[31mred</title>":  "·[31mred",
		"<html><title>Error</title":          "Error",
		"<html><body><p":                     "an HTML page without a word",
		"{\"error\": \"<html>\"}":            "{\"error\": \"<html>\"}",
		"<soap:Envelope><a>1</a>":            "<soap:Envelope><a>1</a>",
		"oops":                               "oops",
		"":                                   "",
		"<center><h1>403 Forbidden</h1><hr>": "403 Forbidden",
		"<html><title>" + strings.Repeat("é", 100): strings.Repeat("é", 30) + "…",
	} {
		if got := Excerpt([]byte(body), 60); got != want {
			t.Errorf("of %q: got %q, want %q", body, got, want)
		}
	}
}
