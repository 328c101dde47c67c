package abi

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns a text of the guest as people may read it: UTF-8, of at most limit bytes of the guest's, and with a
// blank for whatever could end a line, colour it, or write it from right to left.
func Clean(b []byte, limit int) string {
	if len(b) > limit {
		b = b[:limit]
		for i := 1; i <= utf8.UTFMax && i <= len(b); i++ { // a character that was cut goes whole
			if utf8.RuneStart(b[len(b)-i]) {
				if !utf8.FullRune(b[len(b)-i:]) {
					b = b[:len(b)-i]
				}
				break
			}
		}
	}
	if IsPlain(b) {
		return string(b)
	}
	var s strings.Builder
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r != utf8.RuneError && !unicode.IsPrint(r) {
			r = ' '
		}
		s.WriteRune(r)
		b = b[size:]
	}
	return s.String()
}

// IsPlain reports whether b is printable ASCII, as nearly every text is.
func IsPlain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
