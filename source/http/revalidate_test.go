package http

import (
	"io"
	nethttp "net/http"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/secret"
)

var dodonaEpoch = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func TestADocumentThatDidNotChangeIsTakenAsItWas(t *testing.T) {
	body, etag, odd := `{"price":"1.5"}`, `"v1"`, ""
	var conditions []string
	address := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		conditions = append(conditions, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag || odd != "" {
			if odd != "" {
				w.Header().Set("ETag", odd)
			}
			w.WriteHeader(nethttp.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, body)
	})
	c := opened(t, settings(address, func(s *Settings) { s.Revalidate = true }))
	look := func(want, detail string) {
		t.Helper()
		b, err := c.Observe(t.Context())
		if err != nil || string(b.Readings[0].Body) != want || !strings.Contains(b.Readings[0].Detail, detail) {
			t.Errorf("got %v, %v; want %s, %s", b, err, want, detail)
		}
	}
	look(body, " 200, 15 B")
	look(body, " 304, as it was at ")
	body, etag = `{"price":"1.6"}`, `W/"v2"`
	look(body, " 200, 15 B")
	look(body, " 304, as it was at ")
	if got, want := strings.Join(conditions, "|"), `|"v1"|"v1"|W/"v2"`; got != want {
		t.Errorf("asked with %s, want %s", got, want)
	}
	odd = `"v9"`
	if _, err := c.Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "names another version") {
		t.Errorf("a 304 of another version gave %v", err)
	}
	odd = ""
	look(body, " 200, 15 B")
}

func TestAnAnswerWithoutAVersionIsAskedForWhole(t *testing.T) {
	address := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if r.Header.Get("If-None-Match")+r.Header.Get("If-Modified-Since") != "" {
			t.Errorf("asked with a condition: %v", r.Header)
		}
		_, _ = io.WriteString(w, "1")
	})
	c := opened(t, settings(address, func(s *Settings) { s.Revalidate = true }))
	for range 2 {
		if _, err := c.Observe(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatCannotBeRevalidatedIsTold(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"headers: If-None-Match is sent by revalidate": func(s *Settings) { s.Headers = map[string]secret.String{"If-None-Match": secret.New(`"x"`)} },
		"revalidate: only an answer to GET":            func(s *Settings) { s.Body = "{}" },
		"revalidate: pages":                            func(s *Settings) { s.Pages = &Pages{Next: "link"} },
	} {
		s := settings("127.0.0.1", func(s *Settings) { s.Revalidate = true; change(s) })
		if err := Kind.Check(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
