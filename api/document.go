package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
)

// A FeedPage is the answer of /v1/feeds.
type FeedPage struct {
	Feeds []FeedStatus `json:"feeds"`          // sorted by name
	Next  string       `json:"next,omitempty"` // the from of the next page; absent on the last one
}

// A SourcePage is the answer of /v1/sources.
type SourcePage struct {
	Sources []SourceStatus `json:"sources"`        // sorted by name
	Next    string         `json:"next,omitempty"` // the from of the next page; absent on the last one
}

// A page says which part of a list was asked for.
type page struct {
	from  string // empty: from the start, or for rounds the newest ones
	limit int
}

// The bounds of a page.
const (
	defaultRounds = 60
	mostItems     = 1000
)

var errLimit = fmt.Errorf("want a number from 1 to %d", mostItems)

// pageOf reads from and limit. It answers the request itself, and returns false, if limit cannot be read.
func pageOf(w http.ResponseWriter, r *http.Request, limit int) (page, bool) {
	query := r.URL.Query()
	p := page{from: query.Get("from"), limit: limit}
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostItems {
			writeProblem(w, badParameter("limit", fmt.Errorf("%s: %w", clip(text), errLimit)))
			return p, false
		}
		p.limit = n
	}
	return p, true
}

// cut returns the part of list, which is sorted by name, that p asks for, and the from of the next page. A name that
// is gone meanwhile costs nothing: a page begins at it or after it.
func cut[T any](list []T, p page, name func(T) string) (part []T, next string) {
	start := sort.Search(len(list), func(i int) bool { return name(list[i]) >= p.from })
	list = list[start:]
	if len(list) <= p.limit {
		return list, ""
	}
	return list[:p.limit], name(list[p.limit])
}

// linkNext names the next page in a header (RFC 8288), relative to this one, as next in the body does.
func linkNext(w http.ResponseWriter, r *http.Request, next string) {
	if next == "" {
		return
	}
	query := r.URL.Query()
	query.Set("from", next)
	target := url.URL{Path: r.URL.Path, RawQuery: query.Encode()}
	w.Header().Set("Link", "<"+target.String()+`>; rel="next"`)
}

// writeDocument answers with value and with a tag of its bytes, or, if that is what the client holds already
// (If-None-Match, RFC 9110 §13.1.2), with 304 and no body. Only the client itself may keep it.
func writeDocument(w http.ResponseWriter, r *http.Request, value any) {
	body, err := encodeJSON(value)
	if err != nil {
		writeProblem(w, problem{kind: "internal", status: http.StatusInternalServerError, detail: err.Error()})
		return
	}
	writeTagged(w, r, "application/json", body)
}

// writeTagged is writeDocument for bytes.
func writeTagged(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	w.Header().Set("Cache-Control", "private, no-cache") // may be kept, must be asked for each time
	serveTagged(w, r, contentType, tagOf(body), body)
}

// serveTagged writes body or 304.
func serveTagged(w http.ResponseWriter, r *http.Request, contentType, etag string, body []byte) {
	header := w.Header()
	header.Set("Etag", etag)
	if holds(r.Header.Values("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the peer went away; there is nobody to tell
}

// tagOf returns a strong entity tag.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// holds reports whether one of the tags in If-None-Match is etag; weak ones count (RFC 9110 §8.8.3.2).
func holds(fields []string, etag string) bool {
	for _, field := range fields {
		if strings.TrimSpace(field) == "*" {
			return true
		}
		for field != "" {
			tag, rest, err := nextTag(field)
			if err != nil {
				break
			}
			if tag == etag {
				return true
			}
			field = rest
		}
	}
	return false
}

var errTag = errors.New("not a list of entity tags")

// nextTag returns the opaque part of the first tag of a list, with its quotes. Tags may hold commas.
func nextTag(list string) (tag, rest string, err error) {
	list = strings.TrimPrefix(strings.TrimLeft(list, ", \t"), "W/")
	if list == "" || list[0] != '"' {
		return "", "", errTag
	}
	end := strings.IndexByte(list[1:], '"')
	if end < 0 {
		return "", "", errTag
	}
	return list[:end+2], list[end+2:], nil
}
