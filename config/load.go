package config

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
)

// Load reads the configuration that r holds; name is what messages call the file. It never dials and never reads
// another file: secrets are read when they are needed.
//
// A file with mistakes gives a [*MistakesError] with all of them. Any other error is r's.
// What is only worth a second look is in Warnings.
func Load(r io.Reader, name string, kinds Kinds) (*Config, error) {
	report := newReporter(name, grammar(kinds))
	root, err := read(r, report)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, report.err()
	}
	c := defaults()
	c.Name = name
	l := loader{report: report, kinds: kinds, config: &c, root: root, sources: map[string]Source{}}
	l.load()
	if err := report.err(); err != nil {
		return nil, err
	}
	c.Warnings = report.told()
	return &c, nil
}

// A loader turns the tree of a file into a Config.
type loader struct {
	report *reporter
	kinds  Kinds
	config *Config
	root   *node
	checks []func() // that compare units, once all are read

	sources map[string]Source
}

func (l *loader) decoder(where string, hint func(string) string) *decoder {
	return &decoder{report: l.report, where: where, hint: hint}
}

func (l *loader) load() {
	switch l.root.kind {
	case mapping:
	case broken:
		return
	default:
		l.report.add(Mistake{
			Message: "want a map with " + listOf(topKeys()) + ", got " + l.root.kind.String(),
			Hint:    "the shortest file is two lines: endpoint: https://… and signature_key: 0x…",
		}, l.root.at)
		return
	}
	if l.isTwoLine() {
		l.expandTwoLine()
	}
	d := l.decoder("", nil)
	v := reflect.ValueOf(l.config).Elem()
	sections := fields(v.Type())
	for _, e := range l.root.entries {
		f, found := find(sections, e.key)
		switch {
		case e.key == "sources":
			e.at.show = true
			l.units(e.value, e.key, l.source)
		case e.key == "feeds":
			e.at.show = true
			l.units(e.value, e.key, l.feed)
		case e.key == "sinks":
			e.at.show = true
			l.units(e.value, e.key, l.sink)
		case found:
			e.at.show = true
			d.into(v.FieldByIndex(f.index), e.value, e.key)
		default:
			d.unknown(e, "", topKeys())
		}
	}
	l.checkSections()
	for _, check := range l.checks {
		check()
	}
	l.checkUnits()
	l.checkRoom()
}

func topKeys() []string {
	return append(names(fields(reflect.TypeFor[Config]())), "sources", "feeds", "sinks")
}

// units reads a map of named units, in the order of the file.
func (l *loader) units(n *node, key string, read func(name string, at *span, n *node)) {
	switch n.kind {
	case null, broken:
		return
	case mapping:
	default:
		l.decoder("", nil).want(n, key, "a map of names")
		return
	}
	tokens := 1
	if key == "feeds" {
		tokens = feed.MaxNameParts
	}
	for _, e := range n.entries {
		e.at.show = looksLikeWord(e.key) || dodona.CheckName(e.key, tokens) == nil
		if err := dodona.CheckName(e.key, tokens); err != nil {
			m := Mistake{Where: key, Message: err.Error()}
			if !e.at.show {
				m.Message = strings.ReplaceAll(m.Message, fmt.Sprintf("%q", e.key), quote(e.key))
			}
			if lower := strings.ReplaceAll(strings.ToLower(e.key), "_", "-"); e.at.show && dodona.CheckName(lower, tokens) == nil {
				m.Hint = fmt.Sprintf("for example %q", lower)
			}
			l.report.add(m, e.at)
		}
		read(e.key, e.at, e.value)
	}
}

// source reads one source: exactly one kind with its settings, and what its points are.
func (l *loader) source(name string, at *span, n *node) {
	where := "source " + quote(name)
	s := Source{Name: name}
	defer func() {
		l.config.Sources = append(l.config.Sources, s)
		l.sources[name] = s
	}()
	d := l.decoder(where, nil)
	if n.kind != mapping {
		if n.kind != broken {
			d.mistake(at, "want a map with one of %s, and value or points", listOf(l.kinds.sources().names()))
		}
		return
	}
	kind, kindEntry := l.kindOf(d, at, n)
	known := append(l.kinds.sources().names(), "value", "points")
	d.hint = func(key string) string {
		if kind != nil && slices.Contains(names(fields(reflect.TypeOf(kind.Settings()).Elem())), key) {
			return fmt.Sprintf("%q belongs to the kind: %s: {%s: …}", key, kind.Name(), key)
		}
		if kind != nil && slices.Contains(names(fields(ruleType)), key) {
			return fmt.Sprintf("%q belongs to a point: value: {%s: …}", key, key)
		}
		return ""
	}
	for _, e := range n.entries {
		if !slices.Contains(known, e.key) {
			d.unknown(e, "", known)
		}
	}
	if kind != nil {
		s.Kind = kind.Name()
		s.Settings = kind.Settings()
		l.settings(where, kind, s.Settings, kindEntry)
		s.Every = every(s.Settings)
	}
	s.Rules = l.points(where, n)
}

