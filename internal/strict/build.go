package strict

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A builder turns the parser's tree into ours and refuses what a configuration must not hold.
type builder struct {
	*document
	report *Reporter
	depth  int
	parsed []string // lines that the parser was given
	walked Span     // how far [builder.offset] came
}

// take makes doc the document, unless there is one already.
func (b *builder) take(doc *ast.DocumentNode) {
	if doc.Body == nil {
		return
	}
	if directive, ok := doc.Body.(*ast.DirectiveNode); ok {
		b.report.Mistake(at(directive.GetToken()), "", "YAML directives are not allowed; take the line out")
		return
	}
	if b.root != nil {
		place := b.node(doc.Body).At
		b.report.Mistake(place, "", "a second YAML document; one file holds one configuration")
		return
	}
	b.root = b.node(doc.Body)
}

func (b *builder) refuse(n ast.Node, what string) *Node {
	b.report.Mistake(at(n.GetToken()), "", what)
	return &Node{Kind: Broken, At: at(n.GetToken())}
}

func (b *builder) node(n ast.Node) *Node {
	if b.depth++; b.depth > maxDepth {
		return b.refuse(n, fmt.Sprintf("nested more than %d levels deep", maxDepth))
	}
	defer func() { b.depth-- }()
	switch v := n.(type) {
	case *ast.MappingNode:
		out := &Node{Kind: Mapping, At: at(v.GetToken())}
		seen := make(map[string]*Span, len(v.Values))
		for _, value := range v.Values {
			b.entry(out, seen, value)
		}
		if len(out.Entries) > 0 && !v.IsFlowStyle {
			out.At = out.Entries[0].At
		}
		return out
	case *ast.MappingValueNode:
		out := &Node{Kind: Mapping, At: at(v.Key.GetToken())}
		b.entry(out, map[string]*Span{}, v)
		return out
	case *ast.SequenceNode:
		out := &Node{Kind: List, At: at(v.GetToken())}
		for _, value := range v.Values {
			out.Items = append(out.Items, b.node(value))
		}
		return out
	case *ast.NullNode:
		out := &Node{Kind: Null, At: b.span(v.GetToken(), v.GetToken())}
		if v.GetToken().Type == token.NullType { // written, and not merely missing
			out.Text = v.GetToken().Value
		}
		return out
	case *ast.LiteralNode:
		if v.Value == nil {
			return &Node{Kind: Scalar, At: at(v.GetToken())}
		}
		return &Node{Kind: Scalar, Text: v.Value.Value, At: b.span(v.GetToken(), v.Value.GetToken())}
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		t := n.GetToken()
		quoted := t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType
		out := &Node{Kind: Scalar, Text: t.Value, Quoted: quoted, At: b.span(t, t)}
		b.restore(out)
		return out
	case *ast.AnchorNode, *ast.AliasNode:
		return b.refuse(n, "anchors and aliases are not allowed; write the value out")
	case *ast.TagNode:
		return b.refuse(n, "YAML tags are not allowed; write the plain value")
	case nil:
		return &Node{Kind: Null, At: &Span{line: 1, column: 1}}
	}
	return b.refuse(n, "this kind of YAML is not allowed in a configuration")
}

func (b *builder) entry(out *Node, seen map[string]*Span, v *ast.MappingValueNode) {
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
	e := Entry{Key: t.Value, At: b.span(t, t), Value: b.node(v.Value)}
	if b.broken[e.At.line] && e.Value.Kind == Null {
		e.Value = &Node{Kind: Broken, At: e.At}
	}
	e.Value.Torn = e.Value.Torn || b.torn[e.At.line]
	if first := seen[e.Key]; first != nil {
		e.At.Show = wordLike.MatchString(e.Key) && e.Value.Kind != Null
		b.report.showWords(e.Value)
		b.report.Mistake(e.At, "", fmt.Sprintf("key %s stands twice, first on line %d", Quote(e.Key), first.line))
		return
	}
	seen[e.Key] = e.At
	out.Entries = append(out.Entries, e)
}

// span returns where a key or scalar stands: from token first to the end of token last.
func (b *builder) span(first, last *token.Token) *Span {
	s := at(first)
	b.spans = append(b.spans, s)
	text := strings.TrimSpace(last.Origin)
	if s.line > len(b.lines) || s.line < 1 {
		b.exact = false
		return s
	}
	line := b.parsed[s.line-1]
	s.from = b.starts[s.line-1] + b.offset(s.line, s.column)
	src := strings.Join(b.parsed[s.line-1:min(len(b.parsed), s.line+strings.Count(text, "\n")+1)], "\n")
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
		b.walked = Span{line: line, column: 1}
	}
	text := b.lines[line-1]
	for b.walked.column < column && b.walked.from < len(text) {
		_, size := utf8.DecodeRuneInString(text[b.walked.from:])
		b.walked.from += size
		b.walked.column++
	}
	return b.walked.from
}
