package extract

import (
	"bytes"
	"strings"
)

// maxNaN is the length of the longest word for a number that is none: -infinity.
const maxNaN = 9

// isNaN reports whether a token is a number that is none, in a spelling that programs use: NaN, nan, Infinity, inf, each with
// or without a sign. JSON has no word for it.
func isNaN(token []byte) bool {
	if len(token) > maxNaN {
		return false
	}
	word := token
	if len(word) > 0 && (word[0] == '-' || word[0] == '+') {
		word = word[1:]
	}
	switch strings.ToLower(string(word)) {
	case "nan", "inf", "infinity":
		return true
	}
	return false
}

// withoutNaN returns a document of the same length with a zero and blanks where numbers that are none stand, so that it is JSON
// iff the document is JSON but for those. The document itself if there is none of them.
func withoutNaN(body []byte) []byte {
	out := body
	for i := 0; i < len(body); {
		switch {
		case body[i] == '"':
			i = afterText(body, i)
			continue
		case isDelimiter(body[i]):
			i++
			continue
		}
		start := i
		for i < len(body) && !isDelimiter(body[i]) && body[i] != '"' {
			i++
		}
		if !isNaN(body[start:i]) {
			continue
		}
		if &out[0] == &body[0] {
			out = bytes.Clone(body)
		}
		out[start] = '0'
		for j := start + 1; j < i; j++ {
			out[j] = ' '
		}
	}
	return out
}

// afterText returns where the text that begins at start ends.
func afterText(body []byte, start int) int {
	for i := start + 1; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(body)
}

func isDelimiter(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\r', ',', ':', '[', ']', '{', '}':
		return true
	}
	return false
}
