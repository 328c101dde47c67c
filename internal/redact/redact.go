// Package redact takes secrets out of texts that are about to be shown to strangers: those that are known, wherever and in
// whatever coding they stand, and what looks like one. It rather takes too much than too little.
package redact

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona/internal/secret"
)

// What is taken out, as [Taken] counts it.
const (
	Known   = "known secrets"
	User    = "users of URLs"
	Query   = "query values of URLs"
	Part    = "fragments of URLs"
	Path    = "parts of URLs that look like tokens"
	Word    = "words that begin as tokens of well-known services do"
	Setting = "values that are set for passwords and tokens"
	Header  = "what follows Bearer or Basic"
	Key     = "private keys in PEM"
)

// Taken counts what was taken out of a text, by what it was.
type Taken map[string]int

// Add adds the counts of other.
func (t Taken) Add(other Taken) {
	for what, n := range other {
		t[what] += n
	}
}

// A Redactor knows secrets. Make it with [New]; it is safe for concurrent use.
type Redactor struct {
	known *strings.Replacer
	code  bool // what looks like a path of a URL is one of a package
}

// Bounds of the secrets that are looked for by themselves.
const (
	leastKnown = 4       // bytes of one: shorter ones stand everywhere
	leastLine  = 12      // of a line of one that has several, such as a key in PEM
	mostKnown  = 4 << 20 // bytes of all of them together, in all codings
)

// New returns a redactor that knows secrets: it looks for them as they are, and as URLs, JSON, base64 and hexadecimal digits write them.
// What has less than four bytes is not looked for.
func New(secrets ...string) *Redactor {
	set := map[string]bool{}
	size := 0
	add := func(text string) {
		if len(text) >= leastKnown && !set[text] && size+len(text) <= mostKnown {
			set[text] = true
			size += len(text)
		}
	}
	for _, s := range secrets {
		for _, text := range pieces(s) {
			if len(text) < leastKnown {
				continue
			}
			for _, form := range forms(text) {
				add(form)
			}
		}
	}
	list := make([]string, 0, len(set))
	for text := range set {
		list = append(list, text)
	}
	// Where two begin at one place, the longer one is taken.
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(list))
	for _, text := range list {
		pairs = append(pairs, text, mark)
	}
	return &Redactor{known: strings.NewReplacer(pairs...)}
}

// mark stands for a known secret until it was counted: a noncharacter, which no text has.
const mark = "\uFDD0"

// pieces returns a secret and, of one with several lines, each that is long enough to be one.
func pieces(s string) []string {
	list := []string{strings.TrimSpace(s)}
	if !strings.Contains(list[0], "\n") {
		return list
	}
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); len(line) >= leastLine && !strings.HasPrefix(line, "-----") {
			list = append(list, line)
		}
	}
	return list
}

var percents = regexp.MustCompile("%[0-9A-F]{2}")

// forms returns how a text may be written.
func forms(text string) []string {
	quoted, _ := json.Marshal(text)
	goQuoted := strconv.Quote(text)
	escaped := url.QueryEscape(text)
	list := []string{
		text, escaped, strings.ReplaceAll(escaped, "+", "%20"), url.PathEscape(text), url.UserPassword("", text).String()[1:],
		string(quoted[1 : len(quoted)-1]), goQuoted[1 : len(goQuoted)-1], hex.EncodeToString([]byte(text)), fmt.Sprintf("%X", text),
	}
	for _, form := range list[1:5] { // percent signs may be followed by small letters
		list = append(list, percents.ReplaceAllStringFunc(form, strings.ToLower))
	}
	for _, coding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for shift := range 3 { // behind a user and a colon it stands at any place of three bytes
			whole := coding.EncodeToString([]byte("\x00\x00\x00"[:shift] + text))
			from, to := (shift*8+5)/6, (shift+len(text))*8/6 // characters of which each bit is the secret's
			list = append(list, whole[from:to])
		}
	}
	if digits, isHex := strings.CutPrefix(strings.ToLower(text), "0x"); isHex || isDigits(digits) {
		list = append(list, digits, strings.ToUpper(digits))
	}
	return list
}

func isDigits(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil
}

// OfCode returns a redactor for texts that name the packages and functions of a program, which look like URLs with tokens in them: it leaves
// the users and parts of paths that are no known secret.
func (r *Redactor) OfCode() *Redactor { return &Redactor{known: r.known, code: true} }

// Text returns a text without its secrets, each of which is ••• then, and says what was taken.
func (r *Redactor) Text(text string) (string, Taken) {
	taken := Taken{}
	text = r.known.Replace(strings.ReplaceAll(text, mark, "\uFFFD"))
	if n := strings.Count(text, mark); n > 0 {
		taken[Known] = n
		text = strings.ReplaceAll(text, mark, secret.Mask)
	}
	var b strings.Builder
	done := 0
	for _, p := range Places(text) {
		if r.code && (p.What == Path || p.What == User) {
			continue
		}
		b.WriteString(text[done:p.From] + secret.Mask)
		taken[p.What]++
		done = p.To
	}
	return b.String() + text[done:], taken
}

// JSON is [Redactor.Text] for each text in JSON documents, and then for the whole.
func (r *Redactor) JSON(doc []byte) ([]byte, Taken) {
	taken := Taken{}
	var out bytes.Buffer
	for len(doc) > 0 {
		from := bytes.IndexByte(doc, '"')
		if from < 0 {
			break
		}
		to := endOfText(doc, from)
		var text string
		if json.Unmarshal(doc[from:to], &text) != nil {
			out.Write(doc[:to])
			doc = doc[to:]
			continue
		}
		out.Write(doc[:from])
		clean, of := r.Text(text)
		taken.Add(of)
		if clean == text {
			out.Write(doc[from:to])
		} else {
			encoder := json.NewEncoder(&out)
			encoder.SetEscapeHTML(false)
			_ = encoder.Encode(clean) // a string into memory cannot fail
			out.Truncate(out.Len() - 1)
		}
		doc = doc[to:]
	}
	out.Write(doc)
	whole, of := r.Text(out.String())
	taken.Add(of)
	return []byte(whole), taken
}

// endOfText returns where the text of a JSON document that begins at a quote ends.
func endOfText(doc []byte, from int) int {
	for i := from + 1; i < len(doc); i++ {
		switch doc[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(doc)
}
