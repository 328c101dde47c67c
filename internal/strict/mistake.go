package strict

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/redact"
)

const (
	maxMistakes = 50              // of one file that are told, the first by their lines; nobody reads more at once
	maxKept     = 500             // of one file that are looked at for those
	maxMessage  = 1000            // bytes
	maxInstead  = 300             // bytes
	maxUncut    = 16 * maxMessage // while secrets are still in them
	maxSecrets  = 1000            // texts in clear in one file
	leastSecret = 6               // bytes of a text in clear that is looked for: shorter ones would blot out half of every line
)

// A Mistake is one thing wrong with a file, or, as a warning, one thing worth a second look:
// what, where, and what now.
type Mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`    // from 1; 0 if it is about the whole file
	Column  int    `json:"column,omitempty"`  // from 1, in characters
	End     int    `json:"end,omitempty"`     // the column behind what is wrong, if that is on one line and known
	Where   string `json:"where,omitempty"`   // the unit it is about, such as `source "boiler"`
	Message string `json:"message"`           // what is wrong
	Hint    string `json:"hint,omitempty"`    // what to do
	Instead string `json:"instead,omitempty"` // what to write from Column to End, where that is certain
	Excerpt string `json:"excerpt,omitempty"` // the line, its secrets masked, and a caret under the place
}

// String prints "gateway.yaml:12:7: source "boiler": unknown key "adress"", the excerpt and the hint.
func (m Mistake) String() string {
	var b strings.Builder
	b.WriteString(m.File)
	if m.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", m.Line, m.Column)
	}
	b.WriteString(": ")
	if m.Where != "" {
		b.WriteString(m.Where + ": ")
	}
	b.WriteString(m.Message)
	switch {
	case m.Excerpt != "" && m.Hint != "":
		b.WriteString("\n" + m.Excerpt + " " + m.Hint)
	case m.Excerpt != "":
		b.WriteString("\n" + m.Excerpt)
	case m.Hint != "":
		b.WriteString(" (" + m.Hint + ")")
	}
	return b.String()
}

// A MistakesError is everything wrong with a file, in the order of its lines. It is what is returned for
// a file that must not be used.
type MistakesError struct {
	Mistakes []Mistake
	More     int       // how many more there are than Mistakes tells
	Warnings []Mistake // what is only worth a second look
}

// Error prints every mistake and ends with "2 mistakes; nothing was started".
func (e *MistakesError) Error() string { return e.Text("nothing was started") }

// Text prints every mistake and ends with their number and what follows from them.
func (e *MistakesError) Text(consequence string) string {
	var b strings.Builder
	for _, m := range e.together() {
		b.WriteString(m.String() + "\n")
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "and %d more\n", e.More)
	}
	n := len(e.Mistakes) + e.More
	noun := "mistakes"
	if n == 1 {
		noun = "mistake"
	}
	fmt.Fprintf(&b, "%d %s; %s", n, noun, consequence)
	return b.String()
}

// together returns mistakes and warnings in the order of their lines, file by file.
func (e *MistakesError) together() []Mistake {
	all := slices.Clone(e.Mistakes)
	for _, m := range e.Warnings {
		m.Message = "warning: " + m.Message
		all = append(all, m)
	}
	files := map[string]int{} // in the order in which they are told
	for _, m := range all {
		if _, known := files[m.File]; !known {
			files[m.File] = len(files)
		}
	}
	slices.SortStableFunc(all, func(a, b Mistake) int {
		return cmp.Or(files[a.File]-files[b.File], a.Line-b.Line, a.Column-b.Column)
	})
	return all
}

// WriteWarnings prints warnings as they were found, a line or three each.
func WriteWarnings(w io.Writer, warnings []Mistake) error {
	for _, m := range warnings {
		m.Message = "warning: " + m.Message
		if _, err := fmt.Fprintln(w, m.String()); err != nil {
			return fmt.Errorf("write warnings: %w", err)
		}
	}
	return nil
}

// A Reporter collects what is wrong with one file. Excerpts are cut last, when it is known which values may be shown.
type Reporter struct {
	name     string
	doc      *document
	words    map[string]bool // what may be shown of a file that is not YAML: the words of the grammar
	secrets  []string        // texts that stand in the file and must not leave it
	wrong    map[*Span]bool  // where mistakes are
	seen     map[said]bool
	mistakes []located
	warnings []located
	more     int
	blind    bool // there are more secrets than can be looked for, so nothing of the file is shown

	beside []*Reporter // of files that are read for this one, in the order in which they were
}

// NewReporter returns the reporter of a file; words are those of its grammar.
func NewReporter(name string, words map[string]bool) *Reporter {
	return &Reporter{name: name, words: words, wrong: map[*Span]bool{}, seen: map[said]bool{}}
}

// Masked returns the whole file as excerpts show its lines: ••• stands for what was not recognised as a setting without a secret, and comments
// are left out. A file that was not read, or has more secrets than can be looked for, gives nothing.
func (r *Reporter) Masked() string {
	if r.doc == nil || r.blind {
		return ""
	}
	return r.redact(r.doc.masked(r.words, r.secrets))
}

type located struct {
	Mistake
	at *Span
}

// said is what makes two mistakes one.
type said struct {
	at             *Span
	where, message string
}

// Mistake adds a mistake at a place; nil is the whole file.
func (r *Reporter) Mistake(at *Span, where, message string) {
	r.Add(Mistake{Where: where, Message: message}, at)
}

// Add adds a mistake at a place, which it need not say itself. One that is told already is not told again.
func (r *Reporter) Add(m Mistake, at *Span) {
	one := said{at, m.Where, m.Message}
	switch {
	case at != nil && at.in != nil && at.in != r:
		at.in.Add(m, at)
		return
	case r.seen[one]:
		return
	case len(r.mistakes) >= maxKept:
		r.more++
		return
	}
	r.seen[one], r.wrong[at] = true, true
	r.mistakes = append(r.mistakes, r.located(m, at))
}

// WrongAt reports whether a mistake is at a place.
func (r *Reporter) WrongAt(at *Span) bool {
	return at != nil && (r.wrong[at] || at.in != nil && at.in.wrong[at])
}

// Wrong reports whether a mistake is in n, or whether nobody knows what n is: what follows from it need not be told.
func (r *Reporter) Wrong(n *Node) bool {
	if n == nil {
		return false
	}
	if n.Kind == Broken || r.WrongAt(n.At) {
		return true
	}
	return slices.ContainsFunc(n.Items, r.Wrong) ||
		slices.ContainsFunc(n.Entries, func(e Entry) bool { return r.WrongAt(e.At) || r.Wrong(e.Value) })
}

// Count returns how many mistakes there are: what is half read would only give mistakes that follow from others,
// so checks run only where the count has not grown.
func (r *Reporter) Count() int {
	count := len(r.mistakes) + r.more
	for _, other := range r.beside {
		count += other.Count()
	}
	return count
}

// Full reports whether there are so many mistakes that what is said to do about more is read by nobody.
func (r *Reporter) Full() bool { return r.Count() >= maxKept }

// Warn adds a warning at a place.
func (r *Reporter) Warn(at *Span, where, message, hint string) {
	if at != nil && at.in != nil && at.in != r {
		at.in.Warn(at, where, message, hint)
		return
	}
	if len(r.warnings) < maxMistakes {
		r.warnings = append(r.warnings, r.located(Mistake{Where: where, Message: message, Hint: hint}, at))
	}
}

// Warned reports whether a warning stands at a place already.
func (r *Reporter) Warned(at *Span) bool {
	if at != nil && at.in != nil && at.in != r {
		return at.in.Warned(at)
	}
	return slices.ContainsFunc(r.warnings, func(w located) bool { return at != nil && w.at == at })
}

func (r *Reporter) located(m Mistake, at *Span) located {
	m.File = r.name
	m.Message, m.Hint = plain.Cut(m.Message, maxUncut), plain.Cut(m.Hint, maxUncut)
	if at != nil {
		m.Line, m.Column = at.line, at.column
		if r.doc != nil {
			m.End = r.doc.endOf(at)
		}
	}
	if m.End == 0 || len(m.Instead) > maxInstead {
		m.Instead = ""
	}
	return located{m, at}
}

// cut sorts mistakes by their place, cuts the excerpts of the first and takes every secret out of every text.
func (r *Reporter) cut(list []located) (out []Mistake) {
	slices.SortStableFunc(list, func(a, b located) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	for _, m := range list[:min(len(list), maxMistakes)] {
		m.Where, m.Message, m.Hint, m.Instead = r.redact(m.Where), r.redact(m.Message), r.redact(m.Hint), r.redact(m.Instead)
		m.Message, m.Hint = plain.Cut(m.Message, maxMessage), plain.Cut(m.Hint, maxMessage)
		if strings.Contains(m.Instead, maskText) {
			m.Instead = ""
		}
		if m.at != nil && r.doc != nil && !r.blind {
			m.Excerpt = r.doc.excerpt(m.at, r.words, r.secrets)
		}
		out = append(out, m.Mistake)
	}
	return out
}

func (r *Reporter) redact(text string) string { return without(text, secretRanges(text, r.secrets)) }

// Warnings returns the warnings.
func (r *Reporter) Warnings() []Mistake {
	told := r.cut(slices.DeleteFunc(r.warnings, func(w located) bool { return r.WrongAt(w.at) }))
	for _, other := range r.beside {
		told = append(told, other.Warnings()...)
	}
	return told
}

// Err returns a [*MistakesError], or nil if there are no mistakes.
func (r *Reporter) Err() error {
	r.tellBraces()
	told := r.cut(r.mistakes)
	for _, other := range r.beside {
		told = append(told, other.cut(other.mistakes)...)
	}
	if len(told) == 0 {
		return nil
	}
	told = told[:min(len(told), maxMistakes)]
	return &MistakesError{Mistakes: told, More: r.Count() - len(told), Warnings: r.Warnings()}
}

// showWords shows the words of the grammar among the keys below a node that nothing reads: they are no secrets, wherever they stand.
func (r *Reporter) showWords(n *Node) {
	for _, e := range n.Entries {
		e.At.Show = e.At.Show || r.words[e.Key] && e.Value.Kind != Null
		r.showWords(e.Value)
	}
	for _, item := range n.Items {
		r.showWords(item)
	}
}

// hide takes a text out of everything that is reported, also as messages quote it. Excerpts hide very short ones by their place.
func (r *Reporter) hide(text string) {
	quoted := strconv.Quote(text)
	for _, part := range append(strings.Fields(text), text, quoted[1:len(quoted)-1]) {
		r.blind = !r.hidden(part) || r.blind
	}
}

// hidden takes a text out of everything that is reported if it is long enough, and reports whether there was room for it.
func (r *Reporter) hidden(text string) bool {
	switch {
	case len(text) < leastSecret || slices.Contains(r.secrets, text):
	case len(r.secrets) == maxSecrets:
		return false
	default:
		r.secrets = append(r.secrets, text)
	}
	return true
}

// hideTokens takes what looks like a token in the values of a file out of everything that is reported: a message may tell a piece of a value, by
// which nobody sees what it is.
func (r *Reporter) hideTokens(n *Node) {
	if n == nil {
		return
	}
	for _, p := range redact.Places(n.Text) {
		if token := n.Text[p.From:p.To]; p.What == redact.Word || redact.Token(token) {
			r.hidden(token)
		}
	}
	for _, e := range n.Entries {
		r.hideTokens(e.Value)
	}
	for _, item := range n.Items {
		r.hideTokens(item)
	}
}
