package api_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/verify"
)

type object = map[string]any

// schemas collects the JSON Schemas of Go types, by name, with the comments of their fields as descriptions.
type schemas struct {
	t        testing.TB
	comments map[string]string // "dodona.Feed" and "dodona.Feed.Name" to what stands there
	made     object
	types    map[string]reflect.Type // behind the names
}

func newSchemas(t testing.TB) *schemas {
	s := &schemas{t: t, comments: map[string]string{}, made: object{}, types: map[string]reflect.Type{}}
	for _, dir := range []string{".", "..", "../anchor", "../explain", "../verify"} {
		s.read(dir)
	}
	return s
}

// read takes the comments of the types in a folder.
func (s *schemas) read(dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			group, isGroup := decl.(*ast.GenDecl)
			if !isGroup {
				continue
			}
			for _, spec := range group.Specs {
				named, isType := spec.(*ast.TypeSpec)
				if !isType {
					continue
				}
				name := parsed.Name.Name + "." + named.Name.Name
				doc := group.Doc
				if named.Doc != nil {
					doc = named.Doc
				}
				s.comments[name] = flat(doc.Text())
				if fields, isStruct := named.Type.(*ast.StructType); isStruct {
					for _, f := range fields.Fields.List {
						for _, n := range f.Names {
							s.comments[name+"."+n.Name] = flat(f.Doc.Text() + " " + f.Comment.Text())
						}
					}
				}
			}
		}
	}
}

// flat makes one line of a comment, without the brackets of doc links.
func flat(comment string) string {
	return strings.NewReplacer("[", "", "]", "").Replace(strings.Join(strings.Fields(comment), " "))
}

// text types are strings with a form of their own.
var textForms = map[reflect.Type]object{
	reflect.TypeFor[dodona.Digest]():          {"pattern": "^0x[0-9a-f]{64}$"},
	reflect.TypeFor[dodona.Address]():         {"pattern": "^0x[0-9a-f]{40}$"},
	reflect.TypeFor[dodona.GroupKey]():        {"pattern": "^0x[0-9a-f]{66}$"},
	reflect.TypeFor[dodona.Signature]():       {"pattern": "^0x[0-9a-f]{130}$"},
	reflect.TypeFor[dodona.Int192]():          {"pattern": "^(0|-?[1-9][0-9]{0,57})$"},
	reflect.TypeFor[dodona.Decimal]():         {"pattern": `^-?[0-9]+(\.[0-9]+)?$`},
	reflect.TypeFor[dodona.Quality]():         {"enum": texts(dodona.Good, dodona.Uncertain, dodona.Bad)},
	reflect.TypeFor[dodona.Kind]():            {"enum": texts(dodona.Number, dodona.Bool, dodona.Enum)},
	reflect.TypeFor[verify.Reason]():          {"enum": texts(verify.Reasons()...)},
	reflect.TypeFor[dodona.InputStatus]():     {"enum": texts(dodona.InputUsed, dodona.InputOutlier, dodona.InputStale, dodona.InputBad, dodona.InputFailed, dodona.InputLate, dodona.InputGiven)},
	reflect.TypeFor[explain.PublishedState](): {"enum": texts(explain.PublishedDone, explain.PublishedWaiting, explain.PublishedDead, explain.PublishedBefore)},
	reflect.TypeFor[explain.State]():          {"enum": texts(explain.StateAttested, explain.StateRejected, explain.StateObserved, explain.StateComputed, explain.StateMissed)},
}

func texts[T any](values ...T) (list []string) {
	for _, v := range values {
		list = append(list, fmt.Sprint(v))
	}
	return list
}

// of returns the schema of a type: in place, or a reference to one that it adds.
func (s *schemas) of(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return object{}
	case reflect.TypeFor[dodona.Round]():
		return s.add(t, object{"type": "integer", "minimum": 0})
	}
	if form, isText := textForms[t]; isText {
		schema := object{"type": "string"}
		for k, v := range form {
			schema[k] = v
		}
		return s.add(t, schema)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Struct:
		return s.structOf(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Interface:
		return object{}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float64: // of measurements; no value of a feed is one
		return object{"type": "number"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint8, reflect.Uint32, reflect.Uint64, reflect.Uint:
		return object{"type": "integer", "minimum": 0}
	}
	s.t.Fatalf("no schema for %s: add it to schemas.of", t)
	return nil
}

// nameOf names a component: by its type, with the package where that is neither the root nor api nor verify, which
// have no name in common; what explain tells is a Story.
func nameOf(t reflect.Type) string {
	switch pkg := path.Base(t.PkgPath()); {
	case pkg == "dodona", pkg == "api", pkg == "verify", t == reflect.TypeFor[explain.Story](), t == reflect.TypeFor[explain.ObservationStory]():
		return t.Name()
	case pkg == "explain":
		return "Story" + t.Name()
	default:
		return strings.ToUpper(pkg[:1]) + pkg[1:] + t.Name()
	}
}

func ref(kind, name string) object { return object{"$ref": "#/components/" + kind + "/" + name} }

// add names a schema and returns a reference to it.
func (s *schemas) add(t reflect.Type, schema object) object {
	name := nameOf(t)
	if t == reflect.TypeFor[dodona.Digest]() {
		name = "Digest" // FeedID is an alias
	}
	if doc := s.comments[t.String()]; doc != "" {
		schema["description"] = doc
	}
	s.made[name] = schema
	return ref("schemas", name)
}

func (s *schemas) structOf(t reflect.Type) object {
	name := nameOf(t)
	if known := s.types[name]; known != nil && known != t {
		s.t.Fatalf("%s and %s would both be called %s", known, t, name)
	}
	if s.made[name] != nil {
		return ref("schemas", name)
	}
	s.types[name] = t
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		s.t.Fatalf("%s writes itself as text: add its form to textForms", t)
	}
	s.made[name] = object{} // it may name itself
	properties, required := object{}, []string{}
	s.fields(t, properties, &required)
	schema := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	return s.add(t, schema)
}

func (s *schemas) fields(t reflect.Type, properties object, required *[]string) {
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if name == "-" {
			continue
		}
		if f.Anonymous && name == "" {
			s.fields(f.Type, properties, required)
			continue
		}
		if name == "" {
			s.t.Fatalf("%s.%s has no name in JSON", t, f.Name)
		}
		schema := s.of(f.Type)
		if doc := strings.TrimSpace(s.comments[t.String()+"."+f.Name]); doc != "" {
			schema["description"] = doc // beside $ref too, which 3.1 allows
		}
		if properties[name] == nil && !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
		properties[name] = schema
	}
}
