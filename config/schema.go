package config

import (
	_ "embed"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// The comments of every settings struct, as internal/fielddoc collected them.
//
//go:embed fields.json
var fieldsJSON []byte

// A documented is what fields.json says of one struct.
type documented struct {
	Doc    string `json:"doc"`
	Fields []struct {
		Name     string `json:"name"`
		Doc      string `json:"doc"`
		Default  string `json:"default"`
		Required bool   `json:"required"`
	} `json:"fields"`
}

// Schema returns the grammar of the configuration as a JSON Schema (draft 2020-12) with descriptions and defaults:
// editors check and complete with it. It is a little more lenient than Load, which also compares settings
// with each other.
func Schema(kinds Kinds) ([]byte, error) {
	s := schemer{docs: map[string]documented{}}
	if err := json.Unmarshal(fieldsJSON, &s.docs); err != nil {
		return nil, fmt.Errorf("read field documentation: %w", err)
	}
	long, err := s.structure(reflect.ValueOf(defaults()))
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	rule, err := s.structure(reflect.Zero(ruleType))
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	key, err := s.keySchema()
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	rules := object{"anyOf": []object{{"type": "string", "description": "a JSON Pointer (RFC 6901)"}, rule}}
	defs := object{
		"long": long, "two-line": twoLineSchema(), "rule": rules, "key": key, "duration": durationSchema(), "secret": secretSchema(),
		"size":    object{"type": "string", "pattern": `^[0-9]+ *([KMGT]iB|[kKMGT]?B)$`},
		"decimal": object{"type": []string{"number", "string"}, "pattern": `^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`},
	}
	for _, sort := range sorts() {
		if defs[sort.one], err = sort.schema(s, kinds); err != nil {
			return nil, fmt.Errorf("write schema: %w", err)
		}
		long["properties"].(object)[sort.key] = object{
			"description": "The " + sort.key + " by name.", "type": []string{"object", "null"},
			"propertyNames": namePattern(sort.parts), "additionalProperties": object{"$ref": "#/$defs/" + sort.one},
		}
	}
	return json.MarshalIndent(object{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "Configuration of a Dodona node",
		"if":      object{"anyOf": []object{{"required": []string{twoLineEndpoint}}, {"required": []string{twoLineKey}}}},
		"then":    object{"$ref": "#/$defs/two-line"},
		"else":    object{"$ref": "#/$defs/long"},
		"$defs":   defs,
	}, "", "  ")
}

type object = map[string]any

func namePattern(tokens int) object {
	const token = "[a-z0-9][a-z0-9-]{0,62}"
	if tokens == 1 {
		return object{"pattern": "^" + token + "$"}
	}
	return object{"pattern": fmt.Sprintf(`^%s(\.%s){0,%d}$`, token, token, tokens-1)}
}

func durationSchema() object {
	return object{
		"type": []string{"string", "integer"}, "maximum": 0, "minimum": 0,
		"pattern": `^(0|[0-9]+d([0-9.]+(ns|us|µs|ms|s|m|h))*|([0-9]*\.?[0-9]+\.?(ns|us|µs|ms|s|m|h))+)$`,
	}
}

func secretSchema() object {
	one := func(key, doc string) object {
		return object{
			"type": "object", "required": []string{key}, "additionalProperties": false,
			"properties": object{key: object{"type": "string", "minLength": 1, "description": doc}},
		}
	}
	return object{"anyOf": []object{
		one("file", "a file that holds the secret; a line break at its end is not part of it"),
		one("env", "an environment variable that holds the secret"),
		{"type": []string{"string", "number"}, "minLength": 1, "description": "the secret in clear, with a warning"},
	}}
}

var keyType = reflect.TypeFor[keyfile.Key]()

// keySchema returns the grammar of what names a private key: a map, or the key itself.
func (s schemer) keySchema() (object, error) {
	named, err := s.structure(reflect.Zero(keyType))
	if err != nil {
		return nil, err
	}
	itself := secretSchema()["anyOf"].([]object)[1:] // a file stands in the map
	return object{"anyOf": append([]object{named}, itself...)}, nil
}

func twoLineSchema() object {
	return object{
		"type": "object", "additionalProperties": false, "required": []string{twoLineEndpoint, twoLineKey},
		"description": "The two-line form: a source, a feed and a key.",
		"properties": object{
			twoLineEndpoint: object{"type": "string", "description": "URL of a JSON document that holds the number"},
			twoLineKey:      object{"$ref": "#/$defs/key", "description": "the secp256k1 key to sign with"},
			twoLineValue:    object{"$ref": "#/$defs/rule", "description": "the place of the number, if the document has several"},
		},
	}
}

// A schemer writes the schema of Go types.
type schemer struct {
	docs map[string]documented
}

// typeName returns the name of a type in fields.json: "source/http.Settings".
func typeName(t reflect.Type) string {
	return strings.TrimPrefix(t.PkgPath(), modulePath+"/") + "." + t.Name()
}

var modulePath = strings.TrimSuffix(reflect.TypeFor[Config]().PkgPath(), "/config")

// structure returns the schema of a struct whose value holds the defaults.
func (s schemer) structure(v reflect.Value) (object, error) {
	doc := s.docs[typeName(v.Type())]
	properties := object{}
	var required []string
	for _, f := range strict.Fields(v.Type()) {
		property, err := s.value(v.FieldByIndex(f.Index))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		for _, known := range doc.Fields {
			if known.Name == f.Name {
				property["description"] = known.Doc
				if known.Default != "" {
					property["description"] = known.Doc + " Default: " + known.Default + "."
				}
				if known.Required {
					required = append(required, f.Name)
				}
			}
		}
		properties[f.Name] = property
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if doc.Doc != "" {
		out["description"] = doc.Doc
	}
	if required != nil {
		out["required"] = required
	}
	return out, nil
}

func (s schemer) value(v reflect.Value) (object, error) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v = reflect.New(v.Type().Elem())
		}
		v = v.Elem()
	}
	out, err := s.shape(v)
	if err != nil {
		return nil, err
	}
	switch strict.ShapeOf(v.Type()) {
	case strict.ShapeDuration:
		out["default"] = unit.FormatDuration(time.Duration(v.Int()))
	case strict.ShapeText:
		if text, ok := v.Interface().(encoding.TextMarshaler); ok && !v.IsZero() {
			word, err := text.MarshalText()
			if err != nil {
				return nil, err
			}
			out["default"] = string(word)
		}
	case strict.ShapeString, strict.ShapeBool, strict.ShapeInt, strict.ShapeUint:
		if !v.IsZero() {
			out["default"] = v.Interface()
		}
	}
	return out, nil
}

