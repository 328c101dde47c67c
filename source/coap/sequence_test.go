package coap

import (
	"testing"
	"time"
)

// TestHalfTheNumbersAwayIsNotNewer in either direction: RFC 7641 has less than half of them, and more.
func TestHalfTheNumbersAwayIsNotNewer(t *testing.T) {
	const half = 1 << 23
	now := time.Now()
	for _, c := range []struct {
		last, n uint32
		want    bool
	}{
		{0, half - 1, true},
		{0, half, false},
		{half, 0, false},
		{half + 1, 0, true},
		{5, 5, false},
		{1<<24 - 1, 0, true},
	} {
		if s := (sequence{true, c.last, now}); s.fresh(c.n, now) != c.want {
			t.Errorf("%d after %d: newer is %t, want %t", c.n, c.last, !c.want, c.want)
		}
	}
}
