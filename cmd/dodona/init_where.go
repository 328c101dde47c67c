package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
)

// choose makes a pick inside of an array one of the element that is meant, wherever it stands, by what names it there. What nothing
// names stays a matter of its position, which is told.
func (d draft) choose(p *pick, r dodona.Reading) {
	i := slices.IndexFunc(d.leaves, func(l extract.Leaf) bool { return l.Pointer == p.Pointer })
	if i < 0 {
		return
	}
	p.rule = extract.Rule{Pointer: p.Pointer, Time: p.time}
	way, star := d.leaves[i].Path, -1
	for level := len(way) - 1; level >= 0; level-- {
		if !way[level].Element {
			continue
		}
		names := d.namesOf(way, level, p)
		if names == nil {
			p.position = extract.PointerTo(way[:level+1])
			continue
		}
		if p.rule.Where == nil {
			p.rule.Where = map[string]extract.Match{}
		}
		guarded := slices.Clone(way[:level+1])
		if star < 0 {
			star = level
			guarded[level].Name = "*"
		}
		for _, n := range names {
			p.rule.Where[extract.PointerTo(append(slices.Clone(guarded), n.Path[level+1:]...))] = extract.MatchText(n.Text)
		}
	}
	if star >= 0 {
		p.rule.Pointer = starred(p.Pointer, way, star)
		p.rule.Time = starred(p.time, way, star)
	}
	if !takes(p.rule, r, p.Pointer) {
		p.rule = extract.Rule{Pointer: p.Pointer, Time: p.time}
		p.position = p.Pointer
	}
}

// starred puts the star in the place of the element into a pointer that leads through it.
func starred(pointer string, way []extract.Step, star int) string {
	element := extract.PointerTo(way[:star+1])
	rest := strings.TrimPrefix(pointer, element)
	if pointer == "" || rest == pointer || rest != "" && rest[0] != '/' {
		return pointer
	}
	return extract.PointerTo(way[:star]) + "/*" + rest
}

// takes reports whether a rule takes from a document what stands at a pointer.
func takes(rule extract.Rule, r dodona.Reading, pointer string) bool {
	want, err := extract.Number(r, pointer)
	if err != nil {
		return false
	}
	r.Source = "source"
	x, err := extract.New(extract.Rules{r.Source: {"": rule}})
	if err != nil {
		return false
	}
	result, err := x.Apply(context.Background(), dodona.Call{Readings: []dodona.Reading{r}})
	return err == nil && len(result.Points) == 1 && result.Points[0].Quality == dodona.Good && result.Points[0].Value == want
}

// namers are what members are called that say which one an element is, the likeliest first.
var namers = []string{
	"symbol", "id", "name", "code", "pair", "ticker", "instrument", "sensor", "device", "channel", "key", "sym", "isin", "serial", "tag", "label", "register",
	"address", "asset", "market", "ccy", "station", "location", "city", "zone", "product", "point",
	"base", "quote", "currency", "type", "unit", "phase", // from here on one says half of it
}

// halves is the rank of the first namer that says half of what an element is, such as the base of a pair.
var halves = slices.Index(namers, "base")

// mostNames is how far inside an element its name is looked for.
const mostNames = 2

// namesOf returns what names the element of an array that a way leads through at a level: one member that no other element has alike, or two
// that none has both of; nil if nothing does.
func (d draft) namesOf(way []extract.Step, level int, p *pick) []extract.Leaf {
	if !d.whole {
		return nil // nobody knows what the other elements are called
	}
	type element map[string]string // by the rest of the pointer
	elements := map[string]element{}
	var own []extract.Leaf
	array := extract.PointerTo(way[:level])
	for _, l := range d.leaves {
		inside := len(l.Path) > level+1 && len(l.Path) <= level+1+mostNames && strings.HasPrefix(l.Pointer, array+"/")
		if !inside || slices.ContainsFunc(l.Path[level+1:], func(s extract.Step) bool { return s.Element }) {
			continue
		}
		at, rest := l.Path[level].Name, extract.PointerTo(l.Path[level+1:])
		if elements[at] == nil {
			elements[at] = element{}
		}
		elements[at][rest] = l.Text
		if at == way[level].Name && l.Pointer != p.Pointer && l.Pointer != p.time && rankOf(l) < len(namers)+2 {
			own = append(own, l)
		}
	}
	slices.SortStableFunc(own, func(a, b extract.Leaf) int { return rankOf(a) - rankOf(b) })
	alone := func(names ...extract.Leaf) bool {
		for at, e := range elements {
			if at != way[level].Name && !slices.ContainsFunc(names, func(n extract.Leaf) bool { return e[extract.PointerTo(n.Path[level+1:])] != n.Text }) {
				return false
			}
		}
		return true
	}
	var half []extract.Leaf
	for _, n := range own {
		if rank := rankOf(n); rank >= halves && rank < len(namers) {
			half = append(half, n)
		} else if alone(n) && (len(elements) > 1 || rank < halves) {
			return []extract.Leaf{n}
		}
	}
	if len(half) > 0 && alone(half...) {
		return half
	}
	for i, n := range own {
		for _, m := range own[:i] {
			if alone(m, n) {
				return []extract.Leaf{m, n}
			}
		}
	}
	return nil
}

// rankOf is low for a member that names by what it is called, and beyond the list for what is no name.
func rankOf(l extract.Leaf) int {
	const nothing = 1 << 10
	words := wordsOf(l.Path[len(l.Path)-1].Name)
	if _, err := extract.Instant(l.Text); len(l.Text) == 0 || len(l.Text) > 200 || err == nil && !l.Number {
		return nothing
	}
	for rank, name := range namers {
		if slices.Contains(words, name) || strings.Join(words, "") == name {
			if _, err := strconv.ParseInt(l.Text, 10, 64); l.Number && err != nil {
				return nothing
			}
			return rank
		}
	}
	if l.Number || l.Text == "true" || l.Text == "false" {
		return nothing
	}
	return len(namers) + 1
}
