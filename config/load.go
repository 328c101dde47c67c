package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/redact"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// Load reads the configuration that r holds; name is what messages call the file. It never dials and never reads
// another file: secrets are read when they are needed.
//
// A file with mistakes gives a [*strict.MistakesError] with all of them. Any other error is r's.
// What is only worth a second look is in Warnings.
func Load(r io.Reader, name string, kinds Kinds) (*Config, error) {
	return load(r, name, kinds, looks{})
}

// LoadFor is Load for a node: files of keys that are there are looked at, and what a start would refuse of them is a mistake too. One that is not
// there, or not for this user, may be where the node will run. Runs says in which folder it runs, if that may be another than this process's, and who
// says so; it is asked only where a relative path leads to nothing here.
func LoadFor(r io.Reader, name string, kinds Kinds, runs func() (folder, by string)) (*Config, error) {
	return LoadOpening(r, name, kinds, runs, nil)
}

// LoadOpening is LoadFor for who starts nothing: open opens a key under a setting, or says why its password does not. It is asked for each keystore
// that has a password which can be read, and may take a second.
func LoadOpening(r io.Reader, name string, kinds Kinds, runs func() (folder, by string), open func(setting string, k keyfile.Key) error) (*Config, error) {
	if runs == nil {
		runs = func() (folder, by string) { return "", "" }
	}
	return load(r, name, kinds, looks{here: true, runs: runs, open: open})
}

// A Masked is what of a configuration is for strangers' eyes.
type Masked struct {
	// Text is the file as it stands, however many mistakes it has, with ••• for each value that may be a secret and for what nobody
	// recognises, and without comments.
	Text string
	// Mistakes is a [*strict.MistakesError], as [LoadFor] returns it, with excerpts that are masked so too; nil if there are none.
	Mistakes error
	Warnings []strict.Mistake
	// Understood is the configuration as far as it was understood, which nobody must run if there are mistakes; nil if it is no YAML.
	Understood *Config
}

// LoadMasked reads a configuration as [LoadFor] does, for strangers' eyes. An error is r's.
func LoadMasked(r io.Reader, name string, kinds Kinds) (m Masked, err error) {
	report := strict.NewReporter(name, grammar(kinds))
	sum := sha256.New()
	root, err := strict.Read(io.TeeReader(r, sum), report)
	if err != nil {
		return m, err
	}
	if root != nil {
		m.Understood = interpret(root, report, name, kinds, looks{here: true, runs: func() (folder, by string) { return "", "" }})
		m.Understood.SHA256 = hex.EncodeToString(sum.Sum(nil))
		hide(root, false)
	}
	m.Text, m.Mistakes, m.Warnings = report.Masked(), report.Err(), report.Warnings()
	return m, nil
}

// Private reports whether what stands under a key is nobody else's business, although no type says that it is a secret: a request's body,
// the user of a proxy, the parameters of a module.
func Private(key string) bool { return key == "body" || key == "user" || key == "params" }

// hide keeps from being shown what is private, and URLs with a part that looks like a token.
func hide(n *strict.Node, private bool) {
	token := n.Kind == strict.Scalar && slices.ContainsFunc(strings.Split(strings.Join(strings.Fields(n.Text), ""), "/"), redact.Token)
	if (private || token) && n.At != nil {
		n.At.Show = false
	}
	for _, e := range n.Entries {
		hide(e.Value, private || Private(e.Key))
	}
	for _, item := range n.Items {
		hide(item, private)
	}
}

func load(r io.Reader, name string, kinds Kinds, here looks) (*Config, error) {
	report := strict.NewReporter(name, grammar(kinds))
	sum := sha256.New()
	root, err := strict.Read(io.TeeReader(r, sum), report)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, report.Err()
	}
	c := interpret(root, report, name, kinds, here)
	c.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if err := report.Err(); err != nil {
		return nil, err
	}
	c.Warnings = report.Warnings()
	return c, nil
}

// interpret makes a configuration of the tree of a file; what is wrong with it is in the report.
func interpret(root *strict.Node, report *strict.Reporter, name string, kinds Kinds, here looks) *Config {
	c := defaults()
	c.Name = name
	l := loader{report: report, kinds: kinds, config: &c, root: root, sources: map[string]Source{}, looks: here}
	l.load()
	return &c
}

// looks are what is looked at beside the file.
type looks struct {
	here bool // files of keys
	runs func() (folder, by string)
	open func(setting string, k keyfile.Key) error // a keystore with its password; nil: it is not opened
}

