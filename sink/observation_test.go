package sink_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/observed"
	"github.com/dodona-oracle/dodona/sink"
)

var update = flag.Bool("update", false, "rewrite generated files")

const schemaFile = "../spec/observation-event.schema.json"

// A property is one field of an event in its schema; the order of its keys is that of the file.
type property struct {
	Description string    `json:"description,omitempty"`
	Const       int       `json:"const,omitempty"`
	Type        any       `json:"type,omitempty"`
	Pattern     string    `json:"pattern,omitempty"`
	Format      string    `json:"format,omitempty"`
	Enum        []string  `json:"enum,omitempty"`
	MinLength   int       `json:"minLength,omitempty"`
	MaxItems    int       `json:"maxItems,omitempty"`
	Items       *property `json:"items,omitempty"`
}

// commentsOf returns what stands before each field of a struct of this package, by the field's name.
func commentsOf(t *testing.T, file, name string) (whole string, fields map[string]string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	fields = map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		d, ok := n.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE || d.Specs[0].(*ast.TypeSpec).Name.Name != name {
			return true
		}
		whole = strings.Join(strings.Fields(d.Doc.Text()), " ")
		for _, f := range d.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType).Fields.List {
			fields[f.Names[0].Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
		}
		return false
	})
	return whole, fields
}

// schemaOf returns the schema of events.
func schemaOf(t *testing.T) []byte {
	t.Helper()
	whole, comments := commentsOf(t, "observation.go", "ObservationEvent")
	properties := map[string]property{}
	var required []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[sink.ObservationEvent]()) {
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := property{Description: comments[f.Name]}
		if p.Description == "" {
			t.Errorf("field %s has no comment", f.Name)
		}
		switch f.Type {
		case reflect.TypeFor[*dodona.Decimal]():
			p.Type, p.Pattern = []string{"string", "null"}, `^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`
		case reflect.TypeFor[time.Time]():
			p.Type, p.Format = "string", "date-time"
		case reflect.TypeFor[dodona.Quality]():
			p.Enum = []string{dodona.Good.String(), dodona.Uncertain.String(), dodona.Bad.String()}
		case reflect.TypeFor[bool]():
			p.Type = "boolean"
		case reflect.TypeFor[[]string]():
			p.Type, p.MaxItems, p.Items = "array", observed.MostVia, &property{Type: "string", Pattern: "^[0-9a-f]{16}$"}
		case reflect.TypeFor[uint64]():
			p.Type = "integer"
		case reflect.TypeFor[int]():
			p.Const = sink.ObservationVersion
		default:
			p.Type, p.MinLength = "string", 1
		}
		if key == "id" {
			p.Pattern, p.MinLength = "^[0-9a-f]{32}$", 0
		}
		if properties[key] = p; options == "" {
			required = append(required, key)
		}
	}
	text, err := json.MarshalIndent(struct {
		Schema      string              `json:"$schema"`
		ID          string              `json:"$id"`
		Title       string              `json:"title"`
		Description string              `json:"description"`
		Type        string              `json:"type"`
		Required    []string            `json:"required"`
		Properties  map[string]property `json:"properties"`
	}{
		"https://json-schema.org/draft/2020-12/schema", "urn:dodona:observation-event:1", "ObservationEvent",
		whole, "object", required, properties,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func TestTheSchemaOfObservationEventsIsWhatTheyAre(t *testing.T) {
	want := schemaOf(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(schemaFile); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not that of the code (%v): run go generate ./sink", schemaFile, err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("event.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("event.json")
	if err != nil {
		t.Fatal(err)
	}
	says := func(text string) error {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return err
		}
		return schema.Validate(doc)
	}
	rec := dodona.Record{Key: "boiler", ID: "0x01", Node: "gw-7", Sequence: 12}
	at := time.Date(2026, 11, 24, 2, 10, 0, 120e6, time.FixedZone("", 3600))
	for _, value := range []string{"43218.55", "-0.000000000000000000000000000000000001", "0", "3138550867693340381917894711603833208051177722232017256447"} {
		d, err := dodona.ParseDecimal(value)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []dodona.Quality{dodona.Good, dodona.Uncertain, dodona.Bad} {
			e := sink.NewObservation(rec, dodona.Point{ID: "boiler.t", Value: d, Quality: q}, 0, at)
			e.Device, e.Protocol = "boiler-1", "modbus"
			if q != dodona.Good {
				e.Reason, e.Late, e.Resent, e.Unit = "sensor fails", true, true, "Cel"
			}
			text, err := e.JSON()
			if err != nil {
				t.Fatal(err)
			}
			if err := says(string(text)); err != nil {
				t.Errorf("%s: %v", text, err)
			}
			if (q == dodona.Bad) != bytes.Contains(text, []byte(`"value":null`)) {
				t.Errorf("%s: want a value unless it is bad", text)
			}
			if err := says(strings.Replace(string(text), `"version":1`, `"version":2`, 1)); err == nil {
				t.Error("the schema takes another version")
			}
		}
	}
}

// TestAnObservationIsNamedByWhatItIsOf and by nothing else: what is sent again has its name, and nothing else has.
func TestAnObservationIsNamedByWhatItIsOf(t *testing.T) {
	rec := dodona.Record{Key: "boiler", ID: "0x01", Node: "gw-7", Sequence: 12}
	seen := map[string]bool{}
	name := func(rec dodona.Record, point string, n int) string {
		return sink.NewObservation(rec, dodona.Point{ID: point}, n, time.Time{}).ID
	}
	first := name(rec, "boiler.t", 0)
	if again := name(rec, "boiler.t", 0); again != first {
		t.Errorf("%s, and then %s", first, again)
	}
	other, node := rec, rec
	other.ID, node.Node = "0x02", "gw-8"
	for _, id := range []string{first, name(rec, "boiler.t", 1), name(rec, "boiler.p", 0), name(other, "boiler.t", 0), name(node, "boiler.t", 0)} {
		if seen[id] {
			t.Errorf("%s names two", id)
		}
		seen[id] = true
	}
}
