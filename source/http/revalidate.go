package http

import (
	"fmt"
	nethttp "net/http"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/httpc"
)

// A version is a document as it was answered last, and what tells it from others: RFC 9110 §8.8.
type version struct {
	body          []byte
	contentType   string
	etag, changed string // as the server wrote them
	at            time.Time
}

// revalidate makes a request conditional, if there is a version that it can ask about.
func (c *client) revalidate(req *nethttp.Request) {
	switch {
	case c.last.etag != "":
		req.Header.Set("If-None-Match", c.last.etag)
	case c.last.changed != "":
		req.Header.Set("If-Modified-Since", c.last.changed)
	}
}

// stands reports whether an answer says that the last version is still the document.
func (c *client) stands(resp *httpc.Response) (bool, error) {
	if resp.StatusCode != nethttp.StatusNotModified || c.last.etag == "" && c.last.changed == "" {
		return false, nil
	}
	if etag := resp.Header.Get("ETag"); etag != "" && c.last.etag != "" && weak(etag) != weak(c.last.etag) {
		c.last = version{}
		// Fault (exchange): a server says that nothing changed since a version that nobody has.
		return false, fmt.Errorf("%s: says that nothing changed, and names another version than was asked about", c.asked(resp))
	}
	return true, nil
}

// weak returns an ETag for the weak comparison of RFC 9110 §8.8.3.2: a proxy that compresses makes strong ones weak.
func weak(etag string) string { return strings.TrimPrefix(strings.TrimSpace(etag), "W/") }

// keep remembers an answer, if the server says which version it is.
func (c *client) keep(resp *httpc.Response, body []byte, at time.Time) {
	if c.settings.Revalidate {
		c.last = version{body, contentType(resp.Header), resp.Header.Get("ETag"), resp.Header.Get("Last-Modified"), at}
	}
}