// A loader turns the tree of a file into a Config.
type loader struct {
	held   map[string]string // by what only one unit may have: which has it
	report *strict.Reporter
	kinds  Kinds
	config *Config
	root   *strict.Node
	checks []func() // that compare units, once all are read
	looks

	untrusted bool // it is told that nothing says whose modules count

	sources map[string]Source
}

func (l *loader) decoder(where string, hint func(key string) (hint, instead string)) *strict.Decoder {
	return &strict.Decoder{Report: l.report, Where: where, Hint: hint, Means: means, Within: within}
}

func (l *loader) load() {
	switch l.root.Kind {
	case strict.Mapping:
	case strict.Broken:
		return
	default:
		if l.root.Torn {
			return
		}
		l.report.Add(strict.Mistake{
			Message: "want a map with " + strict.ListOf(topKeys()) + ", got " + l.root.Kind.String(),
			Hint:    "the shortest file is two lines: endpoint: https://… and signature_key: {file: PATH}",
		}, l.root.At)
		return
	}
	if l.isTwoLine() {
		l.expandTwoLine()
	}
	d := l.decoder("", nil)
	v := reflect.ValueOf(l.config).Elem()
	sections := strict.Fields(v.Type())
	sorts := sorts()
	d.Hint = l.topHint
	for i := range l.root.Entries {
		d.Rename(l.root, i, "", topKeys())
		e := l.root.Entries[i]
		f, isSection := strict.Find(sections, e.Key)
		of := slices.IndexFunc(sorts, func(s sort) bool { return s.key == e.Key })
		switch {
		case of >= 0:
			e.At.Show = true
			l.units(e.Value, sorts[of])
		case isSection:
			e.At.Show = true
			inside := l.decoder("", nil)
			inside.Into(v.FieldByIndex(f.Index), e.Value, e.Name())
		}
	}
	l.checkSections()
	for _, check := range l.checks {
		check()
	}
	l.checkUnits()
	l.checkRoom()
	l.warnOfCircles()
}

// topHint says of a key at the top where it belongs.
func (l *loader) topHint(key string) (hint, instead string) {
	section, setting, dotted := strings.Cut(key, ".")
	switch {
	case dotted && slices.Contains(topKeys(), section):
		return fmt.Sprintf("settings stand inside: %s: {%s: …}", section, setting), ""
	case l.kinds.find(key) != nil:
		sort := "sources"
		if l.kinds.sinks().find(key) != nil {
			sort = "sinks"
		}
		return fmt.Sprintf("a kind stands below a name: %s: {NAME: {%s: …}}", sort, key), ""
	}
	return l.placesOf(key), ""
}

// topKeys returns the keys of a file: sections, then the sorts of units.
func topKeys() []string {
	keys := strict.Names(strict.Fields(reflect.TypeFor[Config]()))
	for _, s := range sorts() {
		keys = append(keys, s.key)
	}
	return keys
}

// units reads a map of named units, in the order of the file.
func (l *loader) units(n *strict.Node, of sort) {
	switch n.Kind {
	case strict.Null, strict.Broken:
		return
	case strict.Mapping:
	default:
		hint := map[string]string{"sources": "NAME: {http: {url: …}}", "feeds": "NAME: {from: [SOURCE]}", "sinks": "NAME: {stdout: {}}"}[of.key]
		l.report.Add(strict.Mistake{Message: fmt.Sprintf("%s: want a map of names, got %s", of.key, n.Kind), Hint: "each has a name, as in " + hint}, n.At)
		return
	}
	for _, e := range n.Entries {
		e.At.Show = strict.LooksLikeWord(e.Key) || dodona.CheckName(e.Key, of.parts) == nil || isName(e, of.parts)
		if err := dodona.CheckName(e.Key, of.parts); err != nil {
			m := strict.Mistake{Where: of.key, Message: err.Error()}
			if !e.At.Show {
				m.Message = strings.ReplaceAll(m.Message, fmt.Sprintf("%q", e.Key), strict.Quote(e.Key))
			}
			if name := nameFor(e.Key, of.parts); name != "" {
				m.Hint, m.Instead = fmt.Sprintf("for example %q", name), name
			}
			l.report.Add(m, e.At)
		}
		of.read(l, e.Key, e.At, e.Value)
	}
}

