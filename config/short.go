package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// What people write for a source or a sink that is shorter than one, and what to write for it.

// noUnit reports what stands where a source or a sink should.
func (l *loader) noUnit(d *strict.Decoder, at *strict.Span, n *strict.Node, s stage, beside string) {
	if n.Kind == strict.Broken {
		return
	}
	m := strict.Mistake{Where: d.Where, Message: fmt.Sprintf("want a map with one of %s, and %s", strict.ListOf(s.kinds.names()), beside)}
	m.Hint, m.Instead = l.unitFor(s, n)
	if named := s.kinds.find(s.nameOf(d)); named != nil && m.Instead == "" {
		m = s.isKind(d, named)
	}
	if m.Instead != "" {
		at, n.At.Show = n.At, true
	}
	l.report.Add(m, at)
}

// nameOf returns the name of the unit that d works on.
func (s stage) nameOf(d *strict.Decoder) string {
	return strings.Trim(strings.TrimPrefix(d.Where, s.what+" "), `"`)
}

// isKind says that a unit has the name of a kind, below which nothing has its own.
func (s stage) isKind(d *strict.Decoder, kind Kind) strict.Mistake {
	return strict.Mistake{
		Where: d.Where, Message: fmt.Sprintf("%s is a kind, and a %s has a name of its own", kind.Name(), s.what),
		Hint: fmt.Sprintf("a name, and below it the kind: NAME: {%s: %s}", kind.Name(), settingsOf(kind)),
	}
}

// settingsOf returns what stands below a kind at least.
func settingsOf(kind Kind) string {
	if isFree(kind) {
		return "{}"
	}
	return "{…}"
}

// isFree reports whether a kind needs no settings.
func isFree(kind Kind) bool { return kind.Check(kind.Settings()) == nil }

// unitFor says what to write for a unit that is no map.
func (l *loader) unitFor(s stage, n *strict.Node) (hint, instead string) {
	switch {
	case n.Kind == strict.List && len(n.Items) == 1 && n.Items[0].Kind == strict.Mapping:
		return "one " + s.what + " has a name, so it is no list: take the brackets or the - away", ""
	case n.Kind == strict.List && len(n.Items) == 1:
		hint, _ = l.unitFor(s, n.Items[0])
		return hint, ""
	case n.Kind != strict.Scalar:
		return "", ""
	}
	called := ""
	kind := s.kinds.find(n.Text)
	if kind == nil {
		if hint, name := s.kindCalled(n.Text); name != "" {
			kind, called = s.kinds.find(name), hint+": "
		}
	}
	switch {
	case kind != nil && isFree(kind):
		n.At.Show = true
		instead = "{" + kind.Name() + ": {}}"
		return called + "write " + instead, instead
	case kind != nil:
		n.At.Show = true
		return called + "its settings stand below it: " + kind.Name() + ": {…}", ""
	}
	if kind = s.kinds.find(s.kindFor(n.Text)); kind == nil {
		return "", ""
	}
	first := strict.Fields(settingsType(kind))[0].Name
	switch {
	case l.takes(kind, n):
		instead = fmt.Sprintf("{%s: {%s: %s}}", kind.Name(), first, strict.Plain(n.Text))
		return "write " + instead, instead
	case strings.Contains(n.Text, "://"):
		return fmt.Sprintf("write {%s: {%s: …}}", kind.Name(), first), ""
	}
	return "", ""
}

// kindFor returns the kind that a lone text looks like the address of.
func (s stage) kindFor(text string) string {
	scheme, _, found := strings.Cut(text, "://")
	switch {
	case !found || !strings.HasPrefix(scheme, "http"):
		return "file"
	case s.what == "sink":
		return "webhook"
	}
	return "http"
}

// noSettings reports one value, or a list, where the settings of a kind should be.
func (l *loader) noSettings(where string, kind Kind, n *strict.Node) {
	fields := strict.Fields(settingsType(kind))
	m := strict.Mistake{Where: where, Message: fmt.Sprintf("%s: want a map, got %s", kind.Name(), n.Kind)}
	switch {
	case n.Kind == strict.Scalar && l.takes(kind, n):
		n.At.Show = true
		m.Instead = fmt.Sprintf("{%s: %s}", fields[0].Name, strict.Plain(n.Text))
		m.Hint = "write " + m.Instead
	case isFree(kind):
		m.Hint = fmt.Sprintf("write {}, or settings: %s", strict.ListOf(strict.Names(fields)))
	default:
		m.Message = fmt.Sprintf("%s: want a map with %s, got %s", kind.Name(), strict.ListOf(strict.Names(fields)), n.Kind)
		m.Hint = fmt.Sprintf("write {%s: …}", fields[0].Name)
	}
	l.report.Add(m, n.At)
}

// takes reports whether a kind takes a text, which is no secret, as its first setting and needs no other.
func (l *loader) takes(kind Kind, n *strict.Node) bool {
	settings := kind.Settings()
	v := reflect.ValueOf(settings).Elem()
	first := strict.Fields(v.Type())[0]
	if words, some := reflect.Zero(first.Type).Interface().(interface{ Words() []string }); some {
		return slices.Contains(words.Words(), n.Text)
	}
	if first.Type.Kind() != reflect.String || strings.ContainsAny(n.Text, "@?\n ") || !strings.ContainsAny(n.Text, "/.") {
		return false
	}
	v.FieldByIndex(first.Index).SetString(n.Text)
	return kind.Check(settings) == nil
}
