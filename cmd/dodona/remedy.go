package main

import (
	"strconv"
	"strings"
)

// answered reports whether an error is what a server said rather than that there is none.
func answered(err error) bool {
	for _, method := range []string{"GET ", "POST "} {
		if rest, found := strings.CutPrefix(err.Error(), method); found {
			words := strings.Fields(rest)
			if len(words) > 1 {
				if _, err := strconv.Atoi(strings.Trim(words[1], ":")); err == nil {
					return true
				}
			}
		}
	}
	return false
}

// remedy says what to do about a document that cannot be read.
func remedy(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, " 401") || strings.Contains(text, " 403"):
		return "\nit wants to know who asks: put the token into a file (chmod 600) and name it with --bearer FILE, or with --header NAME=FILE, such as X-API-Key=keys/api"
	case strings.Contains(text, " 404"):
		return "\nnothing is there: is the path complete, with its query (in quotes, for a shell takes & and ? for itself)?"
	case strings.Contains(text, "max_size"):
		return "\nask for less of it: a path or a query for the one number, if there is one"
	case strings.Contains(text, "does not look like a TLS handshake") || strings.Contains(text, "HTTP response to HTTPS client"):
		return "\nwho listens there speaks http, not https: say http://"
	case strings.Contains(text, "x509") || strings.Contains(text, "certificate"):
		return "\nits certificate is of nobody that this machine trusts; a configuration can name the right one with ca"
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
