package file

import (
	"bytes"
	"strings"
	"testing"
)

// splitAll feeds data in chunks of the given size and returns the lines, blank ones included, how many were dropped,
// and what is held back.
func splitAll(data []byte, max, chunk int) (lines []line, dropped int, rest []byte, s splitter) {
	s = newSplitter(0, max)
	for len(data) > 0 {
		n := min(chunk, len(data))
		for b := data[:n]; len(b) > 0; {
			l, took, found, long := s.feed(b)
			b = b[took:]
			if found {
				l.text = bytes.Clone(l.text)
				lines = append(lines, l)
			}
			if long {
				dropped++
			}
		}
		data = data[n:]
	}
	return lines, dropped, s.partial, s
}

func TestSplitterCutsLines(t *testing.T) {
	for _, c := range []struct {
		in, want string
		dropped  int
		rest     string
	}{
		{"", "", 0, ""},
		{"a\nb\n", "a|b", 0, ""},
		{"a\r\nb", "a", 0, "b"},
		{"\n\na\n", "||a", 0, ""},
		{"12345678\n", "12345678", 0, ""},
		{"12345678\r\n", "12345678", 0, ""},
		{"123456789\nb\n", "b", 1, ""},
		{"1234567890123456789\nb\n", "b", 1, ""},
		{"12345678\rx\nb\n", "b", 1, ""},
		{"a\n1234567890", "a", 0, ""},
	} {
		for chunk := 1; chunk <= len(c.in)+1; chunk++ {
			lines, dropped, rest, _ := splitAll([]byte(c.in), 8, chunk)
			var got []string
			for _, l := range lines {
				got = append(got, string(l.text))
			}
			if text := strings.Join(got, "|"); text != c.want || dropped != c.dropped || string(rest) != c.rest {
				t.Errorf("%q in chunks of %d: lines %q, dropped %d, held back %q; want %q, %d, %q",
					c.in, chunk, text, dropped, rest, c.want, c.dropped, c.rest)
			}
		}
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n0123456789abcdef0123456789\nc"), uint8(3), uint8(8))
	f.Add([]byte("\r\r\n\r"), uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, chunk, max uint8) {
		limit := int(max) + 1
		lines, dropped, rest, s := splitAll(data, limit, int(chunk)+1)
		if got, want := len(lines)+dropped, bytes.Count(data, []byte("\n")); got != want {
			t.Fatalf("%d lines and drops of %q, want %d", got, data, want)
		}
		if int(s.next) != len(data) || len(rest) > limit+1 {
			t.Fatalf("took %d of %d bytes and holds %d back with a limit of %d", s.next, len(data), len(rest), limit)
		}
		for _, l := range lines {
			if len(l.text) > limit || !bytes.HasPrefix(data[l.offset:], l.text) || (l.offset > 0 && data[l.offset-1] != '\n') {
				t.Fatalf("line %q at %d of %q does not stand there", l.text, l.offset, data)
			}
		}
	})
}

func FuzzParsePosition(f *testing.F) {
	f.Add(position{Path: "/a", Offset: 3, Head: strings.Repeat("0", 32), Tail: strings.Repeat("f", 32)}.cursor())
	f.Add([]byte(`{"offset":-1}`))
	f.Add([]byte(`{}{}`))
	f.Fuzz(func(t *testing.T, cursor []byte) {
		p, err := parsePosition(cursor)
		if err != nil {
			return
		}
		again, err := parsePosition(p.cursor())
		if err != nil || !again.Modified.Equal(p.Modified) {
			t.Fatalf("cursor %q came back as %+v, %v, want %+v", cursor, again, err, p)
		}
		if again.Modified = p.Modified; again != p {
			t.Fatalf("cursor %q came back as %+v, want %+v", cursor, again, p)
		}
	})
}
