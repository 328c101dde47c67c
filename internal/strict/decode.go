package strict

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// maxItems is how many items a list, or keys a map with free keys, may have.
const maxItems = 1000

// A Decoder fills settings from nodes. It goes on after a mistake, so that a file's mistakes are all told at once.
// What it understands it marks as shown, so that excerpts may print it.
type Decoder struct {
	Report *Reporter
	Where  string                                    // the unit it works on, such as `source "boiler"`
	Hint   func(key string) (hint, instead string)   // what to say of a key that belongs elsewhere, and what to write for it; may be nil
	Means  func(key string, known []string) []string // which keys are called so elsewhere; may be nil
	// Within says of a key that is none, and of its value, which setting has it within its value; may be nil.
	Within func(key string, n *Node, known []string) (hint string)

	of     []Field // the settings of the map that is read
	free   int     // how many maps with free keys it is inside of
	isPath bool    // the setting is a path, of which the like is told elsewhere
}

// Mistake reports what is wrong at a place.
func (d *Decoder) Mistake(at *Span, format string, args ...any) {
	d.Report.Mistake(at, d.Where, fmt.Sprintf(format, args...))
}

// A NodeReader is a setting that knows itself what may stand under its key, where no Go type says it. It is a struct, and tells mistakes to d.
type NodeReader interface {
	ReadNode(d *Decoder, n *Node, key string)
}

// A NodeWriter is a setting that writes what its [NodeReader] reads.
type NodeWriter interface {
	WriteNode() *Node
}

// Into fills v, which holds the default, from n. The key is the setting's name, for messages.
func (d *Decoder) Into(v reflect.Value, n *Node, key string) {
	if n == nil || n.Kind == Broken {
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(fresh(v.Type().Elem()).Addr())
		}
		v = v.Elem()
	}
	if v.CanAddr() {
		if own, ok := v.Addr().Interface().(NodeReader); ok {
			own.ReadNode(d, n, key)
			return
		}
	}
	switch ShapeOf(v.Type()) {
	case ShapeStruct:
		d.structure(v, n, key)
	case ShapeMap:
		d.freeMap(v, n, key)
	case ShapeList:
		d.list(v, n, key)
	case ShapeSecret:
		d.secret(v, n, key)
	default:
		d.scalar(v, n, key)
	}
}

// fresh makes a value that a file begins to speak of: with its defaults, which what the file leaves out keeps.
func fresh(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if own, ok := v.Interface().(interface{ Default() }); ok {
		own.Default()
	}
	return v.Elem()
}

// Want reports a value of the wrong kind.
func (d *Decoder) Want(n *Node, key, what string) {
	if n.Kind == Null {
		d.Report.Add(Mistake{Where: d.Where, Message: fmt.Sprintf("%s has no value: want %s", key, what), Hint: d.Nothing(n)}, n.At)
		return
	}
	d.Mistake(n.At, "%s: want %s, got %s", key, what, n.Kind)
}

// Nothing says of what was written for a value that it is none to YAML, or "".
func (d *Decoder) Nothing(n *Node) string {
	switch {
	case n.Kind != Null || n.Text == "":
		return ""
	case n.Text == "~" && d.isPath:
		return "~ alone means nothing (null) in YAML, and no home folder either: write the path out"
	}
	return n.Text + " alone means nothing in YAML: write a value, or leave the key out"
}

