package strict

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

// Encode turns settings into a tree, the inverse of [Decoder.Into]. A value is left out if it is empty and so is its
// default; every other one is written. It returns nil if nothing is left.
func Encode(v, def reflect.Value) (*Node, error) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil, nil
		}
		v = v.Elem()
		if def = indirect(def); !def.IsValid() {
			def = reflect.Zero(v.Type())
		}
	}
	if own, ok := v.Interface().(NodeWriter); ok {
		return own.WriteNode(), nil
	}
	switch ShapeOf(v.Type()) {
	case ShapeStruct:
		return encodeStruct(v, def)
	case ShapeMap:
		return encodeMap(v)
	case ShapeList:
		return encodeList(v)
	case ShapeSecret:
		return encodeSecret(v.Interface().(secret.String)), nil
	case ShapeDuration:
		return word(unit.FormatDuration(time.Duration(v.Int()))), nil
	case ShapeText:
		return encodeText(v)
	case ShapeBool:
		return word(strconv.FormatBool(v.Bool())), nil
	case ShapeInt:
		return word(strconv.FormatInt(v.Int(), 10)), nil
	case ShapeUint:
		return word(strconv.FormatUint(v.Uint(), 10)), nil
	}
	return word(without(v.String(), settingRanges(v.String()))), nil
}

func word(text string) *Node { return &Node{Kind: Scalar, Text: text} }

func indirect(v reflect.Value) reflect.Value {
	if v.IsValid() && v.Kind() == reflect.Pointer {
		return v.Elem()
	}
	return v
}

func encodeStruct(v, def reflect.Value) (*Node, error) {
	out := &Node{Kind: Mapping}
	for _, f := range Fields(v.Type()) {
		value, standard := v.FieldByIndex(f.Index), def.FieldByIndex(f.Index)
		if isEmpty(value) && isEmpty(standard) {
			continue
		}
		child, err := Encode(value, standard)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if child != nil {
			out.Entries = append(out.Entries, Entry{Key: f.Name, Value: child})
		}
	}
	return out, nil
}

// isEmpty reports whether a value says nothing. Numbers and durations always say something.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.String, reflect.Struct, reflect.Array:
		return v.IsZero() || (v.Kind() == reflect.Map || v.Kind() == reflect.Slice) && v.Len() == 0
	}
	return false
}

func encodeMap(v reflect.Value) (*Node, error) {
	out := &Node{Kind: Mapping}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		value := v.MapIndex(key)
		child, err := Encode(value, reflect.Zero(value.Type()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		out.Entries = append(out.Entries, Entry{Key: key.String(), Value: child})
	}
	return out, nil
}

func encodeList(v reflect.Value) (*Node, error) {
	out := &Node{Kind: List}
	for i := range v.Len() {
		child, err := Encode(v.Index(i), reflect.Zero(v.Index(i).Type()))
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, child)
	}
	return out, nil
}

func encodeSecret(s secret.String) *Node {
	switch {
	case s.File != "":
		return &Node{Kind: Mapping, Entries: []Entry{{Key: "file", Value: word(s.File)}}}
	case s.Env != "":
		return &Node{Kind: Mapping, Entries: []Entry{{Key: "env", Value: word(s.Env)}}}
	}
	return word(s.String())
}

func encodeText(v reflect.Value) (*Node, error) {
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

// YAML returns a tree as a file.
func (n *Node) YAML() []byte {
	var b strings.Builder
	n.print(&b, 0)
	return []byte(b.String())
}

// print writes a tree as YAML: short maps and lists on one line, longer ones in blocks.
func (n *Node) print(b *strings.Builder, indent int) {
	for _, e := range n.Entries {
		pad := strings.Repeat("  ", indent)
		line := pad + bare(e.Key) + ": "
		flow := e.Value.Flow()
		switch {
		case e.Value.Kind == Scalar, len(line)+len(flow) <= flowWidth && e.Value.levels() < 3:
			b.WriteString(line + flow + "\n")
		case e.Value.Kind == List:
			b.WriteString(pad + bare(e.Key) + ":\n")
			for _, item := range e.Value.Items {
				b.WriteString(pad + "  - " + item.Flow() + "\n")
			}
		default:
			b.WriteString(pad + bare(e.Key) + ":\n")
			e.Value.print(b, indent+1)
		}
	}
}

// levels returns how many maps and lists lie inside each other.
func (n *Node) levels() int {
	deepest := 0
	for _, e := range n.Entries {
		deepest = max(deepest, e.Value.levels())
	}
	for _, item := range n.Items {
		deepest = max(deepest, item.levels())
	}
	if n.Kind == Scalar {
		return 0
	}
	return deepest + 1
}

// Flow returns a tree on one line.
func (n *Node) Flow() string {
	var parts []string
	switch n.Kind {
	case Scalar:
		return bare(n.Text)
	case Null:
		return "null"
	case List:
		for _, item := range n.Items {
			parts = append(parts, item.Flow())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	for _, e := range n.Entries {
		parts = append(parts, bare(e.Key)+": "+e.Value.Flow())
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Word writes what somebody typed for a value as YAML: a map, a list or a quoted text as it is, all else as a word that is read back.
func Word(text string) string {
	if text != "" && strings.ContainsAny(text[:1], "{[\"'") {
		return text
	}
	return bare(text)
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
