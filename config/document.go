package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
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
)

// A document is a parsed file: its lines, for excerpts, and its values.
type document struct {
	lines  []string
	starts []int // byte offset of each line
	root   *node
	spans  []*span // of every key and scalar, by offset
	exact  bool    // every span is known, so whatever lies outside is punctuation or comment
}

// A span is where a key or a scalar stands. It is shown in excerpts only if show is set:
// what nobody recognised may be a secret.
type span struct {
	line, column int // from 1; columns count characters
	from, to     int // byte offsets; to is 0 if unknown
	show         bool
}

type nodeKind uint8

const (
	broken nodeKind = iota // its mistake is reported already
	null
	scalar
	list
	mapping
)

// String names the kind for people.
func (k nodeKind) String() string {
	return [...]string{"nothing", "nothing", "a single value", "a list", "a map"}[k]
}

// A node is one value of a file, reduced to what a configuration needs. Scalars keep the text as written,
// so that no number passes through a float.
type node struct {
	kind    nodeKind
	text    string
	at      *span
	items   []*node
	entries []entry
}

type entry struct {
	key   string
	label string // what messages call it, if not key
	at    *span
	value *node
}

// name is what messages call the setting of an entry.
func (e entry) name() string {
	if e.label != "" {
		return e.label
	}
	return e.key
}

// child returns the value and the place of a key; the node itself where the key is missing.
func (n *node) child(key string) (*node, *span) {
	for _, e := range n.entries {
		if e.key == key {
			return e.value, e.at
		}
	}
	return nil, n.at
}

// descend returns the node and the place of a setting below n, such as "node.key.hex": the value's place where it is one
// word, the key's where it is not, the nearest section's where the setting is missing.
func (n *node) descend(dotted string) (*node, *span) {
	place := n.at
	for _, key := range strings.Split(dotted, ".") {
		value, at := n.child(key)
		if value == nil {
			return nil, place
		}
		n, place = value, at
	}
	if n.kind == scalar {
		place = n.at
	}
	return n, place
}

// has reports whether the key is there.
func (n *node) has(key string) bool {
	return slices.ContainsFunc(n.entries, func(e entry) bool { return e.key == key })
}

