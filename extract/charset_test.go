package extract

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// inUTF16 returns a text in UTF-16, without a mark.
func inUTF16(text string, order binary.AppendByteOrder) (out []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

func TestOneDocumentIsReadInEveryCharset(t *testing.T) {
	const document = `{"größe":21.5,"unit":"°C","big":"𝄞"}`
	le, be := inUTF16(document, binary.LittleEndian), inUTF16(document, binary.BigEndian)
	const latin = "{\"gr\xf6\xdfe\":21.5,\"unit\":\"\xb0C\"}"
	for _, c := range []struct{ name, contentType, body string }{
		{"plain", "", document},
		{"a media type that says nothing", "application/json", document},
		{"a media type that nobody can read", "; ;", document},
		{"declared", `application/json; charset="UTF-8"`, document},
		{"one mark", "", markUTF8 + document},
		{"one mark, declared", "application/json;charset=utf8", markUTF8 + document},
		{"a mark against what is declared", "application/json; charset=windows-1252", markUTF8 + document},
		{"UTF-16LE by mark", "", markUTF16LE + string(le)},
		{"UTF-16BE by mark", "application/json", markUTF16BE + string(be)},
		{"UTF-16LE by mark, declared otherwise", "text/plain; charset=iso-8859-1", markUTF16LE + string(le)},
		{"UTF-16 declared, by mark", "text/plain; charset=utf-16", markUTF16BE + string(be)},
		{"UTF-16 declared, little-endian to see", "text/plain; charset=UTF-16", string(le)},
		{"UTF-16 declared, big-endian to see", "text/plain; charset=utf-16", string(be)},
		{"UTF-16LE declared", "text/plain; charset=UTF-16LE", string(le)},
		{"UTF-16BE declared", "text/plain; charset=utf-16be", string(be)},
		{"ISO 8859-1", "application/json; charset=ISO-8859-1", latin},
		{"ISO 8859-1 by another name", "application/json; charset=latin1", latin},
		{"windows-1252", "application/json; charset=Windows-1252", latin},
		{"UTF-8 declared as ISO 8859-1", "text/html; charset=iso-8859-1", document},
		{"UTF-8 declared as what nobody knows", "text/html; charset=utf8mb4", document},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reading(c.body)
			r.ContentType = c.contentType
			got := apply(t, Rule{Pointer: "/größe", Where: map[string]Match{"/unit": MatchText("°C")}}, r)[0]
			if got.Quality != dodona.Good || got.Value != decimal(t, "21.5") {
				t.Errorf("%q as %q gave %+v", c.body, c.contentType, got)
			}
			if n, err := Number(r, "/größe"); err != nil || n != got.Value {
				t.Errorf("a module is given %v, %v", n, err)
			}
			if string(r.Body) != c.body {
				t.Error("the body has changed")
			}
		})
	}
}

func TestWhatCannotBeDecodedSaysInWhatItIsWritten(t *testing.T) {
	latin := "{\"t\":21.5,\"u\":\"\xb0C\"}"
	le, be := inUTF16(`{"t":21.5}`, binary.LittleEndian), inUTF16(`{"t":21.5}`, binary.BigEndian)
	for _, c := range []struct{ name, contentType, body, want string }{
		{"not UTF-8", "", latin, "not UTF-8, and no charset is declared; it begins"},
		{"not UTF-8, declared", "application/json; charset=utf-8", latin, "not UTF-8, and the charset is declared as utf-8"},
		{"not UTF-8 behind its mark", "", markUTF8 + latin, "not UTF-8, and its byte order mark says that it is"},
		{"unknown", "application/json; charset=shift_jis", latin, `its declared charset "shift_jis" is not known; known are utf-8, utf-16, utf-16le, utf-16be, windows-1252 and iso-8859-1`},
		{"two at once", `application/json; charset="utf-8, windows-1252"`, latin, `"utf-8, windows-1252" is not known`},
		{"a charset that steers a terminal", "application/json; charset=\"\x1b[31m\"", latin, "is not known"},
		{"UTF-16LE that nobody declares", "", string(le), "looks like utf-16le, but has no byte order mark, and no charset is declared"},
		{"UTF-16BE that nobody declares", "application/json; charset=utf-8", string(be), "looks like utf-16be"},
		{"UTF-16 cut off", "", markUTF16LE + string(le[:5]), "odd number of bytes"},
		{"half a character", "", markUTF16LE + "1\x00\x34\xd8", "half a character stands at byte 2"},
		{"half a character before another", "", markUTF16BE + "\xd8\x34\x001", "half a character stands at byte 0"},
		{"the second half alone", "", markUTF16BE + "\xdd\x1e\x001", "half a character"},
		{"two marks of UTF-16", "", markUTF16LE + markUTF16LE + string(le), "two byte order marks"},
		{"UTF-32LE", "", markUTF32LE + "1\x00\x00\x00", "UTF-32"},
		{"UTF-32BE", "", markUTF32BE + "\x00\x00\x001", "UTF-32"},
		{"a hole", "", "\x00\x00\x00\x00", "zero bytes"},
		{"a hole behind a document", "", `{"t":1}` + "\x00\x00", "zero bytes"},
		{"large", "", strings.Repeat("x", maxBody+1), "at most 16777216 are read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reading(c.body)
			r.ContentType = c.contentType
			got := apply(t, Rule{Pointer: "/t"}, r)[0]
			if got.Quality != dodona.Bad || !strings.Contains(got.Reason, c.want) {
				t.Errorf("%.100q as %q\n got %+v\nwant %s", c.body, c.contentType, got, c.want)
			}
			checkReason(t, got.Reason)
		})
	}
}

func TestWindows1252IsThatOfTheStandard(t *testing.T) {
	const points = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"
	var c1 []byte
	for b := 0x80; b < 0xa0; b++ {
		c1 = append(c1, byte(b))
	}
	if got, err := Text(c1, "text/plain; charset=cp1252"); err != nil || string(got) != points {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := Text(c1, "text/plain; charset=l1"); err != nil || []rune(string(got))[0x15] != 0x95 {
		t.Errorf("ISO 8859-1: got %q, %v", got, err)
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, markUTF8 + "1", markUTF16LE + "1\x00", markUTF16BE + "\x001", "\xff", "\x00", markUTF16LE + "\x34\xd8"} {
		for _, contentType := range []string{"", "a/b; charset=utf-16", "a/b; charset=windows-1252", "a/b; charset=x"} {
			f.Add([]byte(seed), contentType)
		}
	}
	fuzztest.Run(f, func(t *testing.T, body []byte, contentType string) {
		before := string(body)
		text, err := Text(body, contentType)
		if string(body) != before {
			t.Fatalf("%q became %q", before, body)
		}
		if err != nil {
			checkReason(t, err.Error())
			return
		}
		if !utf8.Valid(text) || len(text) > 3*len(body) {
			t.Fatalf("%q as %q became %q", body, contentType, text)
		}
		if utf8.Valid(body) && !strings.HasPrefix(before, markUTF8) && !strings.Contains(before, "\x00") && string(text) != before {
			t.Fatalf("UTF-8 %q became %q", body, text)
		}
	})
}
