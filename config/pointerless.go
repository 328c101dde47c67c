package config

import (
	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// saysEmpty reports whether a source says in so many words that a point has the empty pointer, which is that of the document itself.
func saysEmpty(source *strict.Node, point string) bool {
	rule, _ := source.Child("value")
	if points, _ := source.Child("points"); points != nil && point != "" {
		rule, _ = points.Child(point)
	}
	return rule != nil && (rule.Kind == strict.Scalar || rule.Has("pointer"))
}

// warnOfPointerless warns of a point that a feed takes from whatever document a server answers with: nothing says where it stands,
// nor what must stand beside it. A module reads as it likes, what is in a file has one writer, and the two-line form says that it takes the only number.
func (l *loader) warnOfPointerless() {
	if l.config.TwoLine {
		return
	}
	warned := map[string]bool{}
	sources, _ := l.path("sources")
	for _, f := range l.config.Feeds {
		for _, id := range f.Settings.From {
			name, point := dodona.SplitPointID(id)
			s, found := l.sources[name]
			if !found || s.Kind != "http" || f.Settings.Module != nil || warned[id] {
				continue
			}
			rule, found := s.Rules[point]
			n, at := sources.Child(name)
			if !found || rule.Finds() || len(rule.Where) > 0 || saysEmpty(n, point) || l.report.Wrong(n) || l.report.WrongAt(at) {
				continue
			}
			warned[id] = true
			l.report.Warn(at, "source "+strict.Quote(name), strict.Quote(id)+" has no pointer: it is the only number of whatever is answered",
				"name its place, such as value: /price (dodona source read shows the pointers), or value: \"\" if the document is nothing but a number")
		}
	}
}
