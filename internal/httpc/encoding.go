package httpc

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// ErrEncoding: a body is encoded in a way that was not asked for and is not undone.
var ErrEncoding = errors.New("content encoding")

const (
	maxEncodings = 2       // one on the other
	moreThanRaw  = 1 << 16 // that a body may have encoded beyond what it may have plain: headers, and blocks that are stored
)

// encodings returns how a body is encoded, the last first.
func encodings(h http.Header) (list []string) {
	for _, line := range h.Values("Content-Encoding") {
		for _, name := range strings.Split(line, ",") {
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" && name != "identity" {
				list = append(list, name)
			}
		}
	}
	slices.Reverse(list)
	return list
}

// plain returns the body as it was before it was encoded, of which most bytes are wanted.
func (r *Response) plain(most int) (io.Reader, error) {
	list := encodings(r.Header)
	if len(list) == 0 {
		return r.Body, nil
	}
	if r.identity {
		return nil, fmt.Errorf("%w %.20q was not asked for", ErrEncoding, list[0])
	}
	if len(list) > maxEncodings {
		return nil, fmt.Errorf("%w: %d, one on the other, of at most %d", ErrEncoding, len(list), maxEncodings)
	}
	var body io.Reader = r.Body
	for _, name := range list { // what each brings is what the next one is bounded by
		var err error
		if body, err = undone(name, &bounded{body, 2*int64(most) + moreThanRaw}); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// undone returns what is encoded in body. RFC 9110 §8.4.1: x-gzip is gzip; deflate is zlib's format, and without its
// header where peers have misread that.
func undone(name string, body io.Reader) (io.Reader, error) {
	read := bufio.NewReader(body)
	start, err := read.Peek(2)
	if len(start) == 0 {
		return &ended{err}, nil // a body of nothing needs no encoding
	}
	switch name {
	case "gzip", "x-gzip":
		unzipped, err := gzip.NewReader(read)
		if err != nil {
			return nil, fmt.Errorf("the body is said to be %s: %w", name, err)
		}
		return unzipped, nil
	case "deflate":
		if len(start) < 2 || start[0]&0x0f != 8 || (uint(start[0])<<8|uint(start[1]))%31 != 0 {
			return flate.NewReader(read), nil
		}
		inflated, err := zlib.NewReader(read)
		if err != nil {
			return nil, fmt.Errorf("the body is said to be deflate: %w", err)
		}
		return inflated, nil
	}
	return nil, fmt.Errorf("%w %.20q was not asked for; gzip and deflate are undone", ErrEncoding, name)
}

// ended is a body without a byte.
type ended struct{ err error }

func (e *ended) Read([]byte) (int, error) { return 0, e.err }

// bounded is a body that is too large beyond a number of bytes, however little comes of them.
type bounded struct {
	body io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrTooLarge
	}
	n, err := b.body.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
