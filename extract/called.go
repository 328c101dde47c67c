package extract

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
)

// valueNames are what members are called that hold a value beside texts that say of what: {"symbol": "BTCUSDT", "price": "43218.55"}.
var valueNames = []string{
	"price", "lastprice", "last", "close", "mid", "spot", "quote", "rate", "exchangerate", "amount", "balance", "result", "answer",
	"value", "val", "reading", "measurement", "temperature", "temp", "humidity", "pressure", "power", "energy", "voltage", "flow",
}

// errorParts stand anywhere in the names of members of documents that say why there is no value, or how often one may ask.
var errorParts = []string{
	"error", "status", "code", "http", "exception", "fail", "success", "message", "warning", "invalid", "retry", "limit", "remaining", "throttl", "timeout", "cooldown",
}

// errorWords are words of such names that may be parts of others, which say something else.
var errorWords = []string{
	"err", "errno", "errmsg", "fault", "ok", "msg", "detail", "details", "reason", "note", "notice", "info", "information", "description", "title", "cause", "hint",
	"help", "wait", "reset", "backoff", "quota", "quotas", "request", "requests", "credit", "credits",
}

// isCalledError reports whether a member is called as one of a document that says why there is no value.
func isCalledError(name []byte) bool {
	letters := lettersOf(name)
	return containsAny(letters, errorParts) || slices.ContainsFunc(wordsOf(name), func(word string) bool { return slices.Contains(errorWords, word) })
}

// noneTexts are what texts are that say that there is no value, whatever they are called, by their letters alone.
var noneTexts = []string{
	"na", "nil", "none", "null", "nan", "inf", "infinity", "true", "false", "nodata", "novalue", "empty", "nothing", "missing", "pending", "stale",
	"offline", "disabled", "failed", "failure", "fault", "timeout",
}

// noneParts stand anywhere in such texts.
var noneParts = []string{"error", "unavailable", "notavailable", "unknown", "undefined", "invalid", "exceed", "throttl", "denied"}

// noneSigns stand alone where a table has a gap.
const noneSigns = "-–—.…/?*_#~"

// saysNone reports whether a text stands where a value would, and is none: it is blank, has signs alone, is no number, or says so.
func saysNone(text []byte) bool {
	said := bytes.IndexFunc(text, func(r rune) bool { return !unicode.IsSpace(r) && !strings.ContainsRune(noneSigns, r) })
	letters := lettersOf(text)
	return said < 0 || slices.Contains(noneTexts, letters) || containsAny(letters, noneParts)
}

func containsAny(s string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(s, part) })
}

// lettersOf returns the letters of a name, those of ASCII alone, in small ones.
func lettersOf(name []byte) string {
	letters := make([]byte, 0, len(name))
	for _, c := range name {
		if isSmall(c | 0x20) {
			letters = append(letters, c|0x20)
		}
	}
	return string(letters)
}

// wordsOf returns the words of a name, in small letters: its runs of letters of ASCII, cut before each capital that stands behind a
// small letter or before one.
func wordsOf(name []byte) (words []string) {
	start := -1
	end := func(i int) {
		if start >= 0 {
			words = append(words, lettersOf(name[start:i]))
		}
		start = -1
	}
	for i, c := range name {
		switch {
		case !isSmall(c | 0x20):
			end(i)
			continue
		case !isSmall(c) && i > 0 && (isSmall(name[i-1]) || i+1 < len(name) && isSmall(name[i+1])):
			end(i)
		}
		if start < 0 {
			start = i
		}
	}
	end(len(name))
	return words
}

func isSmall(c byte) bool { return c >= 'a' && c <= 'z' }
