package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	manuals "github.com/dodona-oracle/dodona/docs/kinds"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/node"
)

// A documented is what the manual's source says of one struct of settings.
type documented struct {
	Fields []struct {
		Name     string `json:"name"`
		Default  string `json:"default"`
		Required bool   `json:"required"`
	} `json:"fields"`
}

// follow are settings whose default the manual tells by another one, which is not in words that a program compares.
var follow = []string{"node.key.file", "modules.dir", "modules.memory", "feeds.demo.need", "sinks.webhook.policy", "sinks.stdout.policy", "sinks.evm.policy", "sinks.evm.contract"}

// TestTheManualHasEverySettingWithTheDefaultThatIsPrinted compares what the manual is made of with the settings that are read, and with
// what check --expand prints of the examples of all kinds.
func TestTheManualHasEverySettingWithTheDefaultThatIsPrinted(t *testing.T) {
	text, err := os.ReadFile("../../config/fields.json")
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]documented{}
	if err := json.Unmarshal(text, &docs); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, c := range everyKind(t) {
		long, err := c.Expand(allKinds())
		if err != nil {
			t.Fatal(err)
		}
		root, err := strict.Read(bytes.NewReader(long), strict.NewReporter("expanded", nil))
		if err != nil || root == nil {
			t.Fatalf("%v\n%s", err, long)
		}
		m := manual{t, docs, &compared}
		m.compare(reflect.TypeOf(*c), root, "")
		for _, s := range c.Sources {
			n, _ := root.Descend(nil, "sources."+s.Name+"."+s.Kind)
			m.compare(reflect.TypeOf(s.Settings).Elem(), n, "sources."+s.Kind+".")
		}
		for _, s := range c.Sinks {
			n, _ := root.Descend(nil, "sinks."+s.Name)
			m.compare(reflect.TypeOf(s.Policy), n, "sinks."+s.Kind+".")
			n, _ = n.Child(s.Kind)
			m.compare(reflect.TypeOf(s.Settings).Elem(), n, "sinks."+s.Kind+".")
		}
		for _, f := range c.Feeds {
			n, _ := root.Descend(nil, "feeds."+f.Feed.Name)
			m.compare(reflect.TypeOf(f.Settings), n, "feeds.demo.")
		}
	}
	if compared < 100 {
		t.Errorf("%d settings were compared", compared)
	}
}

// everyKind returns a configuration for each kind that says what must be said and nothing else.
func everyKind(t *testing.T) (list []*config.Config) {
	for _, src := range []string{
		"sources: {a: {http: {url: \"https://a.example\"}}, b: {file: {path: b}}, c: {sim: {}}}\nfeeds: {demo: {from: [a, b, c]}}\n",
		"sources: {c: {sim: {}}}\nfeeds: {demo: {from: [c]}}\nsinks: {a: {webhook: {url: \"https://a.example\"}}, b: {stdout: {}}, d: {mqtt: {url: \"mqtts://a.example\"}}, c: {evm: {rpc: [https://rpc.example], contract: \"0x5fbdb2315678afecb367f032d93f642f64180aa3\"}}}\n",
	} {
		c, err := config.Load(strings.NewReader(src), "f.yaml", allKinds())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

type manual struct {
	t        *testing.T
	docs     map[string]documented
	compared *int
}

func (m manual) compare(typ reflect.Type, n *strict.Node, prefix string) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	name := strings.TrimPrefix(typ.PkgPath(), "github.com/dodona-oracle/dodona/") + "." + typ.Name()
	doc, found := m.docs[name]
	fields := strict.Fields(typ)
	var told []string
	for _, f := range doc.Fields {
		told = append(told, f.Name)
	}
	read := strict.Names(fields)
	slices.Sort(told)
	slices.Sort(read)
	if !found || !slices.Equal(told, read) {
		m.t.Errorf("%s: the manual has %s, read are %s", name, told, read)
		return
	}
	for _, f := range doc.Fields {
		*m.compared++
		var value *strict.Node
		if n != nil {
			value, _ = n.Child(f.Name)
		}
		field, _ := strict.Find(fields, f.Name)
		inner := field.Type
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if strict.ShapeOf(inner) == strict.ShapeStruct {
			if value == nil || value.Kind != strict.Scalar {
				m.compare(inner, value, prefix+f.Name+".")
			}
			continue
		}
		m.value(prefix+f.Name, f.Default, f.Required, value, n != nil)
	}
}

// literal matches a default that is a value, and not told in words.
var literal = regexp.MustCompile(`^[0-9./][^ ,;]*( gwei)?`)

// value compares one default with what is printed.
func (m manual) value(setting, standard string, required bool, value *strict.Node, printed bool) {
	switch {
	case required && standard != "":
		m.t.Errorf("%s: required, and with a default", setting)
	case required || !printed || slices.Contains(follow, setting):
	case value == nil || value.Kind != strict.Scalar:
		if said := literal.FindString(standard); said != "" && said != "0" {
			m.t.Errorf("%s: the manual says %q, and nothing is printed", setting, standard)
		}
	default:
		words := strings.FieldsFunc(standard, func(r rune) bool { return strings.ContainsRune(" ,;", r) })
		if !slices.Contains(words, value.Text) && !strings.HasPrefix(standard, value.Text) {
			m.t.Errorf("%s: the manual says %q, and %q is printed", setting, standard, value.Text)
		}
	}
}

// TestExamplesOfTheManualPassCheck reads every configuration that the manual of configuration, and the page of a kind, shows.
func TestExamplesOfTheManualPassCheck(t *testing.T) {
	pages, err := filepath.Glob("../../docs/kinds/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../docs/guide/configuration.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := strings.Split(string(text), "```yaml\n")[1:]
		if len(blocks) == 0 {
			t.Errorf("%s shows no configuration", page)
		}
		for _, block := range blocks {
			shown, _, _ := strings.Cut(block, "```")
			c, err := config.Load(strings.NewReader(shown), filepath.Base(page), allKinds())
			if err != nil {
				t.Errorf("%s shows\n%s%v", page, shown, err)
				continue
			}
			withCodes(t, page, c)
		}
	}
}

