package websocket

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func packed(t testing.TB, how, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch how {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	default:
		w, _ = flate.NewWriter(&b, flate.BestCompression) // the level is one that there is
	}
	_, err := io.WriteString(w, text)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsPackedIsUnpackedAndNothingElse(t *testing.T) {
	const text = `{"tick":{"close":97.5}}`
	cbor := []byte{0x78, 0x9c, 'n', 'o'} // begins as zlib does
	cut := packed(t, "gzip", text)
	cut = cut[:len(cut)-6]
	for name, c := range map[string]struct {
		mode      Unpack
		body      []byte
		want, how string
	}{
		"gzip":                  {unpackAuto, packed(t, "gzip", text), text, "unpacked gzip"},
		"zlib":                  {unpackAuto, packed(t, "zlib", text), text, "unpacked zlib"},
		"raw deflate":           {unpackDeflate, packed(t, "deflate", text), text, "unpacked deflate"},
		"raw deflate, not told": {unpackAuto, packed(t, "deflate", text), string(packed(t, "deflate", text)), ""},
		"not wanted":            {unpackNone, packed(t, "gzip", text), string(packed(t, "gzip", text)), "gzip"},
		"CBOR":                  {unpackAuto, cbor, string(cbor), "no whole zlib"},
		"cut":                   {unpackAuto, cut, string(cut), "no whole gzip"},
		"nothing":               {unpackAuto, nil, "", ""},
		"nothing in deflate":    {unpackDeflate, nil, "", "no whole deflate"},
		"a number":              {unpackAuto, []byte("1"), "1", ""},
	} {
		if out, how, err := c.mode.unpack(c.body, 1024); err != nil || string(out) != c.want || how != c.how {
			t.Errorf("%s: got %q, %q, %v; want %q, %q", name, out, how, err, c.want, c.how)
		}
	}
	for _, how := range []string{"gzip", "zlib", "deflate"} {
		mode := map[string]Unpack{"deflate": unpackDeflate}[how]
		if mode == "" {
			mode = unpackAuto
		}
		bomb := packed(t, how, strings.Repeat("0", 64<<20))
		if out, _, err := mode.unpack(bomb, 1024); !errors.Is(err, errBomb) || out != nil {
			t.Errorf("%s: %d bytes that become 64 MiB: %d bytes, %v", how, len(bomb), len(out), err)
		}
		if out, _, err := mode.unpack(packed(t, how, strings.Repeat("0", 1024)), 1024); err != nil || len(out) != 1024 {
			t.Errorf("%s: as much as is taken: %d bytes, %v", how, len(out), err)
		}
	}
}

// FuzzUnpack has any bytes be a binary message.
func FuzzUnpack(f *testing.F) {
	for _, how := range []string{"gzip", "zlib", "deflate"} {
		f.Add(packed(f, how, `{"a":1}`), how == "deflate")
	}
	fuzztest.Run(f, func(t *testing.T, body []byte, raw bool) {
		mode := unpackAuto
		if raw {
			mode = unpackDeflate
		}
		out, how, err := mode.unpack(body, 4096)
		if err == nil && !strings.HasPrefix(how, "unpacked ") && !bytes.Equal(out, body) {
			t.Errorf("%x became %x: %s", body, out, how)
		}
		if len(out) > 4096 && !bytes.Equal(out, body) {
			t.Errorf("%d bytes came of %x", len(out), body)
		}
	})
}