// kindOf returns the one kind that a source names.
func (l *loader) kindOf(d *decoder, at *span, n *node) (kind Kind, of entry) {
	for _, e := range n.entries {
		k := l.kinds.sources().find(e.key)
		if k == nil {
			continue
		}
		e.at.show = true
		if kind != nil {
			d.mistake(e.at, "two kinds, %s and %s: a source has one", kind.Name(), k.Name())
			continue
		}
		kind, of = k, e
	}
	misspelt := slices.ContainsFunc(n.entries, func(e entry) bool { return e.key != "value" && e.key != "points" })
	if kind == nil && !misspelt {
		d.mistake(at, "no kind: want one of %s", listOf(l.kinds.sources().names()))
	}
	return kind, of
}

// settings fills a kind's settings and lets the kind check them.
func (l *loader) settings(where string, kind Kind, settings any, e entry) {
	d := l.decoder(where, func(key string) string {
		if key == "value" || key == "points" {
			return fmt.Sprintf("%q belongs beside %s:, not inside", key, kind.Name())
		}
		return ""
	})
	before := l.report.count()
	d.into(reflect.ValueOf(settings), e.value, kind.Name())
	if l.report.count() > before {
		return
	}
	l.joined(where, kind.Check(settings), e.value, e.at)
}

// joined reports every error that was joined into err, each at the setting its message begins with,
// but those about settings that are checked elsewhere.
func (l *loader) joined(where string, err error, n *node, at *span, elsewhere ...string) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			l.joined(where, one, n, at, elsewhere...)
		}
		return
	}
	message := err.Error()
	word := message
	if i := strings.IndexAny(message, ":., "); i > 0 {
		word = message[:i]
	}
	if slices.Contains(elsewhere, word) {
		return
	}
	if value, key := n.child(word); value != nil {
		at = key
		if value.kind == scalar && value.at.show {
			at = value.at
		}
	}
	l.report.mistake(at, where, message)
}

// points reads what a source's points are: the one number of its document, one value, or several named points.
func (l *loader) points(where string, n *node) map[string]extract.Rule {
	value, valueAt := n.child("value")
	points, pointsAt := n.child("points")
	rules := map[string]extract.Rule{}
	switch {
	case value != nil && points != nil:
		valueAt.show, pointsAt.show = true, true
		l.report.add(Mistake{Where: where, Message: "both value and points", Hint: "value is for a source with one point; move it under points with a name"}, pointsAt)
	case points != nil:
		pointsAt.show = true
		if points.kind != mapping || len(points.entries) == 0 {
			l.report.mistake(pointsAt, where, "points: want a map from names to pointers, such as {temperature: /t}")
			break
		}
		for _, e := range points.entries {
			e.at.show = looksLikeWord(e.key) || dodona.CheckName(e.key, 1) == nil
			if err := dodona.CheckName(e.key, 1); err != nil {
				l.report.mistake(e.at, where, "points: name "+quote(e.key)+": want 1 to 63 of a-z, 0-9 and hyphens, beginning with a letter or digit")
			}
			rules[e.key] = l.rule(where, "point "+e.key, e.value, e.at)
		}
	case value != nil:
		valueAt.show = true
		rules[""] = l.rule(where, "value", value, valueAt)
	default:
		rules[""] = extract.Rule{}
	}
	return rules
}

var ruleType = reflect.TypeFor[extract.Rule]()

func (l *loader) rule(where, key string, n *node, at *span) (r extract.Rule) {
	if n.kind == null {
		l.report.mistake(at, where, key+" has no value: want a JSON Pointer, such as /price, or a map with "+listOf(names(fields(ruleType))))
		return r
	}
	before := l.report.count()
	l.decoder(where, nil).into(reflect.ValueOf(&r), n, key)
	if l.report.count() > before {
		return r
	}
	if scale, scaleAt := n.child("scale"); scale != nil && scale.kind == scalar && (r.Scale == dodona.Decimal{}) {
		l.report.mistake(scaleAt, where, "scale: 0 would make every value 0")
	}
	if n.kind == scalar {
		at = n.at
	}
	l.joined(where, r.Validate(), n, at)
	return r
}

// every returns the setting "every" of a kind's settings, or 0.
func every(settings any) time.Duration {
	v := reflect.ValueOf(settings).Elem()
	if f, found := find(fields(v.Type()), "every"); found && f.typ == reflect.TypeFor[time.Duration]() {
		return time.Duration(v.FieldByIndex(f.index).Int())
	}
	return 0
}
