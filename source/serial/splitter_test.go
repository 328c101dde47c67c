package serial

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// splits returns what a splitter makes of pieces that come with pauses between them.
func splits(s Settings, pieces ...string) (frames, drops []string) {
	s.Complete()
	p := newSplitter(&s, func(f []byte) { frames = append(frames, string(f)) }, func(cause string) { drops = append(drops, cause) })
	for i, piece := range pieces {
		if i > 0 {
			p.pause()
		}
		p.add([]byte(piece))
	}
	return frames, drops
}

func TestFramesAreToldApart(t *testing.T) {
	const long = "it does not end within max_frame (8 bytes)"
	of := func(f Framing, change func(*Settings)) Settings {
		s := Settings{Frame: f, MaxFrame: 8}
		if change != nil {
			change(&s)
		}
		return s
	}
	between := func(s *Settings) { s.Start, s.End = "\x02", "\x03" }
	for name, c := range map[string]struct {
		s      Settings
		pieces []string
		frames string
		drops  string
	}{
		"a line begun before":           {of(line, nil), []string{"5.2\r\n17.3\r\n"}, `["17.3"]`, `["` + causeBefore + `"]`},
		"lines, one without \\r":        {of(line, nil), []string{"\n1\r\n2\n\n3\r\n4"}, `["1" "2" "3"]`, `[]`},
		"a line behind a pause":         {of(line, nil), []string{"", "1\n"}, `["1"]`, `[]`},
		"a line that pauses":            {of(line, nil), []string{"\n12", "3\n4\n"}, `["3" "4"]`, `["` + causePause + `"]`},
		"lines of another end":          {of(line, func(s *Settings) { s.End = "\r" }), []string{"\r1\r\n2\r"}, `["1" "\n2"]`, `[]`},
		"a line of the greatest length": {of(line, nil), []string{"\n12345678\r\n1\n"}, `["12345678" "1"]`, `[]`},
		"a line that is too long":       {of(line, nil), []string{"\n123456789\n1\n"}, `["1"]`, `["` + long + `"]`},
		"a line that does not end":      {of(line, nil), []string{"\n" + strings.Repeat("x", 1000) + "\n1\n"}, `["1"]`, `["` + long + `"]`},
		"delimited":                     {of(delimited, between), []string{"x\x03\x02ab\x03\r\n\x02c\x03"}, `["\x02ab\x03" "\x02c\x03"]`, `["` + causeBefore + `"]`},
		"delimited, noise between":      {of(delimited, between), []string{"\x02a\x03noise\x02b\x03"}, `["\x02a\x03" "\x02b\x03"]`, `["` + causeNoise + `"]`},
		"delimited, torn":               {of(delimited, between), []string{"\x02a\x02b\x03"}, `["\x02b\x03"]`, `["` + causeWithin + `"]`},
		"delimited, without an end":     {of(delimited, between), []string{"\x02123456789012\x02b\x03"}, `["\x02b\x03"]`, `["` + long + `" "` + causeNoise + `"]`},
		"delimited with a check byte":   {of(delimited, func(s *Settings) { between(s); s.Trailer = 1 }), []string{"\x02a\x03\x03\x02b\x03\x02\x02c\x03x"}, `["\x02a\x03\x03" "\x02b\x03\x02" "\x02c\x03x"]`, `[]`},
		"marks of several bytes":        {of(delimited, func(s *Settings) { s.Start, s.End = "<<", ">>" }), []string{"<<<a>>><<b>>"}, `["<<<a>>" "<<b>>"]`, `["` + causeNoise + `"]`},
		"a pause within":                {of(delimited, between), []string{"\x02a", "b\x03\x02c\x03"}, `["\x02c\x03"]`, `["` + causePause + `" "` + causeNoise + `"]`},
		"of a length":                   {of(length, func(s *Settings) { s.Length = 3 }), []string{"xx", "abcdef", "gh", "ijk"}, `["abc" "def" "ijk"]`, `["` + causeBefore + `" "` + causePause + `"]`},
		"of a length, with a start":     {of(length, func(s *Settings) { s.Length, s.Start = 4, "\xaa\x55" }), []string{"\x55\xaa\xaa\x55\x01\xaa\xaa\x55\xaa\x55"}, `["\xaaU\x01\xaa" "\xaaU\xaaU"]`, `["` + causeBefore + `"]`},
		"until silence":                 {of(silence, nil), []string{"end", "whole", "", "123456789", "next", ""}, `["whole" "next"]`, `["` + causeBefore + `" "` + long + `"]`},
		"nmea":                          {of(nmea, func(s *Settings) { s.MaxFrame = unit.KiB }), []string{"9.2*11\r\n$A*41\r\n!B*42\n"}, `["$A*41" "!B*42"]`, `["` + causeBefore + `"]`},
		"nmea, torn":                    {of(nmea, func(s *Settings) { s.MaxFrame = unit.KiB }), []string{"$GPRM$A*41\r\n"}, `["$A*41"]`, `["` + causeWithin + `"]`},
	} {
		frames, drops := splits(c.s, c.pieces...)
		if got := fmt.Sprintf("%q", frames); got != c.frames {
			t.Errorf("%s: %q are frames %s, want %s", name, c.pieces, got, c.frames)
		}
		if got := fmt.Sprintf("%q", drops); got != c.drops {
			t.Errorf("%s: %q has drops %s, want %s", name, c.pieces, got, c.drops)
		}
	}
}

