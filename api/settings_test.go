package api_test

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/api"
)

// TestHostsAreNamesAlone: what can never be in a Host header that is compared would let nobody in, silently.
func TestHostsAreNamesAlone(t *testing.T) {
	for name, right := range map[string]bool{
		"gw-7.example.org": true, "gw_7": true, "xn--bcher-kva.example": true, "GW-7": true,
		"": false, ".": false, "a..b": false, "a.": false, "https://gw-7.example.org": false, "gw-7.example.org:443": false, "gw-7.example.org/dodona": false,
		"*.example.org": false, "bücher.example": false, "gw 7": false, strings.Repeat("a", 64): false,
	} {
		s := api.Settings{Listen: "127.0.0.1:8080", Hosts: []string{name}}
		if err := s.Check(); (err == nil) != right {
			t.Errorf("%q: got %v, want it taken: %t", name, err, right)
		}
	}
}
