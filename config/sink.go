package config

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/sink"
)

// A SinkKind is a kind of sink as the configuration needs it; sink.Kind is one.
type SinkKind interface {
	Kind
	// CheckWith says what is wrong with settings beside a policy and the names of the feeds that are delivered.
	CheckWith(settings any, p sink.Policy, feeds []string) error
	// CheckBeside says why a sink with these settings cannot run beside another one of the kind.
	CheckBeside(settings any, name string, other any) error
	// With returns a policy with the defaults of the kind.
	With(p sink.Policy) sink.Policy
	// OfPoints reports whether a sink of the kind delivers points under a policy, and not answers.
	OfPoints(p sink.Policy) bool
}

// A Sink is where answers are delivered.
type Sink struct {
	Name     string
	Kind     string
	Settings any // a pointer to the kind's settings
	Policy   sink.Policy
	OfPoints bool // it delivers points, and not answers
}

// sources returns the kinds of sources.
func (k Kinds) sources() (out Kinds) {
	for _, kind := range k {
		if _, source := kind.(SourceKind); source {
			out = append(out, kind)
		}
	}
	return out
}

// sinks returns the kinds of sinks.
func (k Kinds) sinks() (out Kinds) {
	for _, kind := range k {
		if _, sink := kind.(SinkKind); sink {
			out = append(out, kind)
		}
	}
	return out
}

var policyType = reflect.TypeFor[sink.Policy]()

// sink reads one sink: exactly one kind with its settings, and the policy beside it.
func (l *loader) sink(name string, at *strict.Span, n *strict.Node) {
	where := whose("sink", name, at)
	if len(name) > maxSinkName && dodona.CheckName(name, 1) == nil {
		l.report.Mistake(at, where, fmt.Sprintf("its name has %d characters: want at most %d, for what it has read is filed under a longer one", len(name), maxSinkName))
	}
	policy := strict.Names(strict.Fields(policyType))
	d := l.decoder(where, nil)
	if n.Kind != strict.Mapping {
		l.noUnit(d, at, n, sinksAndTheirs(l.kinds), strict.ListOf(policy))
		return
	}
	kind, of := l.kindOf(d, at, n, sinksAndTheirs(l.kinds), policy)
	s := Sink{Name: name}
	d.Into(reflect.ValueOf(&s.Policy), only(n, policy), "sink")
	l.tell(subject{where: where, node: n, at: at, settings: policyType}, s.Policy.Check())
	if kind == nil {
		return
	}
	s.Kind, s.Settings, s.OfPoints = kind.Name(), kind.Settings(), kind.(SinkKind).OfPoints(s.Policy)
	l.settings(where, kind, s.Settings, of, policiesOf(kind.(SinkKind))...)
	l.exclusive(where, s.Settings, of)
	l.lookAtKeys(subject{where: where, node: of.Value, at: of.At}, s.Settings)
	i := len(l.config.Sinks)
	l.config.Sinks = append(l.config.Sinks, s)
	l.checks = append(l.checks, func() {
		who := subject{where: where, node: of.Value, at: of.At, around: n, settings: reflect.TypeOf(s.Settings)}
		if l.checkSinkFeeds(&s, where, n) && l.checkSinkPoints(&s, where, n) && !l.unread(l.root, "feeds") {
			l.tell(who, kind.(SinkKind).CheckWith(s.Settings, s.Policy, l.config.SinkFeeds(s)))
		}
		l.config.Sinks[i].Policy = kind.(SinkKind).With(s.Policy.Under(l.reports(s)))
		for _, other := range l.config.Sinks[:i] {
			if other.Kind == s.Kind {
				l.tell(who, kind.(SinkKind).CheckBeside(s.Settings, other.Name, other.Settings))
			}
		}
	})
}

// reports returns what the feeds of a sink say of their answers, by name; nil if they say nothing.
func (l *loader) reports(s Sink) (by map[string]sink.Report) {
	for _, f := range l.config.Feeds {
		if r := (sink.Report{OnChange: f.Settings.OnChange, Deadband: f.Settings.Deadband, Heartbeat: f.Settings.Heartbeat}); !r.IsZero() && !s.OfPoints {
			if by == nil {
				by = map[string]sink.Report{}
			}
			by[f.Feed.Name] = r
		}
	}
	return by
}