// FuzzSplitter: however bytes come, nothing grows without bound, no frame is longer than it may be, and the same bytes in other pieces are the same frames.
func FuzzSplitter(f *testing.F) {
	f.Add(uint8(0), []byte("a\r\nbc\n"), uint8(3))
	f.Add(uint8(1), []byte("\x02a\x03x\x02b\x02c\x03"), uint8(1))
	f.Add(uint8(2), []byte("\xaa\x55\x01\xaa\x55"), uint8(2))
	f.Add(uint8(3), []byte("abc"), uint8(2))
	f.Add(uint8(4), []byte("$GPGLL,,,,,,V*06\r\n!x"), uint8(7))
	f.Add(uint8(5), []byte("abcdefgh"), uint8(7))
	fuzztest.Run(f, func(t *testing.T, way uint8, came []byte, cut uint8) {
		s := Settings{MaxFrame: 16}
		switch way % 6 {
		case 0:
			s.Frame = line
		case 1:
			s.Frame, s.Start, s.End, s.Trailer = delimited, "\x02", "\x03", int(cut%3)
		case 2:
			s.Frame, s.Start, s.Length = length, "\xaa\x55", 5
		case 3:
			s.Frame = silence
		case 4:
			s.Frame = nmea
		case 5:
			s.Frame, s.Length = length, 3
		}
		s.Complete()
		split := func(pieces ...[]byte) string {
			var frames, drops int
			var all bytes.Buffer
			p := newSplitter(&s, func(f []byte) {
				if len(f) > int(s.MaxFrame) {
					t.Errorf("a frame of %d bytes", len(f))
				}
				frames++
				fmt.Fprintf(&all, "%q ", f)
			}, func(cause string) {
				drops++
				fmt.Fprintf(&all, "dropped: %s ", cause)
			})
			p.pause()
			for _, piece := range pieces {
				p.add(piece)
				if len(p.held) > int(s.MaxFrame)+2*longestMark {
					t.Errorf("%d bytes are held", len(p.held))
				}
			}
			p.pause()
			p.left("")
			if frames+drops > len(came)+1 {
				t.Errorf("%d frames and %d drops of %d bytes", frames, drops, len(came))
			}
			return all.String()
		}
		at := min(int(cut), len(came))
		if whole, cut := split(came), split(came[:at], came[at:]); whole != cut {
			t.Errorf("whole: %s\ncut: %s", whole, cut)
		}
	})
}
