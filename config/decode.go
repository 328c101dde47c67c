package config

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// maxItems is how many items a list, or keys a map with free keys, may have.
const maxItems = 1000

// A decoder fills settings from nodes. It goes on after a mistake, so that a file's mistakes are all told at once.
// What it understands it marks as shown, so that excerpts may print it.
type decoder struct {
	report *reporter
	where  string                  // the unit it works on, such as `source "boiler"`
	hint   func(key string) string // what to say of an unknown key; may be nil
	free   int                     // how many maps with free keys it is inside of
}

func (d *decoder) mistake(at *span, format string, args ...any) {
	d.report.mistake(at, d.where, fmt.Sprintf(format, args...))
}

// into fills v, which holds the default, from n. The key is the setting's name, for messages.
func (d *decoder) into(v reflect.Value, n *node, key string) {
	if n == nil || n.kind == broken {
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	switch shapeOf(v.Type()) {
	case shapeStruct:
		d.structure(v, n, key)
	case shapeMap:
		d.freeMap(v, n, key)
	case shapeList:
		d.list(v, n, key)
	case shapeSecret:
		d.secret(v, n, key)
	default:
		d.scalar(v, n, key)
	}
}

// want reports a value of the wrong kind.
func (d *decoder) want(n *node, key, what string) {
	if n.kind == null {
		d.mistake(n.at, "%s has no value: want %s", key, what)
		return
	}
	d.mistake(n.at, "%s: want %s, got %s", key, what, n.kind)
}

func (d *decoder) structure(v reflect.Value, n *node, key string) {
	list := fields(v.Type())
	if n.kind == scalar {
		if short := shorthand(v.Type()); short != "" {
			n = &node{kind: mapping, at: n.at, entries: []entry{{key: short, at: n.at, value: n}}}
		}
	}
	switch n.kind {
	case null:
		return
	case mapping:
	default:
		d.want(n, key, "a map with "+listOf(names(list)))
		return
	}
	for _, e := range n.entries {
		f, found := find(list, e.key)
		if !found {
			d.unknown(e, key, names(list))
			continue
		}
		e.at.show = true
		d.into(v.FieldByIndex(f.index), e.value, d.name(key, e))
	}
}

// name returns what messages call a setting: its whole path outside of sources and feeds, which name themselves.
func (d *decoder) name(parent string, e entry) string {
	if d.where != "" || parent == "" || e.label != "" {
		return e.name()
	}
	return parent + "." + e.key
}

func find(list []field, name string) (field, bool) {
	for _, f := range list {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

var wordLike = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,30}$`)

// looksLikeWord reports whether a piece of a file is so short and plain that it may be shown.
func looksLikeWord(text string) bool { return wordLike.MatchString(text) }

// unknown reports a key that nothing reads, with the nearest one that exists.
func (d *decoder) unknown(e entry, parent string, known []string) {
	m := Mistake{Where: d.where}
	if m.Where == "" {
		m.Where = parent
	}
	near := nearest(e.key, known)
	switch {
	case d.hint != nil && d.hint(e.key) != "":
		m.Hint = d.hint(e.key)
	case near != "":
		m.Hint = fmt.Sprintf("did you mean %q?", near)
	case e.value.kind == null && strings.Trim(e.key, "0123456789") == "":
		m.Hint = "a decimal has a point, such as 1.5, and text with a comma stands in quotes"
	default:
		m.Hint = "known here: " + listOf(known)
	}
	m.Message = "unknown key " + quote(e.key)
	e.at.show = wordLike.MatchString(e.key)
	if e.value.kind == null && near == "" { // a word without a colon may be the rest of a value, even of a secret
		e.at.show = false
		m.Message = "a word where a key and its value should be"
	}
	d.report.add(m, e.at)
}

func (d *decoder) freeMap(v reflect.Value, n *node, key string) {
	switch n.kind {
	case null:
		return
	case mapping:
	default:
		d.want(n, key, "a map")
		return
	}
	if len(n.entries) > maxItems {
		d.mistake(n.at, "%s: %d keys, at most %d are read", key, len(n.entries), maxItems)
		return
	}
	d.free++
	defer func() { d.free-- }()
	out := reflect.MakeMapWithSize(v.Type(), len(n.entries))
	for _, e := range n.entries {
		name := maskText
		if e.at.show = wordLike.MatchString(e.key) && e.value.kind != null; e.at.show {
			name = e.key
		}
		value := reflect.New(v.Type().Elem()).Elem()
		d.into(value, e.value, key+"."+name)
		out.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), value)
	}
	if out.Len() == 0 {
		out = reflect.Zero(v.Type()) // empty and absent are the same
	}
	v.Set(out)
}

func (d *decoder) list(v reflect.Value, n *node, key string) {
	switch n.kind {
	case null:
		return
	case list:
	default:
		example := "[one, two]"
		if n.kind == scalar && v.Type().Elem().Kind() == reflect.String && wordLike.MatchString(n.text) && !secretName(key) {
			n.at.show = true
			example = "[" + n.text + "]"
		}
		d.want(n, key, "a list, such as "+example)
		return
	}
	if len(n.items) > maxItems {
		d.mistake(n.at, "%s: %d items, at most %d are read", key, len(n.items), maxItems)
		return
	}
	out := reflect.Zero(v.Type())
	for i, item := range n.items {
		value := reflect.New(v.Type().Elem()).Elem()
		if item.kind == null {
			d.mistake(item.at, "%s: item %d has no value", key, i+1)
			continue
		}
		d.into(value, item, key)
		out = reflect.Append(out, value)
	}
	v.Set(out)
}

// scalar fills everything that is written as one word or number.
func (d *decoder) scalar(v reflect.Value, n *node, key string) {
	what := map[shape]string{
		shapeDuration: "a duration, such as 10s", shapeString: "text", shapeBool: "true or false",
		shapeInt: "a whole number", shapeUint: "a whole number, not below 0", shapeText: "a single value",
	}[shapeOf(v.Type())]
	if n.kind != scalar {
		d.want(n, key, what)
		return
	}
	n.at.show = !secretName(key) && !passwordInURL.MatchString(n.text)
	if strings.Contains(n.text, secret.Mask) {
		d.mistake(n.at, "%s: holds %s, which stands for a secret that was taken out; write the real value", key, secret.Mask)
		return
	}
	if err := d.set(v, n.text); err != nil {
		if !n.at.show {
			d.mistake(n.at, "%s: want %s", key, what)
			return
		}
		d.mistake(n.at, "%s: %s", key, err)
	}
	if d.free == 0 && shapeOf(v.Type()) == shapeString {
		d.path(n, key)
	}
}

// passwordInURL matches what may be a URL with a password in it, even one that was mistyped.
var passwordInURL = regexp.MustCompile(`@|//[^/]*:[^/]*[^/0-9]`)

// set reads text into v, which keeps its default if text is wrong.
func (d *decoder) set(v reflect.Value, text string) error {
	switch shapeOf(v.Type()) {
	case shapeDuration:
		t, err := unit.ParseDuration(text)
		if err != nil {
			return err
		}
		v.SetInt(int64(t))
	case shapeText:
		if v.Type() == addressType {
			var err error
			if text, err = lowerAddress(text); err != nil {
				return err
			}
		}
		read := reflect.New(v.Type())
		if err := read.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			return err
		}
		v.Set(read.Elem())
	case shapeBool:
		if text != "true" && text != "false" {
			return fmt.Errorf("want true or false, got %s", quoteAll(text))
		}
		v.SetBool(text == "true")
	case shapeInt:
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil || v.OverflowInt(i) {
			return fmt.Errorf("want a whole number, got %s", quoteAll(text))
		}
		v.SetInt(i)
	case shapeUint:
		i, err := strconv.ParseUint(text, 10, 64)
		if err != nil || v.OverflowUint(i) {
			most := ^uint64(0) >> (64 - v.Type().Bits())
			return fmt.Errorf("want a whole number from 0 to %d, got %s", most, quoteAll(text))
		}
		v.SetUint(i)
	default:
		v.SetString(text)
	}
	return nil
}

// lowerAddress returns the one spelling of an address that the root package reads. Wallets write addresses with
// their checksum in the case of the letters (EIP-55), which is checked if there are capitals.
func lowerAddress(text string) (string, error) {
	lower := strings.ToLower(text)
	if lower == text || len(text) != 42 {
		return text, nil
	}
	digest := dodona.Keccak256([]byte(lower[2:]))
	for i := range 40 {
		nibble := digest[i/2] >> (4 * (1 - i%2)) & 15
		if c := lower[2+i]; c >= 'a' && c <= 'f' && (text[2+i] != c) != (nibble >= 8) {
			return "", fmt.Errorf("the capitals of %s do not match its checksum (EIP-55): a digit is wrong, or write it in lower case", quoteAll(text))
		}
	}
	return lower, nil
}

// secret fills a secret. Nothing of it is ever shown but a file's path and a variable's name.
func (d *decoder) secret(v reflect.Value, n *node, key string) {
	const want = "want {file: PATH}, {env: NAME} or text"
	switch n.kind {
	case scalar:
		d.report.hide(n.text)
		if strings.Contains(n.text, secret.Mask) {
			d.mistake(n.at, "%s: %s stands for a secret that was taken out; %s", key, secret.Mask, want)
			return
		}
		if n.text == "" {
			d.mistake(n.at, "%s is empty: %s", key, want)
			return
		}
		if d.free == 0 || secretName(key) { // not for headers such as Accept
			d.report.warn(n.at, d.where, key+" stands in clear in the file", "better: {file: PATH} or {env: NAME}")
		}
		v.Set(reflect.ValueOf(secret.New(n.text)))
	case mapping:
		if len(n.entries) != 1 {
			d.mistake(n.at, "%s: %s", key, want)
			return
		}
		e := n.entries[0]
		if (e.key != "file" && e.key != "env") || e.value.kind != scalar || e.value.text == "" {
			d.mistake(n.at, "%s: %s", key, want)
			return
		}
		e.at.show = true
		e.value.at.show = true
		s := secret.String{File: e.value.text}
		if e.key == "file" {
			d.path(e.value, key+".file")
		}
		if e.key == "env" {
			s = secret.String{Env: e.value.text}
			if !envName.MatchString(s.Env) {
				e.value.at.show = false
				d.report.hide(s.Env)
				d.mistake(e.value.at, "%s: that is not the name of an environment variable; name one, such as {env: DODONA_TOKEN}", key)
				return
			}
		}
		v.Set(reflect.ValueOf(s))
	default:
		d.mistake(n.at, "%s: %s", key, want)
	}
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secretNames are words that make a setting one whose value no excerpt shows, whatever its type.
var secretNames = regexp.MustCompile(`(?i)passw|secret|token|api[_-]?key|authorization|credential|cookie|private|signature|key$`)

func secretName(key string) bool { return secretNames.MatchString(key) }

// listOf prints known keys for people: "a, b and c".
func listOf(words []string) string {
	switch n := len(words); n {
	case 0:
		return "none"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}
