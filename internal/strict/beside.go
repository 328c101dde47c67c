package strict

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Beside returns the reporter of another file, which is no YAML and is read for a setting of this one. What is wrong with it is told
// behind what is wrong here; shown is what stands at its places ([Reporter.Place]), as far as it may be.
func (r *Reporter) Beside(name, src string) *Reporter {
	other := NewReporter(name, r.words)
	other.doc = newDocument(src)
	other.doc.exact = true
	other.secrets = slices.Clone(r.secrets)
	r.beside = append(r.beside, other)
	return other
}

// Place returns a place in the text of the file, from one byte to another; places are asked for in their order.
func (r *Reporter) Place(from, to int) *Span {
	line, found := slices.BinarySearch(r.doc.starts, from)
	if !found {
		line--
	}
	text := r.doc.lines[line][:min(from-r.doc.starts[line], len(r.doc.lines[line]))]
	s := &Span{line: line + 1, column: utf8.RuneCountInString(text) + 1, from: from, to: to, in: r}
	r.doc.spans = append(r.doc.spans, s)
	return s
}

// Unprintable reports a character of the file that no text holds.
func (r *Reporter) Unprintable(where string) bool {
	at, what := r.doc.unprintable(r.doc.source)
	if at == nil {
		return false
	}
	at.in = r
	r.Mistake(at, where, what)
	return true
}

// Flow returns what a short text in the flow style of YAML says, such as {off: 0, on: 1}, each part of it at one place; a scalar if it is neither
// map nor list.
func (r *Reporter) Flow(text string, at *Span) *Node {
	inner := NewReporter(r.name, r.words)
	root, err := Read(strings.NewReader(text), inner)
	if err != nil || root == nil || len(inner.mistakes) > 0 {
		return &Node{Kind: Scalar, Text: text, At: at}
	}
	root.moveTo(at)
	return root
}

// moveTo puts a tree at one place.
func (n *Node) moveTo(at *Span) {
	n.At = at
	for i := range n.Entries {
		n.Entries[i].At = at
		n.Entries[i].Value.moveTo(at)
	}
	for _, item := range n.Items {
		item.moveTo(at)
	}
}
