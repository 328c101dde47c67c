package evm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A kind of type in Solidity's ABI.
type kind uint8

const (
	unsigned kind = iota
	signed
	boolean
	address
	fixedBytes
	dynamicBytes
	text
	array
	tuple
)

// A typ is a type of the ABI, with the name that it has in a signature.
type typ struct {
	kind kind
	name string // of the parameter; empty if it has none
	bits int    // of integers; bytes of fixedBytes
	size int    // of an array; -1: as many as there are
	of   []typ  // the element of an array, the members of a tuple
}

// A view is what is asked of a contract: name(inputs)(outputs).
type view struct {
	name    string
	inputs  []typ
	outputs []typ
}

const (
	maxSignature = 1024
	maxDepth     = 6
	maxMembers   = 64
)

// parseView reads a signature such as latestRoundData()(uint80 roundId, int256 answer), with the words of Solidity between or without.
func parseView(signature string) (v view, err error) {
	if len(signature) > maxSignature {
		return v, fmt.Errorf("%d bytes, at most %d are read", len(signature), maxSignature)
	}
	p := &parser{rest: strings.TrimPrefix(strings.TrimSpace(signature), "function ")}
	if v.name = p.word(); v.name == "" {
		return v, errors.New("it has no name: want one such as read()(int224 value, uint32 timestamp)")
	}
	if v.inputs, err = p.list(0); err != nil {
		return v, fmt.Errorf("inputs: %w", err)
	}
	for p.isWord() {
		switch word := p.word(); word {
		case "external", "public", "view", "pure", "returns", "virtual", "override":
		default:
			return v, fmt.Errorf("%.40q stands where the outputs should: want them in brackets", word)
		}
	}
	if v.outputs, err = p.list(0); err != nil {
		return v, fmt.Errorf("outputs: %w", err)
	}
	if p.blanks(); p.rest != "" && p.rest != ";" {
		return v, fmt.Errorf("%.40q stands behind the outputs", p.rest)
	}
	if len(v.outputs) == 0 {
		return v, errors.New("it has no outputs, so it says nothing")
	}
	return v, nil
}

// A parser reads a signature from its beginning.
type parser struct{ rest string }

