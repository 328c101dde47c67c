package extract

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxGuards bounds how many guards a rule has.
const maxGuards = 16

// star is the token that stands for the element that a rule chooses, in a rule with a guard that has it. In one without it is
// a name like any other.
const star = "*"

// A guard is one entry of a rule's where, made ready.
type guard struct {
	place   string // the pointer as it is written
	pointer pointer
	want    wanted
}

// guardsOf returns the guards of a rule, sorted by their places.
func guardsOf(where map[string]Match) ([]guard, error) {
	var guards []guard
	for _, place := range slices.Sorted(maps.Keys(where)) {
		p, err := parsePointer(place)
		if err != nil {
			return nil, err
		}
		guards = append(guards, guard{place, p, where[place].ready()})
	}
	return guards, nil
}

// check returns why a guard does not hold, or why nobody can say.
func (g guard) check(at target) error {
	switch place := printable(at.place); {
	case at.ambiguous:
		return fmt.Errorf("guard %s: the document is ambiguous: it has a key of it twice", place)
	case g.want.holds(at.shape, []byte(at.text)):
		return nil
	case at.shape == nothing:
		return fmt.Errorf("guard %s: nothing stands there, want %s", place, g.want)
	default:
		return fmt.Errorf("guard %s is %s, want %s", place, said(at.shape, at.text), g.want)
	}
}

// said writes what stands at a place, for people.
func said(kind shape, text string) string {
	switch kind {
	case object, array, null:
		return kind.String()
	}
	return printable(text)
}

// stars returns how many tokens of a pointer stand for an element.
func (p pointer) stars() (n int) {
	for _, t := range p {
		if t.key == star {
			n++
		}
	}
	return n
}

// through returns p with the element called key for each star.
func (p pointer) through(key string) pointer {
	out := slices.Clone(p)
	for i := range out {
		if out[i].key == star {
			out[i] = token{key, arrayIndex(key)}
		}
	}
	return out
}

// chooses reports whether a rule with such guards chooses an element.
func chooses(where []guard) bool {
	return slices.ContainsFunc(where, func(g guard) bool { return g.pointer.stars() > 0 })
}

// checkWhere returns the first mistake in the guards of a rule.
func (r Rule) checkWhere() error {
	if len(r.Where) == 0 {
		return nil
	}
	if len(r.Where) > maxGuards {
		return fmt.Errorf("has %d guards, at most %d are read", len(r.Where), maxGuards)
	}
	for _, place := range slices.Sorted(maps.Keys(r.Where)) {
		p, err := parsePointer(place)
		switch {
		case err != nil:
			return err
		case len(p) == 0:
			return errors.New("an empty pointer; name what must stand where, such as where: {/symbol: BTCUSD}")
		case p.stars() > 1:
			return fmt.Errorf("%s has two *; one element is chosen", printable(place))
		}
		if err := checkMatch(place, r.Where[place]); err != nil {
			return err
		}
	}
	return r.checkStars()
}

// checkStars returns what is wrong between the stars of the guards and those of the other pointers.
func (r Rule) checkStars() error {
	value, errValue := parsePointer(r.Pointer)
	at, errTime := parsePointer(r.Time)
	guards, errWhere := guardsOf(r.Where)
	if errors.Join(errValue, errTime, errWhere) != nil {
		return nil // told elsewhere
	}
	switch choose := chooses(guards); {
	case value.stars() > 1 || at.stars() > 1:
		return errors.New("pointer or time has two *; one element is chosen")
	case choose && r.Pointer == "":
		return errors.New("chooses an element by *, and the rule has no pointer to its value, such as pointer: " + printable(elementOf(guards)+"/price"))
	case choose && value.stars() == 0:
		return fmt.Errorf("chooses an element by *, and pointer %s does not say where in it the value stands, such as %s", printable(r.Pointer), printable(elementOf(guards)+"/price"))
	case !choose && (value.stars() > 0 || at.stars() > 0):
		return errors.New("pointer or time has a *, and nothing here says which element it is, such as where: {/data/*/symbol: BTCUSD}")
	}
	return nil
}

// elementOf returns the place of the elements of which the guards choose one.
func elementOf(guards []guard) string {
	for _, g := range guards {
		if i := slices.IndexFunc(g.pointer, func(t token) bool { return t.key == star }); i >= 0 {
			return g.pointer[:i+1].text()
		}
	}
	return ""
}

// container returns the place of what those elements are in.
func container(guards []guard) string {
	place := strings.TrimSuffix(elementOf(guards), "/"+star)
	if place == "" {
		return "the document"
	}
	return printable(place)
}