func (d *Decoder) structure(v reflect.Value, n *Node, key string) {
	list := Fields(v.Type())
	if n.Kind == Scalar {
		if short := Shorthand(v.Type()); short != "" {
			n = &Node{Kind: Mapping, At: n.At, Entries: []Entry{{Key: short, At: n.At, Value: n}}}
		}
	}
	switch n.Kind {
	case Null:
		return
	case Mapping:
	default:
		what := "a map with " + ListOf(Names(list))
		if short := Shorthand(v.Type()); short != "" {
			what = "text, or " + what
		}
		d.Want(n, key, what)
		return
	}
	d.commas(n)
	for i := range n.Entries {
		d.of = list
		d.Rename(n, i, key, Names(list))
		d.of = nil
		e := n.Entries[i]
		f, found := Find(list, e.Key)
		if !found {
			continue
		}
		e.At.Show = true
		tag := f.Tag.Get("path")
		d.isPath = tag != ""
		d.Into(v.FieldByIndex(f.Index), e.Value, d.name(key, e))
		if d.isPath = false; tag != "" && ShapeOf(f.Type) == ShapeString && e.Value.Kind == Scalar {
			d.path(e.Value, d.name(key, e), tag)
		}
	}
}

// name returns what messages call a setting: its whole path outside of sources and feeds, which name themselves.
func (d *Decoder) name(parent string, e Entry) string {
	if d.Where != "" || parent == "" || e.Label != "" {
		return e.Name()
	}
	return parent + "." + e.Name()
}

