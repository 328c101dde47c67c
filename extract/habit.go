package extract

import (
	"fmt"
	"strings"
)

// notPointer says that a text is no JSON Pointer, and which one it was probably meant as by somebody who writes JSONPath, jq or dots.
func notPointer(s string) error {
	path := strings.TrimSpace(s)
	if inner, braced := strings.CutPrefix(path, "{"); braced {
		path = strings.TrimSpace(strings.TrimSuffix(inner, "}"))
	}
	for _, several := range []string{"[?", "[*]", "[]", ".*", "..", "select("} {
		if strings.Contains(path, several) {
			return fmt.Errorf("JSON Pointer %s: must begin with a slash, such as /price, and name one value; an element is chosen by where, such as {pointer: /data/*/price, where: {/data/*/symbol: BTCUSD}}", printable(s))
		}
	}
	if p := fromPath(path); p != nil {
		return fmt.Errorf("JSON Pointer %s: must begin with a slash, such as %s", printable(s), printable(p.text()))
	}
	return fmt.Errorf("JSON Pointer %s: must begin with a slash, such as /price", printable(s))
}

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
