package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// feed reads one feed; what it asks for is compared with the sources when all are read.
func (l *loader) feed(name string, at *strict.Span, n *strict.Node) {
	where := whose("feed", name, at)
	d := l.decoder(where, belongsElsewhere("feed"))
	if n.Kind != strict.Mapping {
		if n.Kind != strict.Broken {
			d.Mistake(at, "want a map with %s", strict.ListOf(strict.Names(strict.Fields(feedType))))
		}
		return
	}
	var s feed.Settings
	d.Into(reflect.ValueOf(&s), n, "feed")
	if kind, _ := n.Child("kind"); kind != nil && kind.Kind == strict.Scalar {
		known := words(reflect.TypeOf(s.Kind))
		if meant := meantWord(kind.Text, known); meant != "" && meant != kind.Text {
			l.report.Add(strict.Mistake{
				Where: where, Message: fmt.Sprintf("kind: %s, want %s", strict.QuoteAll(kind.Text), strict.Either(known)),
				Hint: fmt.Sprintf("it is called %q here", meant), Instead: meant,
			}, kind.At)
			s.Kind = dodona.Kind(meant) // what is said of the others follows from it
			kind.Text, kind.At = meant, n.At
		}
	}
	l.warnOfUnit(where, n)
	i := len(l.config.Feeds)
	l.config.Feeds = append(l.config.Feeds, Feed{Feed: s.Identity(name), Settings: s.WithDefaults()})
	l.checks = append(l.checks, func() {
		l.checkFrom(&l.config.Feeds[i], where, n, at)
		l.checkFeed(s, where, n, at)
	})
}

