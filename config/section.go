package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/advice"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// A section is a field of [Config] with a key: settings of whoever owns them, whose comments are the manual. These
// methods of the settings, if present, are used:
//
//	Default()       fills in the defaults before the file is read
//	Check() error   says what is wrong with them, without the network
//
// Several mistakes are joined with errors.Join; a message begins with the setting below the section at which it is shown:
// "raw.bytes: want …", or "tokens[1]: …" for an item of a list. A type of text with a method Words() []string is one of
// these words. What an error's method Hint() says is told beside it, and what its
// method Instead() says is offered in place of what stands there: package advice makes such errors.
//
// A setting with the tag live:"true" changes with a reload; the others keep their values until a restart. One with the tag
// path:"true" is a path: what a shell would have read differently in it is warned of, but for the pattern of a path:"pattern".
type section struct {
	key   string
	value reflect.Value
}

// sections returns the sections of c in the order of the manual.
func sections(c *Config) (out []section) {
	v := reflect.ValueOf(c).Elem()
	for _, f := range strict.Fields(v.Type()) {
		out = append(out, section{f.Name, v.FieldByIndex(f.Index)})
	}
	return out
}

// defaults returns what an empty file means.
func defaults() (c Config) {
	for _, s := range sections(&c) {
		if d, ok := s.value.Addr().Interface().(interface{ Default() }); ok {
			d.Default()
		}
	}
	c.Roles = slices.Clone(allRoles)
	return c
}

// check reports what is wrong with a section by itself.
func (l *loader) check(s section) {
	l.checkWords(s.key, s.value)
	if c, ok := s.value.Addr().Interface().(interface{ Check() error }); ok {
		n, at := l.root.Child(s.key)
		who := subject{prefix: s.key + ".", node: n, at: at, settings: s.value.Type()}
		l.tell(who, c.Check())
		l.lookAtSecrets(who, s.value)
	}
}

// words returns what a text of a type must be one of; nil: it may be any.
func words(t reflect.Type) []string {
	switch t {
	case nil:
		return nil
	case reflect.TypeFor[dodona.Kind]():
		return []string{string(dodona.Number), string(dodona.Bool), string(dodona.Enum)}
	}
	if one, ok := reflect.Zero(t).Interface().(interface{ Words() []string }); ok {
		return one.Words()
	}
	return nil
}

// checkWords reports every setting that is none of its words.
func (l *loader) checkWords(setting string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct && strict.ShapeOf(v.Type()) == strict.ShapeStruct:
		for _, f := range strict.Fields(v.Type()) {
			l.checkWords(setting+"."+f.Name, v.FieldByIndex(f.Index))
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			l.checkWords(fmt.Sprintf("%s[%d]", setting, i), v.Index(i))
		}
	case v.Kind() == reflect.String:
		if known := words(v.Type()); known != nil && !slices.Contains(known, v.String()) {
			l.report.Add(wrongWord(setting, v.String(), known), l.placeOf(setting))
		}
	}
}

func wrongWord(setting, got string, want []string) strict.Mistake {
	m := strict.Mistake{Message: fmt.Sprintf("%s: %s: want %s", nameOf(setting), strict.QuoteAll(got), strict.Either(want))}
	advise(&m, got, want)
	return m
}

// advise says which of the words that are taken was meant, unless it is one of them, and what is wrong is where it stands.
func advise(m *strict.Mistake, got string, want []string) {
	if slices.Contains(want, got) {
		return
	}
	if meant := meantWord(got, want); meant != "" && !strings.EqualFold(meant, got) {
		m.Hint, m.Instead = fmt.Sprintf("it is called %q here", meant), meant
		return
	}
	m.Near(got, want)
}

