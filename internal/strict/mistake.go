package strict

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
)

const (
	maxMistakes = 50   // of one file that are told; nobody reads more at once
	maxMessage  = 1000 // bytes
	maxSecrets  = 1000 // texts in clear in one file
)

// A Mistake is one thing wrong with a file, or, as a warning, one thing worth a second look:
// what, where, and what now.
type Mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`    // from 1; 0 if it is about the whole file
	Column  int    `json:"column,omitempty"`  // from 1, in characters
	Where   string `json:"where,omitempty"`   // the unit it is about, such as `source "boiler"`
	Message string `json:"message"`           // what is wrong
	Hint    string `json:"hint,omitempty"`    // what to do
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
	More     int // how many more there are than Mistakes tells
}

// Error prints every mistake and ends with "2 mistakes; nothing was started".
func (e *MistakesError) Error() string { return e.Text("nothing was started") }

// Text prints every mistake and ends with their number and what follows from them.
func (e *MistakesError) Text(consequence string) string {
	var b strings.Builder
	for _, m := range e.Mistakes {
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
	mistakes []located
	warnings []located
	more     int
	blind    bool // there are more secrets than can be looked for, so nothing of the file is shown
}

// NewReporter returns the reporter of a file; words are those of its grammar.
func NewReporter(name string, words map[string]bool) *Reporter {
	return &Reporter{name: name, words: words}
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

// Mistake adds a mistake at a place; nil is the whole file.
func (r *Reporter) Mistake(at *Span, where, message string) {
	r.Add(Mistake{Where: where, Message: message}, at)
}

// Add adds a mistake at a place, which it need not say itself.
func (r *Reporter) Add(m Mistake, at *Span) {
	if len(r.mistakes) >= maxMistakes {
		r.more++
		return
	}
	r.mistakes = append(r.mistakes, r.located(m, at))
}

// Count returns how many mistakes there are: what is half read would only give mistakes that follow from others,
// so checks run only where the count has not grown.
func (r *Reporter) Count() int { return len(r.mistakes) + r.more }

// Full reports whether there are so many mistakes that no more are told.
func (r *Reporter) Full() bool { return r.Count() >= maxMistakes }

// Warn adds a warning at a place.
func (r *Reporter) Warn(at *Span, where, message, hint string) {
	if len(r.warnings) < maxMistakes {
		r.warnings = append(r.warnings, r.located(Mistake{Where: where, Message: message, Hint: hint}, at))
	}
}

func (r *Reporter) located(m Mistake, at *Span) located {
	m.File = r.name
	m.Message = plain.Cut(m.Message, maxMessage)
	if at != nil {
		m.Line, m.Column = at.line, at.column
	}
	return located{m, at}
}

// cut cuts the excerpts and takes every secret out of every text.
func (r *Reporter) cut(list []located) (out []Mistake) {
	slices.SortStableFunc(list, func(a, b located) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	for _, m := range list {
		m.Where, m.Message, m.Hint = r.redact(m.Where), r.redact(m.Message), r.redact(m.Hint)
		if m.at != nil && r.doc != nil && !r.blind {
			m.Excerpt = r.redact(r.doc.excerpt(m.at, r.words, r.secrets))
		}
		out = append(out, m.Mistake)
	}
	return out
}

func (r *Reporter) redact(text string) string { return redact(text, anySecrets, r.secrets...) }

// Warnings returns the warnings.
func (r *Reporter) Warnings() []Mistake { return r.cut(r.warnings) }

// Err returns a [*MistakesError], or nil if there are no mistakes.
func (r *Reporter) Err() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	return &MistakesError{Mistakes: r.cut(r.mistakes), More: r.more}
}

// hide takes a text out of everything that is reported. Very short ones would blot out half of every line;
// excerpts hide them by their place.
func (r *Reporter) hide(text string) {
	for _, part := range append(strings.Fields(text), text) {
		switch {
		case len(part) < 6 || slices.Contains(r.secrets, part):
		case len(r.secrets) == maxSecrets:
			r.blind = true
		default:
			r.secrets = append(r.secrets, part)
		}
	}
}