// withCodes checks that units are codes, because examples are copied and units are signed.
func withCodes(t *testing.T, page string, c *config.Config) {
	t.Helper()
	for _, w := range c.Warnings {
		if strings.HasPrefix(w.Message, "unit:") && !strings.Contains(w.Message, "kUSD") { // which is what a module shows that counts in thousands
			t.Errorf("%s: %s: %s, %s", page, w.Where, w.Message, w.Hint)
		}
	}
}

// TestExamplesHaveCodesForUnits in the folder of examples too.
func TestExamplesHaveCodesForUnits(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(bytes.NewReader(text), filepath.Base(name), allKinds())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		withCodes(t, name, c)
	}
}

// TestThePageOfAKindSaysHowItIsScanned, with settings that it has; that of another kind says nothing of scans.
func TestThePageOfAKindSaysHowItIsScanned(t *testing.T) {
	list, err := manuals.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all.Sources() {
		i := slices.IndexFunc(list, func(m manuals.Kind) bool { return m.Kind == k.Name() && m.Of == "source" })
		said := regexp.MustCompile(`dodona source scan ` + k.Name() + ` (\S+(?: \S+=\S+)*)`).FindStringSubmatch(list[i].Doc)
		_, can := k.Scans()
		if can != (said != nil) {
			t.Errorf("%s can be scanned: %t, and its page says %q", k.Name(), can, said)
		}
		if can && said != nil {
			if err := readSettings(terminal{out: &bytes.Buffer{}, err: &bytes.Buffer{}}, node.Scan{Kind: k, Name: k.Name(), Settings: k.Settings()}, strings.Fields(said[1])); err != nil {
				t.Errorf("%q: %v", said[0], err)
			}
		}
	}
}

// TestAKindIsShownAsWideAsTheTerminal at any width, with every setting and the example, which pastes.
func TestAKindIsShownAsWideAsTheTerminal(t *testing.T) {
	kinds, err := manuals.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		for _, width := range []int{40, 60, 80, 120, 0} {
			var out bytes.Buffer
			if err := (kindsCommand{Kind: k.Kind}).Run(terminal{out: &out, err: &bytes.Buffer{}, columns: func() int { return width }}); err != nil {
				t.Fatal(err)
			}
			page, _, _ := strings.Cut(out.String(), "EXAMPLE\n")
			for line := range strings.Lines(page) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); width > 0 && n > width {
					t.Errorf("%s at %d columns: %d in %q", k.Kind, width, n, line)
				}
			}
			for _, s := range k.Settings {
				if !strings.Contains(out.String(), "  "+s.Name+"  ") {
					t.Errorf("%s: the setting %s is missing", k.Kind, s.Name)
				}
			}
			if said := strings.ReplaceAll("\n"+out.String(), "\n  ", "\n"); !strings.Contains(said, "\nEXAMPLE\n"+k.Example) { // a source and a sink may share a name
				t.Errorf("%s: the example is not in\n%s", k.Kind, said)
			}
			if strings.ContainsAny(page, "\x1b") || strings.Contains(page, "<!--") || strings.Contains(page, "| ") {
				t.Errorf("%s: not plain text:\n%s", k.Kind, page)
			}
		}
	}
}

func TestANameThatIsNoKindIsAnsweredWithTheOneThatWasMeant(t *testing.T) {
	for name, want := range map[string]string{
		"htpp": "did you mean http?", "HTTP": "did you mean http?", "webhok": "did you mean webhook?", "rest": "did you mean http?", "ethereum": "did you mean evm?",
		"amqp": "it is to come", "banana": "in this build; there are coap, evm, file",
	} {
		err := kindsCommand{Kind: name}.Run(terminal{out: &bytes.Buffer{}, err: &bytes.Buffer{}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// TestExamplesFitANarrowTerminal, for they are copied from there.
func TestExamplesFitANarrowTerminal(t *testing.T) {
	t.Parallel()
	kinds, err := manuals.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		for line := range strings.Lines(k.Example) {
			if len(line) > 64 {
				t.Errorf("the example of %s has a line of %d columns: %s", k.Kind, len(line), line)
			}
		}
	}
}
