package file

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/source"
)

// splitAll feeds data in chunks of the given size and returns the lines but empty ones, how many were dropped, the bytes of
// holes, and what is held back.
func splitAll(data []byte, max, chunk int) (lines []line, dropped, holes int, rest []byte, s splitter) {
	s = newSplitter(0, max)
	for len(data) > 0 {
		n := min(chunk, len(data))
		for b := data[:n]; len(b) > 0; {
			c := s.feed(b)
			b = b[c.took:]
			if c.found && len(c.line.text) > 0 {
				c.line.text = bytes.Clone(c.line.text)
				lines = append(lines, c.line)
			}
			if c.long {
				dropped++
			}
			if c.hole > 0 {
				holes += int(c.hole)
			}
		}
		data = data[n:]
	}
	return lines, dropped, holes, s.partial, s
}

func TestSplitterCutsLines(t *testing.T) {
	for _, c := range []struct {
		in, want string
		dropped  int
		holes    int
		rest     string
	}{
		{"", "", 0, 0, ""},
		{"a\nb\n", "a|b", 0, 0, ""},
		{"a\r\nb", "a", 0, 0, "b"},
		{"a\rb\rc", "a|b", 0, 0, "c"},
		{"a\n\rb\n", "a|b", 0, 0, ""},
		{"\n\na\n", "a", 0, 0, ""},
		{"12345678\n", "12345678", 0, 0, ""},
		{"12345678\r\n", "12345678", 0, 0, ""},
		{"123456789\nb\n", "b", 1, 0, ""},
		{"1234567890123456789\nb\n", "b", 1, 0, ""},
		{"12345678\rx\nb\n", "12345678|x|b", 0, 0, ""},
		{"a\n1234567890", "a", 0, 0, ""},
		{"a\n\x00\x00\x00b\n", "a|b", 0, 3, ""},
		{"a\nhalf\x00\x00b\nc", "a|b", 0, 2, "c"},
		{"a\n1234567890\x00b\n", "a|b", 0, 1, ""},
		{"\x00a\x00\x00b\n", "b", 0, 3, ""},
		{"a\n\x00\x00\n", "a", 0, 2, ""},
	} {
		for chunk := 1; chunk <= len(c.in)+1; chunk++ {
			lines, dropped, holes, rest, _ := splitAll([]byte(c.in), 8, chunk)
			var got []string
			for _, l := range lines {
				got = append(got, string(l.text))
			}
			if text := strings.Join(got, "|"); text != c.want || dropped != c.dropped || holes != c.holes || string(rest) != c.rest {
				t.Errorf("%q in chunks of %d: lines %q, dropped %d, holes %d, held back %q; want %q, %d, %d, %q",
					c.in, chunk, text, dropped, holes, rest, c.want, c.dropped, c.holes, c.rest)
			}
		}
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n0123456789abcdef0123456789\nc"), uint8(3), uint8(8))
	f.Add([]byte("\r\r\n\r"), uint8(1), uint8(1))
	f.Add([]byte("a\n\x00\x00b\nc\x00"), uint8(1), uint8(4))
	fuzztest.Run(f, func(t *testing.T, data []byte, chunk, max uint8) {
		limit := int(max) + 1
		lines, dropped, holes, rest, s := splitAll(data, limit, int(chunk)+1)
		// What the text says, line by line: whatever a hole follows is gone with it.
		var want []string
		long, zeros := 0, 0
		at := 0
		for at < len(data) {
			end := bytes.IndexAny(data[at:], "\n\r\x00")
			if end < 0 {
				break
			}
			if part := data[at : at+end]; data[at+end] == 0 {
				zeros++
			} else if len(part) > limit {
				long++
			} else if len(part) > 0 {
				want = append(want, string(part))
			}
			at += end + 1
		}
		for tail := len(data); tail > 0 && data[tail-1] == 0; tail-- {
			zeros-- // nothing follows them
		}
		if len(lines) != len(want) || dropped != long || holes != zeros {
			t.Fatalf("%d lines, %d dropped, holes of %d bytes of %q, want %d, %d, %d", len(lines), dropped, holes, data, len(want), long, zeros)
		}
		if int(s.next) != len(data) || len(rest) > limit {
			t.Fatalf("took %d of %d bytes and holds %d back with a limit of %d", s.next, len(data), len(rest), limit)
		}
		for i, l := range lines {
			if string(l.text) != want[i] || !bytes.HasPrefix(data[l.offset:], l.text) || (l.offset > 0 && strings.IndexByte("\n\r\x00", data[l.offset-1]) < 0) {
				t.Fatalf("line %q at %d of %q does not stand there, want %q", l.text, l.offset, data, want[i])
			}
		}
	})
}

func FuzzParsePosition(f *testing.F) {
	f.Add(position{Path: "/a", Offset: 3, Head: strings.Repeat("0", 32), Tail: strings.Repeat("f", 32)}.cursor())
	f.Add(position{
		Path: "/a", Head: strings.Repeat("0", 32), Tail: strings.Repeat("f", 32), At: "/b",
		Left: []mark{{Inode: 7, Head: strings.Repeat("0", 32), Tail: strings.Repeat("f", 32)}},
	}.cursor())
	f.Add([]byte(`{"offset":-1}`))
	f.Add([]byte(`{}{}`))
	fuzztest.Run(f, func(t *testing.T, cursor []byte) {
		p, err := parsePosition(cursor)
		if err != nil {
			return
		}
		again, err := parsePosition(p.cursor())
		if err != nil || !again.Modified.Equal(p.Modified) {
			t.Fatalf("cursor %q came back as %+v, %v, want %+v", cursor, again, err, p)
		}
		if len(p.Left) == 0 {
			p.Left = nil // which is written as nothing
		}
		if again.Modified = p.Modified; !reflect.DeepEqual(again, p) {
			t.Fatalf("cursor %q came back as %+v, want %+v", cursor, again, p)
		}
	})
}

func FuzzCursorOfMany(f *testing.F) {
	p := position{Path: "a.log", Offset: 3, Head: strings.Repeat("0", 32), Tail: strings.Repeat("f", 32)}
	m := &many{settings: Settings{Path: "/logs/*.log"}, gone: []position{p}, members: map[string]*follower{"b.log": {last: &p}}}
	f.Add(m.cursor())
	f.Add([]byte(`{"pattern":"/logs/*.log","files":[],"gone":[]}`))
	f.Add([]byte(`{"pattern":"/logs/*.log","files":[{"path":"../x"}],"gone":null}`))
	fuzztest.Run(f, func(t *testing.T, cursor []byte) {
		env := source.Env{Cursor: cursor, Log: slog.New(slog.DiscardHandler)}
		m := openMany(Settings{Path: "/logs/*.log", MaxLine: 64}, env, time.Second)
		if !m.scanned { // it was not one of ours
			return
		}
		env.Cursor = m.cursor()
		if again := openMany(m.settings, env, time.Second); !again.scanned || !bytes.Equal(again.cursor(), env.Cursor) {
			t.Fatalf("cursor %q came back as %q", cursor, again.cursor())
		}
		for _, f := range m.members {
			if filepath.Dir(f.path) != "/logs" {
				t.Fatalf("cursor %q leads to %s", cursor, f.path)
			}
		}
	})
}
