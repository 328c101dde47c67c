package httpc

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// packed returns text as a peer would send it.
func packed(t *testing.T, how string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch how {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "flate":
		w, _ = flate.NewWriter(&b, flate.BestCompression)
	default:
		return text
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEncodedBodiesAreUndoneOrRefusedByName(t *testing.T) {
	text := []byte(`{"price":"43218.55"}`)
	gzipped := packed(t, "gzip", text)
	for _, c := range []struct {
		name, encoding string
		body           []byte
		want           string // what is read, or else a part of the error
		bad            bool
	}{
		{"gzip", "gzip", gzipped, string(text), false},
		{"its old name", "x-gzip", gzipped, string(text), false},
		{"in capitals", "GZIP", gzipped, string(text), false},
		{"deflate", "deflate", packed(t, "zlib", text), string(text), false},
		{"deflate without a header", "deflate", packed(t, "flate", text), string(text), false},
		{"identity", "identity", text, string(text), false},
		{"identity beside gzip", "identity, gzip", gzipped, string(text), false},
		{"one on the other", "deflate, gzip", packed(t, "gzip", packed(t, "zlib", text)), string(text), false},
		{"two members", "gzip", append(bytes.Clone(gzipped), gzipped...), string(text) + string(text), false},
		{"nothing, zipped", "gzip", nil, "", false},
		{"brotli", "br", text, `content encoding "br" was not asked for; gzip and deflate are undone`, true},
		{"zstd", "zstd", text, `content encoding "zstd"`, true},
		{"a long name", strings.Repeat("z", 3000), text, `content encoding "zzzzzzzzzzzzzzzzzzzz"`, true},
		{"many", "gzip, gzip, gzip", text, "3, one on the other", true},
		{"said to be gzip", "gzip", text, "the body is said to be gzip: gzip: invalid header", true},
		{"cut off", "gzip", gzipped[:len(gzipped)-5], "read body: unexpected EOF", true},
		{"damaged", "gzip", append(bytes.Clone(gzipped[:len(gzipped)-8]), 1, 2, 3, 4, 5, 6, 7, 8), "read body: gzip: invalid checksum", true},
		{"followed by something", "gzip", append(bytes.Clone(gzipped), "more of it"...), "read body: ", true},
	} {
		s := server(t, func(w http.ResponseWriter, r *http.Request) {
			if asks := r.Header.Get("Accept-Encoding"); asks != "gzip" && r.Header.Get("X-Identity") == "" || asks != "" && r.Header.Get("X-Identity") != "" {
				t.Errorf("asked for %q", asks)
			}
			w.Header().Set("Content-Encoding", c.encoding)
			_, _ = w.Write(c.body)
		})
		_, body, err := ask(client(t, Options{}), request(t, "GET", s.URL, ""), 100)
		got := body
		if err != nil {
			got = err.Error()
		}
		if (err != nil) != c.bad || !strings.HasPrefix(got, c.want) && (!c.bad || !strings.Contains(got, c.want)) {
			t.Errorf("%s: got %q, %v; want %q", c.name, body, err, c.want)
		}
		as := request(t, "GET", s.URL, "")
		as.Header.Set("X-Identity", "true")
		if _, _, err := ask(client(t, Options{Identity: true}), as, 100); (err == nil) != (c.encoding == "identity") {
			t.Errorf("%s, where no encoding is taken: got %v", c.name, err)
		}
	}
}

func TestAnEncodedBodyIsBounded(t *testing.T) {
	bomb := packed(t, "gzip", bytes.Repeat([]byte("0"), 8<<20))
	empty := packed(t, "gzip", nil)
	nothing := packed(t, "gzip", bytes.Repeat(empty, 8<<20/len(empty)))
	for name, send := range map[string]func(io.Writer) error{
		"much of little":  func(w io.Writer) error { _, err := w.Write(bomb); return err },
		"twice packed":    func(w io.Writer) error { _, err := w.Write(packed(t, "gzip", bomb)); return err },
		"much of nothing": func(w io.Writer) error { _, err := w.Write(nothing); return err },
		"nothing for ever": func(w io.Writer) (err error) {
			for err == nil {
				_, err = w.Write(empty)
			}
			return err
		},
	} {
		s := server(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			if name == "twice packed" || name == "much of nothing" {
				w.Header().Set("Content-Encoding", "gzip, gzip")
			}
			_ = send(w)
		})
		if _, _, err := ask(client(t, Options{}), request(t, "GET", s.URL, ""), 1<<20); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: got %v, want ErrTooLarge", name, err)
		}
	}
	least := packed(t, "gzip", bytes.Repeat([]byte("0"), 1<<20))
	s := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "x-gzip")
		_, _ = w.Write(least)
	})
	if _, body, err := ask(client(t, Options{}), request(t, "GET", s.URL, ""), 1<<20); err != nil || len(body) != 1<<20 {
		t.Errorf("as much as is taken: got %d bytes, %v", len(body), err)
	}
}

func FuzzUndone(f *testing.F) {
	f.Add("gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add("deflate", []byte("x\x9c\x03\x00\x00\x00\x00\x01"))
	f.Add("deflate", []byte("\x03\x00"))
	f.Add("x-gzip", []byte("{"))
	fuzztest.Run(f, func(t *testing.T, name string, body []byte) {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1/", nil) // cannot fail
		r := &Response{
			Response: &http.Response{Header: http.Header{"Content-Encoding": {name}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: -1},
			asked:    &asking{client: new(Client), req: req},
		}
		const most = 1 << 10
		if got, err := r.Whole(most); err == nil && len(got) > most {
			t.Errorf("%q of %x: %d bytes", name, body, len(got))
		}
	})
}