// maxSinkName leaves room for what the names of its readers begin with, of the 63 that a name may have.
const maxSinkName = 63 - len("points-")

// policiesOf returns the settings of the policy that mean something to a kind.
func policiesOf(kind SinkKind) []string {
	keys := strict.Names(strict.Fields(policyType))
	if kind.OfPoints(sink.Policy{}) {
		return keys
	}
	return slices.DeleteFunc(keys, func(key string) bool { return slices.Contains(sink.PointKeys(), key) })
}

// checkSinkFeeds checks that the feeds of a sink exist.
func (l *loader) checkSinkFeeds(s *Sink, where string, n *strict.Node) bool {
	list, place := n.Descend(n.At, "feeds")
	good := true
	for i, name := range s.Policy.Feeds {
		if list != nil && i < len(list.Items) {
			place = list.Items[i].At
		}
		switch _, found := l.config.Feed(name); {
		case slices.Index(s.Policy.Feeds, name) != i:
			l.report.Mistake(place, where, fmt.Sprintf("feeds: %s stands twice", strict.QuoteAll(name)))
			good = false
		case !found:
			m := strict.Mistake{Where: where, Message: fmt.Sprintf("feeds: there is no feed %s", strict.QuoteAll(name))}
			var feeds []string
			for _, f := range l.config.Feeds {
				feeds = append(feeds, f.Feed.Name)
			}
			if m.Near(name, feeds); m.Hint == "" && len(feeds) > 0 {
				m.Hint = "there is " + strict.ListOf(feeds[:min(len(feeds), 12)])
			}
			if good = false; !l.unreadUnit("feeds") {
				l.report.Add(m, place)
			}
		}
	}
	return good
}

// SinkFeeds returns the names of the feeds that a sink delivers: none if it delivers points.
func (c *Config) SinkFeeds(s Sink) (list []string) {
	if s.OfPoints {
		return nil
	}
	for _, f := range c.Feeds {
		if len(s.Policy.Feeds) == 0 || slices.Contains(s.Policy.Feeds, f.Feed.Name) {
			list = append(list, f.Feed.Name)
		}
	}
	return list
}

// Sink returns the sink of that name.
func (c *Config) Sink(name string) (Sink, bool) {
	i := slices.IndexFunc(c.Sinks, func(s Sink) bool { return s.Name == name })
	if i < 0 {
		return Sink{}, false
	}
	return c.Sinks[i], true
}

func (s Sink) encode(kinds Kinds) (*strict.Node, error) {
	kind := kinds.sinks().find(s.Kind)
	if kind == nil {
		return nil, fmt.Errorf("kind %q is not among the given ones", s.Kind)
	}
	settings, err := strict.Encode(reflect.ValueOf(s.Settings), reflect.ValueOf(kind.Settings()))
	if err != nil {
		return nil, err
	}
	out := &strict.Node{Kind: strict.Mapping, Entries: []strict.Entry{{Key: s.Kind, Value: settings}}}
	policy, err := strict.Encode(reflect.ValueOf(s.Policy), reflect.Zero(policyType))
	if err != nil {
		return nil, err
	}
	if policy != nil {
		out.Entries = append(out.Entries, policy.Entries...)
	}
	return out, nil
}

func sinkUnits(c *Config) (out []named) {
	for _, s := range c.Sinks {
		var feeds []any
		for _, name := range c.SinkFeeds(s) {
			f, _ := c.Feed(name)
			feeds = append(feeds, f.Feed)
		}
		is := []any{s.Kind, s.Settings, s.Policy, feeds}
		for _, of := range c.SinkSources(s) {
			is = append(is, of) // all that says what its points are
		}
		out = append(out, named{s.Name, is, s.encode})
	}
	return out
}

// sink returns the grammar of one sink.
func (s schemer) sink(kinds Kinds) (object, error) {
	structure, err := s.structure(reflect.Zero(policyType))
	if err != nil {
		return nil, err
	}
	properties := structure["properties"].(object)
	one := []object{}
	for _, kind := range kinds.sinks() {
		settings, err := s.structure(reflect.ValueOf(kind.Settings()).Elem())
		if err != nil {
			return nil, fmt.Errorf("kind %s: %w", kind.Name(), err)
		}
		properties[kind.Name()] = settings
		one = append(one, object{"required": []string{kind.Name()}})
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(one) > 0 {
		out["oneOf"] = one
	}
	return out, nil
}
