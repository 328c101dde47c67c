package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// Pages say how the next page of a document is asked for, and how many there are at most.
type Pages struct {
	// Next is where the next page is named: link (the header Link with rel="next", RFC 8288), number (pages have numbers, in the parameter
	// query), or a JSON Pointer (RFC 6901) to its URL, or to a cursor for the parameter query. Nothing there, null, false or an empty text
	// is the end. Required.
	Next string `yaml:"next"`
	// Query is the parameter of the URL that takes the number or the cursor. Default: none, what stands at next is a URL of the same host.
	Query string `yaml:"query,omitempty"`
	// First is the number of the first page. Default: 1.
	First uint `yaml:"first,omitempty"`
	// Items is a JSON Pointer to the list of a page; where pages have numbers, one whose list is empty is the last. Default: the document itself.
	Items string `yaml:"items,omitempty"`
	// Most pages; if there are more, nothing is taken, for half a list is no answer. At most 100. Default: 10.
	Most int `yaml:"most,omitempty"`
}

const (
	mostPages    = 100
	defaultPages = 10
	maxNext      = 4 << 10 // bytes of a URL or cursor
)

const (
	byLink   = "link"
	byNumber = "number"
)

// check says what is wrong with p, which may be nil.
func (p *Pages) check() error {
	if p == nil {
		return nil
	}
	var errs []error
	isPointer := strings.HasPrefix(p.Next, "/")
	if p.Next != byLink && p.Next != byNumber && !isPointer {
		errs = append(errs, fmt.Errorf("pages.next: %q: want link, number, or a JSON Pointer such as /meta/next", p.Next))
	}
	if p.Next == byNumber && p.Query == "" {
		errs = append(errs, errors.New("pages.query is required: it is the parameter that takes the number"))
	}
	if p.Next == byLink && p.Query != "" {
		errs = append(errs, errors.New("pages.query: the header Link has whole URLs"))
	}
	if p.Items != "" && !strings.HasPrefix(p.Items, "/") {
		errs = append(errs, fmt.Errorf("pages.items: %q: want a JSON Pointer such as /data", p.Items))
	}
	if p.Most < 0 || p.Most > mostPages {
		errs = append(errs, fmt.Errorf("pages.most: %d: want 1 to %d", p.Most, mostPages))
	}
	return errors.Join(errs...)
}

// most returns how many pages there are at most.
func (p *Pages) most() int {
	switch {
	case p == nil:
		return 1
	case p.Most == 0:
		return defaultPages
	}
	return p.Most
}

// begin returns the URL of the first page.
func (p *Pages) begin(u *url.URL) *url.URL {
	if p == nil || p.Next != byNumber {
		return u
	}
	return withQuery(u, p.Query, strconv.FormatUint(uint64(p.first()), 10))
}

func (p *Pages) first() uint {
	if p.First == 0 {
		return 1
	}
	return p.First
}

func withQuery(u *url.URL, name, value string) *url.URL {
	next := *u
	query := next.Query()
	query.Set(name, value)
	next.RawQuery = query.Encode()
	return &next
}

// after returns the URL of the page behind the n-th one, which came from u; nil if that was the last.
func (p *Pages) after(n int, u *url.URL, resp *httpc.Response, body []byte) (*url.URL, error) {
	if p == nil {
		return nil, nil
	}
	switch p.Next {
	case byLink:
		return onSameHost(u, nextLink(resp.Header.Values("Link")))
	case byNumber:
		list, err := at(body, p.Items)
		if err != nil {
			return nil, err
		}
		if items, is := list.([]any); !is {
			return nil, fmt.Errorf("pages.items: page %d has no list at %q", n, p.Items)
		} else if len(items) == 0 {
			return nil, nil
		}
		return withQuery(u, p.Query, strconv.FormatUint(uint64(p.first())+uint64(n), 10)), nil
	}
	value, err := at(body, p.Next)
	if err != nil {
		return nil, err
	}
	text, err := named(value)
	if text == "" || err != nil {
		return nil, err
	}
	if p.Query != "" {
		return withQuery(u, p.Query, text), nil
	}
	return onSameHost(u, text)
}

// named returns what names the next page; "" if nothing does.
func named(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case bool:
		if !v {
			return "", nil
		}
	case json.Number:
		return v.String(), nil
	case string:
		if len(v) <= maxNext {
			return v, nil
		}
	}
	return "", errors.New("pages.next: what stands there is neither text nor a number")
}

// onSameHost returns where a page leads that u names. Another host is not asked, for it would be given what u's is.
func onSameHost(u *url.URL, text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	next, err := u.Parse(text)
	if err != nil || len(text) > maxNext {
		// Fault (exchange): the next page is none.
		return nil, errors.New("pages.next: what names the next page is no URL")
	}
	next.Fragment, next.RawFragment = "", ""
	if next.Scheme != u.Scheme || !strings.EqualFold(next.Host, u.Host) || next.User != nil {
		// Fault (exchange): the next page is of another host.
		return nil, dodona.Permanent(fmt.Errorf("pages.next leads to %s://%s, and pages come from one host", plain.Line(next.Scheme, maxHost), plain.Line(next.Host, maxHost)))
	}
	return next, nil
}

// nextLink returns the target of the first link with the relation next: RFC 8288 §3.
func nextLink(headers []string) string {
	for _, header := range headers {
		for rest := header; rest != ""; {
			_, after, found := strings.Cut(rest, "<")
			if !found {
				break
			}
			target, params, found := strings.Cut(after, ">")
			if !found {
				break
			}
			params, rest = untilComma(params)
			for _, param := range strings.Split(params, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
				if strings.EqualFold(strings.TrimSpace(name), "rel") && isNext(value) {
					return strings.TrimSpace(target)
				}
			}
		}
	}
	return ""
}

// untilComma cuts a header at the first comma outside of quotes.
func untilComma(text string) (before, after string) {
	quoted := false
	for i, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ',' && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

func isNext(relations string) bool {
	for relation := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(relations), `"`)) {
		if strings.EqualFold(relation, "next") {
			return true
		}
	}
	return false
}

// at returns what stands at a JSON Pointer of a document, nil if nothing does. Numbers stay as they are written.
func at(body []byte, pointer string) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New("pages: the page is no JSON document")
	}
	if pointer == "" {
		return value, nil
	}
	for part := range strings.SplitSeq(pointer[1:], "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch v := value.(type) {
		case map[string]any:
			value = v[part]
		case []any:
			i, err := strconv.ParseUint(part, 10, 31)
			if err != nil || int(i) >= len(v) {
				return nil, nil
			}
			value = v[i]
		default:
			return nil, nil
		}
	}
	return value, nil
}
