package extract

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// maxPointer bounds the text of a pointer, and with it the work of matching one.
const maxPointer = 1024

// A pointer is a parsed JSON Pointer (RFC 6901). No tokens means the whole document, or that none was given.
type pointer []token

// A token names a member of an object, and an element of an array if its text is an array index.
type token struct {
	key   string
	index int // −1 unless key is an array index: 0, or digits without a leading zero
}

// parsePointer reads a JSON Pointer. The empty text is the pointer without tokens.
func parsePointer(s string) (pointer, error) {
	switch {
	case s == "":
		return nil, nil
	case len(s) > maxPointer:
		return nil, fmt.Errorf("pointer of %d bytes: at most %d are read", len(s), maxPointer)
	case !utf8.ValidString(s):
		return nil, errors.New("is not UTF-8")
	case s[0] != '/':
		return nil, notPointer(s)
	}
	var p pointer
	for _, text := range strings.Split(s[1:], "/") {
		key, err := unescape(text)
		if err != nil {
			return nil, fmt.Errorf("JSON Pointer %s: %w", printable(s), err)
		}
		p = append(p, token{key, arrayIndex(key)})
	}
	return p, nil
}

// text returns what parsePointer reads as p.
func (p pointer) text() string {
	var b strings.Builder
	for _, t := range p {
		b.WriteByte('/')
		b.WriteString(escape(t.key))
	}
	return b.String()
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, "~") {
		return s, nil
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '~' && (i+1 == len(s) || (s[i+1] != '0' && s[i+1] != '1')) {
			return "", errors.New("a tilde must be written ~0 and a slash in a name ~1")
		}
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(s), nil
}

func escape(key string) string {
	if !strings.ContainsAny(key, "~/") {
		return key
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// arrayIndex returns the index that s names, or −1.
func arrayIndex(s string) int {
	if s == "" || len(s) > 9 || (s[0] == '0' && s != "0") || strings.Trim(s, "0123456789") != "" {
		return -1
	}
	i, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return i
}

// printable returns s as it is if a person can read it on one line, and quoted otherwise; long texts are cut.
func printable(s string) string {
	const most = 80
	head := plain.Cut(s, most)
	if plain.Is(head) && !strings.ContainsAny(head, " \",") {
		return head
	}
	return plain.Quote(s, most)
}
