package config

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// Changes are what a reload has to do.
//
// The units are sources, feeds and sinks, and each is compared by its own settings alone:
//
//   - A source is its kind and its kind's settings. Its value and points do not belong to it, because the pump
//     that owns the source does not read them.
//   - A sink is its kind, its kind's settings, its policy and the identities of the feeds it delivers; of points, the sources it delivers.
//   - A feed is its settings, its identity, and the rules of the points it asks for, those by which a kind decodes its
//     readings among them, because they are part of what it signs.
//
// So a source whose address changed leaves its feeds equal: the node closes the old source, opens the new one under
// the same name, and the feeds, which ask by name, go on; a round in between reports that source as failed. A point
// whose pointer changed leaves its source running and replaces the feeds that ask for it, each going on after its
// last round. Order of work: stop removed and changed feeds, close removed and changed sources, open changed and
// added sources, start changed and added feeds.
type Changes struct {
	Sources Units     `json:"sources"`
	Feeds   Units     `json:"feeds"`
	Sinks   Units     `json:"sinks"`
	Renewed []Renewed `json:"renewed,omitempty"` // feeds among the changed ones that have another id now
	Live    []string  `json:"live,omitempty"`    // settings that changed and can be applied at once
	Restart []string  `json:"restart,omitempty"` // settings that changed and that only a restart changes
}

// Units are the names of the units of one sort, in the order of the new file; removed ones in that of the old.
type Units struct {
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
	Changed []string `json:"changed,omitempty"`
	Equal   []string `json:"equal,omitempty"`
}

// Renewed is a feed that became another one under its name: what is signed under the new id is nothing to who has the old one.
type Renewed struct {
	Name string        `json:"name"`
	Was  dodona.FeedID `json:"was"`
	Is   dodona.FeedID `json:"is"`
	What string        `json:"what"` // changed of its identity, such as "unit Cel → K"
}

// Diff compares the running configuration with a new one. A secret counts as changed if it is named differently;
// that the file behind the same name changed is not seen, because secrets are read whenever they are needed.
func Diff(old, new *Config) Changes {
	var c Changes
	for _, sort := range sorts() {
		*sort.of(&c) = compare(sort.units(old), sort.units(new))
	}
	c.Renewed = renewed(old, new)
	c.Live, c.Restart = sectionChanges(old, new)
	return c
}

// String prints the changes for people: "sources: kraken changed; feeds: btc.usd added; restart needed for api.listen".
func (c Changes) String() string {
	var parts []string
	for _, sort := range sorts() {
		units := sort.of(&c)
		var words []string
		for _, list := range []struct {
			verb  string
			names []string
		}{{"added", units.Added}, {"changed", units.Changed}, {"removed", units.Removed}} {
			if len(list.names) > 0 {
				words = append(words, strings.Join(list.names, ", ")+" "+list.verb)
			}
		}
		if len(words) > 0 {
			parts = append(parts, sort.key+": "+strings.Join(words, ", "))
		}
	}
	for _, r := range c.Renewed {
		parts = append(parts, r.Name+" is another feed now ("+r.What+")")
	}
	if len(c.Live) > 0 {
		parts = append(parts, "applied: "+strings.Join(c.Live, ", "))
	}
	if len(c.Restart) > 0 {
		parts = append(parts, "restart needed for "+strings.Join(c.Restart, ", "))
	}
	if len(parts) == 0 {
		return "nothing changed"
	}
	return strings.Join(parts, "; ")
}

func sourceUnits(c *Config) (out []named) {
	for _, s := range c.Sources {
		out = append(out, named{s.Name, []any{s.Kind, s.Settings}, s.encode})
	}
	return out
}

func feedUnits(c *Config) (out []named) {
	rules := c.Rules()
	for _, f := range c.Feeds {
		from := f.Settings.From
		out = append(out, named{f.Feed.Name, []any{f.Feed, f.Settings, rules.For(from...), c.decoded(from)}, f.encode})
	}
	return out
}

// renewed returns the feeds whose name stayed and whose id did not.
func renewed(old, new *Config) (list []Renewed) {
	for _, now := range new.Feeds {
		if was, found := old.Feed(now.Feed.Name); found && was.Feed.ID() != now.Feed.ID() {
			list = append(list, Renewed{Name: now.Feed.Name, Was: was.Feed.ID(), Is: now.Feed.ID(), What: between(was.Feed, now.Feed)})
		}
	}
	return list
}

// between says what differs between the identities of two feeds of one name.
func between(old, new dodona.Feed) string {
	var parts []string
	for _, part := range [][3]string{
		{"kind", string(old.Kind), string(new.Kind)},
		{"unit", cmp.Or(old.Unit, "none"), cmp.Or(new.Unit, "none")},
		{"decimals", strconv.Itoa(int(old.Decimals)), strconv.Itoa(int(new.Decimals))},
		{"labels", cmp.Or(strings.Join(old.Labels, ", "), "none"), cmp.Or(strings.Join(new.Labels, ", "), "none")},
	} {
		if part[1] != part[2] {
			parts = append(parts, part[0]+" "+part[1]+" → "+part[2])
		}
	}
	return strings.Join(parts, ", ")
}

// decoded returns what the points called from mean to the kinds that make them, each as its kind and its rule.
func (c *Config) decoded(from []string) map[string][2]string {
	means := map[string][2]string{}
	for _, id := range from {
		name, point := dodona.SplitPointID(id)
		s, _ := c.Source(name)
		if own, found := s.Decoded[point]; found {
			means[id] = [2]string{s.Kind, string(own)}
		}
	}
	return means
}

func compare(old, new []named) (u Units) {
	before := make(map[string][]any, len(old))
	for _, o := range old {
		before[o.name] = o.is
	}
	for _, n := range new {
		unit, found := before[n.name]
		delete(before, n.name)
		switch {
		case !found:
			u.Added = append(u.Added, n.name)
		case reflect.DeepEqual(unit, n.is):
			u.Equal = append(u.Equal, n.name)
		default:
			u.Changed = append(u.Changed, n.name)
		}
	}
	for _, o := range old {
		if _, gone := before[o.name]; gone {
			u.Removed = append(u.Removed, o.name)
		}
	}
	return u
}

// sectionChanges returns the settings outside of sources, feeds and sinks that changed, sorted: those that a reload
// changes, and those that only a restart does.
func sectionChanges(old, new *Config) (live, restart []string) {
	after := make(map[string]setting)
	for _, s := range settings(new) {
		after[s.name] = s
	}
	for _, s := range settings(old) {
		switch {
		case reflect.DeepEqual(s.value.Interface(), after[s.name].value.Interface()):
		case old.follows(s.name) && new.follows(s.name): // the setting that it follows is told
		case s.live:
			live = append(live, s.name)
		default:
			restart = append(restart, s.name)
		}
	}
	slices.Sort(live)
	slices.Sort(restart)
	return live, restart
}

// A setting is one of a section, by its dotted name.
type setting struct {
	name  string
	value reflect.Value
	live  bool // a reload changes it
}

// settings returns every setting of every section.
func settings(c *Config) (out []setting) {
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for _, f := range strict.Fields(v.Type()) {
			value := v.FieldByIndex(f.Index)
			if value.Kind() == reflect.Struct && strict.ShapeOf(f.Type) == strict.ShapeStruct {
				walk(prefix+f.Name+".", value)
				continue
			}
			out = append(out, setting{prefix + f.Name, value, f.Tag.Get("live") == "true"})
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return out
}
