package main

import (
	"errors"
	nethttp "net/http"
	"strings"

	"github.com/dodona-oracle/dodona/internal/httpc"
)

// answered reports whether an error is what a server said rather than that there is none.
func answered(err error) bool {
	var status *httpc.StatusError
	return errors.As(err, &status)
}

// remedy says what to do about a document that cannot be read.
func remedy(err error) string {
	var status *httpc.StatusError
	switch {
	case errors.Is(err, httpc.ErrTooLarge):
		return "\nask for less of it: a path or a query for the one number, if there is one"
	case errors.As(err, &status):
		return remedyOf(status.Code)
	case httpc.IsUntrusted(err):
		return "\nits certificate is of nobody that this machine trusts; a configuration can name the right one with ca"
	}
	return ""
}

// remedyOf says what to do about an answer with a status.
func remedyOf(code int) string {
	switch code {
	case nethttp.StatusUnauthorized, nethttp.StatusForbidden:
		return "\nit wants to know who asks: put the token into a file (chmod 600) and name it with --bearer FILE, or with --header NAME=FILE, such as X-API-Key=keys/api"
	case nethttp.StatusNotFound, nethttp.StatusGone:
		return "\nnothing is there: is the path complete, with its query (in quotes, for a shell takes & and ? for itself)?"
	}
	return ""
}

// noDocument says what a body is that is no JSON, as far as that can be seen.
func noDocument(body []byte) string {
	start := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 200)])))
	switch {
	case strings.HasPrefix(start, "<!doctype html"), strings.HasPrefix(start, "<html"):
		return "this is a web page, made to be looked at: look for the address of its data (an API) in its documentation"
	case strings.HasPrefix(start, "<"):
		return "this is XML; numbers are read from JSON: does the server have that too?"
	case start == "":
		return "the answer is empty"
	case strings.HasPrefix(start, "{"), strings.HasPrefix(start, "["):
		return "it begins as JSON; what is wrong with it is said above"
	}
	return "numbers are read from JSON"
}