// own are the types whose grammar their shape does not say.
var own = map[reflect.Type]object{
	reflect.TypeFor[time.Duration]():  {"$ref": "#/$defs/duration"},
	reflect.TypeFor[secret.String]():  {"$ref": "#/$defs/secret"},
	reflect.TypeFor[unit.Size]():      {"$ref": "#/$defs/size"},
	reflect.TypeFor[dodona.Decimal](): {"$ref": "#/$defs/decimal"},
	reflect.TypeFor[dodona.Address](): {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"},
	ruleType:                          {"$ref": "#/$defs/rule"},
	keyType:                           {"$ref": "#/$defs/key"},
	matchType:                         {"type": []string{"string", "number", "boolean", "null"}},
}

// shape returns the schema of what may stand for a value.
func (s schemer) shape(v reflect.Value) (object, error) {
	t := v.Type()
	if grammar, found := own[t]; found {
		return maps.Clone(grammar), nil
	}
	if t.Kind() == reflect.String && reflect.PointerTo(t).Implements(reflect.TypeFor[strict.NodeReader]()) { // a word that reads itself
		return maps.Clone(own[matchType]), nil
	}
	switch strict.ShapeOf(t) {
	case strict.ShapeText:
		return object{"type": []string{"string", "number"}}, nil
	case strict.ShapeBool:
		return object{"type": "boolean"}, nil
	case strict.ShapeInt:
		return object{"type": "integer"}, nil
	case strict.ShapeUint:
		return object{"type": "integer", "minimum": 0}, nil
	case strict.ShapeStruct:
		whole, err := s.structure(v)
		if short, found := strict.Find(strict.Fields(t), strict.Shorthand(t)); err == nil && found {
			one, err := s.shape(v.FieldByIndex(short.Index))
			return object{"anyOf": []object{one, whole}}, err
		}
		return whole, err
	case strict.ShapeMap:
		values, err := s.shape(reflect.Zero(t.Elem()))
		out := object{"type": []string{"object", "null"}, "additionalProperties": values}
		if t.Elem() == matchType {
			out["propertyNames"] = object{"pattern": "^/"} // JSON Pointers
		}
		if reflect.PointerTo(t).Implements(reflect.TypeFor[strict.NodeReader]()) { // tags.Map
			file := object{"type": "string", "minLength": 1, "description": "a file of comma-separated values with a column name and one for each setting"}
			named := object{"type": "object", "properties": object{"file": file}, "required": []string{"file"}, "additionalProperties": false}
			return object{"anyOf": []object{named, out}}, err
		}
		return out, err
	case strict.ShapeList:
		items, err := s.shape(reflect.Zero(t.Elem()))
		return object{"type": []string{"array", "null"}, "items": items}, err
	}
	if known := words(t); known != nil {
		return object{"type": "string", "enum": known}, nil
	}
	return object{"type": []string{"string", "number"}}, nil
}

// source returns the schema of a source: exactly one kind, and what stands beside it.
func (s schemer) source(kinds Kinds) (object, error) {
	rule := object{"$ref": "#/$defs/rule"}
	properties := object{
		"value":  object{"$ref": "#/$defs/rule", "description": "The value of a source with one point. Default: the only number in the document."},
		"points": object{"type": "object", "minProperties": 1, "propertyNames": namePattern(1), "additionalProperties": rule, "description": "The points of a source with several, by name."},
		"device": object{"type": "string", "minLength": 1, "maxLength": mostDevice, "pattern": "^[^/+#]+$", "description": "Device is whose points these are, in topics and in what is delivered of points. Default: the source's name."},
	}
	var one []object
	for _, kind := range kinds.sources() {
		settings, err := s.structure(reflect.ValueOf(kind.Settings()).Elem())
		if err != nil {
			return nil, fmt.Errorf("kind %s: %w", kind.Name(), err)
		}
		properties[kind.Name()] = settings
		one = append(one, object{"required": []string{kind.Name()}})
	}
	return object{
		"type": "object", "properties": properties, "additionalProperties": false, "oneOf": one,
		"not": object{"required": []string{"value", "points"}},
	}, nil
}

// feed returns the schema of a feed.
func (s schemer) feed(Kinds) (object, error) {
	return s.structure(reflect.ValueOf(feed.Settings{}.WithDefaults()))
}

// grammar returns every word of the grammar: keys and names of kinds.
func grammar(kinds Kinds) map[string]bool {
	words := map[string]bool{}
	for _, w := range append(append(topKeys(), twoLineKeys...), "points", "device", "file", "env") {
		words[w] = true
	}
	strict.AddWords(words, reflect.TypeFor[Config]())
	strict.AddWords(words, reflect.TypeFor[feed.Settings]())
	strict.AddWords(words, ruleType)
	strict.AddWords(words, policyType)
	for _, kind := range kinds {
		words[kind.Name()] = true
		strict.AddWords(words, reflect.TypeOf(kind.Settings()).Elem())
	}
	return words
}
