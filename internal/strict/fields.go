package strict

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/secret"
)

// A Field is one setting of a struct.
type Field struct {
	Name  string // its key
	Index []int
	Type  reflect.Type
	Tag   reflect.StructTag
}

// Fields returns the settings of a struct in the order of its declaration, those of embedded structs included.
// The key is the yaml tag, or else the field's name in lower case; unexported fields and "-" are none.
func Fields(t reflect.Type) (out []Field) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-":
			continue
		case f.Type.Kind() == reflect.Struct && (f.Anonymous && name == "" || strings.Contains(options, "inline")):
			for _, inner := range Fields(f.Type) {
				inner.Index = append([]int{i}, inner.Index...)
				out = append(out, inner)
			}
			continue
		case !f.IsExported():
			continue
		case name == "":
			name = strings.ToLower(f.Name)
		}
		out = append(out, Field{name, []int{i}, f.Type, f.Tag})
	}
	return out
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	secretType      = reflect.TypeFor[secret.String]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// A Shape is how a Go type is written in YAML. Decoding, printing and the schema agree by asking for it.
type Shape uint8

const (
	ShapeText     Shape = iota // a type that reads itself from text: sizes, decimals, addresses
	ShapeDuration              //
	ShapeSecret                // {file: …}, {env: …}, or text
	ShapeString                //
	ShapeBool                  //
	ShapeInt                   //
	ShapeUint                  //
	ShapeStruct                // a map with known keys
	ShapeMap                   // a map with free keys
	ShapeList                  //
)

// ShapeOf panics for a type that no setting may have, such as a float: a bug that the first test finds.
func ShapeOf(t reflect.Type) Shape {
	switch {
	case t == durationType:
		return ShapeDuration
	case t == secretType:
		return ShapeSecret
	case reflect.PointerTo(t).Implements(unmarshalerType):
		return ShapeText
	}
	switch t.Kind() {
	case reflect.String:
		return ShapeString
	case reflect.Bool:
		return ShapeBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return ShapeInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return ShapeUint
	case reflect.Struct:
		return ShapeStruct
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return ShapeMap
		}
	case reflect.Slice:
		return ShapeList
	}
	panic(fmt.Sprintf("strict: a setting cannot be a %s; use text, a number, a duration, a list, a map or a struct", t))
}

// Shorthand returns the field that a single value stands for where a map is expected, or "": the type's method
// Shorthand names it.
func Shorthand(t reflect.Type) string {
	if short, ok := reflect.Zero(t).Interface().(interface{ Shorthand() string }); ok {
		return short.Shorthand()
	}
	return ""
}

// Names returns the keys of settings.
func Names(list []Field) (out []string) {
	for _, f := range list {
		out = append(out, f.Name)
	}
	return out
}

// AddWords adds the keys of a struct and of what is in it.
func AddWords(words map[string]bool, t reflect.Type) {
	for _, f := range Fields(t) {
		words[f.Name] = true
		inner := f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if ShapeOf(inner) == ShapeStruct {
			AddWords(words, inner)
		}
	}
}
