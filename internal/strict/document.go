// Package strict reads and writes the YAML that people write: each key is known, every mistake is told at once with its
// line, and nothing that may be a secret is shown.
//
// [Decode] reads a file into a struct. What has a grammar that no struct says takes the steps apart: [Read] gives the
// tree, a [Decoder] fills settings from parts of it, a [Reporter] collects the mistakes, and [Encode] goes the other way.
package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxFileBytes = 1 << 20
	maxDepth     = 32
	maxTokens    = 100_000 // words and punctuation; the parser's work may grow with the square of them
	maxKeys      = 10_000  // of one map on lines of its own, for each of which the parser copies all before it
)

// A document is a parsed file: its lines, for excerpts, and its values.
type document struct {
	lines  []string
	starts []int // byte offset of each line
	root   *Node
	spans  []*Span // of every key and scalar, by offset
	exact  bool    // every span is known, so whatever lies outside is punctuation or comment

	damage
	source   string
	inBraces []*Node // that YAML would read as maps
}

// A Span is where a key or a scalar stands. It is shown in excerpts only if Show is set:
// what nobody recognised may be a secret.
type Span struct {
	line, column int // from 1; columns count characters
	from, to     int // byte offsets; to is 0 if unknown
	Show         bool
	in           *Reporter // of another file than the one that is read; nil: of that
}

// A NodeKind is what a node is.
type NodeKind uint8

const (
	Broken NodeKind = iota // its mistake is reported already
	Null
	Scalar
	List
	Mapping
)

// String names the kind for people.
func (k NodeKind) String() string {
	return [...]string{"nothing", "nothing", "a single value", "a list", "a map"}[k]
}

// A Node is one value of a file, reduced to what a configuration needs. Scalars keep the text as written,
// so that no number passes through a float.
type Node struct {
	Kind    NodeKind
	Quoted  bool // it stood in quotes
	Torn    bool // of a map: a key may stand here that could not be read
	Text    string
	At      *Span
	Items   []*Node
	Entries []Entry
}

// An Entry is a key of a map and what stands under it.
type Entry struct {
	Key   string
	Label string // what messages call it, if not key
	Wrote string // the key that stands there, if it was understood as another
	At    *Span
	Value *Node
}

// Name is what messages call the setting of an entry.
func (e Entry) Name() string {
	switch {
	case e.Label != "":
		return e.Label
	case e.Wrote != "":
		return e.Wrote
	}
	return e.Key
}

// Child returns the value and the place of a key; the node itself where the key is missing.
func (n *Node) Child(key string) (*Node, *Span) {
	for _, e := range n.Entries {
		if e.Key == key {
			return e.Value, e.At
		}
	}
	return nil, n.At
}

// Descend returns the node and the place of a setting below n, such as "node.key.hex" or "tokens[1]": the item that it names, the value's
// place where that is one word, the key's where it is not. Of what is missing there is no node, and the place is the nearest one around
// it: at, where n stands itself, if nothing is there.
func (n *Node) Descend(at *Span, setting string) (*Node, *Span) {
	for key := range strings.SplitSeq(setting, ".") {
		if n == nil {
			break
		}
		name, index, isItem := strings.Cut(strings.TrimSuffix(key, "]"), "[")
		value, place := n.Child(name)
		if n = value; n == nil {
			break
		}
		if at = place; n.Kind == Scalar {
			at = n.At
		}
		if isItem {
			i, err := strconv.ParseUint(index, 10, 31)
			if err != nil || int(i) >= len(n.Items) {
				return nil, at
			}
			n, at = n.Items[i], n.Items[i].At
		}
	}
	return n, at
}

// Has reports whether the key is there.
func (n *Node) Has(key string) bool {
	return slices.ContainsFunc(n.Entries, func(e Entry) bool { return e.Key == key })
}

