package strict

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// What is not YAML ends the parser at once. So that the other mistakes of the file are told too, it is parsed again without that part:
// every byte of it becomes a blank, so that all else stays where it is.

const (
	maxRounds    = 12       // of one file
	maxRecovered = 64 << 10 // bytes of a file that is parsed more than once
)

// A damage is what of a file is not YAML.
type damage struct {
	text   string       // what is parsed, as long as the file to the byte
	broken map[int]bool // lines whose key has a value that was taken out
	torn   map[int]bool // lines below whose key another key was taken out; 0 is the file
	braced bool         // braces in values became brackets: what is parsed is not what stands there
}

// parseOn returns what the parser makes of a file, without the parts that are not YAML, which it reports.
func (d *document) parseOn(src string, report *Reporter) *ast.File {
	d.damage = damage{text: src, broken: map[int]bool{}, torn: map[int]bool{}}
	told := map[int]bool{}
	for range maxRounds {
		file, m, place := d.parse(d.text, report)
		if place == nil {
			return file
		}
		if text := unbraced(d.text); !d.braced && text != d.text {
			d.text, d.braced = text, true
			continue
		}
		if !told[place.line] {
			report.Add(m, &place.Span)
		}
		told[place.line] = true
		if len(src) > maxRecovered || !d.mend(place) {
			return nil
		}
	}
	return nil
}

// A failure is where the parser ended.
type failure struct {
	Span
	tabs bool
}

// mend takes out of what is parsed what is wrong at a place, and reports whether anything was.
func (d *document) mend(at *failure) bool {
	lines := strings.Split(d.text, "\n")
	if at.tabs {
		for i, line := range lines {
			rest := strings.TrimLeft(line, " \t")
			lines[i] = strings.ReplaceAll(line[:len(line)-len(rest)], "\t", " ") + rest
		}
	} else if !d.takeOut(lines, at.line-1) {
		return false
	}
	text := strings.Join(lines, "\n")
	changed := text != d.text
	d.text = text
	return changed
}

var keyLine = regexp.MustCompile(`^( *(?:- +)?)[A-Za-z0-9_."'-]+ *:`)

// takeOut blanks the value of the key on a line, or the whole line if that is done already or it has none.
func (d *document) takeOut(lines []string, i int) bool {
	if i < 0 || i >= len(lines) {
		return false
	}
	key, indent := keyLine.FindString(lines[i]), indentOf(lines[i])
	if key == "" || d.broken[i+1] {
		key = ""
		delete(d.broken, i+1)
		d.torn[d.above(lines, i, indent)] = true
	} else {
		d.broken[i+1] = true
	}
	lines[i] = key + strings.Repeat(" ", len(lines[i])-len(key))
	for i++; i < len(lines) && (strings.TrimSpace(lines[i]) == "" || indentOf(lines[i]) > indent); i++ {
		lines[i] = strings.Repeat(" ", len(lines[i]))
	}
	return true
}

// above returns the number of the line whose key a line stands below, or 0.
func (d *document) above(lines []string, i, indent int) int {
	for i--; i >= 0; i-- {
		if strings.TrimSpace(lines[i]) != "" && indentOf(lines[i]) < indent && keyLine.MatchString(lines[i]) {
			return i + 1
		}
	}
	return 0
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// inBraces matches what people write with braces or brackets for a value, and what YAML reads as a map or a list: ${NAME}, {{ name }},
// {$.a.b[0]} and, inside of braces, a.b[0].c.
var inBraces = regexp.MustCompile(`\$\{[A-Za-z_][^{}\n,]*\}|\{\{[^{}\n]*\}\}|\{ *\$?\.[^{}\n,:]*\}|[A-Za-z0-9_$.]\[[0-9*]*\]`)

// unbraced writes other characters for the braces of such values, and for what else YAML would read in them.
func unbraced(text string) string {
	return inBraces.ReplaceAllStringFunc(text, func(s string) string {
		return strings.Map(func(r rune) rune {
			switch r {
			case '{', '[':
				return '('
			case '}', ']':
				return ')'
			case ' ', ':', '#', '"', '\'':
				return '_'
			}
			return r
		}, s)
	})
}

// restore gives a value that was parsed in other braces the text that stands there. That such a value is taken nowhere is told at last.
func (d *document) restore(n *Node) {
	s := n.At
	if !d.braced || s.to <= s.from || s.to > len(d.text) {
		return
	}
	if stands := d.source[s.from:s.to]; stands != d.text[s.from:s.to] && inBraces.MatchString(stands) {
		if n.Text = stands; !n.Quoted {
			d.inBraces = append(d.inBraces, n)
			return
		}
		n.Text = strings.Trim(stands, `"'`)
	}
}

// tellBraces reports the values in braces of which nothing was told.
func (r *Reporter) tellBraces() {
	if r.doc == nil {
		return
	}
	for _, n := range r.doc.inBraces {
		if r.wrong[n.At] {
			continue
		}
		m := Mistake{Message: "braces begin a map: a text that holds some stands in quotes"}
		if Advise(&m, n); m.Hint == "" {
			m.Instead = doubleQuoted(n.Text)
			m.Hint = "write " + m.Instead
		}
		r.Add(m, n.At)
	}
}

// unclosed returns the bracket that is open where the parser ended, if that is on a line above.
func unclosed(tokens token.Tokens, at *token.Token) *token.Token {
	var open []*token.Token
	for _, t := range tokens {
		if t.Position.Offset >= at.Position.Offset && t.Position.Line >= at.Position.Line {
			break
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			open = append(open, t)
		case token.MappingEndType, token.SequenceEndType:
			open = open[:max(0, len(open)-1)]
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open[len(open)-1]
}

// notClosed says which bracket is not closed.
func notClosed(t *token.Token) Mistake {
	closes := map[string]string{"{": "}", "[": "]"}[t.Value]
	return Mistake{Message: fmt.Sprintf("%s is not closed", t.Value), Hint: "its " + closes + " is missing"}
}
