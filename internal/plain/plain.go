// Package plain makes a stranger's text safe to show: in a log, on a terminal, on a page. What a peer, a module or a
// file says may hold escapes that steer a terminal, marks that write from right to left, breaks that look like lines
// of ours, bytes that are no UTF-8, and megabytes of all of it.
//
// Texts that are hashed or signed keep the rules of their own formats.
package plain

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Mark is the byte order mark of UTF-8, which editors of Windows and programs in .NET put before a text and which says nothing.
const Mark = "\ufeff"

const (
	ellipsis = "…" // stands for what was cut off
	unknown  = '·' // stands for what cannot be shown
)

// Line returns s on one line: whatever is not printable, the blank apart, is a middle dot. At most most bytes of it
// are kept, whole characters, and an ellipsis says that there was more.
func Line(s string, most int) string { return shown(s, most, unicode.IsPrint) }

// Lines is [Line] for text of several lines: line feeds and tabs stay.
func Lines(s string, most int) string {
	return shown(strings.ReplaceAll(s, "\r\n", "\n"), most, func(r rune) bool {
		return r == '\n' || r == '\t' || unicode.IsPrint(r)
	})
}

// Excerpt returns the beginning of a body on one line: runs of white space are one blank, the rest is as in [Line]. Of a page it is the title, or
// else what is written on it: a server that is in the way speaks HTML.
func Excerpt(body []byte, most int) string {
	if text, is := page(body); is {
		body = []byte(text)
	}
	// Four bytes are the longest character; blanks beyond that are not worth the walk.
	head := string(body[:min(len(body), 8*min(most, len(body))+utf8.UTFMax)])
	text := Line(strings.Join(strings.Fields(head), " "), most)
	if len(head) < len(body) && !strings.HasSuffix(text, ellipsis) {
		return text + ellipsis
	}
	return text
}

// Quote returns s in quotes, escaped as Go escapes it; at most most bytes of s are kept, and an ellipsis behind the
// quotes says that there was more.
func Quote(s string, most int) string {
	head, more := cut(s, most)
	if more {
		return strconv.Quote(head) + ellipsis
	}
	return strconv.Quote(head)
}

// Cut returns s if it has at most most bytes, and else its beginning, whole characters, and an ellipsis. It is for
// texts that are made safe elsewhere: nothing but their length changes.
func Cut(s string, most int) string {
	head, more := cut(s, most)
	if more {
		return strings.ToValidUTF8(head, "") + ellipsis
	}
	return head
}

// Is reports whether s can be shown on one line as it stands.
func Is(s string) bool {
	for i, r := range s {
		if !unicode.IsPrint(r) || (r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD")) {
			return false
		}
	}
	return true
}

// cut returns at most most bytes of s, without half a character at the end.
func cut(s string, most int) (head string, more bool) {
	if len(s) <= most {
		return s, false
	}
	end := max(most, 0)
	for back := 1; back < utf8.UTFMax && back <= end; back++ { // bytes that are no UTF-8 are not searched for a beginning
		if utf8.RuneStart(s[end-back]) {
			if !utf8.FullRuneInString(s[end-back : end]) {
				end -= back
			}
			break
		}
	}
	return s[:end], true
}

// shown writes what may be shown of s, up to most bytes.
func shown(s string, most int, may func(rune) bool) string {
	if len(s) <= most && isASCII(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r == utf8.RuneError || !may(r) {
			r = unknown
		}
		if b.Len()+utf8.RuneLen(r) > most {
			b.WriteString(ellipsis)
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isASCII reports whether s is printable ASCII, as nearly every text is.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// JSON returns a JSON text in which what is not printable stands as an escape, which means the same: encoders leave
// characters there that steer a terminal or write from right to left. What is no UTF-8 stays as it is.
func JSON(text []byte) []byte {
	var out []byte
	kept := 0
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r >= 0x7f && !unicode.IsPrint(r) && !(r == utf8.RuneError && size == 1) {
			out = append(out, text[kept:at]...)
			if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
				out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
			} else {
				out = fmt.Appendf(out, `\u%04x`, r)
			}
			kept = at + size
		}
		at += size
	}
	if kept == 0 {
		return text
	}
	return append(out, text[kept:]...)
}
