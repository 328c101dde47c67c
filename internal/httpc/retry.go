package httpc

import (
	"net/http"
	"strings"
	"time"
)

// MaxWait is the longest wait that is read out of a header; callers have their own, shorter, bounds.
const MaxWait = 24 * time.Hour

// RetryAfter reads the header Retry-After (RFC 9110 §10.2.3): seconds, also with a fraction, which some write, or an HTTP
// date, seen from the header Date, or from now if there is none. A wait in the past is 0; one above [MaxWait] is MaxWait;
// of several the longest counts; anything else is not found.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration, found bool) {
	if date, err := parseDate(h.Get("Date")); err == nil {
		now = date // the peer's dates are of the peer's clock
	}
	for _, text := range h.Values("Retry-After") {
		if one, understood := waitIn(strings.TrimSpace(text), now); understood {
			wait, found = max(wait, one), true
		}
	}
	return wait, found
}

func waitIn(text string, now time.Time) (wait time.Duration, understood bool) {
	if text == "" || len(text) > 64 {
		return 0, false
	}
	if whole, part, _ := strings.Cut(text, "."); whole != "" && strings.Trim(whole+part, "0123456789") == "" {
		return seconds(whole, strings.Trim(part, "0") != ""), true
	}
	at, err := parseDate(text)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), MaxWait), true
}

// seconds reads digits, and counts one more for a fraction.
func seconds(digits string, fraction bool) (wait time.Duration) {
	for _, digit := range digits {
		if wait = wait*10 + time.Duration(digit-'0'); wait >= MaxWait/time.Second {
			return MaxWait
		}
	}
	if fraction {
		wait++
	}
	return wait * time.Second
}

// parseDate reads the three forms of RFC 9110 §5.6.7, and those that are written instead.
func parseDate(text string) (time.Time, error) {
	at, err := http.ParseTime(strings.Replace(text, " UTC", " GMT", 1))
	if err == nil {
		return at, nil
	}
	for _, form := range []string{time.RFC1123Z, time.RFC3339} {
		if at, other := time.Parse(form, text); other == nil {
			return at, nil
		}
	}
	return time.Time{}, err
}
