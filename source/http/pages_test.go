package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/source"
)

// opened opens a source that is closed with the test.
func opened(t *testing.T, s *Settings) dodona.Source {
	t.Helper()
	if err := Kind.Check(s); err != nil {
		t.Fatalf("check: %v", err)
	}
	c, err := Kind.Open(t.Context(), s, source.Env{Source: "kraken", Version: "1.2.3"})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// listed answers with pages of two meters each, of five.
func listed(w nethttp.ResponseWriter, r *nethttp.Request, n int, next string) {
	const meters = 5
	var items []string
	for i := 2 * n; i < min(2*n+2, meters); i++ {
		items = append(items, fmt.Sprintf(`{"id":%d}`, i))
	}
	if 2*n+2 >= meters {
		next = ""
	}
	if next != "" {
		w.Header().Add("Link", `<https://other.example/>; rel="prev", `+"<"+next+`>; title="a, b"; rel="last next"`)
	}
	_, _ = fmt.Fprintf(w, `{"data":[%s],"meta":{"next":%q,"cursor":%d}}`, strings.Join(items, ","), next, n+1)
}

func TestADocumentInPagesIsReadWhole(t *testing.T) {
	address := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		n, query := 0, r.URL.Query()
		for _, name := range []string{"page", "after"} {
			if text := query.Get(name); text != "" {
				_, _ = fmt.Sscan(text, &n)
			}
		}
		if query.Has("page") {
			n-- // they begin with 1
		}
		query.Set("after", fmt.Sprint(n+1))
		if query.Get("key") != "query-key-1" || r.Header.Get("X-Api-Key") == "" {
			t.Errorf("page %d was asked for without its key: %s", n, r.URL)
		}
		listed(w, r, n, "?"+query.Encode())
	})
	for name, pages := range map[string]Pages{
		"links":             {Next: "link"},
		"a URL in the body": {Next: "/meta/next"},
		"numbers":           {Next: "number", Query: "page", Items: "/data"},
	} {
		b, err := opened(t, settings(address, func(s *Settings) { s.Pages = &pages })).Observe(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var all []string
		for _, r := range b.Readings {
			list, _, _ := strings.Cut(string(r.Body), "],")
			all = append(all, r.Item+strings.TrimPrefix(list, `{"data":[`))
		}
		want := `1{"id":0},{"id":1} 2{"id":2},{"id":3} 3{"id":4}`
		if name == "numbers" {
			want += " 4"
		}
		if got := strings.Join(all, " "); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestPagesThatDoNotEndAreRefused(t *testing.T) {
	var asked int
	address := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		asked++
		switch r.URL.Query().Get("mode") {
		case "away":
			_, _ = io.WriteString(w, `{"next":"https://attacker.example/?x=1"}`)
		case "user":
			_, _ = io.WriteString(w, `{"next":"http://u:p@`+r.Host+`/"}`)
		case "odd":
			_, _ = io.WriteString(w, `{"next":{"a":1}}`)
		case "port":
			_, _ = io.WriteString(w, `{"next":"http://[::1/"}`)
		case "text":
			_, _ = io.WriteString(w, `<html>`)
		case "large":
			_, _ = io.WriteString(w, `{"next":"?mode=large","fill":"`+strings.Repeat("x", 600)+`"}`)
		default:
			_, _ = io.WriteString(w, `{"next":"?mode=loop"}`)
		}
	})
	for mode, c := range map[string]struct {
		want  string
		asked int
	}{
		"loop":  {"more than 3 pages (pages.most)", 3},
		"away":  {"pages.next leads to https://attacker.example, and pages come from one host", 1},
		"user":  {"pages come from one host", 1},
		"port":  {"pages.next: what names the next page is no URL", 1},
		"odd":   {"neither text nor a number", 1},
		"text":  {"no JSON document", 1},
		"large": {"larger than max_size (1000B)", 2},
	} {
		asked = 0
		_, err := opened(t, settings(address, func(s *Settings) {
			s.URL, s.Pages, s.MaxSize = "http://"+address+"/?mode="+mode, &Pages{Next: "/next", Most: 3}, 1000
		})).Observe(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || asked != c.asked {
			t.Errorf("%s: got %v after %d requests, want %q after %d", mode, err, asked, c.want, c.asked)
		}
		if mode == "away" && !dodona.IsPermanent(err) {
			t.Errorf("%s: it may be mended by itself", mode)
		}
	}
}

func TestThePeersRateHoldsForPages(t *testing.T) {
	address := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) { _, _ = io.WriteString(w, `{"next":"?again"}`) })
	s := settings(address, func(s *Settings) { s.Pages = &Pages{Next: "/next", Most: 2} })
	full := errors.New("no more for now")
	c, err := Kind.Open(t.Context(), s, source.Env{Again: func(context.Context) error { return full }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Observe(t.Context()); !errors.Is(err, full) {
		t.Errorf("got %v, want that the rate is reached", err)
	}
}

func TestPagesAreChecked(t *testing.T) {
	for want, pages := range map[string]Pages{
		"pages.next: \"\": want link":        {},
		"pages.query is required":            {Next: "number"},
		"pages.query: the header Link":       {Next: "link", Query: "x"},
		"pages.items: \"data\": want a JSON": {Next: "link", Items: "data"},
		"pages.most: 101":                    {Next: "link", Most: 101},
	} {
		err := Kind.Check(settings("127.0.0.1", func(s *Settings) { s.Pages = &pages }))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", pages, err, want)
		}
	}
}

func FuzzNextPage(f *testing.F) {
	f.Add(`<https://a.example/?p=2>; rel="next"`, `{"next":"?p=2"}`)
	f.Add(`<>;rel=next, <x>; rel="prev next"`, `{"next":"//b.example"}`)
	f.Add(`<x`, `[1,{"a":2}]`)
	fuzztest.Run(f, func(t *testing.T, link, body string) {
		from := &url.URL{Scheme: "https", Host: "a.example", Path: "/list"}
		for _, text := range []string{nextLink([]string{link}), body} {
			next, err := onSameHost(from, text)
			if err == nil && next != nil && (next.Host != "a.example" && !strings.EqualFold(next.Host, "a.example") || next.Scheme != "https") {
				t.Errorf("%q leads to %s", text, next)
			}
		}
		if value, err := at([]byte(body), "/next"); err == nil {
			_, _ = named(value)
		}
	})
}
