package loopback

import "testing"

func TestHostWantsAnAddressAndAPort(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "127.0.0.1", "[::1]:0": "::1", ":80": "", "localhost:65535": "localhost",
	} {
		if got, err := Host(listen); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", listen, got, err, want)
		}
	}
	for _, listen := range []string{"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:08", "127.0.0.1:-1", "127.0.0.1:http"} {
		if host, err := Host(listen); err == nil {
			t.Errorf("%s: got %q, want a mistake", listen, host)
		}
	}
}
