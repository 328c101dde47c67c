package config_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/sink"
)

// shipped are the kinds of sources that Dodona ships.
func shipped() config.Kinds {
	return append(config.KindsOf(all.Sources()...), config.KindsOf(all.Sinks()...)...)
}

func compiled(t *testing.T, kinds config.Kinds) *jsonschema.Schema {
	t.Helper()
	raw, err := config.Schema(kinds)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("dodona.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("dodona.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// valid says what a schema says of a YAML file, as an editor would.
func valid(t *testing.T, schema *jsonschema.Schema, src []byte) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(src)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return err
	}
	return schema.Validate(doc)
}

func TestSchemaAgreesWithLoad(t *testing.T) {
	schema := compiled(t, kinds())
	for _, name := range files(t, "testdata/good/*.yaml") {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(t, schema, bytes.TrimPrefix(src, []byte("\ufeff"))); err != nil {
			t.Errorf("%s: Load takes it, the schema does not: %v", name, err)
		}
	}
	lenient := map[string]bool{
		"directive": true, "two-documents": true, "not-utf8": true, // YAML itself, which a schema does not see
		"two-line-key": true, // what a key is worth
	}
	for _, name := range files(t, "testdata/bad/*.yaml") {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		takes := valid(t, schema, src) == nil
		if takes != lenient[strings.TrimSuffix(filepath.Base(name), ".yaml")] {
			t.Errorf("%s: the schema takes it: %v", name, takes)
		}
	}
}

func TestExamplesAreValid(t *testing.T) {
	schema := compiled(t, shipped())
	for _, name := range files(t, "../examples/*.yaml") {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(t, schema, src); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c, err := config.Load(bytes.NewReader(src), name, shipped())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		long, err := c.Expand(shipped())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := config.Load(bytes.NewReader(long), name, shipped())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, name, c, again)
	}
}

// TestDocumentedDefaultsAreTrue compares what the comments of settings say with what the code does.
func TestDocumentedDefaultsAreTrue(t *testing.T) {
	raw, err := config.Schema(shipped())
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	checked := 0
	var walk func(path string, v any)
	walk = func(path string, v any) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		for key, value := range m {
			walk(path+"/"+key, value)
		}
		standard, hasDefault := m["default"]
		description, _ := m["description"].(string)
		_, documented, isDocumented := strings.Cut(description, "Default: ")
		if !hasDefault || !isDocumented {
			return
		}
		text, ok := standard.(string)
		if !ok {
			b, _ := json.Marshal(standard)
			text = string(b)
		}
		checked++
		if !strings.Contains(documented, text) && !strings.Contains(path, "/feed/") {
			t.Errorf("%s: the comment says %q, the code %s", path, documented, text)
		}
	}
	walk("", schema)
	if checked < 20 {
		t.Errorf("only %d defaults were compared", checked)
	}
}

func TestSchemaHasDescriptions(t *testing.T) {
	raw, err := config.Schema(shipped())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"The folder of the journal and of the key", // config
		"A JSON Pointer",                      // rule
		"How the values become one",           // feed
		"The least time between two requests", // source/http
	} {
		if !strings.Contains(strings.ToLower(string(raw)), strings.ToLower(want)) {
			t.Errorf("the schema does not say %q", want)
		}
	}
}

// TestTheManualHasEverySection compares the grammar with the page that is made of the comments.
func TestTheManualHasEverySection(t *testing.T) {
	raw, err := config.Schema(shipped())
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/guide/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := schema.Defs["long"].Properties
	for key := range sections {
		if !strings.Contains(string(page), "\n## "+key+"\n") {
			t.Errorf("the manual says nothing of %s", key)
		}
	}
	for _, role := range config.Role("").Words() {
		if !strings.Contains(string(page), role+" (") {
			t.Errorf("the manual does not say what it is to %s", role)
		}
	}
	const more = 1 // the two-line form
	if headings := strings.Count(string(page), "\n## "); headings != len(sections)+more {
		t.Errorf("the manual has %d sections, the grammar %d", headings-more, len(sections))
	}
}

// TestTheSchemaKnowsTheWordsOfASetting, so that an editor offers them, of sections and of units.
func TestTheSchemaKnowsTheWordsOfASetting(t *testing.T) {
	raw, err := config.Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	var dense bytes.Buffer
	if err := json.Compact(&dense, raw); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{
		config.Level("").Words(), feed.Combine("").Words(), feed.Take("").Words(), sink.Choice("").Words(),
	} {
		list, err := json.Marshal(words)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(dense.String(), `"enum":`+string(list)) {
			t.Errorf("no setting of the schema has the words %s", list)
		}
	}
}
