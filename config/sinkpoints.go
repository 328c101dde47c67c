package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/sink"
)

// SinkSources returns the sources whose points a sink delivers, in the order of the file: none if it delivers answers.
func (c *Config) SinkSources(s Sink) (list []Source) {
	for _, of := range c.Sources {
		if s.OfPoints && s.delivers(of) {
			list = append(list, of)
		}
	}
	return list
}

// delivers reports whether a sink of points delivers any of a source.
func (s Sink) delivers(of Source) bool {
	if len(s.Policy.Sources) > 0 && !slices.Contains(s.Policy.Sources, of.Name) {
		return false
	}
	return len(s.Policy.Points) == 0 || slices.ContainsFunc(s.Policy.Points, func(id string) bool {
		name, _ := dodona.SplitPointID(id)
		return name == of.Name
	})
}

// SinkPoints returns the ids of the points of a source that a sink of points delivers.
func (s Sink) SinkPoints(of Source) []string {
	return slices.DeleteFunc(of.Points(), func(id string) bool { return len(s.Policy.Points) > 0 && !slices.Contains(s.Policy.Points, id) })
}

// Described returns the points that a sink of points delivers, in the order of the file.
func (c *Config) Described(s Sink) (list []sink.Described) {
	for _, of := range c.SinkSources(s) {
		for _, id := range s.SinkPoints(of) {
			_, point := dodona.SplitPointID(id)
			list = append(list, sink.Described{Point: id, Device: of.DeviceOf(point), Protocol: of.Kind, Unit: of.Rules[point].Unit})
		}
	}
	return list
}

// checkSinkPoints checks that the sources and points of a sink exist.
func (l *loader) checkSinkPoints(s *Sink, where string, n *strict.Node) bool {
	if !s.OfPoints {
		return l.checkDeadbandsOfFeeds(s, where, n)
	}
	if l.unreadUnit("sources") {
		return true
	}
	good := l.checkNamed(where, n, "sources", s.Policy.Sources, l.sourceNames(), func(name string) bool {
		_, found := l.sources[name]
		return found
	})
	var all []string
	unknown := false // the points of some source
	for _, of := range l.config.Sources {
		if of.Rules == nil {
			unknown = true
		}
		if len(s.Policy.Sources) == 0 || slices.Contains(s.Policy.Sources, of.Name) {
			all = append(all, of.Points()...)
		}
	}
	has := func(id string) bool { return unknown || slices.Contains(all, id) }
	good = l.checkNamed(where, n, "points", s.Policy.Points, all, has) && good
	return l.checkNamed(where, n, "deadbands", slices.Sorted(maps.Keys(s.Policy.Deadbands)), all, has) && good
}

// checkDeadbandsOfFeeds checks that the feeds exist that a sink of answers has deadbands for.
func (l *loader) checkDeadbandsOfFeeds(s *Sink, where string, n *strict.Node) bool {
	if l.unreadUnit("feeds") {
		return true
	}
	names := l.config.SinkFeeds(*s)
	return l.checkNamed(where, n, "deadbands", slices.Sorted(maps.Keys(s.Policy.Deadbands)), names, func(name string) bool { return slices.Contains(names, name) })
}

// checkNamed checks that what a setting names is there, once.
func (l *loader) checkNamed(where string, n *strict.Node, setting string, names, known []string, found func(name string) bool) (good bool) {
	list, place := n.Descend(n.At, setting)
	good = true
	for i, name := range names {
		if list != nil && i < len(list.Items) {
			place = list.Items[i].At
		}
		switch {
		case slices.Index(names, name) != i:
			l.report.Mistake(place, where, fmt.Sprintf("%s: %s stands twice", setting, strict.QuoteAll(name)))
			good = false
		case !found(name):
			m := strict.Mistake{Where: where, Message: fmt.Sprintf("%s: there is no %s", setting, strict.QuoteAll(name))}
			if m.Near(name, known); m.Hint == "" && len(known) > 0 {
				m.Hint = "there is " + strict.ListOf(known[:min(len(known), 12)])
			}
			l.report.Add(m, place)
			good = false
		}
	}
	return good
}