// Read reads one YAML document of at most 1 MiB and returns its root. Mistakes of syntax go to report; the root is
// nil if nothing could be made of the file. Only a failing reader is an error.
func Read(r io.Reader, report *Reporter) (*Node, error) {
	src, err := io.ReadAll(io.LimitReader(r, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", report.name, err)
	}
	if len(src) > maxFileBytes {
		report.Mistake(nil, "", "the file is larger than 1 MiB, which no configuration is")
		return nil, nil
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	d := newDocument(string(src))
	report.doc = d
	if at, what := d.unprintable(string(src)); at != nil {
		report.Mistake(at, "", what)
		return nil, nil
	}
	file := d.parseOn(string(src), report)
	if file == nil {
		return nil, nil
	}
	d.exact = true
	b := builder{document: d, report: report, parsed: strings.Split(d.text, "\n")}
	for _, doc := range file.Docs {
		b.take(doc)
	}
	slices.SortFunc(d.spans, func(a, b *Span) int { return a.from - b.from })
	if d.root == nil {
		d.root = &Node{Kind: Null, At: &Span{line: 1, column: 1}}
	}
	if d.torn[0] {
		d.root.Torn = true
	}
	report.hideTokens(d.root)
	return d.root, nil
}

// endOf returns the column behind a place on one line, or 0 if nobody knows it.
func (d *document) endOf(at *Span) int {
	if !d.exact || at.to <= at.from || at.line > len(d.lines) {
		return 0
	}
	line, start := d.lines[at.line-1], d.starts[at.line-1]
	if at.from < start || at.to > start+len(line) {
		return 0
	}
	return at.column + utf8.RuneCountInString(line[at.from-start:at.to-start])
}

func newDocument(src string) *document {
	d := &document{lines: strings.Split(src, "\n"), source: src}
	offset := 0
	for _, line := range d.lines {
		d.starts = append(d.starts, offset)
		offset += len(line) + 1
	}
	return d
}

// unprintable returns the first character that no text file holds, and what is wrong with it.
func (d *document) unprintable(src string) (*Span, string) {
	line, column := 1, 1
	for i, r := range src {
		switch {
		case r == '\n':
			line, column = line+1, 0
		case r == utf8.RuneError && !strings.HasPrefix(src[i:], "\ufffd"):
			return &Span{line: line, column: column}, "not UTF-8 text"
		case r < ' ' && r != '\t', r >= 0x7f && r < 0xa0:
			return &Span{line: line, column: column}, fmt.Sprintf("control character %U in a text file", r)
		}
		column++
	}
	return nil, ""
}

// parse runs the YAML parser, which is recursive, only over what is not nested too deeply; a panic of the
// parser, the last thing we expect of it, is a mistake in the file too. Where the text is not YAML it returns what is wrong, and
// where; what else is wrong it reports.
func (d *document) parse(src string, report *Reporter) (file *ast.File, wrong Mistake, where *failure) {
	defer func() {
		if recover() != nil {
			file, where = nil, nil
			report.Mistake(nil, "", "the YAML parser gave up on this file")
		}
	}()
	tokens := lexer.Tokenize(src)
	if len(tokens) > maxTokens {
		report.Mistake(nil, "", fmt.Sprintf("it has %d words and marks, and %d are read at most: give some of it to another node", len(tokens), maxTokens))
		return nil, wrong, nil
	}
	if deep := tooDeep(tokens); deep != nil {
		report.Mistake(at(deep), "", fmt.Sprintf("nested more than %d levels deep", maxDepth))
		return nil, wrong, nil
	}
	if wide := tooWide(tokens); wide != nil {
		report.Mistake(at(wide), "", fmt.Sprintf("a map of more than %d keys, which are read at most: give some of it to another node", maxKeys))
		return nil, wrong, nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file, wrong, nil
	}
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		report.Mistake(nil, "", "not YAML")
		return nil, wrong, nil
	}
	ended := syntax.GetToken()
	wrong.Message, wrong.Hint = syntaxMistake(syntax.GetMessage())
	isTab := wrong.Message == tabMistake
	if open := unclosed(tokens, ended); open != nil && !isTab && strings.Contains(syntax.GetMessage(), "must be specified") {
		wrong, ended = notClosed(open), open
	}
	return nil, wrong, &failure{*at(ended), isTab}
}

const tabMistake = "a tab in the indentation"

// syntaxMistake says for people what the parser said, and what to do.
func syntaxMistake(message string) (what, hint string) {
	switch {
	case strings.Contains(message, "tab character"), strings.Contains(message, "\t"):
		return tabMistake, "indent with spaces"
	case strings.Contains(message, `"`): // it quotes the file, perhaps a secret
		return "not YAML", ""
	case strings.Contains(message, "mapping value is not allowed"):
		return message, `a value that holds ": " must stand in quotes`
	case strings.Contains(message, "value is not allowed in this context"):
		return message, "is the line indented as its neighbours are?"
	case strings.Contains(message, "non-map value is specified"):
		return "a setting without a colon, or a value where settings stand", "write NAME: VALUE, with a blank behind the colon"
	case strings.Contains(message, "reserved character"):
		return message, "a value that begins so must stand in quotes"
	case strings.Contains(message, "must be specified"), strings.Contains(message, "not found"), strings.Contains(message, "could not find"):
		return message, "a bracket or quote on this line or above is not closed"
	}
	return message, ""
}

// tooDeep returns the token at which brackets, or indicators on one line, nest too deeply.
func tooDeep(tokens token.Tokens) *token.Token {
	flow, line, onLine := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, onLine = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			onLine++
		}
		if flow > maxDepth || onLine > maxDepth {
			return t
		}
	}
	return nil
}

// tooWide returns the key that is one too many in a map on lines of its own.
func tooWide(tokens token.Tokens) *token.Token {
	type level struct{ column, keys int }
	var open []level // the maps around a key, by how far their keys are indented
	within := func(column int) {
		for len(open) > 0 && open[len(open)-1].column > column {
			open = open[:len(open)-1]
		}
	}
	flow := 0
	for _, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType:
			within(t.Position.Column)
		case token.MappingValueType:
			if flow > 0 || t.Prev == nil {
				continue
			}
			column := t.Prev.Position.Column
			within(column)
			if len(open) == 0 || open[len(open)-1].column < column {
				open = append(open, level{column: column})
			}
			last := &open[len(open)-1]
			if last.keys++; last.keys > maxKeys {
				return t.Prev
			}
		}
	}
	return nil
}

func at(t *token.Token) *Span { return &Span{line: t.Position.Line, column: t.Position.Column} }