// isName reports whether a key that is no name was meant as one: where a unit stands below it no secret does.
func isName(e strict.Entry, parts int) bool {
	return e.Value.Kind == strict.Mapping && !strings.Contains(e.Key, ":") && nameFor(e.Key, parts) != ""
}

// whose names a unit in messages.
func whose(sort, name string, at *strict.Span) string {
	if at != nil && at.Show {
		return sort + " " + strict.QuoteAll(name)
	}
	return sort + " " + strict.Quote(name)
}

// nameFor returns a name that is like what somebody wrote, or "". What may be no name at all is not repeated.
func nameFor(text string, parts int) string {
	if !likeName.MatchString(text) {
		return ""
	}
	name := strings.NewReplacer("_", "-", " ", "-", ":", "-").Replace(strings.ToLower(text))
	if parts > 1 {
		name = strings.ReplaceAll(name, "/", ".")
	}
	if name = strings.ReplaceAll(name, "/", "-"); dodona.CheckName(name, parts) != nil {
		return ""
	}
	return name
}

var likeName = regexp.MustCompile(`^[A-Za-z0-9]{1,12}([ _./:-][A-Za-z0-9]{1,12}){0,3}$`)

// source reads one source: exactly one kind with its settings, and what its points are.
func (l *loader) source(name string, at *strict.Span, n *strict.Node) {
	where := whose("source", name, at)
	s := Source{Name: name}
	unknown := false // the points: what is wrong with the settings that say them is told
	defer func() {
		l.config.Sources = append(l.config.Sources, s)
		l.sources[name] = s
	}()
	d := l.decoder(where, nil)
	if n.Kind != strict.Mapping {
		l.noUnit(d, at, n, sourcesAndTheirs(l.kinds), "value, points or device")
		return
	}
	s.Device = l.device(where, n)
	kind, of := l.kindOf(d, at, n, sourcesAndTheirs(l.kinds), besideSource)
	if kind != nil {
		s.Kind = kind.Name()
		s.Settings = kind.Settings()
		before := l.report.Count()
		l.settings(where, kind, s.Settings, of, besideSource...)
		l.exclusive(where, s.Settings, of)
		if c, ok := s.Settings.(interface{ Complete() }); ok {
			c.Complete()
		}
		s.Every = every(s.Settings)
		if l.report.Count() == before {
			s.Devices = l.devices(where, s.Settings, of.At)
		}
		if kind := kind.(SourceKind); kind.Decodes() {
			if l.report.Count() == before {
				s.Decoded = l.decoded(where, kind, s.Settings, of)
			}
			unknown = l.report.Count() > before
		}
	}
	s.Rules = l.points(where, n, s.Decoded)
	if unknown || l.unread(n, "points") && !n.Has("points") || l.unread(n, "value") && !n.Has("value") {
		s.Rules = nil
	}
	if !unknown {
		l.takeDelimiter(s, where, n)
		l.warnOfItems(s, where, n)
		if own, doubts := s.Settings.(interface {
			Doubts(tell func(key, message, hint string)) // what may well be meant otherwise
		}); doubts {
			own.Doubts(func(key, message, hint string) {
				_, at := n.Descend(n.At, s.Kind+"."+key)
				l.report.Warn(at, where, key+": "+message, hint)
			})
		}
	}
}

// warnOfItems warns of rules of items that the source does not bring, where its settings tell.
func (l *loader) warnOfItems(s Source, where string, n *strict.Node) {
	own, tells := s.Settings.(interface {
		Brings(item string) (brings bool, where string) // where says which setting would
	})
	if !tells {
		return
	}
	for _, point := range slices.Sorted(maps.Keys(s.Rules)) {
		item, key := s.Rules[point].Item, "value.item"
		if point != "" {
			key = "points." + point + ".item"
		}
		if item == "" {
			continue
		}
		if brings, setting := own.Brings(item); !brings {
			_, at := n.Descend(n.At, key)
			l.report.Warn(at, where, fmt.Sprintf("%s: nothing in %s brings %s", key, setting, strict.QuoteAll(item)), "the point would be bad for ever: is it written alike in both?")
		}
	}
}