// read reads one YAML document of at most 1 MiB and returns its root. Mistakes of syntax go to report; the root is
// nil if nothing could be made of the file. Only a failing reader is an error.
func read(r io.Reader, report *reporter) (*node, error) {
	src, err := io.ReadAll(io.LimitReader(r, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", report.name, err)
	}
	if len(src) > maxFileBytes {
		report.mistake(nil, "", "the file is larger than 1 MiB, which no configuration is")
		return nil, nil
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	d := newDocument(string(src))
	report.doc = d
	if at, what := d.unprintable(string(src)); at != nil {
		report.mistake(at, "", what)
		return nil, nil
	}
	file := d.parse(string(src), report)
	if file == nil {
		return nil, nil
	}
	d.exact = true
	b := builder{document: d, report: report}
	for _, doc := range file.Docs {
		b.take(doc)
	}
	slices.SortFunc(d.spans, func(a, b *span) int { return a.from - b.from })
	if d.root == nil {
		d.root = &node{kind: null, at: &span{line: 1, column: 1}}
	}
	return d.root, nil
}

func newDocument(src string) *document {
	d := &document{lines: strings.Split(src, "\n")}
	offset := 0
	for _, line := range d.lines {
		d.starts = append(d.starts, offset)
		offset += len(line) + 1
	}
	return d
}

// unprintable returns the first character that no text file holds, and what is wrong with it.
func (d *document) unprintable(src string) (*span, string) {
	line, column := 1, 1
	for i, r := range src {
		switch {
		case r == '\n':
			line, column = line+1, 0
		case r == utf8.RuneError && !strings.HasPrefix(src[i:], "\ufffd"):
			return &span{line: line, column: column}, "not UTF-8 text"
		case r < ' ' && r != '\t', r >= 0x7f && r < 0xa0:
			return &span{line: line, column: column}, fmt.Sprintf("control character %U in a text file", r)
		}
		column++
	}
	return nil, ""
}

// parse runs the YAML parser, which is recursive, only over what is not nested too deeply; a panic of the
// parser, the last thing we expect of it, is a mistake in the file too.
func (d *document) parse(src string, report *reporter) (file *ast.File) {
	defer func() {
		if recover() != nil {
			file = nil
			report.mistake(nil, "", "the YAML parser gave up on this file")
		}
	}()
	tokens := lexer.Tokenize(src)
	if len(tokens) > maxTokens {
		report.mistake(nil, "", fmt.Sprintf("more than %d words, which no configuration has", maxTokens))
		return nil
	}
	if deep := tooDeep(tokens); deep != nil {
		report.mistake(at(deep), "", fmt.Sprintf("nested more than %d levels deep", maxDepth))
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file
	}
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		report.mistake(nil, "", "not YAML")
		return nil
	}
	message, hint := syntaxMistake(syntax.GetMessage())
	report.add(Mistake{Message: message, Hint: hint}, at(syntax.GetToken()))
	return nil
}

// syntaxMistake says for people what the parser said, and what to do.
func syntaxMistake(message string) (what, hint string) {
	switch {
	case strings.Contains(message, "tab character"), strings.Contains(message, "\t"):
		return "a tab in the indentation", "indent with spaces"
	case strings.Contains(message, `"`): // it quotes the file, perhaps a secret
		return "not YAML", ""
	case strings.Contains(message, "mapping value is not allowed"):
		return message, `a value that holds ": " must stand in quotes`
	case strings.Contains(message, "value is not allowed in this context"):
		return message, "is the line indented as its neighbours are?"
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

func at(t *token.Token) *span { return &span{line: t.Position.Line, column: t.Position.Column} }

// A builder turns the parser's tree into ours and refuses what a configuration must not hold.
type builder struct {
	*document
	report *reporter
	depth  int
	walked span // how far [builder.offset] came
}

// take makes doc the document, unless there is one already.
func (b *builder) take(doc *ast.DocumentNode) {
	if doc.Body == nil {
		return
	}
	if directive, ok := doc.Body.(*ast.DirectiveNode); ok {
		b.report.mistake(at(directive.GetToken()), "", "YAML directives are not allowed; take the line out")
		return
	}
	if b.root != nil {
		place := b.node(doc.Body).at
		b.report.mistake(place, "", "a second YAML document; one file holds one configuration")
		return
	}
	b.root = b.node(doc.Body)
}

func (b *builder) refuse(n ast.Node, what string) *node {
	b.report.mistake(at(n.GetToken()), "", what)
	return &node{kind: broken, at: at(n.GetToken())}
}

func (b *builder) node(n ast.Node) *node {
	if b.depth++; b.depth > maxDepth {
		return b.refuse(n, fmt.Sprintf("nested more than %d levels deep", maxDepth))
	}
	defer func() { b.depth-- }()
	switch v := n.(type) {
	case *ast.MappingNode:
		out := &node{kind: mapping, at: at(v.GetToken())}
		seen := make(map[string]*span, len(v.Values))
		for _, value := range v.Values {
			b.entry(out, seen, value)
		}
		if len(out.entries) > 0 && !v.IsFlowStyle {
			out.at = out.entries[0].at
		}
		return out
	case *ast.MappingValueNode:
		out := &node{kind: mapping, at: at(v.Key.GetToken())}
		b.entry(out, map[string]*span{}, v)
		return out
	case *ast.SequenceNode:
		out := &node{kind: list, at: at(v.GetToken())}
		for _, value := range v.Values {
			out.items = append(out.items, b.node(value))
		}
		return out
	case *ast.NullNode:
		return &node{kind: null, at: b.span(v.GetToken(), v.GetToken())}
	case *ast.LiteralNode:
		if v.Value == nil {
			return &node{kind: scalar, at: at(v.GetToken())}
		}
		return &node{kind: scalar, text: v.Value.Value, at: b.span(v.GetToken(), v.Value.GetToken())}
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		t := n.GetToken()
		return &node{kind: scalar, text: t.Value, at: b.span(t, t)}
	case *ast.AnchorNode, *ast.AliasNode:
		return b.refuse(n, "anchors and aliases are not allowed; write the value out")
	case *ast.TagNode:
		return b.refuse(n, "YAML tags are not allowed; write the plain value")
	case nil:
		return &node{kind: null, at: &span{line: 1, column: 1}}
	}
	return b.refuse(n, "this kind of YAML is not allowed in a configuration")
}

func (b *builder) entry(out *node, seen map[string]*span, v *ast.MappingValueNode) {
	switch v.Key.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
	case *ast.MergeKeyNode:
		b.refuse(v.Key, "merging maps with << is not allowed; write the keys out")
		return
	default:
		b.refuse(v.Key, "a key must be plain text")
		return
	}
	t := v.Key.GetToken()
	e := entry{key: t.Value, at: b.span(t, t), value: b.node(v.Value)}
	if first := seen[e.key]; first != nil {
		b.report.mistake(e.at, "", fmt.Sprintf("key %s stands twice, first on line %d", quote(e.key), first.line))
		return
	}
	seen[e.key] = e.at
	out.entries = append(out.entries, e)
}

// span returns where a key or scalar stands: from token first to the end of token last.
func (b *builder) span(first, last *token.Token) *span {
	s := at(first)
	b.spans = append(b.spans, s)
	text := strings.TrimSpace(last.Origin)
	if s.line > len(b.lines) || s.line < 1 {
		b.exact = false
		return s
	}
	line := b.lines[s.line-1]
	s.from = b.starts[s.line-1] + b.offset(s.line, s.column)
	src := strings.Join(b.lines[s.line-1:min(len(b.lines), s.line+strings.Count(text, "\n")+1)], "\n")
	skip := s.from - b.starts[s.line-1]
	if first != last { // a block: its header ends the line
		skip = len(line) + 1
		s.to = s.from + 1
	}
	if skip > len(src) {
		b.exact = false
		return s
	}
	rest := strings.TrimLeft(src[skip:], " \n")
	switch {
	case strings.HasPrefix(rest, text):
		s.to = b.starts[s.line-1] + len(src) - len(rest) + len(text)
	case first == last && (text == "null" || text == ""): // a value that is not there
		s.to = s.from
	default:
		b.exact = false
	}
	return s
}

// offset returns where in a line the given column (from 1, in characters) begins. Spans come in order,
// so that a line of a megabyte is walked once.
func (b *builder) offset(line, column int) int {
	if b.walked.line != line || b.walked.column > column {
		b.walked = span{line: line, column: 1}
	}
	text := b.lines[line-1]
	for b.walked.column < column && b.walked.from < len(text) {
		_, size := utf8.DecodeRuneInString(text[b.walked.from:])
		b.walked.from += size
		b.walked.column++
	}
	return b.walked.from
}
