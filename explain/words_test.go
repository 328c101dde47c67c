package explain

import "testing"

func TestReasonsOfAnotherVersionSayTheSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"39.4 % from the median 43,218.50, at most 10 % is allowed", "39.4 % from the median 43218.5, at most 10 % is allowed", true},
		{"said 1,000.00 USD, the majority said -2,000.00 USD", "said 1000 USD, the majority said -2000 USD", true},
		{"measured 2m before the round, at most 1m is allowed", "measured 2m0s before the round, at most 1m0s is allowed", true},
		{"measured 1d before the round, at most 1h is allowed", "measured 24h0m0s before the round, at most 1h0m0s is allowed", true},
		{"need 7 values, 2 remain: a used: 43,218.00; b late: x", "need 7 values, 2 remain: a used: 43218; b late: x", true},
		{"from the median 43,218.50, at", "from the median 43218.51, at", false},
		{"from the median 43,218.50, at", "from the median 4321850, at", false},
		{"from the median 1.05, at", "from the median 1.5, at", false},
		{"from the median 10, at", "from the median 1, at", false},
		{"from the median -1, at", "from the median 1, at", false},
		{"GET 10.0.0.10 503", "GET 10.0.0.1 503", false}, // an address
		{"GET host-1.10 503", "GET host-1.1 503", false},
		{"module index 1.10.0", "module index 1.1.0", false},
		{"measured 2m before", "measured 2h before", false},
		{"measured 2m before", "measured 3m before", false},
		{"", "x", false},
	} {
		if got := sameWords(c.a, c.b); got != c.same {
			t.Errorf("%q and %q say the same: %t, want %t", c.a, c.b, got, c.same)
		}
	}
}
