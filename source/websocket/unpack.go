package websocket

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
)

// An Unpack says which binary messages are unpacked.
type Unpack string

// What is unpacked.
const (
	unpackAuto    Unpack = "auto"
	unpackDeflate Unpack = "deflate"
	unpackNone    Unpack = "none"
)

// Words returns what can be unpacked.
func (Unpack) Words() []string {
	return []string{string(unpackAuto), string(unpackDeflate), string(unpackNone)}
}

// errBomb: what is packed is more than is taken. Drop it.
var errBomb = errors.New("more than is taken")

// packing returns how a binary message is compressed, as far as its beginning tells; "" if it does not.
func packing(body []byte) string {
	switch {
	case len(body) > 2 && body[0] == 0x1f && body[1] == 0x8b && body[2] == 8:
		return "gzip"
	case len(body) > 2 && body[0]&0x0f == 8 && body[0]>>4 <= 7 && body[1]&0x20 == 0 && (int(body[0])<<8|int(body[1]))%31 == 0:
		return "zlib"
	}
	return ""
}

// unpack returns what was packed into a binary message, of at most most bytes, and what to say of it. What cannot be unpacked stays as it is.
func (u Unpack) unpack(body []byte, most int64) (out []byte, how string, err error) {
	how = packing(body)
	if u == unpackDeflate {
		how = "deflate"
	}
	var r io.Reader
	switch {
	case how == "":
		return body, "", nil
	case u == unpackNone:
		return body, how, nil
	case how == "gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case how == "zlib":
		r, err = zlib.NewReader(bytes.NewReader(body))
	default:
		r = flate.NewReader(bytes.NewReader(body))
	}
	if err == nil {
		out, err = io.ReadAll(io.LimitReader(r, most+1))
	}
	if int64(len(out)) > most {
		return nil, how, errBomb
	}
	if err != nil {
		return body, "no whole " + how, nil // a message may begin so by chance
	}
	return append([]byte{}, out...), "unpacked " + how, nil // of its own size
}
