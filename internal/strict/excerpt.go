package strict

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona/internal/redact"
	"github.com/dodona-oracle/dodona/internal/secret"
)

const (
	maskText     = secret.Mask
	excerptWidth = 100     // characters of a line that are shown
	longestLine  = 4 << 10 // bytes; of a longer line nothing is shown
)

// punctuation is what an excerpt shows outside of values.
const punctuation = " {}[],:-?|>\"'"

// excerpt returns the line of a place and a caret under it:
//
//	12 |     modbus: {adress: 10.0.0.5:502, unit: 3}
//	   |              ^^^^^^
//
// Only keys and values that were recognised as settings without secrets are shown; everything else is •••.
func (d *document) excerpt(at *Span, words map[string]bool, secrets []string) string {
	if at.line < 1 || at.line > len(d.lines) || len(d.lines[at.line-1]) > longestLine {
		return ""
	}
	m := masker{line: d.lines[at.line-1], start: d.starts[at.line-1], caret: -1, caretEnd: -1}
	m.secrets = secretRanges(m.line, secrets)
	m.mark = len(m.line)
	for i, column := 0, 1; i < len(m.line); column++ {
		if column == at.column {
			m.mark = i
			break
		}
		_, size := utf8.DecodeRuneInString(m.line[i:])
		i += size
	}
	m.markEnd = m.mark + 1
	if at.Show {
		m.markEnd = max(m.markEnd, at.to-m.start)
	}
	if d.exact {
		m.bySpans(d.spans)
	} else {
		m.byWords(words)
	}
	m.point(len(m.line) + 1)
	text, caret := clip(m.out.String(), m.caret, excerptWidth)
	width := max(1, min(m.caretEnd-m.caret, utf8.RuneCountInString(text)-caret))
	number := strconv.Itoa(at.line)
	return fmt.Sprintf("%5s | %s\n%5s | %s%s", number, text, "", strings.Repeat(" ", caret), strings.Repeat("^", width))
}

// masked returns all lines as excerpts show them, without comments and the blanks at their ends.
func (d *document) masked(words map[string]bool, secrets []string) string {
	var b strings.Builder
	spans := d.spans
	for i, line := range d.lines {
		if len(line) > longestLine {
			b.WriteString(maskText + "\n")
			continue
		}
		m := masker{line: line, start: d.starts[i], secrets: secretRanges(line, secrets)}
		if d.exact {
			for len(spans) > 0 && spans[0].to <= m.start {
				spans = spans[1:]
			}
			m.bySpans(spans)
		} else {
			m.byWords(words)
		}
		b.WriteString(strings.TrimRight(m.out.String(), " ") + "\n")
	}
	return b.String()
}

// A masker writes one line with everything hidden that may not be shown, and remembers where the caret went.
type masker struct {
	line          string
	start         int // byte offset of the line
	mark, markEnd int // bytes in the line the caret points at
	out           strings.Builder
	width         int // characters written
	caret         int // width at mark; -1 before
	caretEnd      int // width at markEnd; -1 before
	masked        bool

	secrets [][2]int // byte ranges of the line that are hidden whatever they are in
}

func (m *masker) secret(i int) bool {
	return slices.ContainsFunc(m.secrets, func(r [2]int) bool { return r[0] <= i && i < r[1] })
}

func (m *masker) write(i int, r rune) {
	m.point(i)
	m.masked = false
	if r == '\t' {
		r = ' '
	}
	m.out.WriteRune(r)
	m.width++
}

// hide writes one mask for a run of hidden characters.
func (m *masker) hide(i int) {
	m.point(i)
	if !m.masked {
		m.out.WriteString(maskText)
		m.width += utf8.RuneCountInString(maskText)
	}
	m.masked = true
}

func (m *masker) point(i int) {
	if m.caret < 0 && i >= m.mark {
		m.caret = m.width
	}
	if m.caretEnd < 0 && i >= m.markEnd {
		m.caretEnd = m.width
	}
}

func (m *masker) bySpans(spans []*Span) {
	next := 0
	rest := false   // of a value that is hidden from some character on
	broken := false // by what no URL has, behind which any part of one may stand
	for i, r := range m.line {
		offset := m.start + i
		for next < len(spans) && spans[next].to <= offset {
			next++
			rest = false
		}
		inside := next < len(spans) && spans[next].from <= offset
		rest = rest || inside && (r == '?' || r == '&' || spans[next].from < m.start) // a query, perhaps with a key in it, or another line than the first
		last := inside && offset+1 == spans[next].to && (r == '"' || r == '\'')
		broken = inside && (broken || !last && strings.ContainsRune(" \"'<>`", r) && strings.Contains(m.line[max(0, spans[next].from-m.start):i], "//"))
		switch {
		case m.secret(i), inside && rest && r != '?' && r != '&', broken && r != ' ' && !last:
			m.hide(i)
		case inside && spans[next].Show, !inside && (strings.ContainsRune(punctuation, r) || r == '\t'):
			m.write(i, r)
		case !inside && r == '#': // a comment, perhaps one that hides an old password
			return
		default:
			m.hide(i)
		}
	}
}

var wordPattern = regexp.MustCompile(`[^ \t{}\[\],:"'#?|>]+`)

// byWords shows only the words of the grammar and punctuation: in a file that is not YAML nobody knows
// which words are values.
func (m *masker) byWords(words map[string]bool) {
	hidden := make([]bool, len(m.line))
	for _, at := range wordPattern.FindAllStringIndex(m.line, -1) {
		word := m.line[at[0]:at[1]]
		for i := at[0]; i < at[1]; i++ {
			hidden[i] = !words[word] && word != "-"
		}
	}
	for i, r := range m.line {
		if hidden[i] || m.secret(i) {
			m.hide(i)
			continue
		}
		m.write(i, r)
	}
}