// Find returns the setting with a key.
func Find(list []Field, name string) (Field, bool) {
	for _, f := range list {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

var wordLike = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,30}$`)

// hexHint says how a number is written that manuals write in base 16; nothing of any other text.
func hexHint(text string) string {
	digits, found := strings.CutPrefix(strings.ToLower(text), "0x")
	if n, err := strconv.ParseUint(digits, 16, 32); found && err == nil {
		return fmt.Sprintf(": write %d", n)
	}
	return ""
}

// LooksLikeWord reports whether a piece of a file is so short and plain that it may be shown.
func LooksLikeWord(text string) bool { return wordLike.MatchString(text) }

func (d *Decoder) freeMap(v reflect.Value, n *Node, key string) {
	switch n.Kind {
	case Null:
		return
	case Mapping:
	default:
		d.Want(n, key, "a map")
		return
	}
	if len(n.Entries) > maxItems {
		d.Mistake(n.At, "%s: %d keys, at most %d are read", key, len(n.Entries), maxItems)
		return
	}
	d.free++
	defer func() { d.free-- }()
	out := reflect.MakeMapWithSize(v.Type(), len(n.Entries))
	for _, e := range n.Entries {
		name := maskText
		if e.At.Show = wordLike.MatchString(e.Key) && e.Value.Kind != Null; e.At.Show {
			name = e.Key
		}
		value := fresh(v.Type().Elem())
		d.Into(value, e.Value, key+"."+name)
		out.SetMapIndex(reflect.ValueOf(e.Key).Convert(v.Type().Key()), value)
	}
	if out.Len() == 0 {
		out = reflect.Zero(v.Type()) // empty and absent are the same
	}
	v.Set(out)
}

func (d *Decoder) list(v reflect.Value, n *Node, key string) {
	switch n.Kind {
	case Null:
		return
	case List:
	default:
		d.wantList(v, n, key)
		return
	}
	if len(n.Items) > maxItems {
		d.Mistake(n.At, "%s: %d items, at most %d are read", key, len(n.Items), maxItems)
		return
	}
	out := reflect.Zero(v.Type())
	for i, item := range n.Items {
		value := fresh(v.Type().Elem())
		if item.Kind == Null {
			d.Mistake(item.At, "%s: item %d has no value", key, i+1)
			continue
		}
		d.Into(value, item, key)
		out = reflect.Append(out, value)
	}
	v.Set(out)
}

// wantList reports what is no list. One value that a list might have stands in brackets.
func (d *Decoder) wantList(v reflect.Value, n *Node, key string) {
	item := v.Type().Elem()
	if n.Kind != Scalar || ShapeOf(item) == ShapeStruct || ShapeOf(item) == ShapeSecret || secretName(key) ||
		passwordInURL.MatchString(n.Text) || d.set(reflect.New(item).Elem(), n.Text) != nil {
		example := "[one, two]"
		if ShapeOf(item) == ShapeSecret {
			example = "[{file: PATH}]"
		}
		d.Want(n, key, "a list, such as "+example)
		return
	}
	n.At.Show = true
	var parts []string
	meant := &Node{Kind: List, At: n.At}
	for part := range strings.SplitSeq(n.Text, ",") {
		part = strings.TrimSpace(part)
		parts = append(parts, bare(part))
		place := *n.At
		meant.Items = append(meant.Items, &Node{Kind: Scalar, Text: part, At: &place})
	}
	list := "[" + strings.Join(parts, ", ") + "]"
	d.Report.Add(Mistake{Where: d.Where, Message: key + ": want a list, got " + n.Kind.String(), Hint: "write " + list, Instead: list}, n.At)
	*n = *meant // its items may be wrong too
	d.list(v, n, key)
}

// scalar fills everything that is written as one word or number.
func (d *Decoder) scalar(v reflect.Value, n *Node, key string) {
	what := map[Shape]string{
		ShapeDuration: "a duration, such as 10s", ShapeString: "text", ShapeBool: "true or false",
		ShapeInt: "a whole number", ShapeUint: "a whole number, not below 0", ShapeText: "a single value",
	}[ShapeOf(v.Type())]
	if n.Kind != Scalar {
		d.Want(n, key, what)
		return
	}
	n.At.Show = !secretName(key) && !passwordInURL.MatchString(n.Text)
	if strings.Contains(n.Text, secret.Mask) {
		d.Mistake(n.At, "%s: holds %s, which stands for a secret that was taken out; write the real value", key, secret.Mask)
		return
	}
	err := d.set(v, n.Text)
	switch {
	case err == nil && curly(n) && !d.isPath:
		d.Report.Add(Mistake{Where: d.Where, Message: key + ": the quotes are typographic, so they are a part of the text", Hint: "write straight ones", Instead: doubleQuoted(uncurled(n.Text))}, n.At)
	case err == nil && !d.isPath && ShapeOf(v.Type()) == ShapeString && variable.MatchString(n.Text):
		d.Report.Warn(n.At, d.Where, key+" is taken as it stands: nothing replaces "+nameInText(n.Text), "write the value out")
	case err == nil:
	case !n.At.Show:
		d.Mistake(n.At, "%s: want %s", key, what)
	default:
		m := d.advised(v.Type(), n, key, err)
		m.Where, m.Message = d.Where, key+": "+err.Error()
		d.Report.Add(m, n.At)
	}
}

// passwordInURL matches what may be a URL with a password in it, even one that was mistyped.
var passwordInURL = regexp.MustCompile(`@|//[^/]*:[^/]*[^/0-9]`)

// set reads text into v, which keeps its default if text is wrong.
func (d *Decoder) set(v reflect.Value, text string) error {
	switch ShapeOf(v.Type()) {
	case ShapeDuration:
		t, err := unit.ParseDuration(text)
		if err != nil {
			return err
		}
		v.SetInt(int64(t))
	case ShapeText:
		read := reflect.New(v.Type())
		if err := setText(read.Interface(), text); err != nil {
			return err
		}
		v.Set(read.Elem())
	case ShapeBool:
		if text != "true" && text != "false" {
			return fmt.Errorf("want true or false, got %s", QuoteAll(text))
		}
		v.SetBool(text == "true")
	case ShapeInt:
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil || v.OverflowInt(i) {
			return fmt.Errorf("want a whole number, got %s%s", QuoteAll(text), hexHint(text))
		}
		v.SetInt(i)
	case ShapeUint:
		i, err := strconv.ParseUint(text, 10, 64)
		if err != nil || v.OverflowUint(i) {
			most := ^uint64(0) >> (64 - v.Type().Bits())
			return fmt.Errorf("want a whole number from 0 to %d, got %s%s", most, QuoteAll(text), hexHint(text))
		}
		v.SetUint(i)
	default:
		v.SetString(text)
	}
	return nil
}

// setText reads text into what reads itself from text: by its method Set, if it has one for what people write beside the
// one spelling that it reads otherwise.
func setText(into any, text string) error {
	if set, ok := into.(interface{ Set(text string) error }); ok {
		return set.Set(text)
	}
	return into.(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
}

// variable tells of a secret that names a variable as a shell does, and reports whether it is one. What begins with a dollar sign
// alone may be a secret, so its name is not told.
func (d *Decoder) variable(n *Node, key string) bool {
	m := Mistake{Where: d.Where, Message: key + ": nothing replaces a variable inside of a text"}
	switch name := variableName(n.Text); {
	case name != "" && n.Text[1] == '{':
		m.Instead = "{env: " + name + "}"
		m.Hint = "a variable is named: " + m.Instead
	case name != "":
		m.Hint = "a variable is named: {env: NAME}; a secret that begins with $ goes into a file: {file: PATH}"
	case template.MatchString(n.Text):
		m.Message, m.Hint = key+": templates are not filled in", "a variable is named: {env: NAME}"
	default:
		if variable.MatchString(n.Text) {
			d.Report.Warn(n.At, d.Where, key+" is taken as it stands: nothing replaces a variable inside of a text", "{env: NAME} is the whole value")
		}
		return false
	}
	d.Report.Add(m, n.At)
	return true
}

// secret fills a secret. Nothing of it is ever shown but a file's path and a variable's name.
func (d *Decoder) secret(v reflect.Value, n *Node, key string) {
	const want = "want {file: PATH}, {env: NAME} or text"
	switch n.Kind {
	case Scalar:
		d.Report.hide(n.Text)
		if strings.Contains(n.Text, secret.Mask) {
			d.Mistake(n.At, "%s: %s stands for a secret that was taken out; %s", key, secret.Mask, want)
			return
		}
		if n.Text == "" {
			d.Mistake(n.At, "%s is empty: %s", key, want)
			return
		}
		if d.variable(n, key) {
			return
		}
		if d.free == 0 || secretName(key) { // not for headers such as Accept
			d.Report.Warn(n.At, d.Where, key+" stands in clear in the file", "better: {file: PATH} or {env: NAME}")
		}
		v.Set(reflect.ValueOf(secret.New(n.Text)))
	case Mapping:
		if len(n.Entries) != 1 {
			d.Mistake(n.At, "%s: %s", key, want)
			return
		}
		e := n.Entries[0]
		if (e.Key != "file" && e.Key != "env") || e.Value.Kind != Scalar || e.Value.Text == "" {
			d.isPath = e.Key == "file"
			d.Report.Add(Mistake{Where: d.Where, Message: key + ": " + want, Hint: d.Nothing(e.Value)}, n.At)
			d.isPath = false
			return
		}
		e.At.Show = true
		e.Value.At.Show = true
		s := secret.String{File: e.Value.Text}
		if e.Key == "file" {
			d.path(e.Value, key+".file", pathFile)
		}
		if e.Key == "env" {
			s = secret.String{Env: e.Value.Text}
			if !envName.MatchString(s.Env) {
				e.Value.At.Show = false
				d.Report.hide(s.Env)
				d.Mistake(e.Value.At, "%s: that is not the name of an environment variable; name one, such as {env: DODONA_TOKEN}", key)
				return
			}
		}
		v.Set(reflect.ValueOf(s))
	default:
		d.Mistake(n.At, "%s: %s", key, want)
	}
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secretNames are words that make a setting one whose value no excerpt shows, whatever its type.
var secretNames = regexp.MustCompile(`(?i)passw|secret|token|api[_-]?key|authorization|credential|cookie|private|signature|key$`)

func secretName(key string) bool { return secretNames.MatchString(key) }

// ListOf prints known keys for people: "a, b and c".
func ListOf(words []string) string {
	switch n := len(words); n {
	case 0:
		return "none"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

// Either prints a choice for people: "a, b or c".
func Either(words []string) string {
	if len(words) < 2 {
		return ListOf(words)
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
