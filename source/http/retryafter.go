package http

import (
	nethttp "net/http"
	"strings"
	"time"
)

// maxWait is the longest wait that is read out of a header; the pump has its own, shorter, bound.
const maxWait = 24 * time.Hour

// parseRetryAfter reads the header Retry-After (RFC 9110 §10.2.3): seconds, or an HTTP date seen from now.
// A wait in the past is 0; one above a day is a day; anything else is not found.
func parseRetryAfter(text string, now time.Time) (wait time.Duration, found bool) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 64 {
		return 0, false
	}
	if strings.Trim(text, "0123456789") == "" {
		var seconds time.Duration
		for _, digit := range text {
			if seconds = seconds*10 + time.Duration(digit-'0'); seconds > maxWait/time.Second {
				return maxWait, true
			}
		}
		return seconds * time.Second, true
	}
	at, err := nethttp.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxWait), true
}
