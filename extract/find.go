package extract

import (
	"errors"
	"fmt"
	"strings"
)

// A target is what find saw of one pointer.
type target struct {
	shape     shape
	text      string // of a number, text, boolean or NaN
	place     string // the pointer it was found at, to show; the rule's own, or that of the only number
	ambiguous bool   // its path has a repeated key, so that readers of the document differ about it
	refused   []leaf // or these are there and no pointer says which is meant
}

// A search looks for one pointer during a walk.
type search struct {
	pointer pointer
	passed  []bool // by depth: this part of the pointer was already reached
	target  target
}

func newSearch(p pointer) search { return search{pointer: p, passed: make([]bool, len(p)+1)} }

// see takes one value of the document.
func (s *search) see(v visit) {
	depth := len(v.path)
	if len(s.pointer) == 0 || depth > len(s.pointer) {
		return
	}
	for i := depth - 1; i >= 0; i-- {
		f, want := v.path[i], s.pointer[i]
		if (f.array && f.index != want.index) || (!f.array && string(f.key) != want.key) {
			return
		}
	}
	if s.passed[depth] {
		s.target.ambiguous = true
	}
	s.passed[depth] = true
	if depth == len(s.pointer) {
		s.target.shape, s.target.text = v.shape, string(v.text)
	}
}

// A finding is what find saw of one plan.
type finding struct {
	value, time target
	where       []target // in the order of the plan's guards
}

// find looks for what every plan names, in one pass. An error means that nothing can be taken from the document, which
// check has accepted.
func find(body []byte, plans []plan) ([]finding, error) {
	var searches []search
	var lone sole
	for _, p := range plans {
		searches = append(searches, newSearch(p.pointer), newSearch(p.time))
		for _, g := range p.where {
			searches = append(searches, newSearch(g.pointer))
		}
		if p.rule.Pointer == "" {
			lone.most = max(lone.most, 3+len(p.where)) // a plan leaves out its time and guards, and two that remain are one too many
		}
	}
	err := walk(body, lone.most > 0, func(v visit) {
		for i := range searches {
			searches[i].see(v)
		}
		lone.see(v)
	})
	if err != nil {
		return nil, err
	}
	found := make([]finding, len(plans))
	for i, p := range plans {
		found[i].value, found[i].time = searches[0].target, searches[1].target
		found[i].value.place, found[i].time.place = p.rule.Pointer, p.rule.Time
		searches = searches[2:]
		for _, g := range p.where {
			at := searches[0].target
			at.place = g.place
			found[i].where = append(found[i].where, at)
			searches = searches[1:]
		}
		if p.rule.Pointer == "" {
			found[i].value = p.only(lone)
		}
	}
	return found, nil
}

// The bounds of a list of pointers for people.
const maxListed = 12

// numbersIn says which pointers of a document lead to numbers: "numbers stand at /a, /b and 3 more".
func numbersIn(body []byte) string {
	listed, count := numberPlaces(body)
	switch {
	case count == 0:
		return "the document has no number"
	case count == 1:
		return "the only number stands at " + listed[0]
	case count > len(listed):
		return fmt.Sprintf("numbers stand at %s and %d more", strings.Join(listed, ", "), count-len(listed))
	}
	last := len(listed) - 1
	return fmt.Sprintf("numbers stand at %s and %s", strings.Join(listed[:last], ", "), listed[last])
}

// numberPlaces returns the first places of numbers in a document that was walked before, and how many there are.
func numberPlaces(body []byte) (listed []string, count int) {
	_ = walk(body, false, func(v visit) { // cannot fail a second time
		if !v.isNumeric() {
			return
		}
		if count++; len(listed) < maxListed {
			listed = append(listed, placeOf(v.path))
		}
	})
	return listed, count
}

// placeOf names a place for people.
func placeOf(path []frame) string {
	if len(path) == 0 {
		return "the top"
	}
	return printable(pointerOf(path))
}

// misplaced says why nothing can be taken from a place, and where numbers stand instead.
func misplaced(body []byte, t target) error {
	place := t.place
	switch {
	case t.ambiguous && place == "":
		return unnamed(body, t.refused)
	case t.ambiguous:
		return fmt.Errorf("the document is ambiguous: it has a key of %s twice", printable(place))
	case t.shape == nan:
		if place == "" {
			return fmt.Errorf("%s stands at the top, which is no number", t.text)
		}
		return fmt.Errorf("%s stands at %s, which is no number", t.text, printable(place))
	case place == "":
		return errors.New("no number is left for the value: " + numbersIn(body) + "; it begins " + opening(body))
	case t.shape == nothing && strings.Contains(place+"/", "/*/"):
		return fmt.Errorf("nothing stands at %s, where * is a name, because nothing in where chooses an element; %s", printable(place), numbersIn(body))
	case t.shape == nothing && strings.Contains(place, "["):
		return fmt.Errorf("nothing stands at %s, where [ is part of a name: an element is /data/0, or chosen by where; %s", printable(place), numbersIn(body))
	case t.shape == nothing:
		return fmt.Errorf("nothing stands at %s; %s", printable(place), numbersIn(body))
	}
	return fmt.Errorf("%s stands at %s; %s", t.shape, printable(place), numbersIn(body))
}
