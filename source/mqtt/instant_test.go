package mqtt

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestATimeThatADeviceSaysIsOneOrSaysWhyNot(t *testing.T) {
	at := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		said any
		want string // empty: it is the time
	}{
		{"2026-12-01T04:00:00+01:00", ""},
		{json.Number("1796094000"), ""},
		{json.Number("1796094000000"), ""},
		{"2026-12-01 03:00:00", "is no time in RFC 3339: "},
		{json.Number("0"), "is no time in RFC 3339, and none in seconds or milliseconds since 1970"},
		{json.Number("-1796094000"), "none in seconds or milliseconds"},
		{json.Number("1796094000.5"), "none in seconds or milliseconds"},
		{json.Number("1e300"), "none in seconds or milliseconds"},
		{json.Number("1796094000000000000"), "none in seconds or milliseconds"},
		{true, "none in seconds or milliseconds"},
		{nil, "none in seconds or milliseconds"},
	} {
		got, err := instant(c.said)
		if c.want == "" && (err != nil || !got.Equal(at)) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v is %s, %v; want %q", c.said, got, err, c.want)
		}
	}
}