func (p *parser) blanks() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func isLetter(c byte) bool {
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (p *parser) isWord() bool {
	p.blanks()
	return p.rest != "" && isLetter(p.rest[0])
}

func (p *parser) word() string {
	p.blanks()
	n := 0
	for n < len(p.rest) && isLetter(p.rest[n]) {
		n++
	}
	word := p.rest[:n]
	p.rest = p.rest[n:]
	return word
}

func (p *parser) take(c string) bool {
	p.blanks()
	rest, found := strings.CutPrefix(p.rest, c)
	p.rest = rest
	return found
}

// list reads types in brackets.
func (p *parser) list(depth int) (list []typ, err error) {
	if !p.take("(") {
		return nil, errors.New("want them in brackets, such as (uint256 value)")
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d brackets within each other", maxDepth)
	}
	for !p.take(")") {
		if len(list) > 0 && !p.take(",") {
			return nil, errors.New("a comma or a closing bracket is missing")
		}
		if len(list) == maxMembers {
			return nil, fmt.Errorf("more than %d", maxMembers)
		}
		t, err := p.typ(depth)
		if err != nil {
			return nil, err
		}
		for _, other := range list {
			if t.name != "" && t.name == other.name {
				return nil, fmt.Errorf("%q is there twice", t.name)
			}
		}
		list = append(list, t)
	}
	return list, nil
}

// typ reads a type and its name.
func (p *parser) typ(depth int) (t typ, err error) {
	if p.blanks(); strings.HasPrefix(p.rest, "(") {
		t.kind = tuple
		if t.of, err = p.list(depth + 1); err == nil && len(t.of) == 0 {
			err = errors.New("a tuple of nothing")
		}
	} else {
		t, err = elementary(p.word())
	}
	if err != nil {
		return t, err
	}
	for p.take("[") {
		depth++
		if depth > maxDepth {
			return t, fmt.Errorf("more than %d brackets within each other", maxDepth)
		}
		size := -1
		if n := p.word(); n != "" {
			if size, err = strconv.Atoi(n); err != nil || size < 1 || size > 1024 {
				return t, fmt.Errorf("an array of %.20q: want 1 to 1024", n)
			}
		}
		if !p.take("]") {
			return t, errors.New("] is missing")
		}
		t = typ{kind: array, size: size, of: []typ{t}}
	}
	for p.isWord() {
		switch word := p.word(); word {
		case "memory", "calldata", "storage", "indexed":
		default:
			if t.name != "" {
				return t, fmt.Errorf("%.40q stands behind %q: want a comma", word, t.name)
			}
			t.name = word
		}
	}
	return t, nil
}

// elementary reads a type that is one word.
func elementary(word string) (typ, error) {
	number := func(prefix string) int {
		n, err := strconv.Atoi(word[len(prefix):])
		if err != nil || strconv.Itoa(n) != word[len(prefix):] {
			return -1
		}
		return n
	}
	switch {
	case word == "uint":
		return typ{kind: unsigned, bits: 256}, nil
	case word == "int":
		return typ{kind: signed, bits: 256}, nil
	case word == "bool":
		return typ{kind: boolean}, nil
	case word == "address":
		return typ{kind: address}, nil
	case word == "string":
		return typ{kind: text}, nil
	case word == "bytes":
		return typ{kind: dynamicBytes}, nil
	case strings.HasPrefix(word, "bytes"):
		if n := number("bytes"); n >= 1 && n <= 32 {
			return typ{kind: fixedBytes, bits: n}, nil
		}
	case strings.HasPrefix(word, "uint"):
		if n := number("uint"); n >= 8 && n <= 256 && n%8 == 0 {
			return typ{kind: unsigned, bits: n}, nil
		}
	case strings.HasPrefix(word, "int"):
		if n := number("int"); n >= 8 && n <= 256 && n%8 == 0 {
			return typ{kind: signed, bits: n}, nil
		}
	}
	return typ{}, fmt.Errorf("%.40q is no type of the ABI: want one such as uint256, int256, bool, address, bytes32 or string", word)
}

// canonical writes a type as selectors are made of.
func (t typ) canonical() string {
	switch t.kind {
	case unsigned:
		return "uint" + strconv.Itoa(t.bits)
	case signed:
		return "int" + strconv.Itoa(t.bits)
	case boolean:
		return "bool"
	case address:
		return "address"
	case fixedBytes:
		return "bytes" + strconv.Itoa(t.bits)
	case dynamicBytes:
		return "bytes"
	case text:
		return "string"
	case array:
		if t.size < 0 {
			return t.of[0].canonical() + "[]"
		}
		return t.of[0].canonical() + "[" + strconv.Itoa(t.size) + "]"
	}
	return canonicalOf(t.of)
}

func canonicalOf(list []typ) string {
	var names []string
	for _, t := range list {
		names = append(names, t.canonical())
	}
	return "(" + strings.Join(names, ",") + ")"
}

// signature writes a view as its selector is made of.
func (v view) signature() string { return v.name + canonicalOf(v.inputs) }

func (t typ) dynamic() bool {
	switch t.kind {
	case dynamicBytes, text:
		return true
	case array:
		return t.size < 0 || t.of[0].dynamic()
	case tuple:
		for _, m := range t.of {
			if m.dynamic() {
				return true
			}
		}
	}
	return false
}

const word = 32

// head returns how many bytes a type takes where it stands.
func (t typ) head() int {
	switch {
	case t.dynamic():
		return word
	case t.kind == array:
		return t.size * t.of[0].head()
	case t.kind == tuple:
		n := 0
		for _, m := range t.of {
			n += m.head()
		}
		return n
	}
	return word
}
