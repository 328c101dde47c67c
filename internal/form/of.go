package form

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

var (
	readsText = reflect.TypeFor[encoding.TextUnmarshaler]()
	readsJSON = reflect.TypeFor[json.Unmarshaler]()
)

// Of returns the form in which encoding/json reads a T: a struct is an object of its fields, by their exact names, none of
// them required, because who reads a T knows which zero values it may have. Null stands for nothing. What reads itself
// from JSON, such as a [json.RawMessage], is anything.
//
// T must not hold itself. Of panics if T embeds a struct or holds what no form describes, such as a float.
func Of[T any]() Form { return of(reflect.TypeFor[T]()) }

func of(t reflect.Type) Form {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch p := reflect.PointerTo(t); {
	case p.Implements(readsText):
		return Text
	case p.Implements(readsJSON):
		return Any
	}
	switch t.Kind() {
	case reflect.String:
		return Text
	case reflect.Bool:
		return Bool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Number
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return Text // base64
		}
		items := of(t.Elem())
		return Form{Items: &items}
	case reflect.Map:
		values := of(t.Elem())
		return Form{Values: &values}
	case reflect.Struct:
		return ofStruct(t)
	}
	panic(fmt.Sprintf("form: no JSON is read into a %s", t))
}

func ofStruct(t reflect.Type) Form {
	f := Form{Fields: make(Fields, t.NumField())}
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous:
			panic(fmt.Sprintf("form: %s embeds %s", t, field.Name))
		case name == "-" || !field.IsExported():
			continue
		case name == "":
			name = field.Name
		}
		f.Fields[name] = of(field.Type)
		f.Optional = append(f.Optional, name)
	}
	return f
}
