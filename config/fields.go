package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// A field is one setting of a struct.
type field struct {
	name  string // its key
	index []int
	typ   reflect.Type
}

// fields returns the settings of a struct in the order of its declaration, those of embedded structs included.
// The key is the yaml tag, or else the field's name in lower case; unexported fields and "-" are none.
func fields(t reflect.Type) (out []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-":
			continue
		case f.Type.Kind() == reflect.Struct && (f.Anonymous && name == "" || strings.Contains(options, "inline")):
			for _, inner := range fields(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				out = append(out, inner)
			}
			continue
		case !f.IsExported():
			continue
		case name == "":
			name = strings.ToLower(f.Name)
		}
		out = append(out, field{name, []int{i}, f.Type})
	}
	return out
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	secretType      = reflect.TypeFor[secret.String]()
	addressType     = reflect.TypeFor[dodona.Address]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// A shape is how a Go type is written in YAML. Decoding, printing and the schema agree by asking for it.
type shape uint8

const (
	shapeText     shape = iota // a type that reads itself from text: sizes, decimals, addresses
	shapeDuration              //
	shapeSecret                // {file: …}, {env: …}, or text
	shapeString                //
	shapeBool                  //
	shapeInt                   //
	shapeUint                  //
	shapeStruct                // a map with known keys
	shapeMap                   // a map with free keys
	shapeList                  //
)

// shapeOf panics for a type that no setting may have, such as a float: a bug that the first test finds.
func shapeOf(t reflect.Type) shape {
	switch {
	case t == durationType:
		return shapeDuration
	case t == secretType:
		return shapeSecret
	case reflect.PointerTo(t).Implements(unmarshalerType):
		return shapeText
	}
	switch t.Kind() {
	case reflect.String:
		return shapeString
	case reflect.Bool:
		return shapeBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return shapeInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return shapeUint
	case reflect.Struct:
		return shapeStruct
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return shapeMap
		}
	case reflect.Slice:
		return shapeList
	}
	panic(fmt.Sprintf("config: a setting cannot be a %s; use text, a number, a duration, a list, a map or a struct", t))
}

// shorthand returns the field that a single value stands for where a map is expected, or "": the type's method
// Shorthand names it.
func shorthand(t reflect.Type) string {
	if short, ok := reflect.Zero(t).Interface().(interface{ Shorthand() string }); ok {
		return short.Shorthand()
	}
	return ""
}

func names(list []field) (out []string) {
	for _, f := range list {
		out = append(out, f.name)
	}
	return out
}

// addWords adds the keys of a struct and of what is in it.
func addWords(words map[string]bool, t reflect.Type) {
	for _, f := range fields(t) {
		words[f.name] = true
		inner := f.typ
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if shapeOf(inner) == shapeStruct {
			addWords(words, inner)
		}
	}
}
