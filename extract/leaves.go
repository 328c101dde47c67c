package extract

import (
	"time"

	"github.com/dodona-oracle/dodona"
)

// A Leaf is a number, a text, true or false of a document, and the way that leads to it.
type Leaf struct {
	Place
	Path   []Step
	Number bool // a rule could take it: a number, or a text that holds one
}

// A Step is one part of the way to a value: the name of a member, or the index of an element of an array.
type Step struct {
	Name    string
	Element bool
}

// Leaves returns the first most leaves of a reading's document in the order of its text, and whether these are all. An error says
// why nothing can be taken from it.
func Leaves(r dodona.Reading, most int) (leaves []Leaf, all bool, err error) {
	body, err := documentOf(r)
	if err != nil {
		return nil, false, err
	}
	all = true
	err = walk(body, false, func(v visit) {
		if v.shape != number && v.shape != text && v.shape != boolean {
			return
		}
		if len(leaves) >= most {
			all = false
			return
		}
		p, _ := parsePointer(pointerOf(v.path)) // one that is longer than any rule's has no steps
		leaf := Leaf{Place: Place{pointerOf(v.path), string(v.text)}, Number: v.isNumeric()}
		for i := range p {
			leaf.Path = append(leaf.Path, Step{p[i].key, v.path[i].array})
		}
		leaves = append(leaves, leaf)
	})
	return leaves, all, err
}

// PointerTo writes the JSON Pointer (RFC 6901) of a way.
func PointerTo(path []Step) string {
	var p pointer
	for _, s := range path {
		p = append(p, token{key: s.Name})
	}
	return p.text()
}

// Instant reads a time as a rule reads what stands at its time: RFC 3339, or a number since 1970 whose size tells its unit.
func Instant(text string) (time.Time, error) { return parseInstant(text) }
