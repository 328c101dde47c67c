package extract

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// The bounds of choosing.
const (
	maxElements = 65_536 // for which one guard holds
	maxShown    = 5      // of what stands elsewhere
)

// A choice looks for the elements for which one guard with a star holds.
type choice struct {
	guard guard
	star  int      // the depth of the star
	found []string // names of elements, in the order of the document
	over  bool     // there are more than maxElements
	seen  int      // at how many elements something stands
	shown []string // the first different ones of what stands there
	last  string   // what was looked at last, whether it is among them
}

// choose returns the plans for one document: those that choose an element name it. The document is walked once more if any does.
func choose(body []byte, plans []plan) []plan {
	if !slices.ContainsFunc(plans, func(p plan) bool { return chooses(p.where) }) {
		return plans
	}
	choices, all := choicesOf(plans)
	_ = walk(body, false, func(v visit) { // fails only for a repeated key, when they must be unique, or too deep, as find will
		for _, c := range all {
			c.see(v)
		}
	})
	plans = slices.Clone(plans)
	for i, own := range choices {
		if len(own) > 0 {
			plans[i] = plans[i].through(own)
		}
	}
	return plans
}

// choicesOf returns what each plan chooses by, and all of it. Equal guards of several plans are one choice: a document in which many
// elements are alike must not cost their number times that of the plans.
func choicesOf(plans []plan) (by [][]*choice, all []*choice) {
	type which struct {
		place string
		want  Match
	}
	known := map[which]*choice{}
	for _, p := range plans {
		var own []*choice
		for _, g := range p.where {
			if g.pointer.stars() == 0 {
				continue
			}
			key := which{g.place, g.want.Match}
			if known[key] == nil {
				known[key] = &choice{guard: g, star: slices.IndexFunc(g.pointer, func(t token) bool { return t.key == star })}
				all = append(all, known[key])
			}
			own = append(own, known[key])
		}
		by = append(by, own)
	}
	return by, all
}

// see takes one value of the document.
func (c *choice) see(v visit) {
	if len(v.path) != len(c.guard.pointer) {
		return
	}
	for i, want := range c.guard.pointer {
		f := v.path[i]
		if i == c.star {
			continue
		}
		if (f.array && f.index != want.index) || (!f.array && string(f.key) != want.key) {
			return
		}
	}
	c.seen++
	if !c.guard.want.holds(v.shape, v.text) {
		if len(c.shown) < maxShown && (len(c.shown) == 0 || string(v.text) != c.last) {
			c.last = string(v.text)
			if text := said(v.shape, string(v.text)); !slices.Contains(c.shown, text) {
				c.shown = append(c.shown, text)
			}
		}
		return
	}
	if c.over = c.over || len(c.found) == maxElements; c.over {
		return
	}
	f := v.path[c.star]
	name := string(f.key)
	if f.array {
		name = strconv.Itoa(f.index)
	}
	c.found = append(c.found, name)
}

// through returns the plan with the one element for which all choices hold, or with why there is none.
func (p plan) through(choices []*choice) plan {
	for _, c := range choices {
		if c.over {
			p.unchosen = fmt.Errorf("guard %s is %s more than %d times", printable(c.guard.place), c.guard.want, maxElements)
			return p
		}
	}
	found := common(choices)
	if len(found) != 1 {
		p.unchosen, p.elsewhere = p.notOne(choices, found), len(found) == 0
		return p
	}
	p.pointer, p.time, p.where = p.pointer.through(found[0]), p.time.through(found[0]), slices.Clone(p.where)
	p.rule.Pointer, p.rule.Time = p.pointer.text(), p.time.text()
	for i := range p.where {
		p.where[i].pointer = p.where[i].pointer.through(found[0])
		p.where[i].place = p.where[i].pointer.text()
	}
	return p
}

// common returns the names of the elements for which all choices hold, each once.
func common(choices []*choice) (found []string) {
	rarest := slices.MinFunc(choices, func(a, b *choice) int { return len(a.found) - len(b.found) })
	held := make(map[string]int, len(rarest.found)) // for how many choices
	for _, name := range rarest.found {
		held[name] = 0
	}
	for i, c := range choices {
		for _, name := range c.found {
			if n, known := held[name]; known && n == i {
				held[name] = i + 1
			}
		}
	}
	for _, name := range rarest.found {
		if held[name] == len(choices) {
			found = append(found, name)
			held[name] = 0 // a name that stands twice
		}
	}
	return found
}

// notOne says that not one element was found, but none or several.
func (p plan) notOne(choices []*choice, found []string) error {
	var wants []string
	for _, c := range choices {
		wants = append(wants, fmt.Sprintf("%s is %s", printable(c.guard.place), c.guard.want))
	}
	want := strings.Join(wants, " and ")
	if len(found) > 0 {
		elements := strings.TrimSuffix(elementOf(p.where), star)
		for i := range found[:min(len(found), maxShown)] {
			found[i] = printable(elements + escape(found[i]))
		}
		return fmt.Errorf("%d elements of %s are chosen, want one: %s for %s", len(found), container(p.where), want, listed(found))
	}
	text := fmt.Sprintf("no element of %s is chosen: there is none for which %s", container(p.where), want)
	for _, c := range choices {
		if len(c.found) > 0 {
			continue
		}
		place := printable(c.guard.place)
		if c.seen == 0 {
			return errors.New(text + "; nothing stands at " + place)
		}
		more := ""
		if c.seen > len(c.shown) {
			more = fmt.Sprintf(" (of %d)", c.seen)
		}
		return errors.New(text + "; at " + place + " stand " + strings.Join(c.shown, ", ") + more)
	}
	return errors.New(text)
}

// listed writes the first of some names.
func listed(names []string) string {
	if len(names) > maxShown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxShown], ", "), len(names)-maxShown)
	}
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// Chosen returns the rule as it reads one document: with the element that it chooses there in the place of every star. A rule
// that chooses none, there or at all, is returned as it is.
func (r Rule) Chosen(from dodona.Reading) Rule {
	body, err := documentOf(from)
	p, errRule := planOf("", r)
	if err != nil || errRule != nil {
		return r
	}
	return choose(body, []plan{p})[0].rule
}
