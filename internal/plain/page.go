package plain

import (
	"bytes"
	"html"
	"regexp"
	"strings"
)

var (
	begins = regexp.MustCompile(`(?i)^(<!--|<!doctype\s+html|<\?xml|<html|<head|<title|<body|<h1|<center)`)
	named  = regexp.MustCompile(`(?is)<title[^>]*>(.*?)(</title|$)`)
	silent = regexp.MustCompile(`(?is)<!--.*?(-->|$)|<(script|style)\b.*?(</(script|style)\s*>|$)`)
	tags   = regexp.MustCompile(`(?s)<[^>]*(>|$)`)
)

const mostPage = 64 << 10 // bytes that are looked at

// page returns the title of an HTML page, or what is written on it if it has none; false if body is no page.
func page(body []byte) (text string, is bool) {
	body = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body[:min(len(body), mostPage)]), []byte(Mark)))
	if !begins.Match(body) {
		return "", false
	}
	body = silent.ReplaceAll(body, []byte(" "))
	if title := named.FindSubmatch(body); title != nil {
		text = words(title[1])
	}
	if text == "" {
		text = words(body)
	}
	if text == "" {
		text = "an HTML page without a word"
	}
	return text, true
}

// words returns the text between tags.
func words(markup []byte) string {
	return strings.Join(strings.Fields(html.UnescapeString(string(tags.ReplaceAll(markup, []byte(" "))))), " ")
}
