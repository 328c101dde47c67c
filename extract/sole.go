package extract

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A leaf is a value of a document that has no others in it: an array or an object only if it is empty.
type leaf struct {
	pointer string
	shape   shape
	text    string
	name    string // of the member that it is, or is an element of, in small letters and without anything else; empty: it has none
}

// A sole is what decides whether a document has one number that a rule without a pointer may take. A document of which that is not
// certain is refused: an answer of another shape, such as an error's, may have just one number too.
type sole struct {
	most    int    // leaves of a sort that are kept; a plan leaves out those that it names itself
	values  []leaf // that could be the value: numbers and what is none, true, false, null, nothing said, and what is called as a value
	numbers []leaf // of these: what is meant as a number, and no number
	texts   []leaf // other ones
	errors  []leaf // of any sort, with a member on the way that is called as in an error's document
}

// see takes one value of the document.
func (s *sole) see(v visit) {
	if len(s.numbers) >= s.most || !v.isLeaf() { // that many are too many, whatever follows
		return
	}
	var name string
	called := false
	for _, f := range v.path {
		if !f.array {
			name = lettersOf(f.key)
			called = called || isCalledError(f.key)
		}
	}
	value := v.shape != text || v.isNumeric() || saysNone(v.text) || slices.Contains(valueNames, name)
	for _, sort := range []struct {
		is   bool
		list *[]leaf
	}{{value, &s.values}, {v.shape == nan || v.isNumeric(), &s.numbers}, {!value, &s.texts}, {called, &s.errors}} {
		if sort.is && len(*sort.list) < s.most {
			*sort.list = append(*sort.list, leaf{pointerOf(v.path), v.shape, string(v.text), name})
		}
	}
}

// only returns the one number of a document that a plan without a pointer may take, or why there is none.
func (p plan) only(s sole) target {
	others := func(all []leaf) []leaf { // that do not stand at the pointer of the time or of a guard
		return slices.DeleteFunc(slices.Clone(all), func(l leaf) bool {
			_, guards := p.rule.Where[l.pointer]
			return guards || p.rule.Time != "" && l.pointer == p.rule.Time
		})
	}
	values, texts, called := others(s.values), others(s.texts), others(s.errors)
	if p.overlooks {
		values, texts, called = others(s.numbers), nil, nil
	}
	if len(values) == 0 {
		return target{}
	}
	one := values[0]
	switch {
	case len(values) == 1 && !one.isNumber() && one.shape != nan:
		return target{}
	case len(values) > 1:
		return target{ambiguous: true, refused: values}
	case len(called) > 0:
		return target{ambiguous: true, refused: []leaf{one, called[0]}}
	case len(texts) > 0 && !slices.Contains(valueNames, one.name):
		return target{ambiguous: true, refused: []leaf{one, texts[0]}}
	}
	return target{shape: one.shape, text: one.text, place: one.pointer}
}

func (l leaf) isNumber() bool { return visit{shape: l.shape, text: []byte(l.text)}.isNumeric() }

// at names a leaf with what it says.
func (l leaf) at() string {
	place := printable(l.pointer)
	if l.pointer == "" {
		place = "the top"
	}
	switch l.shape {
	case null:
		return "null at " + place
	case object, array:
		return "an empty " + strings.TrimPrefix(l.shape.String(), "an ") + " at " + place
	case text:
		return fmt.Sprintf("the text %s at %s", printable(l.text), place)
	}
	return printable(l.text) + " at " + place
}

// unnamed says why a rule without a pointer takes none of the leaves of a document that it could mean, and what to write.
func unnamed(body []byte, refused []leaf) error {
	first := slices.IndexFunc(refused, leaf.isNumber)
	if first < 0 {
		return fmt.Errorf("the document has %s where a number would be, and the rule has no pointer; say which value is meant, such as value: %s", refused[0].at(), printable(refused[0].pointer))
	}
	one, beside := refused[first], slices.Delete(slices.Clone(refused), first, first+1)
	if slices.ContainsFunc(beside, func(l leaf) bool { return l.isNumber() && l.pointer != one.pointer }) {
		listed, _ := numberPlaces(body)
		return errors.New("the document has several numbers and the rule has no pointer: " + numbersIn(body) + "; say which one, such as value: " + listed[0])
	}
	why := "that is what a document without a value calls its error"
	if other := beside[0]; other.pointer != one.pointer {
		why = "it has " + other.at() + " too"
	}
	return fmt.Errorf("the rule has no pointer, and the document may not mean its only number, %s, as a value: %s; if it does, write value: %s", one.at(), why, printable(one.pointer))
}
