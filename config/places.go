package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// Where a setting belongs that stands at the top of a file: all its places, for whoever follows a hint that names one of several
// has set it for one of several.

// A place is where settings stand.
type place struct {
	within string // of places that are told together: "a source's "
	name   string // what it is called in there
	path   string // how a setting is written there, with %s for it
	keys   []string
}

// places returns where settings stand, in the order of the manual.
func (l *loader) places() (out []place) {
	for _, s := range sections(l.config) {
		if s.value.Kind() == reflect.Struct {
			out = append(out, place{"", s.key, s.key + ": {%s: …}", strict.Names(strict.Fields(s.value.Type()))})
		}
	}
	add := func(within, name, path string, keys []string) { out = append(out, place{within, name, path, keys}) }
	add("", "a source", "sources: {NAME: {%s: …}}", besideSource)
	add("", "a point", "sources: {NAME: {value: {%s: …}}}", strict.Names(strict.Fields(ruleType)))
	for _, k := range l.kinds.sources() {
		add("a source's ", k.Name(), "sources: {NAME: {"+k.Name()+": {%s: …}}}", strict.Names(strict.Fields(settingsType(k))))
	}
	add("", "a feed", "feeds: {NAME: {%s: …}}", strict.Names(strict.Fields(feedType)))
	add("", "a sink", "sinks: {NAME: {%s: …}}", strict.Names(strict.Fields(policyType)))
	for _, k := range l.kinds.sinks() {
		add("a sink's ", k.Name(), "sinks: {NAME: {"+k.Name()+": {%s: …}}}", strict.Names(strict.Fields(settingsType(k))))
	}
	return out
}

const mostMeant = 3 // settings that one word may stand for, until naming them helps nobody

// placesOf says where a key at the top belongs, or "".
func (l *loader) placesOf(key string) string {
	all := l.places()
	if in := having(all, key); len(in) > 0 {
		return fmt.Sprintf("%q %s", key, belongs(key, in))
	}
	if len(means(key, topKeys())) > 0 {
		return ""
	}
	var said []string
	for _, setting := range means(key, slices.Sorted(maps.Keys(called))) {
		if in := having(all, setting); len(in) > 0 {
			said = append(said, fmt.Sprintf("it is called %q here, and %s", setting, belongs(setting, in)))
		}
	}
	if len(said) == 0 || len(said) > mostMeant {
		return ""
	}
	return strings.Join(said, "; or ")
}

// having returns the places with a setting.
func having(all []place, key string) []place {
	return slices.DeleteFunc(slices.Clone(all), func(p place) bool { return !slices.Contains(p.keys, key) })
}

// belongs says where a setting belongs that some places have.
func belongs(key string, in []place) string {
	if len(in) == 1 {
		return fmt.Sprintf("belongs to %s: "+in[0].path, in[0].within+in[0].name, key)
	}
	var parts []string
	for i := 0; i < len(in); {
		within := in[i].within
		names := []string{in[i].name}
		for i++; within != "" && i < len(in) && in[i].within == within; i++ {
			names = append(names, in[i].name)
		}
		parts = append(parts, "in "+within+strict.Either(names))
	}
	return "is set for each that needs it: " + strings.Join(parts, ", ")
}
