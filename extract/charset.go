package extract

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"mime"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// The byte order marks.
const (
	markUTF8      = "\xef\xbb\xbf"
	markUTF16LE   = "\xff\xfe"
	markUTF16BE   = "\xfe\xff"
	markUTF32LE   = "\xff\xfe\x00\x00"
	markUTF32BE   = "\x00\x00\xfe\xff"
	knownCharsets = "utf-8, utf-16, utf-16le, utf-16be, windows-1252 and iso-8859-1"
)

// Text returns the text of a body in UTF-8, as rules see it. One byte order mark before it is left out and says what it is
// written in. Without one, bytes that are UTF-8 are read as such whatever is declared, because JSON is UTF-8 and a declaration
// means nothing to it (RFC 8259 §8.1, §11); others by the charset that the media type declares. A body whose charset is not
// known, or that is not written in it, is an error.
//
// The result may share memory with body.
func Text(body []byte, contentType string) ([]byte, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("the document has %d bytes, at most %d are read", len(body), maxBody)
	}
	begins := func(mark string) bool { return bytes.HasPrefix(body, []byte(mark)) }
	switch {
	case begins(markUTF32LE), begins(markUTF32BE):
		return nil, errors.New("the document begins with a byte order mark of UTF-32, which is not read; send UTF-8")
	case begins(markUTF16LE):
		return fromUTF16(body[2:], binary.LittleEndian, "utf-16le")
	case begins(markUTF16BE):
		return fromUTF16(body[2:], binary.BigEndian, "utf-16be")
	case begins(markUTF8):
		if body = body[len(markUTF8):]; !utf8.Valid(body) {
			return nil, fmt.Errorf("the document is not UTF-8, and its byte order mark says that it is; it begins %s", opening(body))
		}
		return body, nil
	case utf8.Valid(body) && bytes.IndexByte(body, 0) < 0:
		return body, nil
	}
	return decode(body, charsetOf(contentType))
}

// charsetOf returns what a media type says of the charset, in lower case; "" if it says nothing.
func charsetOf(contentType string) string {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSpace(params["charset"]))
}

// decode reads a body that has no mark and is no text in UTF-8.
func decode(body []byte, charset string) ([]byte, error) {
	switch charset {
	case "":
		return nil, undecoded(body, "no charset is declared")
	case "utf-8", "utf8", "us-ascii", "ascii":
		return nil, undecoded(body, "the charset is declared as "+charset)
	case "utf-16le":
		return fromUTF16(body, binary.LittleEndian, charset)
	case "utf-16be":
		return fromUTF16(body, binary.BigEndian, charset)
	case "utf-16":
		if order := orderOf(body); order != nil {
			return fromUTF16(body, order, charset)
		}
		return fromUTF16(body, binary.BigEndian, charset) // RFC 2781 §4.3
	case "windows-1252", "cp1252", "x-cp1252":
		return fromBytes(body, &windows1252), nil
	case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "l1":
		return fromBytes(body, nil), nil
	}
	return nil, fmt.Errorf("the document is not UTF-8, and its declared charset %s is not known; known are %s", plain.Quote(charset, 40), knownCharsets)
}

// undecoded says why a body that should be UTF-8 cannot be read.
func undecoded(body []byte, declared string) error {
	looks := ""
	switch orderOf(body) {
	case binary.LittleEndian:
		looks = "utf-16le"
	case binary.BigEndian:
		looks = "utf-16be"
	}
	switch {
	case looks != "":
		return fmt.Errorf("the document looks like %s, but has no byte order mark, and %s", looks, declared)
	case utf8.Valid(body):
		return fmt.Errorf("the document has zero bytes, which JSON does not allow; it begins %s", opening(body))
	}
	return fmt.Errorf("the document is not UTF-8, and %s; it begins %s", declared, opening(body))
}

// orderOf returns in which order the bytes of a JSON text in UTF-16 stand. Its first character is ASCII, so that one of
// its first two bytes is zero (RFC 4627 §3). nil: this is no such text.
func orderOf(body []byte) binary.ByteOrder {
	switch {
	case len(body) < 2 || (body[0] == 0) == (body[1] == 0):
		return nil
	case body[0] == 0:
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func fromUTF16(body []byte, order binary.ByteOrder, charset string) ([]byte, error) {
	if len(body)%2 != 0 {
		return nil, fmt.Errorf("the document is read as %s and has an odd number of bytes; it may be cut off, or not be %s", charset, charset)
	}
	text := make([]byte, 0, len(body)/2)
	for i := 0; i < len(body); i += 2 {
		r := rune(order.Uint16(body[i:]))
		if utf16.IsSurrogate(r) {
			if i += 2; i < len(body) {
				r = utf16.DecodeRune(r, rune(order.Uint16(body[i:])))
			}
			if i >= len(body) || r == utf8.RuneError {
				return nil, fmt.Errorf("the document is not %s: half a character stands at byte %d", charset, i-2)
			}
		}
		text = utf8.AppendRune(text, r)
	}
	return text, nil
}

// windows1252 has the characters of the bytes 0x80 to 0x9f. Five are not assigned and stand for themselves, as in
// the index of the WHATWG; all other bytes are those of ISO 8859-1.
var windows1252 = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ',
}

// fromBytes decodes a charset of one byte a character: ISO 8859-1, but for 0x80 to 0x9f where c1 is given.
func fromBytes(body []byte, c1 *[32]rune) []byte {
	text := make([]byte, 0, len(body)+len(body)/8)
	for _, b := range body {
		r := rune(b)
		if c1 != nil && b >= 0x80 && b < 0xa0 {
			r = c1[b-0x80]
		}
		text = utf8.AppendRune(text, r)
	}
	return text
}
