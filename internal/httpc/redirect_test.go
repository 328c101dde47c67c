package httpc

import (
	"net/url"
	"testing"
)

func TestAnotherPortIsAnotherHost(t *testing.T) {
	for _, c := range []struct {
		from, to string
		same     bool
	}{
		{"http://a.example/x", "http://A.example:80/y", true},
		{"http://a.example", "https://a.example", true},
		{"http://a.example", "https://a.example:443", true},
		{"https://a.example", "https://a.example:443", true},
		{"http://a.example", "http://a.example:443", false},
		{"http://a.example:8080", "https://a.example", false},
		{"http://a.example:8080", "https://a.example:443", false},
		{"http://a.example:8080", "http://a.example:8081", false},
		{"https://a.example", "http://a.example", false},
		{"http://a.example", "http://b.a.example", false},
	} {
		from, err := url.Parse(c.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := url.Parse(c.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := sameHost(from, to); got != c.same {
			t.Errorf("from %s to %s: the same host %t, want %t", c.from, c.to, got, c.same)
		}
	}
}
