package plain

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func TestLineShowsNothingThatSteers(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"as it is", "42.5 °C, naïve 語 👍", "42.5 °C, naïve 語 👍"},
		{"nothing", "", ""},
		{"a colour", "\x1b[31mred\x1b[0m", "·[31mred·[0m"},
		{"a title", "\x1b]0;owned\x07", "·]0;owned·"},
		{"an escape of one byte", "a\u009b2Jb", "a·2Jb"},
		{"lines of ours", "ok\nlevel=ERROR", "ok·level=ERROR"},
		{"carriage return", "good\rbad", "good·bad"},
		{"line separators", "a\u2028b\u2029c\u0085d", "a·b·c·d"},
		{"right to left", "a\u202egpj.exe\u2066\u200f", "a·gpj.exe··"},
		{"invisible", "a\u200bb\ufeffc\u00add", "a·b·c·d"},
		{"blanks that are none", "a\u00a0b\u3000c", "a·b·c"},
		{"tags", "a\U000e0041b", "a·b"},
		{"not UTF-8", "a\xffb\xc3", "a·b·"},
		{"surrogates and overlong", "\xed\xa0\x80\xc0\xaf", "·····"},
		{"the replacement itself", "a\ufffdb", "a·b"},
		{"delete and nul", "a\x7fb\x00", "a·b·"},
	} {
		if got := Line(c.in, 1000); got != c.want {
			t.Errorf("%s: Line(%q) = %q, want %q", c.name, c.in, got, c.want)
		}
		if want := c.in == c.want && utf8.ValidString(c.in); Is(c.in) != want && c.in != "a\ufffdb" {
			t.Errorf("%s: Is(%q) = %t, want %t", c.name, c.in, !want, want)
		}
	}
}

func TestLinesKeepLinesAndTabs(t *testing.T) {
	in := "a\tb\r\nc\x1b[2J\rd\n\u2028"
	if got, want := Lines(in, math.MaxInt), "a\tb\nc·[2J·d\n·"; got != want {
		t.Errorf("Lines(%q) = %q, want %q", in, got, want)
	}
}

func TestTextsAreCutBetweenCharacters(t *testing.T) {
	for _, c := range []struct {
		in                string
		most              int
		line, cut, quoted string
	}{
		{"abcdef", 6, "abcdef", "abcdef", `"abcdef"`},
		{"abcdef", 5, "abcde…", "abcde…", `"abcde"…`},
		{"aß語👍", 10, "aß語👍", "aß語👍", `"aß語👍"`},
		{"aß語👍", 9, "aß語…", "aß語…", `"aß語"…`},
		{"aß語👍", 5, "aß…", "aß…", `"aß"…`},
		{"aß語👍", 2, "a…", "a…", `"a"…`},
		{"ß", 1, "…", "…", `""…`},
		{"ab", 0, "…", "…", `""…`},
		{"\x80\x80\x80\x80\x80", 3, "·…", "…", `"\x80\x80\x80"…`},
	} {
		if got := Line(c.in, c.most); got != c.line {
			t.Errorf("Line(%q, %d) = %q, want %q", c.in, c.most, got, c.line)
		}
		if got := Cut(c.in, c.most); got != c.cut {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.most, got, c.cut)
		}
		if got := Quote(c.in, c.most); got != c.quoted {
			t.Errorf("Quote(%q, %d) = %q, want %q", c.in, c.most, got, c.quoted)
		}
	}
}

func TestExcerptIsOneLineOfABody(t *testing.T) {
	for _, c := range []struct {
		in   string
		most int
		want string
	}{
		{"", 10, ""},
		{" \r\n\t ", 10, ""},
		{"<html>\r\n  <b>no\tsuch\u2028page</b>\n", 100, "no such page"},
		{"\x1b[31mno\xff", 100, "·[31mno·"},
		{strings.Repeat("\n", 1<<20) + "late", 10, "…"},
		{strings.Repeat("語 ", 1<<20), 7, "語 語…"},
	} {
		if got := Excerpt([]byte(c.in), c.most); got != c.want {
			t.Errorf("Excerpt(%.40q, %d) = %q, want %q", c.in, c.most, got, c.want)
		}
	}
}

func FuzzWhatIsShownIsSafeAndShort(f *testing.F) {
	f.Add("\x1b[31m\u202e\xff\n", 3)
	f.Add(strings.Repeat("語", 100), 17)
	fuzztest.Run(f, func(t *testing.T, s string, most int) {
		most &= 0xff
		check := func(name, got string, steers func(rune) bool) {
			t.Helper()
			if len(got) > most+len(ellipsis) || !utf8.ValidString(got) || strings.ContainsFunc(got, steers) {
				t.Errorf("%s(%q, %d) = %q", name, s, most, got)
			}
		}
		unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
		check("Line", Line(s, most), unprintable)
		check("Excerpt", Excerpt([]byte(s), most), unprintable)
		check("Lines", Lines(s, most), func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) })
		if got := Line(Line(s, math.MaxInt), math.MaxInt); got != Line(s, math.MaxInt) || !Is(got) {
			t.Errorf("Line is not settled on %q", s)
		}
		if _, err := strconv.Unquote(strings.TrimSuffix(Quote(s, most), ellipsis)); err != nil {
			t.Errorf("Quote(%q, %d) = %s: %v", s, most, Quote(s, most), err)
		}
		if got := Cut(s, most); len(got) > most+len(ellipsis) && len(s) > most {
			t.Errorf("Cut(%q, %d) = %q", s, most, got)
		}
	})
}

// TestAJSONTextSteersNoTerminalAndMeansTheSame, whatever an encoder left in it.
func TestAJSONTextSteersNoTerminalAndMeansTheSame(t *testing.T) {
	for in, want := range map[string]string{
		`{"t":21.5,"u":"°C 語 👍"}`:        `{"t":21.5,"u":"°C 語 👍"}`,
		"{\n  \"a\": \"\\u001b[31m\"\n}": "{\n  \"a\": \"\\u001b[31m\"\n}",
		"{\"a\":\"x\u009b2J\"}":          `{"a":"x\u009b2J"}`,
		"{\"\u202ea\":\"\x7f\"}":         `{"\u202ea":"\u007f"}`,
		"[\"\U000e0041\",\"\u2028\"]":    `["\udb40\udc41","\u2028"]`,
		"[\"\ufffd\"]":                   `["\ufffd"]`,
	} {
		got := string(JSON([]byte(in)))
		if want = strings.ReplaceAll(want, `\ufffd`, "\ufffd"); got != want {
			t.Errorf("JSON(%q) = %q, want %q", in, got, want)
		}
		var was, is any
		if err := errors.Join(json.Unmarshal([]byte(in), &was), json.Unmarshal([]byte(got), &is)); err != nil || !reflect.DeepEqual(was, is) {
			t.Errorf("JSON(%q) means %v, want %v (%v)", in, is, was, err)
		}
	}
}