// tell reports every error that was joined into err, each at the setting of who that its message begins with, but those about settings
// that are checked elsewhere.
func (l *loader) tell(who subject, err error, elsewhere ...string) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			l.tell(who, one, elsewhere...)
		}
		return
	}
	m := mistakeOf(err)
	setting := m.Message
	if i := strings.IndexAny(setting, ":, "); i > 0 {
		setting = setting[:i]
	}
	word, _, _ := strings.Cut(nameOf(setting), ".")
	if slices.Contains(elsewhere, word) {
		return
	}
	rest := m.Message[len(setting):]
	n, at := who.node.Descend(who.at, setting)
	if n == nil && who.around != nil { // it stands beside them
		if beside, there := who.around.Descend(who.around.At, setting); beside != nil {
			n, at = beside, there
		}
	}
	if l.followsFrom(who, setting, rest) {
		return
	}
	name := who.prefix + nameOf(setting)
	if short, isKey := strings.CutSuffix(name, ".hex"); isKey && n == nil { // it stands there without that word
		name = short
	}
	m.Where, m.Message = who.where, l.config.Written(name)+rest
	if n == nil && who.node != nil && who.node.Kind == strict.Scalar { // which stands for the setting
		n, at = who.node, who.node.At
	}
	if n != nil && n.Kind == strict.Scalar {
		if known := words(typeOf(who.settings, setting)); known != nil && m.Hint == "" {
			advise(&m, n.Text, known)
		}
		strict.Advise(&m, n)
	} else {
		m.Instead = ""
	}
	if l.config.TwoLine {
		m.Hint = strings.ReplaceAll(m.Hint, "node.key", twoLineKey)
	}
	l.report.Add(m, at)
}

// A subject is what mistakes are told of.
type subject struct {
	where    string // of a unit
	prefix   string // before the settings of a section
	node     *strict.Node
	at       *strict.Span
	around   *strict.Node // what node lies in, whose settings are beside those of node
	settings reflect.Type // of what node says
}

// followsFrom reports whether what is said of a setting may be untrue once another mistake is mended: the setting itself could not be read,
// or one could not that is spoken of beside it.
func (l *loader) followsFrom(who subject, setting, said string) bool {
	if l.unread(who.node, setting) {
		return true
	}
	for _, word := range settingWords.FindAllString(said, -1) {
		if strings.HasPrefix(setting+".", word+".") {
			continue // of itself
		}
		around := []*strict.Node{who.node, who.around}
		if strings.Contains(word, ".") {
			around = append(around, l.root)
		}
		for _, n := range around {
			if n, _ = n.Descend(nil, word); l.report.Wrong(n) {
				return true
			}
		}
	}
	return false
}

var settingWords = regexp.MustCompile(`\b[a-z][a-z_]*(?:\.[a-z_]+)*\b`)

// unread reports whether a setting of n is there and wrong, or may be there and was not understood.
func (l *loader) unread(n *strict.Node, setting string) bool {
	for key := range strings.SplitSeq(setting, ".") {
		if n == nil {
			return false
		}
		name := nameOf(key)
		if n.Kind == strict.Broken || n.Kind != strict.Mapping && l.report.Wrong(n) || n.Torn && !n.Has(name) {
			return true
		}
		if value, _ := n.Child(name); name == key {
			n = value
		} else if n, _ = n.Descend(nil, key); n == nil {
			n = value
		}
	}
	return l.report.Wrong(n)
}

// typeOf returns the type of a setting, or nil.
func typeOf(settings reflect.Type, setting string) reflect.Type {
	for key := range strings.SplitSeq(nameOf(setting), ".") {
		for settings != nil && settings.Kind() == reflect.Pointer {
			settings = settings.Elem()
		}
		if settings == nil || settings.Kind() != reflect.Struct {
			return nil
		}
		f, _ := strict.Find(strict.Fields(settings), key)
		settings = f.Type
	}
	return settings
}

// mistakeOf returns what an error says, and what it says to do about it: its method Hint.
func mistakeOf(err error) strict.Mistake {
	hint, instead := advice.Of(err)
	m := strict.Mistake{Message: err.Error(), Hint: hint}
	if instead != "" {
		m.Instead = strict.Plain(instead)
	}
	return m
}

// nameOf returns what messages call a setting: "api.tokens" for "api.tokens[1]".
func nameOf(setting string) string {
	name, _, _ := strings.Cut(setting, "[")
	return name
}

// path returns the node and the place of a setting, such as "node.key.hex".
func (l *loader) path(setting string) (*strict.Node, *strict.Span) {
	return l.root.Descend(l.root.At, setting)
}

// placeOf returns where a setting of the file stands.
func (l *loader) placeOf(setting string) *strict.Span {
	_, at := l.path(setting)
	return at
}
