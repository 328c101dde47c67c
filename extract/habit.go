package extract

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/dodona-oracle/dodona/internal/advice"
)

// notPointer says that a text is no JSON Pointer, and which one it was probably meant as by somebody who writes JSONPath, jq or dots.
func notPointer(s string) error {
	path := withoutBraces(s)
	for _, several := range []string{"[?", "[*]", "[]", ".*", "..", "select("} {
		if strings.Contains(path, several) {
			return fmt.Errorf("JSON Pointer %s: must begin with a slash, such as /price, and name one value; an element is chosen by where, such as {pointer: /data/*/price, where: {/data/*/symbol: BTCUSD}}", printable(s))
		}
	}
	if p := fromPath(path); p != nil {
		return advice.Instead(fmt.Errorf("JSON Pointer %s: must begin with a slash, such as %s", printable(s), printable(p.text())), p.text())
	}
	return fmt.Errorf("JSON Pointer %s: must begin with a slash, such as /price", printable(s))
}

// withoutBraces returns the path that stands in braces, or in a template such as {{ value_json.price | float }}.
func withoutBraces(s string) string {
	path := strings.TrimSpace(s)
	inner, braced := strings.CutPrefix(path, "{")
	if braced {
		path = strings.TrimSpace(strings.TrimSuffix(inner, "}"))
	}
	if inner, template := strings.CutPrefix(path, "{"); braced && template {
		path = strings.TrimSpace(strings.TrimSuffix(inner, "}"))
	}
	if first, filter, piped := strings.Cut(path, "|"); piped && filterName.MatchString(filter) {
		path = strings.TrimSpace(first)
	}
	for _, document := range []string{"value_json", "msg.payload", "trigger.payload_json"} {
		if rest, found := strings.CutPrefix(path, document); found && rest != "" && (rest[0] == '.' || rest[0] == '[') {
			return rest
		}
	}
	return path
}

// filterName matches what templates do to a number after they took it.
var filterName = regexp.MustCompile(`^ *(float|int|round|tonumber|number|string)\b[ (),0-9a-z|]*$`)

// fromPath returns the pointer that says what a path in JSONPath, jq or dots says; nil if that cannot be told.
func fromPath(s string) (p pointer) {
	if fragment, found := strings.CutPrefix(s, "#/"); found { // RFC 6901 §6
		p, _ = parsePointer("/" + fragment)
		return p
	}
	if s = strings.TrimPrefix(s, "$"); s != "" && s[0] != '.' && s[0] != '[' {
		s = "." + s
	}
	for s != "" {
		var key string
		var found bool
		switch {
		case s[0] == '.' && len(s) > 1 && s[1] == '[': // as jq writes an index
			s = s[1:]
			continue
		case s[0] == '.':
			end := strings.IndexAny(s[1:], ".[") + 1
			if end == 0 {
				end = len(s)
			}
			key, s, found = s[1:end], s[end:], true
			if key == "" || strings.ContainsAny(key, " /:@'\"()]") {
				return nil
			}
		case s[0] == '[':
			if key, s, found = strings.Cut(s[1:], "]"); found && len(key) > 1 && (key[0] == '\'' || key[0] == '"') && key[len(key)-1] == key[0] {
				key = key[1 : len(key)-1]
			} else if arrayIndex(key) < 0 {
				return nil
			}
		}
		if !found {
			return nil
		}
		p = append(p, token{key: key, index: arrayIndex(key)})
	}
	return p
}
