package http

import (
	"mime"
	nethttp "net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxContentType = 128 // bytes
	maxCharset     = 40
)

// contentType returns what the peer says of its body: a media type that can be read again, of at most [maxContentType]
// bytes. Of one that is longer, or written wrongly, its type and its charset stay, because what the body means hangs on
// them. Of one that is not UTF-8 nothing stays. A peer that names two charsets names one that nobody knows: "utf-8, windows-1252".
func contentType(h nethttp.Header) string {
	lines := h.Values("Content-Type")
	if len(lines) == 0 {
		return ""
	}
	text := lines[0]
	if !utf8.ValidString(strings.Join(lines, "")) {
		return "" // no record can hold it, and what is journaled must be what was signed
	}
	if _, _, err := mime.ParseMediaType(text); err == nil && len(text) <= maxContentType && len(lines) == 1 {
		return text
	}
	var parameters map[string]string
	if charsets := charsetsIn(lines); len(charsets) > 0 {
		parameters = map[string]string{"charset": strings.Join(charsets, ", ")}
	}
	name, _, _ := strings.Cut(text, ";")
	kept := mime.FormatMediaType(strings.ToLower(strings.TrimSpace(name)), parameters)
	if _, _, err := mime.ParseMediaType(kept); err != nil || len(kept) > maxContentType {
		return ""
	}
	return kept
}

// charsetsIn returns the charsets that media types name, each once.
func charsetsIn(lines []string) (list []string) {
	for _, line := range lines {
		for _, parameter := range strings.Split(line, ";")[1:] {
			name, value, _ := strings.Cut(parameter, "=")
			value = strings.ToLower(strings.Trim(value, " \t\"'"))
			if !strings.EqualFold(strings.TrimSpace(name), "charset") || value == "" || slices.Contains(list, value) {
				continue
			}
			list = append(list, value[:min(len(value), maxCharset)])
		}
	}
	return list
}