// decoded returns the points that a source's kind makes itself.
func (l *loader) decoded(where string, kind SourceKind, settings any, of strict.Entry) map[string]json.RawMessage {
	points, err := kind.Rules(settings)
	if err == nil && len(points) > 0 {
		_, err = kind.Decode(points)
	}
	l.tell(subject{where: where, node: of.Value, at: of.At, settings: reflect.TypeOf(settings)}, err)
	for _, point := range slices.Sorted(maps.Keys(points)) {
		if point != "" {
			l.checkPoint(where, point, of.At)
		}
	}
	for _, named := range of.Value.Entries {
		for _, e := range named.Value.Entries {
			if _, is := points[e.Key]; is && e.Value.Kind == strict.Mapping {
				l.warnOfUnit(where, e.Value)
			}
		}
	}
	return points
}

// checkPoint checks the name of a point of a source with several.
func (l *loader) checkPoint(where, point string, at *strict.Span) {
	if dodona.CheckName(point, 1) != nil {
		l.report.Mistake(at, where, "points: name "+strict.Quote(point)+": want 1 to 63 of a-z, 0-9 and hyphens, beginning with a letter or digit")
	}
}

// points reads what a source's points are: one value, or several named points, or else the one number of its document where its
// kind decodes none. What the file says of a point goes before what the kind does.
func (l *loader) points(where string, n *strict.Node, decoded map[string]json.RawMessage) map[string]extract.Rule {
	value, valueAt := n.Child("value")
	points, pointsAt := n.Child("points")
	rules := map[string]extract.Rule{}
	switch {
	case value != nil && points != nil:
		valueAt.Show, pointsAt.Show = true, true
		l.report.Add(strict.Mistake{Where: where, Message: "both value and points", Hint: "value is for a source with one point; move it under points with a name"}, pointsAt)
	case points != nil:
		pointsAt.Show = true
		if points.Kind != strict.Mapping || len(points.Entries) == 0 {
			if points.Kind != strict.Broken {
				l.report.Mistake(pointsAt, where, "points: want a map from names to pointers, such as {temperature: /t}")
			}
			return nil
		}
		for _, e := range points.Entries {
			e.At.Show = strict.LooksLikeWord(e.Key) || dodona.CheckName(e.Key, 1) == nil
			l.checkPoint(where, e.Key, e.At)
			rules[e.Key] = l.rule(where, "point "+e.Key, e.Value, e.At)
		}
	case value != nil:
		valueAt.Show = true
		rules[""] = l.rule(where, "value", value, valueAt)
	case len(decoded) == 0:
		rules[""] = extract.Rule{}
	}
	for point := range rules {
		delete(decoded, point)
	}
	return rules
}

var (
	ruleType  = reflect.TypeFor[extract.Rule]()
	matchType = reflect.TypeFor[extract.Match]()
)

func (l *loader) rule(where, key string, n *strict.Node, at *strict.Span) (r extract.Rule) {
	if n.Kind == strict.Null {
		l.report.Add(strict.Mistake{
			Where: where, Message: key + " has no value: want a JSON Pointer, such as /price, or a map with " + strict.ListOf(strict.Names(strict.Fields(ruleType))),
			Hint: l.decoder(where, nil).Nothing(n),
		}, at)
		return r
	}
	l.decoder(where, belongsElsewhere("point")).Into(reflect.ValueOf(&r), n, key)
	l.warnOfUnit(where, n)
	if guards, _ := n.Child("where"); guards != nil {
		for _, e := range guards.Entries {
			e.At.Show = strings.HasPrefix(e.Key, "/") || strict.LooksLikeWord(e.Key) // a pointer holds no secret
		}
	}
	if scale, scaleAt := n.Child("scale"); scale != nil && scale.Kind == strict.Scalar && !l.report.Wrong(scale) && (r.Scale == dodona.Decimal{}) {
		l.report.Mistake(scaleAt, where, "scale: 0 would make every value 0")
	}
	if n.Kind == strict.Scalar {
		at = n.At
	}
	l.tell(subject{where: where, node: n, at: at, settings: ruleType}, r.Validate())
	if strings.HasPrefix(r.Pointer, "/") && strings.HasSuffix(r.Pointer, "/") {
		_, at := n.Descend(at, "pointer")
		l.report.Warn(at, where, "pointer: a slash at the end is the member whose name is empty", "leave it out, unless the document has that member")
	}
	return r
}

// every returns the setting "every" of a kind's settings, or 0.
func every(settings any) time.Duration {
	v := reflect.ValueOf(settings).Elem()
	if f, found := strict.Find(strict.Fields(v.Type()), "every"); found && f.Type == reflect.TypeFor[time.Duration]() {
		return time.Duration(v.FieldByIndex(f.Index).Int())
	}
	return 0
}
