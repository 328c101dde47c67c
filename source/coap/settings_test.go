package coap

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/secret"
)

func TestMistakesInSettingsAreTold(t *testing.T) {
	for _, c := range []struct {
		url    string
		change func(s *Settings)
		want   string
	}{
		{"", nil, "url: missing"},
		{"http://a/", nil, "the scheme is neither coap nor coaps"},
		{"coap+tcp://a/", nil, "CoAP over TCP and WebSocket is not spoken here"},
		{"coap:///t", nil, "it names no host"},
		{"coap://u:p@a/t", nil, "CoAP has no user and password"},
		{"coap://224.0.1.187/t", nil, "is a group"},
		{"coap://[ff02::fd]/t", nil, "is a group"},
		{"coap://255.255.255.255/t", nil, "is a group"},
		{"coap://a/" + strings.Repeat("x", 256), nil, "a part of 256 bytes"},
		{"coap://a/t", func(s *Settings) { s.Paths = []string{"/a"} }, "paths: url has a path too"},
		{"coap://a", func(s *Settings) { s.Paths = []string{"a"} }, "want a path that begins with a slash"},
		{"coap://a", func(s *Settings) { s.Paths = []string{"/a", "/a"} }, "number 2 stands there before"},
		{"coap://a", func(s *Settings) { s.Paths = make([]string, 65) }, "want at most 64"},
		{"coaps://a/t", nil, "psk: missing"},
		{"coap://a/t", func(s *Settings) { s.PSK = &PSK{Identity: "i", Key: secret.New("k")} }, "psk: is for coaps"},
		{"coaps://a/t", func(s *Settings) { s.PSK = &PSK{Key: secret.New("k")} }, "psk.identity"},
		{"coaps://a/t", func(s *Settings) { s.PSK = &PSK{Identity: "i"} }, "psk.key: missing"},
		{"coap://a/t", func(s *Settings) { s.Accept = "xml" }, `accept: "xml"`},
		{"coap://a/t", func(s *Settings) { s.Observe, s.Every = true, time.Second }, "every: a device that is observed"},
		{"coap://a/t", func(s *Settings) { s.Expect = time.Second }, "expect: is for observe"},
		{"coap://a/t", func(s *Settings) { s.MaxSize = 2 << 20 }, "max_size"},
		{"coap://a/t", func(s *Settings) { s.AckTimeout = time.Millisecond }, "ack_timeout: 1ms: want 50ms to 1m"},
		{"coap://a/t", func(s *Settings) { s.AckTimeout = 2 * time.Minute }, "ack_timeout: 2m: want 50ms to 1m"},
		{"coap://a/t", func(s *Settings) { s.Timeout = time.Hour }, "timeout: 1h: want 100ms to 10m"},
		{"coap://a/t", func(s *Settings) { s.Ping = 2 * time.Hour }, "ping: 2h: want 1s to 1h"},
		{"coap://a/t", func(s *Settings) { s.Renew = time.Second }, "renew: is for observe"},
	} {
		s := quick(c.url, c.change)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.url, err, c.want)
		}
	}
}

func TestAKeyMayBeHexadecimal(t *testing.T) {
	for text, want := range map[string]string{"00ff10": "\x00\xff\x10", "00 FF": "\x00\xff", "xyz": "", "": "", strings.Repeat("00", 65): ""} {
		got, err := (&PSK{Hex: true}).bytes(text)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %x, %v", text, got, err)
		}
	}
}

// TestOnlyTheCodecOfTheLibraryIsLinked reads the syntax of the package: what asks, observes and puts blocks together in the library can write
// too, and its client is one with that.
func TestOnlyTheCodecOfTheLibraryIsLinked(t *testing.T) {
	allowed := []string{"message", "message/codes", "udp/coder"}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if of, is := strings.CutPrefix(path, "github.com/plgd-dev/go-coap/v3/"); is && !slices.Contains(allowed, of) {
				t.Errorf("%s imports %s", name, path)
			}
		}
		text, err := fs.ReadFile(os.DirFS("."), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range []string{"codes.PUT", "codes.POST", "codes.DELETE"} {
			if strings.Contains(string(text), code) {
				t.Errorf("%s has %s", name, code)
			}
		}
	}
}