// checkUnits compares feeds with sources.
func (l *loader) checkUnits() {
	if len(l.config.Feeds) == 0 && len(l.config.Sources) == 0 && !l.config.TwoLine && l.report.Count() == 0 {
		l.report.Add(strict.Mistake{Message: "neither sources nor feeds: there is nothing to do", Hint: "the shortest file is two lines: endpoint: https://… and signature_key: {file: PATH}"}, l.root.At)
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
	for _, s := range l.config.Sinks {
		for _, of := range l.config.SinkSources(s) {
			asked[of.Name] = true
		}
	}
	if feeds, _ := l.path("feeds"); l.report.Wrong(feeds) {
		return // perhaps one asks for it that could not be read
	}
	if l.report.Count() == 0 {
		l.warnOfPointerless()
	}
	sources, _ := l.path("sources")
	for _, s := range l.config.Sources {
		if n, at := sources.Child(s.Name); !asked[s.Name] && !l.report.Wrong(n) && !l.report.WrongAt(at) {
			l.report.Warn(at, "source "+strict.Quote(s.Name), "no feed asks for it", "name it in a feed's from, or take it out")
		}
	}
}

// checkFeed checks everything about a feed but whether the points it asks for exist.
func (l *loader) checkFeed(s feed.Settings, where string, n *strict.Node, at *strict.Span) {
	for key, zero := range map[string]bool{"every": s.Every == 0, "deadline": s.Deadline == 0, "stale": s.Stale == 0, "need": s.Need == 0} {
		if value, place := n.Descend(n.At, key); value != nil && value.Kind == strict.Scalar && !l.report.Wrong(value) && zero {
			l.report.Mistake(place, where, key+": 0 means nothing here; leave it out for the default")
		}
	}
	l.tell(subject{where: where, node: n, at: at, settings: feedType}, s.Check(), "from")
	l.checkModule(s, where, n)
}

// checkFrom checks that every point a feed asks for exists, and is in the feed's unit.
func (l *loader) checkFrom(f *Feed, where string, n *strict.Node, at *strict.Span) {
	from, place := n.Descend(n.At, "from")
	switch got := len(f.Settings.From); {
	case got > feed.MaxFrom:
		l.report.Mistake(place, where, fmt.Sprintf("from: %d points, at most %d are asked", got, feed.MaxFrom))
		return
	case got == 0:
		if from == nil && !l.unread(n, "from") || from != nil && (from.Kind == strict.Null || from.Kind == strict.List && len(from.Items) == 0) {
			l.report.Mistake(at, where, "from is missing: name the sources to ask, such as from: [kraken]")
		}
		return
	}
	for i, id := range f.Settings.From {
		if from != nil && i < len(from.Items) && len(from.Items) == len(f.Settings.From) {
			place = from.Items[i].At
		}
		if slices.Index(f.Settings.From, id) != i {
			l.report.Mistake(place, where, fmt.Sprintf("from: %s stands twice", strict.QuoteAll(id)))
			continue
		}
		name, point := dodona.SplitPointID(id)
		s, found := l.sources[name]
		if !found {
			m := strict.Mistake{Where: where, Message: fmt.Sprintf("from: there is no source %s", strict.QuoteAll(name))}
			known := slices.DeleteFunc(l.sourceNames(), func(name string) bool { return slices.Contains(f.Settings.From, name) })
			if m.Near(name, known); m.Instead != "" {
				m.Instead = strict.Plain(dodona.PointID(strict.Nearest(name, known), point))
			} else if len(known) > 0 {
				m.Hint = "there is " + strict.ListOf(known[:min(len(known), 12)])
			}
			if !l.unreadUnit("sources") {
				l.report.Add(m, place)
			}
			continue
		}
		_, found = s.Rules[point]
		if s.Rules == nil { // its mistakes are told
			continue
		}
		if _, decoded := s.Decoded[point]; !found && !decoded {
			l.noPoint(where, id, s, place, f.Settings.From)
			continue
		}
		if in := s.unitOf(point); in != "" && f.Settings.Module == nil && f.Settings.Unit != "" && in != f.Settings.Unit {
			l.report.Mistake(place, where, fmt.Sprintf("from: %s is in %s, but the feed in %s; nothing converts units (scale and offset of a point can)", id, strict.Plain(in), f.Settings.Unit))
		}
		if s.Every > f.Settings.Every && f.Settings.Every > 0 {
			l.report.Warn(place, where, fmt.Sprintf("%s is asked every %s at most, the feed asks every %s", id, unit.FormatDuration(s.Every), unit.FormatDuration(f.Settings.Every)), "rounds in between see the same reading again")
		}
	}
}

// unreadUnit reports whether a unit of a sort may be in the file and was not understood.
func (l *loader) unreadUnit(sort string) bool {
	units, _ := l.root.Child(sort)
	return l.root.Torn && units == nil || units != nil && (units.Kind == strict.Broken || units.Torn || units.Kind == strict.List || units.Kind == strict.Scalar)
}

// sourceNames returns the names of all sources, sorted, until there are so many mistakes that hints are not told.
func (l *loader) sourceNames() []string {
	if l.report.Full() {
		return nil
	}
	return slices.Sorted(maps.Keys(l.sources))
}

func (l *loader) noPoint(where, id string, s Source, at *strict.Span, from []string) {
	m := strict.Mistake{Where: where}
	name, point := dodona.SplitPointID(id)
	switch {
	case slices.Equal(s.Points(), []string{name}):
		m.Message = fmt.Sprintf("from: source %q has one point and no %q", name, point)
		if m.Hint = "ask for " + name; !slices.Contains(from, name) {
			m.Instead = name
		}
	case point == "" && len(s.Points()) == 1:
		only := s.Points()[0]
		m.Message = fmt.Sprintf("from: the point of source %q is called %s", name, only)
		if m.Hint = "ask for " + only; !slices.Contains(from, only) {
			m.Instead = only
		}
	case point == "":
		m.Message = fmt.Sprintf("from: source %q has several points", name)
		m.Hint = "ask for " + strict.Either(s.Points())
	default:
		m.Message = fmt.Sprintf("from: source %q has no point %q", name, point)
		if m.Near(id, s.Points()); m.Hint == "" {
			m.Hint = "there is " + strings.Join(s.Points(), ", ")
		}
	}
	l.report.Add(m, at)
}