// clip keeps width characters of a long line around its caret, and marks the cuts.
func clip(text string, caret, width int) (string, int) {
	runes := []rune(text)
	from := 0
	if caret > width*3/4 {
		from = min(caret-width/2, max(0, len(runes)-width))
	}
	to := min(len(runes), from+width)
	clipped := strings.TrimRight(string(runes[from:to]), " ")
	if to < len(runes) {
		clipped += "…"
	}
	if from > 0 {
		return "…" + clipped, caret - from + 1
	}
	return clipped, caret
}

// What looks like a secret wherever it stands; the second group of each is the secret.
var (
	urlSecrets = []*regexp.Regexp{ // in a URL as it should be
		regexp.MustCompile(`(://)([^/@\s]+)@`),
		regexp.MustCompile(`(?i)([?&](?:api[_-]?key|key|access[_-]?key|access[_-]?token|token|auth|secret|password|passwd|sig|signature)=)([^&\s"'#]+)`),
	}
	anySecrets = append([]*regexp.Regexp{ // and in a text that may be anything: rather too much than too little
		regexp.MustCompile(`()([^\s"'/]*:[^\s"'/]*|[^\s"'/]{4,})@`),
		regexp.MustCompile(`(\b)((?:0[xX])?[0-9a-fA-F]{64})\b`),
		regexp.MustCompile(`(?i)(["'](?:bearer|basic)\s+)([^"']+)`),
	}, urlSecrets...)
)

// Where other languages of pointers have an @ that no host follows: $.list[?(@.symbol=="BTCUSD")] of JSONPath, //item[@id="3"] of XPath.
var (
	filterBefore    = regexp.MustCompile(`^\$[\w.*:,\[\]-]*\[[?(]([^@]|@[.=!<>\[])*$`)
	filterAfter     = regexp.MustCompile(`^@(\.[\w\[]|\[['"]|\s*[=!<>~)])`)
	attributeBefore = regexp.MustCompile(`^[\w.*-]+\[$`)
	attributeAfter  = regexp.MustCompile(`^@[\w-]+\s*[=\]]`)
)

// isQuery reports whether an @ stands in a query of a document, and not behind a user and a password.
func isQuery(before, after string) bool {
	return filterBefore.MatchString(before) && filterAfter.MatchString(after) || attributeBefore.MatchString(before) && attributeAfter.MatchString(after)
}

// secretRanges returns where in a text that may be anything what looks like a secret stands, and the given secrets.
func secretRanges(text string, secrets []string) [][2]int {
	ranges := matches(text, anySecrets)
	for _, p := range redact.Places(text) {
		if p.What != redact.Header { // which is also prose: "bearer stands in clear"
			ranges = append(ranges, [2]int{p.From, p.To})
		}
	}
	for _, s := range secrets {
		for from := 0; s != ""; {
			i := strings.Index(text[from:], s)
			if i < 0 {
				break
			}
			ranges = append(ranges, [2]int{from + i, from + i + len(s)})
			from += i + len(s)
		}
	}
	return append(ranges, beginnings(text, secrets)...)
}

// beginnings returns where in a text that was cut a given secret begins that was cut with it.
func beginnings(text string, secrets []string) (ranges [][2]int) {
	for end := strings.Index(text, cutOff); end >= 0; {
		for _, s := range secrets {
			for n := min(len(s)-1, end); n >= leastSecret; n-- {
				if strings.HasSuffix(text[:end], s[:n]) {
					ranges = append(ranges, [2]int{end - n, end})
					break
				}
			}
		}
		next := strings.Index(text[end+len(cutOff):], cutOff)
		if next < 0 {
			break
		}
		end += len(cutOff) + next
	}
	return ranges
}

const cutOff = "…" // stands where a text was cut

// settingRanges returns where in the text of a setting what is a secret stands. What a query asks for is shown, but for what looks like a secret.
func settingRanges(text string) [][2]int {
	ranges := matches(text, urlSecrets)
	for _, p := range redact.Places(text) {
		if p.What != redact.Query && p.What != redact.Header || redact.Token(text[p.From:p.To]) {
			ranges = append(ranges, [2]int{p.From, p.To})
		}
	}
	return ranges
}

// matches returns where in a text the second groups of patterns stand.
func matches(text string, patterns []*regexp.Regexp) (ranges [][2]int) {
	for _, p := range patterns {
		for _, m := range p.FindAllStringSubmatchIndex(text, -1) {
			if !isQuery(text[m[4]:m[5]], text[m[5]:]) {
				ranges = append(ranges, [2]int{m[4], m[5]})
			}
		}
	}
	return ranges
}

// without returns a text with a mask in place of each range.
func without(text string, ranges [][2]int) string {
	slices.SortFunc(ranges, func(a, b [2]int) int { return a[0] - b[0] })
	var b strings.Builder
	done := 0
	for _, at := range ranges {
		if at[1] <= done {
			continue
		}
		if at[0] >= done {
			b.WriteString(text[done:at[0]] + maskText)
		}
		done = at[1]
	}
	return b.String() + text[done:]
}

// Quote prints a piece of the file in a message: short, on one line, and cut where it stops looking like a word,
// because `password:hunter2` is one word to YAML.
func Quote(text string) string {
	if wordLike.MatchString(text) {
		return strconv.Quote(text)
	}
	if i := strings.IndexAny(text, ":= \t\n"); i > 0 && wordLike.MatchString(text[:i]) {
		return strconv.Quote(text[:i] + maskText)
	}
	return maskText
}

// QuoteAll prints a value of a setting that holds no secret, without what looks like one all the same.
func QuoteAll(text string) string {
	const most = 60
	text = without(text, secretRanges(text, nil))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strconv.Quote(text)
}
