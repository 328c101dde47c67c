package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// encode turns settings into a tree, the inverse of decoder.into. A value is left out if it is empty and so is its
// default; every other one is written. It returns nil if nothing is left.
func encode(v, def reflect.Value) (*node, error) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil, nil
		}
		v = v.Elem()
		if def = indirect(def); !def.IsValid() {
			def = reflect.Zero(v.Type())
		}
	}
	switch shapeOf(v.Type()) {
	case shapeStruct:
		return encodeStruct(v, def)
	case shapeMap:
		return encodeMap(v)
	case shapeList:
		return encodeList(v)
	case shapeSecret:
		return encodeSecret(v.Interface().(secret.String)), nil
	case shapeDuration:
		return word(unit.FormatDuration(time.Duration(v.Int()))), nil
	case shapeText:
		return encodeText(v)
	case shapeBool:
		return word(strconv.FormatBool(v.Bool())), nil
	case shapeInt:
		return word(strconv.FormatInt(v.Int(), 10)), nil
	case shapeUint:
		return word(strconv.FormatUint(v.Uint(), 10)), nil
	}
	return word(redact(v.String(), urlSecrets)), nil
}

func word(text string) *node { return &node{kind: scalar, text: text} }

func indirect(v reflect.Value) reflect.Value {
	if v.IsValid() && v.Kind() == reflect.Pointer {
		return v.Elem()
	}
	return v
}

func encodeStruct(v, def reflect.Value) (*node, error) {
	out := &node{kind: mapping}
	for _, f := range fields(v.Type()) {
		value, standard := v.FieldByIndex(f.index), def.FieldByIndex(f.index)
		if isEmpty(value) && isEmpty(standard) {
			continue
		}
		child, err := encode(value, standard)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if child != nil {
			out.entries = append(out.entries, entry{key: f.name, value: child})
		}
	}
	return out, nil
}

// isEmpty reports whether a value says nothing. Numbers and durations always say something.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.String, reflect.Struct:
		return v.IsZero() || (v.Kind() == reflect.Map || v.Kind() == reflect.Slice) && v.Len() == 0
	}
	return false
}

func encodeMap(v reflect.Value) (*node, error) {
	out := &node{kind: mapping}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		value := v.MapIndex(key)
		child, err := encode(value, reflect.Zero(value.Type()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		out.entries = append(out.entries, entry{key: key.String(), value: child})
	}
	return out, nil
}

func encodeList(v reflect.Value) (*node, error) {
	out := &node{kind: list}
	for i := range v.Len() {
		child, err := encode(v.Index(i), reflect.Zero(v.Index(i).Type()))
		if err != nil {
			return nil, err
		}
		out.items = append(out.items, child)
	}
	return out, nil
}

func encodeSecret(s secret.String) *node {
	switch {
	case s.File != "":
		return &node{kind: mapping, entries: []entry{{key: "file", value: word(s.File)}}}
	case s.Env != "":
		return &node{kind: mapping, entries: []entry{{key: "env", value: word(s.Env)}}}
	}
	return word(s.String())
}

func encodeText(v reflect.Value) (*node, error) {
	m, ok := v.Interface().(encoding.TextMarshaler)
	if !ok {
		return nil, fmt.Errorf("%s has UnmarshalText but no MarshalText", v.Type())
	}
	text, err := m.MarshalText()
	if err != nil {
		return nil, err
	}
	return word(string(text)), nil
}

// flowWidth is the width up to which a map or list stands on one line.
const flowWidth = 110

// yaml returns a tree as a file.
func (n *node) yaml() []byte {
	var b strings.Builder
	n.print(&b, 0)
	return []byte(b.String())
}

// print writes a tree as YAML: short maps and lists on one line, longer ones in blocks.
func (n *node) print(b *strings.Builder, indent int) {
	for _, e := range n.entries {
		pad := strings.Repeat("  ", indent)
		line := pad + bare(e.key) + ": "
		flow := e.value.flow()
		switch {
		case e.value.kind == scalar, len(line)+len(flow) <= flowWidth && e.value.levels() < 3:
			b.WriteString(line + flow + "\n")
		case e.value.kind == list:
			b.WriteString(pad + bare(e.key) + ":\n")
			for _, item := range e.value.items {
				b.WriteString(pad + "  - " + item.flow() + "\n")
			}
		default:
			b.WriteString(pad + bare(e.key) + ":\n")
			e.value.print(b, indent+1)
		}
	}
}

// levels returns how many maps and lists lie inside each other.
func (n *node) levels() int {
	deepest := 0
	for _, e := range n.entries {
		deepest = max(deepest, e.value.levels())
	}
	for _, item := range n.items {
		deepest = max(deepest, item.levels())
	}
	if n.kind == scalar {
		return 0
	}
	return deepest + 1
}

// flow returns a tree on one line.
func (n *node) flow() string {
	var parts []string
	switch n.kind {
	case scalar:
		return bare(n.text)
	case list:
		for _, item := range n.items {
			parts = append(parts, item.flow())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	for _, e := range n.entries {
		parts = append(parts, bare(e.key)+": "+e.value.flow())
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// bare writes a word as YAML reads it back: as it is where that is safe in any place, else in double quotes.
func bare(text string) string {
	safe := text != "" && !strings.ContainsAny(text[:1], "-?:,[]{}#&*!|>'\"%@`~=<+")
	for i := 0; safe && i < len(text); i++ {
		c := text[i]
		safe = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("./_%^-+", c) >= 0 ||
			c == ':' && i+1 < len(text) && text[i+1] != ' ' && text[i+1] != ':'
	}
	switch strings.ToLower(text) {
	case "null", "true", "false", "yes", "no", "on", "off":
		if text != "true" && text != "false" {
			safe = false
		}
	}
	if safe || text == secret.Mask {
		return text
	}
	return doubleQuoted(text)
}

// doubleQuoted writes text in the escapes that YAML shares with JSON.
func doubleQuoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f || r == 0x85 || r == 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
