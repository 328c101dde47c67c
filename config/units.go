package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/unit"
)

const leastEvery = 100 * time.Millisecond

// feed reads one feed; what it asks for is compared with the sources when all are read.
func (l *loader) feed(name string, at *span, n *node) {
	where := "feed " + quote(name)
	d := l.decoder(where, nil)
	if n.kind != mapping {
		if n.kind != broken {
			d.mistake(at, "want a map with %s", listOf(names(fields(reflect.TypeFor[feed.Settings]()))))
		}
		return
	}
	var s feed.Settings
	before := l.report.count()
	d.into(reflect.ValueOf(&s), n, "feed")
	clean := l.report.count() == before
	i := len(l.config.Feeds)
	l.config.Feeds = append(l.config.Feeds, Feed{Feed: s.Identity(name), Settings: s.WithDefaults()})
	l.checks = append(l.checks, func() {
		l.checkFrom(&l.config.Feeds[i], where, n, at)
		if clean {
			l.checkFeed(s, where, n, at)
		}
	})
}

// checkUnits compares feeds with sources.
func (l *loader) checkUnits() {
	if len(l.config.Feeds) == 0 && len(l.config.Sources) == 0 && !l.config.TwoLine && l.report.count() == 0 {
		l.report.add(Mistake{Message: "neither sources nor feeds: there is nothing to do", Hint: "the shortest file is two lines: endpoint: https://… and signature_key: 0x…"}, l.root.at)
	}
	asked := map[string]bool{}
	for _, f := range l.config.Feeds {
		for _, id := range f.Settings.From {
			source, _ := dodona.SplitPointID(id)
			asked[source] = true
		}
		if m := f.Settings.Module; m != nil {
			for _, source := range m.Allow.ReadSensor {
				asked[source] = true
			}
		}
	}
	sources, _ := l.path("sources")
	for _, s := range l.config.Sources {
		if _, at := sources.child(s.Name); !asked[s.Name] {
			l.report.warn(at, "source "+quote(s.Name), "no feed asks for it", "name it in a feed's from, or take it out")
		}
	}
}

// checkFeed checks everything about a feed but whether the points it asks for exist.
func (l *loader) checkFeed(s feed.Settings, where string, n *node, at *span) {
	for key, zero := range map[string]bool{"every": s.Every == 0, "deadline": s.Deadline == 0, "stale": s.Stale == 0, "need": s.Need == 0} {
		if value, place := n.descend(key); value != nil && value.kind == scalar && zero {
			l.report.mistake(place, where, key+": 0 means nothing here; leave it out for the default")
		}
	}
	if s.Every != 0 && s.Every < leastEvery {
		_, place := n.descend("every")
		l.report.mistake(place, where, fmt.Sprintf("every: %s, want at least %s", unit.FormatDuration(s.Every), unit.FormatDuration(leastEvery)))
	}
	l.joined(where, s.Validate(), n, at, "from")
	l.checkModule(s, where, n, at)
}

// checkFrom checks that every point a feed asks for exists, and is in the feed's unit.
func (l *loader) checkFrom(f *Feed, where string, n *node, at *span) {
	const most = 256
	from, place := n.descend("from")
	switch got := len(f.Settings.From); {
	case got > most:
		l.report.mistake(place, where, fmt.Sprintf("from: %d points, at most %d are asked", got, most))
		return
	case got == 0:
		if from == nil || from.kind == null || from.kind == list && len(from.items) == 0 {
			l.report.mistake(at, where, "from is missing: name the sources to ask, such as from: [kraken]")
		}
		return
	}
	for i, id := range f.Settings.From {
		if from != nil && i < len(from.items) && len(from.items) == len(f.Settings.From) {
			place = from.items[i].at
		}
		if slices.Index(f.Settings.From, id) != i {
			l.report.mistake(place, where, fmt.Sprintf("from: %s stands twice", quoteAll(id)))
			continue
		}
		name, point := dodona.SplitPointID(id)
		s, found := l.sources[name]
		if !found {
			m := Mistake{Where: where, Message: fmt.Sprintf("from: there is no source %s", quoteAll(name))}
			known := l.sourceNames()
			if near := nearest(name, known); near != "" {
				m.Hint = fmt.Sprintf("did you mean %q?", near)
			} else if len(known) > 0 {
				m.Hint = "there is " + listOf(known[:min(len(known), 12)])
			}
			l.report.add(m, place)
			continue
		}
		rule, found := s.Rules[point]
		if s.Rules == nil { // its mistakes are told
			continue
		}
		if !found {
			l.noPoint(where, id, s, place)
			continue
		}
		if rule.Unit != "" && f.Settings.Module == nil && f.Settings.Unit != "" && rule.Unit != f.Settings.Unit {
			l.report.mistake(place, where, fmt.Sprintf("from: %s is in %s, but the feed in %s; nothing converts units (scale and offset of a point can)", id, rule.Unit, f.Settings.Unit))
		}
		if s.Every > f.Settings.Every && f.Settings.Every > 0 {
			l.report.warn(place, where, fmt.Sprintf("%s is asked every %s at most, the feed asks every %s", id, unit.FormatDuration(s.Every), unit.FormatDuration(f.Settings.Every)), "rounds in between see the same reading again")
		}
	}
}

// sourceNames returns the names of all sources, sorted, until there are so many mistakes that hints are not told.
func (l *loader) sourceNames() []string {
	if l.report.full() {
		return nil
	}
	return slices.Sorted(maps.Keys(l.sources))
}

func (l *loader) noPoint(where, id string, s Source, at *span) {
	m := Mistake{Where: where}
	name, point := dodona.SplitPointID(id)
	_, single := s.Rules[""]
	switch {
	case single:
		m.Message = fmt.Sprintf("from: source %q has one point and no %q", name, point)
		m.Hint = "ask for " + name
	case point == "":
		m.Message = fmt.Sprintf("from: source %q has several points", name)
		m.Hint = "ask for " + either(s.Points())
	default:
		m.Message = fmt.Sprintf("from: source %q has no point %q", name, point)
		if near := nearest(id, s.Points()); near != "" {
			m.Hint = fmt.Sprintf("did you mean %q?", near)
		} else {
			m.Hint = "there is " + strings.Join(s.Points(), ", ")
		}
	}
	l.report.add(m, at)
}
